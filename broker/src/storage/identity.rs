//! Whose a data directory is, and who ran in it: its small files.
//!
//! - `meta.properties`: which broker of which cluster, and the identity of the directory (KIP-858)
//! - `.kafka_cleanshutdown`: which life of the broker closed all logs here (KIP-966); gone as soon as it was read
//! - `incarnation`: which life of the broker ran here last; our own, so it carries a checksum
//! - `<partition>/partition.metadata`: which topic a partition belongs to (KIP-516)

use std::io;
use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use uuid::Uuid;

use super::StorageError;
use super::disk::{Disk, Durable};
use super::text::{property, seal, unseal};
use crate::types::{BrokerEpoch, BrokerId, DirectoryId, TopicId};

const META: &str = "meta.properties";
const CLEAN_MARK: &str = ".kafka_cleanshutdown";
const INCARNATION: &str = "incarnation";
const PARTITION_METADATA: &str = "partition.metadata";

/// Reads `meta.properties` and compares, or writes it with a new identity.
pub(super) fn directory_id(
    disk: &Disk,
    dir: &Path,
    broker: BrokerId,
    cluster_id: &str,
) -> Result<DirectoryId, StorageError> {
    let path = dir.join(META);
    let Some(bytes) = disk.read_whole(&path)? else {
        let id = DirectoryId(Uuid::new_v4());
        let shown = encode_uuid(id.0);
        let text = format!("version=1\nbroker.id={broker}\ncluster.id={cluster_id}\ndirectory.id={shown}\n");
        disk.write_whole(&path, text.as_bytes(), Durable::Yes)?;
        return Ok(id);
    };
    let text = String::from_utf8_lossy(&bytes);
    let found = (property(&text, "broker.id", '='), property(&text, "cluster.id", '='));
    let id = property(&text, "directory.id", '=').and_then(decode_uuid);
    let (Some(found_broker), Some(found_cluster), Some(id)) = (found.0, found.1, id) else {
        let what = "meta.properties lacks broker.id, cluster.id or directory.id".to_string();
        return Err(StorageError::Corrupt { what, path });
    };
    if found_broker != broker.to_string() || found_cluster != cluster_id {
        return Err(StorageError::Mismatch {
            path: dir.to_path_buf(),
            found: format!("broker {found_broker} of cluster {found_cluster}"),
            expected: format!("broker {broker} of cluster {cluster_id}"),
        });
    }
    Ok(DirectoryId(id))
}

/// Reads the clean mark and removes it, durably, before anything is opened on its word.
pub(super) fn take_clean_mark(disk: &Disk, dir: &Path) -> Result<Option<BrokerEpoch>, StorageError> {
    let path = dir.join(CLEAN_MARK);
    let Some(bytes) = disk.read_whole(&path)? else { return Ok(None) };
    disk.remove(&path)?;
    disk.sync_dir(dir)?;
    let json: Option<serde_json::Value> = serde_json::from_slice(&bytes).ok();
    Ok(json.and_then(|json| json.get("brokerEpoch")?.as_i64()).map(BrokerEpoch))
}

pub(super) fn write_clean_mark(disk: &Disk, dir: &Path, epoch: BrokerEpoch) -> Result<(), StorageError> {
    let json = format!("{{\"version\":0,\"brokerEpoch\":{epoch}}}");
    disk.write_whole(&dir.join(CLEAN_MARK), json.as_bytes(), Durable::Yes)
}

pub(super) fn read_incarnation(disk: &Disk, dir: &Path) -> Result<Option<BrokerEpoch>, StorageError> {
    let Some(bytes) = disk.read_whole(&dir.join(INCARNATION))? else { return Ok(None) };
    let epoch = unseal(&bytes).and_then(|text| property(text, "broker.epoch", '=')?.parse().ok());
    if epoch.is_none() {
        tracing::warn!(file = %dir.join(INCARNATION).display(), "damaged; nobody is known to have run here");
    }
    Ok(epoch.map(BrokerEpoch))
}

pub(super) fn write_incarnation(disk: &Disk, dir: &Path, epoch: BrokerEpoch) -> Result<(), StorageError> {
    let text = seal(&format!("version=1\nbroker.epoch={epoch}\n"));
    disk.write_whole(&dir.join(INCARNATION), text.as_bytes(), Durable::Yes)
}

pub(super) fn read_topic_id(disk: &Disk, dir: &Path) -> Result<Option<TopicId>, StorageError> {
    let Some(bytes) = disk.read_whole(&dir.join(PARTITION_METADATA))? else { return Ok(None) };
    let text = String::from_utf8_lossy(&bytes);
    Ok(property(&text, "topic_id", ':').and_then(decode_uuid).map(TopicId))
}

pub(super) fn write_topic_id(disk: &Disk, dir: &Path, topic_id: TopicId) -> Result<(), StorageError> {
    let text = format!("version: 0\ntopic_id: {}\n", encode_uuid(topic_id.0));
    disk.write_whole(&dir.join(PARTITION_METADATA), text.as_bytes(), Durable::Yes)
}

/// Writes and fsyncs a few bytes, for whoever wants to know whether the disk answers.
pub(super) fn probe(disk: &Disk, dir: &Path) -> io::Result<()> {
    let file = disk.open_or_create(&dir.join(".probe"))?;
    file.write_all_at(b"tidemark\n", 0)?;
    file.sync()
}

/// A UUID as Kafka writes it: its 16 bytes in URL-safe base64 without padding.
fn encode_uuid(uuid: Uuid) -> String {
    URL_SAFE_NO_PAD.encode(uuid.as_bytes())
}

fn decode_uuid(text: &str) -> Option<Uuid> {
    Uuid::from_slice(&URL_SAFE_NO_PAD.decode(text).ok()?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn uuids_are_written_as_kafka_writes_them() {
        let uuid = Uuid::from_u128(0x0123_4567_89ab_cdef_0123_4567_89ab_cdef);
        assert_eq!(encode_uuid(uuid), "ASNFZ4mrze8BI0VniavN7w");
        assert_eq!(decode_uuid("ASNFZ4mrze8BI0VniavN7w"), Some(uuid));
        assert_eq!(decode_uuid("short"), None);
    }
}
