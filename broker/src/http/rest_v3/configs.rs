//! Settings: of a topic, of all topics, of a broker, and the defaults of all brokers. Those of topics can be changed.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::response::Response;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::at::At;
use super::body::body_of;
use super::refusal::Refusal;
use super::resource::{Links, Resource, done, found};
use crate::http::door::Door;
use crate::http::query::shown;
use crate::service::{SettingChange, SettingSource, SettingView};
use crate::types::{BrokerId, TopicName};

/// A setting.
#[derive(Debug, Serialize)]
pub(super) struct ConfigData {
    cluster_id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    topic_name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    broker_id: Option<i32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    config_type: Option<&'static str>,
    name: String,
    value: Option<String>,
    is_default: bool,
    is_read_only: bool,
    is_sensitive: bool,
    source: &'static str,
    synonyms: Vec<SynonymData>,
}

#[derive(Debug, Serialize)]
struct SynonymData {
    name: String,
    value: String,
    source: &'static str,
}

/// A setting as asked for.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(as = V3ConfigWish)]
#[serde(deny_unknown_fields)]
pub(in crate::http) struct ConfigWish {
    /// Its name.
    pub(super) name: String,
    /// Its value.
    pub(super) value: Option<String>,
}

/// The value of a setting as asked for.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(as = V3ConfigValue)]
#[serde(deny_unknown_fields)]
pub(in crate::http) struct ValueWish {
    /// The value.
    value: String,
}

/// Changes of settings.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(as = V3ConfigChanges)]
#[serde(deny_unknown_fields)]
pub(in crate::http) struct ChangesWish {
    /// Each once.
    data: Vec<ChangeWish>,
    /// Only to say whether it could be done.
    validate_only: Option<bool>,
}

/// The change of a setting.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(as = V3ConfigChange)]
#[serde(deny_unknown_fields)]
pub(in crate::http) struct ChangeWish {
    /// Its name.
    name: String,
    /// Its value, if it is set.
    value: Option<String>,
    /// SET (if left out) or DELETE.
    operation: Option<String>,
}

/// Whose settings they are.
enum Whose<'a> {
    Topic(&'a TopicName),
    Broker(BrokerId),
    AllBrokers,
}

fn config(links: &Links, whose: &Whose<'_>, view: SettingView) -> Resource<ConfigData> {
    let synonyms = view.synonyms.into_iter().map(|one| SynonymData {
        name: one.name,
        value: one.value,
        source: source(one.source),
    });
    let mut data = ConfigData {
        cluster_id: links.cluster.clone(),
        topic_name: None,
        broker_id: None,
        config_type: None,
        name: view.name.clone(),
        value: view.value,
        is_default: view.source == SettingSource::Default,
        is_read_only: view.read_only,
        is_sensitive: false,
        source: source(view.source),
        synonyms: synonyms.collect(),
    };
    let name = view.name.as_str();
    match whose {
        Whose::Topic(topic) => {
            data.topic_name = Some(topic.as_str().to_owned());
            let path = ["topics", topic.as_str(), "configs", name];
            links.resource("KafkaTopicConfig", &path, &[("topic", topic.as_str()), ("config", name)], data)
        }
        Whose::Broker(broker) => {
            data.broker_id = Some(broker.0);
            let id = broker.to_string();
            let path = ["brokers", &id, "configs", name];
            links.resource("KafkaBrokerConfig", &path, &[("broker", &id), ("config", name)], data)
        }
        Whose::AllBrokers => {
            data.config_type = Some("BROKER");
            links.resource("KafkaClusterConfig", &["broker-configs", name], &[("broker-config", name)], data)
        }
    }
}

/// Kafka's name of where a value comes from.
fn source(source: SettingSource) -> &'static str {
    match source {
        SettingSource::Topic => "DYNAMIC_TOPIC_CONFIG",
        SettingSource::Cluster => "DYNAMIC_DEFAULT_BROKER_CONFIG",
        SettingSource::Process => "STATIC_BROKER_CONFIG",
        SettingSource::Default => "DEFAULT_CONFIG",
    }
}

/// The one setting of this name.
fn one_of(views: Vec<SettingView>, name: &str) -> Result<SettingView, Refusal> {
    views.into_iter().find(|view| view.name == name).ok_or_else(|| no_setting(name))
}

fn no_setting(name: &str) -> Refusal {
    Refusal::missing(format!("there is no setting '{}' here", shown(name)))
}

/// Lists the settings of a topic.
#[utoipa::path(
    get, path = "/v3/clusters/{cluster_id}/topics/{topic_name}/configs", tag = "rest v3",
    operation_id = "v3_list_topic_configs", params(super::openapi::Topic),
    responses((status = 200, description = "The settings", body = super::openapi::V3List), super::openapi::V3Refusals),
)]
pub(in crate::http) async fn of_topic(State(door): State<Arc<Door>>, at: At) -> Result<Response, Refusal> {
    let topic = at.topic_name()?;
    let views = door.service.topic_settings(&topic)?;
    let all = views.into_iter().map(|view| config(&at.links, &Whose::Topic(&topic), view)).collect();
    Ok(found(&at.links.list("KafkaTopicConfigList", &["topics", topic.as_str(), "configs"], all)))
}

/// Lists the settings of all topics.
#[utoipa::path(
    get, path = "/v3/clusters/{cluster_id}/topics/-/configs", tag = "rest v3",
    operation_id = "v3_list_all_topic_configs", params(super::openapi::Cluster),
    responses((status = 200, description = "The settings", body = super::openapi::V3List), super::openapi::V3Refusals),
)]
pub(in crate::http) async fn of_all_topics(
    State(door): State<Arc<Door>>,
    at: At,
) -> Result<Response, Refusal> {
    let mut all = Vec::new();
    for topic in door.service.image().topics.keys() {
        // One that went since is left out.
        let views = door.service.topic_settings(topic).unwrap_or_default();
        all.extend(views.into_iter().map(|view| config(&at.links, &Whose::Topic(topic), view)));
    }
    Ok(found(&at.links.list("KafkaTopicConfigList", &["topics", "-", "configs"], all)))
}

/// Describes a setting of a topic.
#[utoipa::path(
    get, path = "/v3/clusters/{cluster_id}/topics/{topic_name}/configs/{name}", tag = "rest v3",
    operation_id = "v3_get_topic_config", params(super::openapi::TopicConfig),
    responses((status = 200, description = "The setting", body = super::openapi::V3Resource), super::openapi::V3Refusals),
)]
pub(in crate::http) async fn get_of_topic(
    State(door): State<Arc<Door>>,
    at: At,
) -> Result<Response, Refusal> {
    let topic = at.topic_name()?;
    let view = one_of(door.service.topic_settings(&topic)?, at.text("name"))?;
    Ok(found(&config(&at.links, &Whose::Topic(&topic), view)))
}

/// Gives a setting of a topic a value.
#[utoipa::path(
    put, path = "/v3/clusters/{cluster_id}/topics/{topic_name}/configs/{name}", tag = "rest v3",
    operation_id = "v3_put_topic_config", params(super::openapi::TopicConfig), request_body = ValueWish,
    responses((status = 204, description = "It is set"), super::openapi::V3Refusals),
)]
pub(in crate::http) async fn put_of_topic(
    State(door): State<Arc<Door>>,
    at: At,
    request: Request,
) -> Result<Response, Refusal> {
    let topic = at.topic(&door.service.image())?.name.clone();
    let ValueWish { value } = body_of(&door, request).await?;
    let changes = vec![(at.text("name").to_owned(), SettingChange::Set(value))];
    change(&door, &topic, changes, false).await
}

/// Takes a setting of a topic back to its default.
#[utoipa::path(
    delete, path = "/v3/clusters/{cluster_id}/topics/{topic_name}/configs/{name}", tag = "rest v3",
    operation_id = "v3_delete_topic_config", params(super::openapi::TopicConfig),
    responses((status = 204, description = "It has its default"), super::openapi::V3Refusals),
)]
pub(in crate::http) async fn delete_of_topic(
    State(door): State<Arc<Door>>,
    at: At,
) -> Result<Response, Refusal> {
    let topic = at.topic_name()?;
    change(&door, &topic, vec![(at.text("name").to_owned(), SettingChange::Delete)], false).await
}

/// Changes several settings of a topic, all or none.
#[utoipa::path(
    post, path = "/v3/clusters/{cluster_id}/topics/{topic_name}/configs:alter", tag = "rest v3",
    operation_id = "v3_alter_topic_configs", params(super::openapi::Topic), request_body = ChangesWish,
    responses((status = 204, description = "They are changed"), super::openapi::V3Refusals),
)]
pub(in crate::http) async fn alter_of_topic(
    State(door): State<Arc<Door>>,
    at: At,
    request: Request,
) -> Result<Response, Refusal> {
    let topic = at.topic(&door.service.image())?.name.clone();
    let wish: ChangesWish = body_of(&door, request).await?;
    let mut changes = Vec::with_capacity(wish.data.len());
    for ChangeWish { name, value, operation } in wish.data {
        let operation = operation.as_deref().unwrap_or("SET");
        let change = match (operation.to_ascii_uppercase().as_str(), value) {
            ("SET", Some(value)) => SettingChange::Set(value),
            ("SET", None) => {
                let message = format!("setting '{}' is to be set, and has no value", shown(&name));
                return Err(Refusal::malformed(message));
            }
            ("DELETE", _) => SettingChange::Delete,
            _ => {
                let message = format!("operation '{}' is neither SET nor DELETE", shown(operation));
                return Err(Refusal::malformed(message));
            }
        };
        changes.push((name, change));
    }
    change(&door, &topic, changes, wish.validate_only.unwrap_or(false)).await
}

async fn change(
    door: &Door,
    topic: &TopicName,
    changes: Vec<(String, SettingChange)>,
    validate_only: bool,
) -> Result<Response, Refusal> {
    let known = door.service.topic_settings(topic)?;
    let mut once = BTreeMap::new();
    for (name, change) in changes {
        if !known.iter().any(|view| view.name == name) {
            return Err(no_setting(&name));
        }
        if once.insert(name.clone(), change).is_some() {
            return Err(Refusal::malformed(format!("setting '{name}' is given more than once")));
        }
    }
    door.service.change_topic_settings(topic, once, false, validate_only).await?;
    Ok(done())
}

/// Lists the settings of a broker.
#[utoipa::path(
    get, path = "/v3/clusters/{cluster_id}/brokers/{broker_id}/configs", tag = "rest v3",
    operation_id = "v3_list_broker_configs", params(super::openapi::Broker),
    responses((status = 200, description = "The settings", body = super::openapi::V3List), super::openapi::V3Refusals),
)]
pub(in crate::http) async fn of_broker(State(door): State<Arc<Door>>, at: At) -> Result<Response, Refusal> {
    let broker = at.broker(&door.service.image())?;
    let views = door.service.broker_settings(broker).await?;
    let all = views.into_iter().map(|view| config(&at.links, &Whose::Broker(broker), view)).collect();
    let id = broker.to_string();
    Ok(found(&at.links.list("KafkaBrokerConfigList", &["brokers", &id, "configs"], all)))
}

/// Describes a setting of a broker.
#[utoipa::path(
    get, path = "/v3/clusters/{cluster_id}/brokers/{broker_id}/configs/{name}", tag = "rest v3",
    operation_id = "v3_get_broker_config", params(super::openapi::BrokerConfig),
    responses((status = 200, description = "The setting", body = super::openapi::V3Resource), super::openapi::V3Refusals),
)]
pub(in crate::http) async fn get_of_broker(
    State(door): State<Arc<Door>>,
    at: At,
) -> Result<Response, Refusal> {
    let broker = at.broker(&door.service.image())?;
    let view = one_of(door.service.broker_settings(broker).await?, at.text("name"))?;
    Ok(found(&config(&at.links, &Whose::Broker(broker), view)))
}

/// Lists the settings of all brokers that answer.
#[utoipa::path(
    get, path = "/v3/clusters/{cluster_id}/brokers/-/configs", tag = "rest v3",
    operation_id = "v3_list_all_broker_configs", params(super::openapi::Cluster),
    responses((status = 200, description = "The settings", body = super::openapi::V3List), super::openapi::V3Refusals),
)]
pub(in crate::http) async fn of_each_broker(
    State(door): State<Arc<Door>>,
    at: At,
) -> Result<Response, Refusal> {
    let live: Vec<BrokerId> = door.service.image().live_brokers().collect();
    let asked = live.iter().map(|broker| door.service.broker_settings(*broker));
    // One that does not answer, or has gone meanwhile, is left out.
    let told = futures_util::future::join_all(asked).await;
    let mut all = Vec::new();
    for (broker, views) in
        live.into_iter().zip(told).filter_map(|(broker, views)| Some((broker, views.ok()?)))
    {
        all.extend(views.into_iter().map(|view| config(&at.links, &Whose::Broker(broker), view)));
    }
    Ok(found(&at.links.list("KafkaBrokerConfigList", &["brokers", "-", "configs"], all)))
}

/// Lists what is set for all brokers at run time.
#[utoipa::path(
    get, path = "/v3/clusters/{cluster_id}/broker-configs", tag = "rest v3",
    operation_id = "v3_list_cluster_configs", params(super::openapi::Cluster),
    responses((status = 200, description = "The settings", body = super::openapi::V3List), super::openapi::V3Refusals),
)]
pub(in crate::http) async fn of_all_brokers(
    State(door): State<Arc<Door>>,
    at: At,
) -> Result<Response, Refusal> {
    let views = door.service.default_settings().into_iter();
    let all = views.map(|view| config(&at.links, &Whose::AllBrokers, view)).collect();
    Ok(found(&at.links.list("KafkaClusterConfigList", &["broker-configs"], all)))
}

/// Describes a setting that is set for all brokers at run time.
#[utoipa::path(
    get, path = "/v3/clusters/{cluster_id}/broker-configs/{name}", tag = "rest v3",
    operation_id = "v3_get_cluster_config", params(super::openapi::ClusterConfig),
    responses((status = 200, description = "The setting", body = super::openapi::V3Resource), super::openapi::V3Refusals),
)]
pub(in crate::http) async fn get_of_all_brokers(
    State(door): State<Arc<Door>>,
    at: At,
) -> Result<Response, Refusal> {
    let view = one_of(door.service.default_settings(), at.text("name"))?;
    Ok(found(&config(&at.links, &Whose::AllBrokers, view)))
}
