//! What Tidemark asks of a coordination store: etcd's own semantics, and not a word about topics or brokers.
//!
//! - [`store`]: the trait: get, list, guarded transactions, watch from a revision, leases.
//! - [`limits`]: what every store refuses.
//! - [`session`]: one lease kept alive, that tells when it is lost.
//! - [`campaign`]: at most one fenced holder of a key.
//! - [`memory`]: a deterministic multi-version store, for simulation, for tests, and persisted for one-broker mode.
//! - [`etcd`]: the same over etcd's gRPC API, with its client's known traps stepped around.
//! - [`faulty`]: a door to any store that fails on demand, for tests.
//! - [`vices`]: a door to any store that has etcd's vices, by seed, for simulation.
//! - [`conformance`]: one suite that every store must pass.
//!
//! *Invariant:* nothing here sends a transaction twice: an unknown outcome is told as unknown
//! ([`StoreError::Unknown`]). The one exception is [`campaign`], whose guard makes it safe.

pub mod store;
pub mod error;
pub mod limits;
pub mod session;
pub mod campaign;
pub mod memory;
pub mod etcd;
pub mod faulty;
pub mod vices;
pub mod conformance;

pub use campaign::{Fence, resign, try_acquire};
pub use error::StoreError;
pub use etcd::{EtcdOptions, EtcdStore};
pub use faulty::FaultyStore;
pub use memory::{MemoryOptions, MemoryStore};
pub use session::{Session, SessionOptions};
pub use store::{
    Compare, KeyValue, Lease, LeaseId, Listing, Op, Revision, Store, Txn, TxnOutcome, Watch, WatchBatch,
    WatchEnd, WatchEvent,
};
pub use vices::{Chance, UnreliableStore, Vices};
