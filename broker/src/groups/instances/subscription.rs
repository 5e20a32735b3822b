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
    /// Which way this is.
    #[must_use]
    pub fn mode(&self) -> Mode {
        match self {
            Self::None => Mode::None,
            Self::Topics(_) => Mode::Topics,
            Self::Pattern(_) => Mode::Pattern,
            Self::Assigned(_) => Mode::Assigned,
        }
    }

    /// Nothing named is nothing subscribed (as in Kafka's consumer).
    #[must_use]
    pub fn or_none(self) -> Self {
        match self {
            Self::Topics(topics) if topics.is_empty() => Self::None,
            Self::Assigned(partitions) if partitions.is_empty() => Self::None,
            other => other,
        }
    }

    /// Roughly what it takes in memory.
    pub(super) fn bytes(&self) -> usize {
        const EACH: usize = 64;
        match self {
            Self::None => 0,
            Self::Topics(topics) => topics.iter().map(|topic| EACH + topic.as_str().len()).sum(),
            Self::Pattern(pattern) => pattern.len(),
            Self::Assigned(partitions) => partitions.iter().map(|tp| EACH + tp.topic.as_str().len()).sum(),
        }
    }

    /// Whether it makes the instance a member of its group.
    #[must_use]
    pub fn is_of_a_member(&self) -> bool {
        matches!(self, Self::Topics(_) | Self::Pattern(_))
    }
}

/// A way to read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// None.
    None,
    /// Topics by name.
    Topics,
    /// Topics by pattern.
    Pattern,
    /// Partitions.
    Assigned,
}

impl Mode {
    /// In words, for those who are told that another way was chosen.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::None => "no subscription",
            Self::Topics => "a subscription to topics",
            Self::Pattern => "a subscription by pattern",
            Self::Assigned => "an assignment of its own",
        }
    }
}
