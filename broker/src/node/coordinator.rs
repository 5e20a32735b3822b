//! Which coordination store: etcd, or the embedded one.

use std::path::Path;
use std::sync::Arc;

use coordinator_adapter::{EtcdStore, MemoryOptions, MemoryStore, Store};

use super::NodeError;
use crate::config::Config;

/// Who keeps the cluster's state.
#[derive(Clone, Debug)]
pub enum Coordinator {
    /// etcd, shared by all brokers.
    Etcd,
    /// A store inside this process, kept in its data directory: for one broker without etcd.
    Embedded,
    /// A store that is open already: the simulation's.
    #[cfg(feature = "simulation")]
    Given(Arc<dyn Store>),
}

impl Coordinator {
    /// What is waited for until the store answers, for people.
    pub(super) fn waited_for(&self, config: &Config) -> String {
        match self {
            Self::Etcd => format!("waiting for etcd at {}", config.etcd.endpoints.join(", ")),
            Self::Embedded => "opening the embedded coordination store".to_owned(),
            #[cfg(feature = "simulation")]
            Self::Given(_) => "asking the given coordination store".to_owned(),
        }
    }

    /// Opens the store. An etcd that is away is no error yet.
    ///
    /// # Errors
    /// [`NodeError::Store`] for endpoints that are none, or an embedded store that cannot be opened.
    pub(super) async fn open(&self, config: &Config) -> Result<Arc<dyn Store>, NodeError> {
        match self {
            Self::Etcd => Ok(Arc::new(EtcdStore::connect(config.etcd.clone()).await?)),
            Self::Embedded => {
                let folder = Path::new(&config.broker.data_dir).to_path_buf();
                std::fs::create_dir_all(&folder)
                    .map_err(|error| NodeError::Folder { path: folder.clone(), reason: error.to_string() })?;
                let store = MemoryStore::open(&folder.join("coordinator.log"), MemoryOptions::default())?;
                let store = Arc::new(store);
                store.run_clock();
                Ok(store)
            }
            #[cfg(feature = "simulation")]
            Self::Given(store) => Ok(Arc::clone(store)),
        }
    }
}
