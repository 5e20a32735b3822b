//! One deterministic multi-version store with etcd's semantics: for simulation, for tests, and, with a file, for a
//! broker that runs alone.
//!
//! - [`MemoryStore`]: the shell: the [`Store`](crate::Store) trait, one lock, watches.

mod store;

pub use store::{MemoryOptions, MemoryStore};
