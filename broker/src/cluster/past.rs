//! What a partition's record has been: read back from the store's own versions, newest first.
//!
//! Nothing is kept for it anywhere: etcd keeps every version until it is compacted, and each names the revision before
//! which the one before it stood.

use std::time::Instant;

use coordinator_adapter::{KeyValue, Revision, StoreError};

use crate::types::{PartitionState, TopicPartition};

use super::commands::Commands;
use super::error::ClusterError;
use super::guarded::malformed;
use super::keyspace::Key;
use super::values::decode;
use super::why::{Why, decode_why};

/// One version of a record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PastRecord {
    /// The revision that wrote it.
    pub revision: Revision,
    /// The record.
    pub state: PartitionState,
    /// Why it was written, if it says so.
    pub why: Option<Why>,
}

/// Versions of a record.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Past {
    /// Newest first; the first one stands now.
    pub records: Vec<PastRecord>,
    /// Whether the last of them is the record's first version.
    pub complete: bool,
    /// Why it is not, if it is not.
    pub missing: Option<String>,
}

impl Commands {
    /// The last versions of a partition's record, as many as `limit`: one question to the store each, until `deadline`.
    ///
    /// # Errors
    /// What the store said to the first question; later ones only cut the list short.
    pub async fn past_of(
        &self,
        tp: &TopicPartition,
        limit: usize,
        deadline: Instant,
    ) -> Result<Past, ClusterError> {
        let key = self.keyspace.path(&Key::Partition(tp.clone()));
        let (_, mut entry) = self.store.get(&key).await?;
        let mut past = Past::default();
        loop {
            let Some(found) = entry else {
                past.complete = true;
                return Ok(past);
            };
            past.records.push(read(&key, &found)?);
            if found.version <= 1 {
                past.complete = true;
                return Ok(past);
            }
            if past.records.len() >= limit {
                return Ok(past.cut("older versions were not asked for"));
            }
            if self.clock.now() >= deadline {
                return Ok(past.cut("the store took too long to tell more"));
            }
            entry = match self.store.get_at(&key, Revision(found.mod_revision.0 - 1)).await {
                Ok(entry) => entry,
                Err(StoreError::Compacted { .. }) => return Ok(past.cut("older versions are compacted away")),
                Err(error) => return Ok(past.cut(&error.to_string())),
            };
        }
    }
}

impl Past {
    fn cut(mut self, missing: &str) -> Self {
        self.missing = Some(missing.to_owned());
        self
    }
}

fn read(key: &str, found: &KeyValue) -> Result<PastRecord, ClusterError> {
    let state = decode::<PartitionState>(&found.value).map_err(|reason| malformed(key, reason))?;
    Ok(PastRecord { revision: found.mod_revision, state, why: decode_why(&found.value) })
}
