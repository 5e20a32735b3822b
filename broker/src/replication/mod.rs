//! Copies of a partition on several brokers, kept the same.
//!
//! Decisions are pure and apart from all else; the shells carry their effects out, durable before visible. The rules are
//! those of DESIGN 4, by number; it knows no etcd: records come in by [`Replicas::apply`] and go out by [`IsrStore`].
//!
//! - pure: `duty` (what a record asks of a broker), `isr` (what an in-sync set may become), `progress` (one follower, seen by its leader), `leader`, `proposal`
//!   (how a leader changes its in-sync set), `follower`, `gather`, `round` (one fetch over many partitions)
//! - one replica: `partition` (its lock), `append`, `read`, `follow`, `converge` (changes of role), `waiters`, `status`
//! - all replicas: `replicas`, `registry`, `lifecycle` (open and close), `shared`
//! - work in the background: `flusher` (group commit), `fetcher` (pulling), `isr_keeper`, `upkeep`, `compactor`
//!
//! *Invariant:* one owner per partition: one lock around its log, role and record, never held over an await or an fsync.
//! *Invariant:* safety rests on the records and on what followers hold, never on a lease or a clock.

mod error;
mod options;
mod outside;

mod duty;
#[cfg(feature = "simulation")]
mod essence;
mod follower;
mod gather;
mod isr;
mod leader;
mod progress;
mod proposal;
mod round;

mod append;
mod converge;
mod delete_records;
mod follow;
mod partition;
mod read;
mod status;
mod waiters;

mod lifecycle;
mod registry;
mod replicas;
mod throttle;
mod shared;

mod compactor;
mod fetcher;
mod flusher;
mod isr_keeper;
mod upkeep;

#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;

pub use append::{Acks, Append, Appended};
pub use duty::{Duty, duty_of, is_set_back};
pub use error::{AppendError, DeleteError, ReadError, ReplicationError, Written};
pub use follower::{Asked, FollowerState, LogView, NextFetch, Step, cut_point, diverging, fits_reign};
pub use isr::{Liveness, counted, with_isr, with_joiner, without};
pub use leader::{AppendRefusal, FetchAnswer, FetchRefusal, LeaderLimits, LeaderState};
pub use lifecycle::RecoverySummary;
pub use options::ReplicationOptions;
pub use outside::{IsrOutcome, IsrProposal, IsrStore, LeaderLink, LinkError};
pub use partition::Partition;
pub use progress::Progress;
pub use proposal::{OpenProposal, Settled};
pub use read::{ReadView, ReplicaRead};
pub use replicas::{Replicas, ReplicasParts};
pub use shared::LogFailure;
pub use status::{FollowerStatus, PartitionStatus, RoleKind};
pub use waiters::{WakeAt, WakeHandle};
