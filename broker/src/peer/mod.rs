//! Links to the Kafka doors of the other brokers: replication's fetches and requests that are sent on.
//!
//! Requests of many callers share few connections and overtake each other; answers find their way back by correlation
//! id. It knows neither partitions nor leaders: who is asked is the caller's decision, and so is trying again.
//!
//! *Invariant:* every call ends by its deadline, whatever the peer does.
//! *Invariant:* `NotSent` is said only of requests that never left this process whole, and so cannot be carried out.
//! *Invariant:* only a refused or reset connection is called refused, never mere silence.

mod options;
mod error;
mod call;
mod driver;
mod conversation;
mod link;
mod probe;
mod peers;

#[cfg(test)]
mod tests;

pub use options::PeerOptions;
pub use peers::Peers;
