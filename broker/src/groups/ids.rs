//! The names of groups, members and instances, and the tickets of those who wait.
//!
//! *Invariant:* a name that came from outside is bounded by [`super::GroupOptions::id_bytes_max`] before it is kept.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::types::{PartitionIndex, TopicId};

macro_rules! name {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Arc<str>);

        impl $name {
            /// The name as text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }

            /// Whether there is no name.
            #[must_use]
            pub fn is_empty(&self) -> bool {
                self.0.is_empty()
            }
        }

        impl From<&str> for $name {
            fn from(text: &str) -> Self {
                Self(text.into())
            }
        }

        impl From<String> for $name {
            fn from(text: String) -> Self {
                Self(text.into())
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(&self.0)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                String::deserialize(deserializer).map(Self::from)
            }
        }
    };
}

name! {
    /// The name of a group. Cheap to clone.
    GroupId
}
name! {
    /// The name of one member in its group, new with each life of a client. Cheap to clone.
    MemberId
}
name! {
    /// `group.instance.id`: the name of a static member, the same in each of its lives (KIP-345). Cheap to clone.
    InstanceId
}

name! {
    /// The name of a consumer instance over HTTP in its group; not [`InstanceId`], which is a static member's. Cheap to
    /// clone.
    InstanceName
}

/// Who waits for a reply: a number that the shell chose, and finds its caller by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Ticket(pub u64);

/// A partition of a topic by identity, so that a topic made anew under the same name is another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct TopicIdPartition {
    /// The topic.
    pub topic: TopicId,
    /// The partition in it.
    pub partition: PartitionIndex,
}

impl TopicIdPartition {
    /// Puts a topic and a partition together.
    #[must_use]
    pub fn new(topic: TopicId, partition: PartitionIndex) -> Self {
        Self { topic, partition }
    }
}

/// The partition of `__consumer_offsets`, of `count`, that a group belongs to: `Utils.abs(groupId.hashCode()) % count`.
///
/// Java's hash is over UTF-16 units, and its `Utils.abs` makes zero of the least integer.
///
/// # Panics
/// If `count` is not positive.
#[must_use]
pub fn shard_of(group: &GroupId, count: i32) -> PartitionIndex {
    assert!(count > 0, "a topic has partitions, not {count}");
    let hash = group
        .as_str()
        .encode_utf16()
        .fold(0_i32, |hash, unit| hash.wrapping_mul(31).wrapping_add(i32::from(unit)));
    PartitionIndex(hash.checked_abs().unwrap_or(0) % count)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_group_lies_where_kafka_puts_it() {
        // "hello".hashCode() is 99162322 and "polygenelubricants".hashCode() is Integer.MIN_VALUE in Java.
        assert_eq!(shard_of(&"hello".into(), 50), PartitionIndex(22));
        assert_eq!(shard_of(&"polygenelubricants".into(), 50), PartitionIndex(0));
        assert_eq!(shard_of(&"".into(), 50), PartitionIndex(0));
        // One character beyond the basic plane is two units: U+1F600 is D83D DE00, 31 * 55357 + 56832.
        assert_eq!(shard_of(&"\u{1F600}".into(), 1_000_000), PartitionIndex(772_899));
    }
}
