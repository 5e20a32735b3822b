//! The words in which doors ask for consumer instances.

use std::time::Duration;

use crate::groups::InstanceName;
use crate::groups::instances::{Dialect, EmbeddedFormat, InstanceSpec, Subscription};
use crate::record::Record;
use crate::service::Admitted;
use crate::types::{Offset, TopicName, TopicPartition};

/// What to do if an instance of that name is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnExisting {
    /// Refuse ([`InstanceError::Exists`](super::InstanceError::Exists)): POST.
    Refuse,
    /// Go on with it as it is, whatever it was created with: PUT.
    Resume,
}

/// An instance is there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CreatedInstance {
    /// Its name.
    pub name: InstanceName,
    /// What it has been created with, now or then.
    pub spec: InstanceSpec,
    /// Whether that was now.
    pub created: bool,
}

/// An instance as it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InstanceView {
    /// What it was created with.
    pub spec: InstanceSpec,
    /// What it reads.
    pub subscription: Subscription,
    /// The topics that it is subscribed to: by name, or those that its pattern matches now.
    pub topics: Vec<TopicName>,
    /// The partitions that it has now: those that it assigned itself, or those that its group gave it.
    pub assignment: Vec<TopicPartition>,
}

/// Where to go on reading a partition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seek {
    /// The partition.
    pub tp: TopicPartition,
    /// Where.
    pub to: SeekTo,
}

/// A place in a partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SeekTo {
    /// The next offset to read.
    Offset(Offset),
    /// The first record with this timestamp, in milliseconds since 1970, or a later one; the end if there is none.
    Timestamp(i64),
    /// The first record kept.
    Beginning,
    /// The next record to come.
    End,
}

/// An instance asks for its next records.
#[derive(Clone, Copy, Debug)]
pub struct PollInstance {
    /// How long to wait; `None` is as long as the instance says. No longer than the setting `consumer.request.timeout.max.ms` allows.
    pub timeout: Option<Duration>,
    /// How many bytes of keys, values and headers at most; but one record is always returned.
    pub max_bytes: usize,
    /// Whether to return again what the last poll delivered and nothing has acknowledged; if there is nothing of that
    /// kind, it is a poll like any other.
    pub replay: bool,
    /// The format that the client wants, if it says; another one than the instance's is refused, and nothing is moved.
    pub wants: Option<EmbeddedFormat>,
}

/// What a poll brought. The coordinator knows already that it is delivered.
#[derive(Debug)]
pub struct PolledInstance {
    /// In the order in which they are to be told; empty if none came in time. Each value can be told in `format`; keys
    /// need not ([`EmbeddedFormat::can_tell`]).
    pub records: Vec<InstanceRecord>,
    /// How they are to be told.
    pub format: EmbeddedFormat,
    /// Whose answer the client expects.
    pub dialect: Dialect,
    /// Keeps the bytes in the budget of answers for as long as they are held.
    pub admitted: Vec<Admitted>,
}

/// A record of a partition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InstanceRecord {
    /// The partition.
    pub tp: TopicPartition,
    /// The record.
    pub record: Record,
}

/// What to commit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CommitInstance {
    /// All that was delivered so far; it is acknowledged thereby.
    Delivered,
    /// These, all or none. It moves no position.
    Exact(Vec<InstancePosition>),
}

/// A committed offset, or one to commit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InstancePosition {
    /// The partition.
    pub tp: TopicPartition,
    /// The next offset to read.
    pub offset: Offset,
    /// The client's note.
    pub metadata: String,
}
