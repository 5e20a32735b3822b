//! What a consumer instance was created with. It does not change; but for what groups themselves act on (where to begin,
//! whether a poll commits), it is kept here for the doors.

use serde::{Deserialize, Serialize};

use crate::groups::OffsetReset;

/// How records are told in JSON: `format` of an instance.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EmbeddedFormat {
    /// Bytes as base64: the default.
    #[default]
    Binary,
    /// JSON values.
    Json,
    /// UTF-8 text (Strimzi).
    Text,
    /// Avro, by a schema registry, which there is none of.
    Avro,
    /// JSON with a schema, the same.
    Jsonschema,
    /// Protobuf, the same.
    Protobuf,
}

impl EmbeddedFormat {
    /// By the name that clients use, in whatever case.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        let all = [Self::Binary, Self::Json, Self::Text, Self::Avro, Self::Jsonschema, Self::Protobuf];
        all.into_iter().find(|one| one.name().eq_ignore_ascii_case(name))
    }

    /// The name that clients use.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Binary => "binary",
            Self::Json => "json",
            Self::Text => "text",
            Self::Avro => "avro",
            Self::Jsonschema => "jsonschema",
            Self::Protobuf => "protobuf",
        }
    }

    /// Whether it is served: the others want a schema registry.
    #[must_use]
    pub fn is_served(self) -> bool {
        matches!(self, Self::Binary | Self::Json | Self::Text)
    }

    /// Whether the bytes of a value can be told in it.
    #[must_use]
    pub fn can_tell(self, value: &[u8]) -> bool {
        match self {
            Self::Binary => true,
            // What is ignored is not looked at for UTF-8.
            Self::Json => std::str::from_utf8(value)
                .is_ok_and(|text| serde_json::from_str::<serde::de::IgnoredAny>(text).is_ok()),
            Self::Text => std::str::from_utf8(value).is_ok(),
            Self::Avro | Self::Jsonschema | Self::Protobuf => false,
        }
    }
}

/// Whose REST Proxy the client has in mind: what an offset in its commits means, and what it reads in answers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Dialect {
    /// Confluent's and Karapace's: a committed offset is the last one processed.
    #[default]
    Confluent,
    /// Strimzi's bridge: it is the next one to read.
    Strimzi,
}

impl Dialect {
    /// By name, in whatever case.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Confluent, Self::Strimzi].into_iter().find(|one| one.name().eq_ignore_ascii_case(name))
    }

    /// Its name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Confluent => "confluent",
            Self::Strimzi => "strimzi",
        }
    }
}

/// What an instance was created with.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct InstanceSpec {
    /// How its records are told.
    pub format: EmbeddedFormat,
    /// What its commits mean.
    pub dialect: Dialect,
    /// Where it begins when nothing is committed.
    pub offset_reset: OffsetReset,
    /// Whether a poll commits what the poll before delivered.
    pub auto_commit: bool,
    /// How many bytes of keys and values a poll waits for; 0 and 1 are any.
    pub fetch_min_bytes: u32,
    /// How long a poll waits that does not say.
    pub request_timeout_ms: u32,
}

impl Default for InstanceSpec {
    fn default() -> Self {
        Self {
            format: EmbeddedFormat::default(),
            dialect: Dialect::default(),
            offset_reset: OffsetReset::default(),
            auto_commit: true,
            fetch_min_bytes: 1,
            request_timeout_ms: 1_000,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_a_format_can_say_is_told_in_it() {
        for (value, json, text) in [
            (&b"{\"a\":1}"[..], true, true),
            (b"x", false, true),
            (b"\xff", false, false),
            (b"\"\xff\"", false, false),
        ] {
            let told = (EmbeddedFormat::Json.can_tell(value), EmbeddedFormat::Text.can_tell(value));
            assert_eq!(told, (json, text), "{value:?}");
            assert!(EmbeddedFormat::Binary.can_tell(value));
        }
    }
}
