//! What a path names: the cluster, which must be this one, and what lies in it; and what the request wants for an answer.

use std::sync::Arc;

use axum::extract::{FromRequestParts, RawPathParams};
use http::StatusCode;
use http::header::{ACCEPT, HOST};
use http::request::Parts;

use super::refusal::Refusal;
use super::resource::Links;
use crate::cluster::{Image, Topic};
use crate::groups::GroupId;
use crate::http::door::Door;
use crate::http::media::admits_json;
use crate::http::query::shown;
use crate::types::{BrokerId, PartitionIndex, TopicName, TopicPartition};

/// The name of the setting that names the cluster.
const CLUSTER_SETTING: &str = "cluster";

/// A place in this cluster.
pub(in crate::http) struct At {
    /// Where its neighbours are.
    pub(super) links: Links,
    params: Vec<(String, String)>,
}

/// Anywhere: only how the answer is to look.
pub(in crate::http) struct Anywhere(pub(super) Links);

impl FromRequestParts<Arc<Door>> for Anywhere {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, door: &Arc<Door>) -> Result<Self, Refusal> {
        let accept = parts.headers.get(ACCEPT).and_then(|accept| accept.to_str().ok());
        if !admits_json(accept) {
            let message = format!(
                "Accept '{}' does not admit application/json, the only answer here",
                shown(accept.unwrap_or(""))
            );
            return Err(Refusal::new(StatusCode::NOT_ACCEPTABLE, message));
        }
        let image = door.service.image();
        let own = || image.endpoint(door.service.me().broker).map(|own| own.http.to_string());
        let named = parts.headers.get(HOST).and_then(|host| host.to_str().ok()).map(ToOwned::to_owned);
        let host = named.or_else(|| parts.uri.authority().map(ToString::to_string)).or_else(own);
        let cluster = image.cluster.as_ref().map(|cluster| cluster.id.to_string());
        Ok(Self(Links::new(&host.unwrap_or_default(), &cluster.unwrap_or_default())))
    }
}

impl FromRequestParts<Arc<Door>> for At {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, door: &Arc<Door>) -> Result<Self, Refusal> {
        let Anywhere(links) = Anywhere::from_request_parts(parts, door).await?;
        let bad = |_| Refusal::malformed("the path is not UTF-8 once percent-decoded");
        let params = RawPathParams::from_request_parts(parts, door).await.map_err(bad)?;
        let params = params.iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        let at = Self { links, params };
        let cluster = at.text("cluster_id");
        let settings = &door.service.options().settings;
        let name = settings.iter().find(|setting| setting.name == CLUSTER_SETTING);
        if cluster != at.links.cluster && name.is_none_or(|name| name.value != cluster) {
            let message = format!("there is no cluster '{}': GET /v3/clusters tells its id", shown(cluster));
            return Err(Refusal::missing(message));
        }
        Ok(at)
    }
}

impl At {
    /// A part of the path.
    pub(super) fn text(&self, name: &str) -> &str {
        self.params.iter().find(|(known, _)| known == name).map_or("", |(_, value)| value)
    }

    /// The topic that the path names.
    pub(super) fn topic_name(&self) -> Result<TopicName, Refusal> {
        TopicName::new(self.text("topic_name"))
            .map_err(|error| Refusal::unknown_topic_or_partition(error.to_string()))
    }

    /// The topic that the path names, which is there.
    pub(super) fn topic(&self, image: &Image) -> Result<Arc<Topic>, Refusal> {
        let name = self.topic_name()?;
        let none = || Refusal::unknown_topic_or_partition(format!("there is no topic '{name}'"));
        image.topic(&name).cloned().ok_or_else(none)
    }

    /// The partition that the path names, which is there.
    pub(super) fn partition(&self, topic: &Topic) -> Result<TopicPartition, Refusal> {
        let text = self.text("partition_id");
        let index = text.parse::<i32>().ok().filter(|index| (0..topic.partition_count()).contains(index));
        let none = || {
            let count = topic.partition_count();
            let message =
                format!("topic '{}' has no partition '{}': it has {count}, from 0", topic.name, shown(text));
            Refusal::unknown_topic_or_partition(message)
        };
        Ok(TopicPartition::new(topic.name.clone(), PartitionIndex(index.ok_or_else(none)?)))
    }

    /// The broker that the path names, which is registered.
    pub(super) fn broker(&self, image: &Image) -> Result<BrokerId, Refusal> {
        let text = self.text("broker_id");
        let id = text.parse::<i32>().ok().map(BrokerId).filter(|id| image.endpoint(*id).is_some());
        id.ok_or_else(|| Refusal::missing(format!("there is no broker '{}'", shown(text))))
    }

    /// The group that the path names.
    pub(super) fn group(&self) -> GroupId {
        self.text("consumer_group_id").to_owned().into()
    }
}
