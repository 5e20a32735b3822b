//! Consumer groups: `/v1/groups/...`. What is understood here is JSON; the rest is [`crate::service`]'s.
//!
//! A worker joins (`members`), polls until it stops, each time acknowledging the poll before (`poll`, `token`), and leaves.
//! Any broker serves any of these requests. A worker that wants no membership reads partitions itself and only keeps its
//! `offsets` here.

pub(super) mod describe;
pub(super) mod members;
pub(super) mod offsets;
mod path;
pub(super) mod poll;
pub(super) mod reset;
mod token;
#[cfg(any(test, feature = "fuzzing"))]
pub(super) use token::read as read_token;

pub(super) use path::MemberPath;

use std::collections::BTreeMap;

use serde::Serialize;
use utoipa::ToSchema;

use crate::service::Assignment;

/// Partitions of one topic.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct TopicPartitions {
    /// The topic.
    topic: String,
    /// Its partitions.
    partitions: Vec<i32>,
}

fn told(assignment: Assignment) -> Vec<TopicPartitions> {
    let topic = |(topic, partitions): (crate::types::TopicName, Vec<i32>)| TopicPartitions {
        topic: topic.as_str().to_owned(),
        partitions,
    };
    BTreeMap::into_iter(assignment).map(topic).collect()
}
