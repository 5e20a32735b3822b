//! What the brokers agree on through the coordination store, and how they come to agree.
//!
//! Reading order:
//!
//! - [`keyspace`]: the catalogue of keys: path, value, who writes, who watches (pure).
//! - [`values`]: the JSON values that stand at those keys (pure).
//! - [`orders`]: what operators asked for and what is not done yet (pure).
//! - [`topic_config`]: the settings of a topic, parsed and checked (pure), with `cleanup` and `topic_config_change`.
//! - [`image`]: one snapshot of all of it, advanced by watch events (pure).
//! - `pause`: growing pauses between attempts.
//! - [`watcher`]: keeps an image up to date and hands it out.
//! - `registration`, `life_sign`, [`membership`]: how one broker takes its place and keeps it.
//! - `verdict`, [`suspects`]: peers that refuse connections are taken for dead before their leases end.
//! - [`assignment`], [`election`], [`reassignment`], [`reconcile`]: which replicas, which leader, which writes (pure).
//! - [`balance`], [`chores`]: which copies should stand elsewhere, and what is written beside the records (pure).
//! - [`observed`]: what a controller remembers in order to wait (pure).
//! - [`guards`]: what a write to the store compares, so that no two writers of a record meet (pure).
//! - `carry_out`, [`controller`]: the shell that writes what `reconcile` says while it holds the controller's seat.
//! - `guarded`, `placement`, [`commands`], `topic_commands`: what administrators write, by compare-and-put;
//!   [`move_commands`], `elect_leaders`: what operators do.
//! - [`isr_change`]: what a partition's leader writes, and what is asked before local data goes.
//!
//! *Invariant:* a broker acts on the newest record that it has seen, never on what another broker told it: there are
//! no calls from the controller to the brokers, and no second copy of the truth.
//! *Invariant:* a partition's record changes by compare-and-put on its mod revision only; nothing here sends a write
//! again by itself unless the same guard makes the repetition harmless.
//! *Invariant:* replication is not known here: the two meet in [`crate::types::PartitionState`].

pub mod error;
pub mod keyspace;
pub mod values;
pub mod orders;
mod cleanup;
pub mod topic_config;
mod topic_config_change;
pub mod image;
mod pause;
pub mod watcher;
mod registration;
mod life_sign;
pub mod membership;
mod verdict;
pub mod suspects;
pub mod assignment;
pub mod election;
pub mod reassignment;
pub mod reconcile;
pub mod balance;
pub mod chores;
pub mod observed;
pub mod guards;
pub mod why;
mod carry_out;
pub mod controller;
mod guarded;
mod placement;
pub mod commands;
pub mod move_commands;
mod elect_leaders;
mod topic_commands;
pub mod isr_change;
mod past;

pub use cleanup::Cleanup;
pub use commands::{CommandOptions, Commands, CreatedTopic, TopicPatch, TopicSpec};
pub use controller::{Controller, ControllerOptions};
pub use elect_leaders::{Elected, Election};
pub use error::ClusterError;
pub use image::{Image, Topic};
pub use isr_change::{IsrChange, IsrChangeOutcome};
pub use keyspace::{Key, Keyspace};
pub use membership::{Membership, MembershipOptions, NewRegistration, Standing};
pub use move_commands::MoveWish;
pub use orders::{Drain, MoveLimits, Reassignment};
pub use past::{Past, PastRecord};
pub use registration::{ensure_cluster, inherited};
pub use suspects::{Probe, SuspectOptions, Suspects};
pub use topic_commands::{Growth, TopicChange};
pub use topic_config::TopicConfig;
pub use topic_config_change::{ConfigChange, ConfigChanges};
pub use values::{ClusterMeta, HostPort, Live, LiveState, Recovered, Recovery, Registration};
pub use watcher::{Contact, Gap, Watcher, WatcherOptions};

#[cfg(test)]
mod tests;
