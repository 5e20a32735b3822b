//! A door to a store that has etcd's vices, by chance and by seed: for simulation, one door for each client.
//!
//! What it does to a client is what a real etcd and its wire do: it answers late, loses a request, loses the answer to
//! one that was applied, applies one long after its sender has given up (even after the sender's death), lets watches
//! fall behind, break, repeat themselves and find their history compacted away. [`crate::FaultyStore`] is its sibling
//! that fails on demand.
//!
//! - [`door`]: the store's calls
//! - `watching`: what becomes of a watch
//! - [`chance`]: the dice
//!
//! *Invariant:* one seed and one order of calls give the same answers; time is tokio's, or comes in by
//! [`UnreliableStore::tick`].
//! *Invariant:* nothing is applied twice, and what is answered as certainly not applied never is.

pub mod chance;
pub mod door;
mod watching;

pub use chance::Chance;
pub use door::{UnreliableStore, Vices};

#[cfg(test)]
mod tests;
