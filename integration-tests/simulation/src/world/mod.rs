//! One seed: three whole brokers, their clients and their misfortunes on one thread, in simulated time.
//!
//! ```text
//! plan      what the seed draws before anything runs: sizes, speeds, which faults, how often
//! cluster   the brokers: real code on turmoil's hosts, a door to the coordination store and a disk each
//! faults    what goes wrong, when, and how it is healed
//! http      a way in: HTTP/1.1 over a simulated connection
//! kafka     the other: Kafka's protocol
//! load      the clients: producers, readers, members of groups, an administrator
//! history   what the clients did and saw
//! judge     everything healed: is the cluster whole, and is what it holds what the history allows?
//! trace     every line of it, with its time: what two runs of one seed must have in common
//! run       puts these together
//! ```
//!
//! A world takes its process for itself (`src/bin/world.rs`): identifiers, hash tables and `select!` draw from the
//! operating system's chance, and these draws are seeded there. Time is tokio's paused clock; a broker's blocking work
//! is done in its turn after a moment (`tidemark::tasks::lend`). So nothing here may start a thread, wait for real time,
//! or ask the machine for anything that another machine would answer differently.
//!
//! *Invariant:* one seed, one trace, byte for byte (`tests/seeds.rs`).

mod plan;
mod cluster;
mod faults;
mod http;
mod kafka;
mod load;
mod history;
mod judge;
mod trace;
mod run;

pub use run::{Verdict, run};
pub use trace::Trace;
