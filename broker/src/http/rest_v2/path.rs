//! What a path names: a topic, a partition. Percent-decoded once.

use std::sync::Arc;

use axum::extract::{FromRequestParts, RawPathParams};
use http::StatusCode;
use http::request::Parts;

use super::fault::Fault;
use crate::cluster::Topic;
use crate::http::door::Door;
use crate::http::query::shown;
use crate::types::{PartitionIndex, TopicName, TopicPartition};

/// A topic that is there.
pub(in crate::http) struct TopicPath(pub(super) Arc<Topic>);

impl FromRequestParts<Arc<Door>> for TopicPath {
    type Rejection = Fault;

    async fn from_request_parts(parts: &mut Parts, door: &Arc<Door>) -> Result<Self, Fault> {
        Ok(Self(topic_named(door, &param(parts, door, "topic").await?)?))
    }
}

/// A partition that is there.
pub(in crate::http) struct PartitionPath(pub(super) Arc<Topic>, pub(super) TopicPartition);

impl FromRequestParts<Arc<Door>> for PartitionPath {
    type Rejection = Fault;

    async fn from_request_parts(parts: &mut Parts, door: &Arc<Door>) -> Result<Self, Fault> {
        let topic = topic_named(door, &param(parts, door, "topic").await?)?;
        let text = param(parts, door, "partition").await?;
        let number = text.parse::<i64>().map_err(|_| {
            let message =
                format!("HTTP 404 Not Found. '{}' is no partition: use a whole number", shown(&text));
            Fault::new(StatusCode::NOT_FOUND, message)
        })?;
        let tp = partition_of(&topic, number)?;
        Ok(Self(topic, tp))
    }
}

/// One parameter of the path.
pub(super) async fn param(parts: &mut Parts, door: &Arc<Door>, name: &str) -> Result<String, Fault> {
    let bad = |_| Fault::malformed("the path is not UTF-8 once percent-decoded");
    let params = RawPathParams::from_request_parts(parts, door).await.map_err(bad)?;
    Ok(params.iter().find(|(known, _)| *known == name).map_or("", |(_, value)| value).to_owned())
}

/// The topic of this name. A name that no topic can have names none.
pub(super) fn topic_named(door: &Door, name: &str) -> Result<Arc<Topic>, Fault> {
    let none = || Fault::no_topic(name);
    let name = TopicName::new(name).map_err(|_| none())?;
    door.service.image().topic(&name).cloned().ok_or_else(none)
}

/// A partition of a topic.
pub(super) fn partition_of(topic: &Topic, number: i64) -> Result<TopicPartition, Fault> {
    let count = topic.assignment.len();
    let index = i32::try_from(number).ok().filter(|_| usize::try_from(number).is_ok_and(|n| n < count));
    let index = index.ok_or_else(|| Fault::no_partition(topic.name.as_str(), number, count))?;
    Ok(TopicPartition::new(topic.name.clone(), PartitionIndex(index)))
}
