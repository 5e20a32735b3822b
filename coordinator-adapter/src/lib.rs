//! What Tidemark asks of a coordination store: etcd's own semantics, and not a word about topics or brokers.
//!
//! - [`store`]: the trait: get, list, guarded transactions, watch from a revision, leases.
//! - [`session`]: one lease kept alive, that tells when it is lost.
//! - [`campaign`]: at most one fenced holder of a key.
//! - [`memory`]: a deterministic multi-version store, for simulation, for tests, and persisted for one-broker mode.
//! - [`etcd`]: the same over etcd's gRPC API, with its client's known traps stepped around.
//! - [`conformance`]: one suite that every store must pass.
//!
//! *Invariant:* nothing here retries a transaction: an unknown outcome is told as unknown ([`StoreError::Unknown`]).

pub mod store;
pub mod error;

pub use error::StoreError;
pub use store::{
    Compare, KeyValue, Lease, LeaseId, Listing, Op, Revision, Store, Txn, TxnOutcome, Watch, WatchBatch, WatchEnd,
    WatchEvent,
};
