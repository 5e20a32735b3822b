//! `auto.offset.reset`: where a consumer begins when nothing is committed, or what is cannot be read any more.

use serde::{Deserialize, Serialize};

/// Where a consumer begins when nothing is committed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OffsetReset {
    /// At the first record kept.
    Earliest,
    /// At the next record to come: Kafka's default.
    #[default]
    Latest,
    /// Nowhere: it is told.
    None,
}

impl OffsetReset {
    /// By Kafka's name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        match name {
            "earliest" => Some(Self::Earliest),
            "latest" => Some(Self::Latest),
            "none" => Some(Self::None),
            _ => None,
        }
    }

    /// Kafka's name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Earliest => "earliest",
            Self::Latest => "latest",
            Self::None => "none",
        }
    }
}
