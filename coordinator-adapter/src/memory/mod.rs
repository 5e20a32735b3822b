//! One deterministic multi-version store with etcd's semantics: for simulation, for tests, and, with a file, for a
//! broker that runs alone.
//!
//! - `state`: keys, leases and history; plans a change, then applies it. Pure.
//! - `plan`: what a transaction would do to a state. Pure.
//! - `journal`: the file: every change durable before it is applied, so before it is answered or seen.
//! - `record`: the lines of that file. Pure.
//! - `watching`: carries history to one watch at its own pace.
//! - [`MemoryStore`]: the shell: the [`Store`](crate::Store) trait around one lock.

mod state;
mod plan;
mod record;
mod journal;
mod watching;
mod store;

pub use store::{MemoryOptions, MemoryStore};
