//! The words that every other folder speaks: identities, offsets, epochs, and the record of a partition.
//!
//! It is not a place for logic that has a home elsewhere: nothing here reads a clock, a file or a socket.
//!
//! *Invariant:* ends are exclusive; an [`Offset`] that names an end is one past the last record.
//! *Invariant:* replication and cluster meet only in [`PartitionState`]; neither knows the other.

mod flush;
mod ids;
mod offset;
mod partition_state;

pub use flush::FlushMode;
pub use ids::{
    BrokerEpoch, BrokerId, DirectoryId, Incarnation, InvalidTopicName, PartitionEpoch, PartitionIndex,
    TopicId, TopicName, TopicPartition,
};
pub use offset::{LeaderEpoch, Offset};
pub use partition_state::{PartitionRecord, PartitionState};
