//! Consumer instances over HTTP (REST Proxy v2) from any broker: they are state of their group's coordinator
//! ([`crate::groups::instances`]).
//!
//! - `types`, `error`: the words of doors; `call`: asking the coordinator
//! - `lifecycle`: create, look at, delete; `reading`: subscribe, seek, commit
//! - `poll`: the next records; `reads`: what it has read; `select`: what of that is delivered
//!
//! *Invariant:* nothing about an instance is kept in the broker that its client happens to call.

mod call;
mod error;
mod lifecycle;
mod poll;
mod reading;
mod reads;
mod select;
mod types;

#[cfg(test)]
mod tests;

pub use error::InstanceError;
pub use types::{
    CommitInstance, CreatedInstance, InstancePosition, InstanceRecord, InstanceView, OnExisting,
    PollInstance, PolledInstance, Seek, SeekTo,
};
