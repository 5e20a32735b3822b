//! The files of one partition, in Kafka's own formats, and the data directory that holds them.
//!
//! Everything here blocks and nothing here waits for another thread: callers decide which thread may block. It knows no
//! replica and no high watermark beyond the `upper` that a caller hands in.
//!
//! *Invariant:* durable before visible: small files are written whole under a new name, fsynced, renamed, and the
//! directory is fsynced; a log says that records are durable only after an fsync that covered them.
//! *Invariant:* every file beside `.log` can be rebuilt from the batches in it.
//! *Invariant:* a failed fsync, or a torn tail that cannot be cut, poisons that log until it is opened again.

mod data_dir;
mod error;
mod flush;
mod log;
mod options;
mod slice;

pub use data_dir::{CheckpointEntry, DataDir};
pub use error::StorageError;
pub use flush::FlushJob;
pub use log::{AppendInfo, DeletedSegment, Log, RecoveryReport};
pub use options::LogOptions;
pub use slice::LogSlice;
