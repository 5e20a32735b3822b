//! The files of one partition, in Kafka's own formats, and the data directory that holds them.
//!
//! ```text
//! data_dir     whose the directory is, and its logs      lock, identity, checkpoints, trash
//! log          one partition                             append, read, truncate, expire, recovery (with scan), flush
//! segment      one file of batches with its indexes      seek, walk, index, sorted_file, slice
//! beside it    tables derived from the batches           epochs (file: epoch_file), producers (file: snapshot)
//! rules        which segments go, which records stay      retention, compaction (pure, with offset_map)
//! compacting   new files beside the log, then in its place rewrite, swap
//! ground       the file system                           disk, medium, descriptors, text; forgetful (tests only)
//! ```
//!
//! Everything here blocks and nothing here waits for another thread: callers decide which thread may block. It knows no
//! replica, and no high watermark beyond the `upper` that a caller hands in.
//!
//! *Invariant:* durable before visible: a small file is written whole under a new name, fsynced, renamed, and its
//! directory fsynced; a log says that records are durable only after an fsync that covered them.
//! *Invariant:* every file beside `.log` can be rebuilt from the batches in it.
//! *Invariant:* a failed fsync, or a torn tail that cannot be cut, poisons that log until it is opened again.

mod append;
mod checkpoints;
mod compaction;
mod data_dir;
mod descriptors;
mod disk;
mod epoch_file;
mod epochs;
mod error;
mod expire;
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) mod fuzzing;
mod flush;
#[cfg(any(test, feature = "forgetful"))]
pub mod forgetful;
mod identity;
mod index;
mod lock;
mod log;
mod medium;
mod offset_map;
mod options;
mod producers;
mod read;
mod recovery;
mod retention;
mod rewrite;
mod scan;
mod seek;
mod segment;
mod slice;
mod snapshot;
mod sorted_file;
mod swap;
#[cfg(test)]
mod tests;
mod text;
mod trash;
mod truncate;
mod walk;

pub use append::AppendInfo;
pub use checkpoints::CheckpointEntry;
pub use compaction::{CompactionOptions, Dirtiness};
pub use data_dir::DataDir;
pub use epochs::Epochs;
pub use error::StorageError;
pub use expire::DeletedSegment;
pub use flush::FlushJob;
pub use log::Log;
pub use options::LogOptions;
pub use producers::SequenceCheck;
pub use recovery::RecoveryReport;
pub use rewrite::{CompactionError, CompactionJob, Keys, Pace, Rewritten};
pub use slice::LogSlice;
pub use swap::{CleanedMark, Swap};
