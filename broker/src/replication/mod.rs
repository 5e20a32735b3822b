//! Copies of a partition on several brokers, kept the same.
//!
//! Decisions are pure and apart from all else; the shells carry their effects out, durable before visible. The rules are
//! those of DESIGN 4, by number; it knows no etcd: records come in by [`Replicas::apply`] and go out by [`IsrStore`].
//!
//! *Invariant:* one owner per partition: one lock around its log, role and record, never held over an await or an fsync.
//! *Invariant:* safety rests on the records and on what followers hold, never on a lease or a clock.

mod error;
mod options;
mod outside;
mod partition;
mod replicas;
mod waiters;

pub use error::{AppendError, ReadError, ReplicationError, Written};
pub use options::ReplicationOptions;
pub use outside::{IsrOutcome, IsrProposal, IsrStore, LeaderLink, LinkError};
pub use partition::{
    Acks, Append, Appended, FollowerStatus, Partition, PartitionStatus, ReadView, ReplicaRead, RoleKind,
};
pub use replicas::{RecoverySummary, Replicas, ReplicasParts};
pub use waiters::{WakeAt, WakeHandle};
