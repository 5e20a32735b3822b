//! Records in: `.../topics/{t}/records`, a stream of JSON objects answered by a stream of receipts, and `records:batch`,
//! a few at once.
//!
//! - `scanner`: where one object ends and the next begins
//! - `record`: an object as a record; `receipt`: what is said of it
//! - `docket`: receipts in the order of the records, records in batches by partition
//! - `stream`, `batch`: the two addresses
//!
//! *Invariant:* the records of one stream reach each partition in their order: a partition has one batch under way, and
//! what comes meanwhile waits in the next.
//! *Invariant:* a receipt leaves as soon as it and all before it are known, also while the body still comes.
//! *Invariant:* no more is held of a stream than `docket` has room for; then nothing is read of it.

pub(super) mod batch;
mod docket;
mod receipt;
mod record;
mod scanner;
pub(super) mod stream;
#[cfg(any(test, feature = "fuzzing"))]
pub(in crate::http) mod fuzzing;
