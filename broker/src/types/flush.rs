//! When an appended record is made durable.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// When a replica may say that it holds a record.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum FlushMode {
    /// A record counts once it is fsynced: an acknowledged record survives a power cut of every broker.
    #[default]
    Ack,
    /// A record counts once it is written; a background flush follows within `flush.ms`.
    Interval,
    /// A record counts once it is in the page cache, as in Kafka: the operating system flushes when it likes.
    Os,
}

impl FlushMode {
    /// Whether only fsynced records count towards acknowledgements.
    #[must_use]
    pub fn counts_durable_only(self) -> bool {
        self == Self::Ack
    }
}

impl fmt::Display for FlushMode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Ack => "ack",
            Self::Interval => "interval",
            Self::Os => "os",
        })
    }
}

impl FromStr for FlushMode {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "ack" => Ok(Self::Ack),
            "interval" => Ok(Self::Interval),
            "os" => Ok(Self::Os),
            other => Err(format!("flush must be one of ack, interval, os; not '{other}'")),
        }
    }
}
