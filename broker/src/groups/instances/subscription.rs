//! What a consumer instance reads: topics by name, topics by pattern, or partitions that it names itself.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::types::{TopicName, TopicPartition};

/// What an instance reads. It may choose one way only, until it gives that up (Kafka's rule).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Subscription {
    /// Nothing yet.
    #[default]
    None,
    /// These topics, as a member of the group.
    Topics(BTreeSet<TopicName>),
    /// The topics whose whole name the pattern matches, as a member of the group.
    Pattern(String),
    /// These partitions, without being a member.
    Assigned(BTreeSet<TopicPartition>),
}

impl Subscription {
    /// In words, for those who are told that another way was chosen.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::None => "no subscription",
            Self::Topics(_) => "a subscription to topics",
            Self::Pattern(_) => "a subscription by pattern",
            Self::Assigned(_) => "an assignment of its own",
        }
    }

    /// Whether it makes the instance a member of its group.
    #[must_use]
    pub fn is_of_a_member(&self) -> bool {
        matches!(self, Self::Topics(_) | Self::Pattern(_))
    }
}
