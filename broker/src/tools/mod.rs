//! What the program does besides running a broker: judge a history, and try a cluster.
//!
//! It is a client of brokers, over the same HTTP API as anybody: nothing here reaches into one.
//!
//! *Invariant:* what is judged is judged by [`crate::checker`] alone.

mod check;
mod drill;

pub use check::{CheckError, CheckFlags, run as run_check};
pub use drill::{DrillError, DrillFlags, run as run_drill};
