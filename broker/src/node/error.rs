//! Why a broker process cannot start or go on.

use std::path::PathBuf;

use coordinator_adapter::StoreError;

use crate::cluster::ClusterError;
use crate::replication::ReplicationError;
use crate::storage::StorageError;

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
}
