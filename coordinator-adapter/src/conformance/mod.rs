//! One suite that every store must pass: the memory store, the same with a file, and a real etcd.
//!
//! Plain functions that panic where a store does not keep its word; `tests/` calls them. A store under test must have
//! no other writer: revisions are counted. Each function works below a prefix of its own and may be run alone.
//!
//! - [`Bench`]: a store and what a test may do to it from outside.
//! - [`txns`]: revisions, compares, branches, limits, lists.
//! - [`watches`]: order, resuming, whole revisions, compaction.
//! - [`leases`]: expiry in one revision, renewal, revocation.
//! - [`random`]: one sequence of random operations, to be replayed on two stores and compared.

mod bench;
pub mod txns;
pub mod watches;
pub mod leases;
pub mod random;

pub use bench::{Bench, run_all};
