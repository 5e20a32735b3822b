//! The shell of consumer groups: keeps a [`super::Shard`] for every partition of `__consumer_offsets` that this broker leads.
//!
//! - [`Coordinator`]: who is asked; follows the image and starts and ends a host for each reign
//! - `host`: one reign over one partition: loads, then takes requests one after the other
//! - `load`: from the log to a shard; `write`: from records to batches; `topics_view`: from the image to topics
//!
//! While one append is on its way to be committed, requests go on changing the shard, and what they have to write goes
//! together in the next append; so a slow disk makes appends larger, not the queue longer.
//!
//! It does not know where a group lives (that is `service`'s to find), and decides nothing about groups.
//!
//! *Invariant:* a reply leaves once its records, and all before them, are committed in the epoch that was loaded.
//! *Invariant:* after a failed append, and after the leadership, the shard is dropped and whoever waits is told that this
//! is not the coordinator; what was written is found by loading again.
//! *Invariant:* nothing is served before all that an earlier leader may have answered for is loaded: the log up to its
//! end, and the end committed.

mod host;
mod load;
mod options;
mod registry;
mod topics_view;
mod write;

pub use options::{CoordinatorOptions, OFFSETS_TOPIC, offsets_topic};
pub use registry::{Coordinator, CoordinatorError, CoordinatorParts};
