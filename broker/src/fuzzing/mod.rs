//! What bytes from outside may do to those who read them: one function for each kind, that takes any bytes and panics
//! if a promise is broken. The fuzzer calls them (`broker/fuzz`), and a test with every file of its corpus.
//!
//! Built for tests and with the feature `fuzzing` only; each function lives beside what it tries.
//!
//! - [`frames`]: Kafka's frames and messages, from clients and from other brokers
//! - [`batches`]: record batches
//! - [`segments`], [`checkpoints`]: the files of a data directory
//! - [`bodies`]: records in HTTP bodies
//! - [`histories`]: histories of clients, and the judgement of them
//!
//! *Invariant:* a checksum is no obstacle: where the bytes carry one, it is put right first if the bytes ask for it, so
//! that what lies behind it is reached.

#[cfg(test)]
mod corpus;

pub use crate::checker::fuzzing::histories;
pub use crate::http::fuzzing::bodies;
pub use crate::net::fuzzing::frames;
pub use crate::record::fuzzing::batches;
pub use crate::storage::fuzzing::{checkpoints, segments};
