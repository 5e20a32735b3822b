//! Consumer instances: created, subscribed or assigned, polled, committed, deleted, at whatever broker.
//!
//! An instance is state of its group's coordinator ([`crate::service`]); nothing of it is kept here. Two dialects differ
//! in what a committed offset means, and so each instance has one, chosen when it is created:
//!
//! | dialect | chosen by | `{"offsets":[…]}` in a commit | its answer |
//! | --- | --- | --- | --- |
//! | confluent | the default | the last record processed: one more is committed | 200 `[]` |
//! | strimzi | `enable.auto.commit` in the configuration, or `?dialect=strimzi` | the next record to read | 204 |
//!
//! A commit of `{"partitions":[…]}` is Redpanda's: the next record to read, 204, whatever the dialect.
//!
//! - `config` (pure): what an instance is created with; `address` (pure): where it is found; `lifecycle`: created, deleted
//! - `subscription`, `assignments`, `positions`, `records`, `offsets`: the addresses under an instance
//! - `path`: group and instance of an address; `partitions`: lists of partitions in bodies; `required`: bodies that
//!   may not be missing

pub(in crate::http) mod assignments;
pub(in crate::http) mod lifecycle;
pub(in crate::http) mod offsets;
pub(in crate::http) mod positions;
pub(in crate::http) mod records;
pub(in crate::http) mod subscription;
mod address;
mod config;
mod partitions;
mod path;
mod required;
