//! What an instance reads as a member of its group: topics by name, or by pattern.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::partitions::topic_named;
use super::path::InstancePath;
use super::required::{Required, Wish};
use crate::groups::instances::{Dialect, Subscription};
use crate::http::door::Door;
use crate::http::rest_v2::fault::Fault;
use crate::http::rest_v2::openapi::{RestInstanceParams, RestInstanceRefusals};
use crate::http::rest_v2::told::{Told, nothing};
use crate::service::InstanceView;

/// Topics to subscribe to: by name, or by pattern.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = RestSubscriptionWish)]
pub(in crate::http) struct SubscriptionWish {
    /// Their names; none unsubscribes.
    topics: Option<Vec<String>>,
    /// A regular expression that matches their whole names.
    topic_pattern: Option<String>,
}

impl Wish for SubscriptionWish {
    const EXAMPLE: &'static str = "{\"topics\":[…]} or {\"topic_pattern\":…}";
}

/// The topics that an instance is subscribed to.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = RestSubscriptionAnswer)]
pub(in crate::http) struct SubscriptionAnswer {
    /// By name, or those that the pattern matches now.
    topics: Vec<String>,
    /// In Strimzi's dialect: the partitions that the instance has of them.
    #[serde(skip_serializing_if = "Option::is_none")]
    partitions: Option<Vec<BTreeMap<String, Vec<i32>>>>,
}

impl SubscriptionAnswer {
    fn of(view: &InstanceView) -> Self {
        let partitions = (view.spec.dialect == Dialect::Strimzi).then(|| {
            let mut by_topic: BTreeMap<&str, Vec<i32>> = BTreeMap::new();
            for tp in &view.assignment {
                by_topic.entry(tp.topic.as_str()).or_default().push(tp.partition.0);
            }
            by_topic.into_iter().map(|(topic, all)| BTreeMap::from([(topic.to_owned(), all)])).collect()
        });
        Self { topics: view.topics.iter().map(|topic| topic.as_str().to_owned()).collect(), partitions }
    }
}

/// Subscribes an instance.
#[utoipa::path(
    post, path = "/consumers/{group}/instances/{instance}/subscription", tag = "rest-proxy", operation_id = "rest_subscribe",
    params(RestInstanceParams),
    request_body(content = SubscriptionWish, content_type = "application/vnd.kafka.v2+json"),
    responses((status = 204, description = "It is subscribed, and joins its group with its next poll"), RestInstanceRefusals),
)]
pub(in crate::http) async fn subscribe(
    State(door): State<Arc<Door>>,
    _: Told,
    InstancePath(group, instance): InstancePath,
    Required(wish): Required<SubscriptionWish>,
) -> Result<Response, Fault> {
    let to = match wish {
        SubscriptionWish { topics: Some(_), topic_pattern: Some(_) } => {
            let message = "Illegal state: subscription to topics and to a pattern are mutually exclusive: send one of them";
            return Err(Fault::new(StatusCode::CONFLICT, message).code(40_903));
        }
        SubscriptionWish { topics: None, topic_pattern: None } => {
            return Err(Fault::unprocessable("send \"topics\" or \"topic_pattern\""));
        }
        SubscriptionWish { topics: Some(topics), .. } if topics.is_empty() => Subscription::None,
        SubscriptionWish { topics: Some(topics), .. } => {
            Subscription::Topics(topics.iter().map(|topic| topic_named(topic)).collect::<Result<_, _>>()?)
        }
        SubscriptionWish { topic_pattern: Some(pattern), .. } => Subscription::Pattern(pattern),
    };
    door.service.subscribe_instance(&group, &instance, to).await?;
    Ok(nothing(&door))
}

/// Tells what an instance is subscribed to.
#[utoipa::path(
    get, path = "/consumers/{group}/instances/{instance}/subscription", tag = "rest-proxy", operation_id = "rest_get_subscription",
    params(RestInstanceParams),
    responses(
        (status = 200, description = "The topics", body = SubscriptionAnswer, content_type = "application/vnd.kafka.v2+json"),
        RestInstanceRefusals,
    ),
)]
pub(in crate::http) async fn get(
    State(door): State<Arc<Door>>,
    told: Told,
    InstancePath(group, instance): InstancePath,
) -> Result<Response, Fault> {
    let view = door.service.instance(&group, &instance).await?;
    Ok(told.ok(&door, &SubscriptionAnswer::of(&view)))
}

/// Unsubscribes an instance.
#[utoipa::path(
    delete, path = "/consumers/{group}/instances/{instance}/subscription", tag = "rest-proxy", operation_id = "rest_unsubscribe",
    params(RestInstanceParams),
    responses((status = 204, description = "It is not subscribed any more"), RestInstanceRefusals),
)]
pub(in crate::http) async fn unsubscribe(
    State(door): State<Arc<Door>>,
    _: Told,
    InstancePath(group, instance): InstancePath,
) -> Result<Response, Fault> {
    door.service.subscribe_instance(&group, &instance, Subscription::None).await?;
    Ok(nothing(&door))
}
