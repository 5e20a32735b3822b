//! Why a broker process cannot start or go on.

use std::path::PathBuf;

use coordinator_adapter::StoreError;

use crate::cluster::ClusterError;
use crate::replication::{LogFailure, ReplicationError};
use crate::storage::StorageError;
use crate::tasks::Crash;

/// Why a broker process ends by itself.
#[derive(Debug, thiserror::Error)]
pub enum NodeError {
    /// An address that others are told, or that is listened on, is none.
    #[error("{setting} = '{address}': {reason}")]
    Address {
        /// The setting.
        setting: &'static str,
        /// Its value.
        address: String,
        /// Why not.
        reason: String,
    },
    /// A port cannot be listened on.
    #[error("cannot listen on {address} ({setting}): {reason}; stop what uses the port, or choose another")]
    Listen {
        /// The setting.
        setting: &'static str,
        /// Its value.
        address: String,
        /// What the system said.
        reason: String,
    },
    /// The coordination store cannot be used.
    #[error("coordination store: {0}")]
    Store(#[from] StoreError),
    /// The cluster does not take this broker.
    #[error(transparent)]
    Cluster(#[from] ClusterError),
    /// The data directory cannot be used.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// The replicas cannot be opened or closed.
    #[error(transparent)]
    Replication(#[from] ReplicationError),
    /// The embedded coordinator's folder cannot be made.
    #[error("cannot create {}: {reason}", path.display())]
    Folder {
        /// The folder.
        path: PathBuf,
        /// What the system said.
        reason: String,
    },
    /// Another process has registered under this broker's id.
    #[error(
        "another process has taken over broker id {0}; this one stops. Give each broker an id of its own"
    )]
    Superseded(i32),
    /// The disk has failed a log.
    #[error(
        "the disk failed the log of {}: {}; this broker has given its partitions away and ends. Look at the disk (dmesg, \
         smartctl), then start the broker again: recovery keeps what is durable and fetches the rest",
        .0.tp, .0.reason
    )]
    LogFailed(LogFailure),
    /// A part of the process has panicked.
    #[error(
        "a part of this broker has panicked ({}: {}), so it ends; start it again, and report this with its log",
        .0.task, .0.reason
    )]
    Crashed(Crash),
}
