//! One broker process: wires the floors together, carries what one says to the other, drains on shutdown.
//!
//! - [`run`](fn@run): from the configuration to the last flush, in order.
//! - [`coordinator`]: etcd, or the embedded store of `tidemark dev`.
//! - [`startup`]: identity, recovery, registration.
//! - [`lobby`]: what answers at both ports until then.
//! - [`duties`]: the newest image becomes roles of replicas here; replicas that no longer belong here go.
//! - [`isr`]: a leader's proposals become transactions.
//! - [`health`]: contact, lease and disk become readiness and metrics.
//! - [`crash`]: a part that panics ends the process.
//! - [`disk`]: whether the data directory answers; [`limits`]: what the process asks of the system.
//! - [`stop`]: signals, and a controlled stop.
//!
//! *Invariant:* nothing is decided here that a pure floor could decide.

mod coordinator;
mod crash;
mod disk;
mod duties;
mod error;
mod health;
mod isr;
mod limits;
mod lobby;
mod run;
mod startup;
mod stop;

pub use coordinator::Coordinator;
pub use error::NodeError;
pub use run::run;
pub use stop::signalled;
