//! The lines of a store's file: pure.
//!
//! ```text
//! 5d1c0f3a {"kind":"base","v":1,"revision":17,"opened":3,"keys":[{"key":"a","value":"1","create":2,"mod":9,"version":4}]}
//! 0b77a1de {"kind":"change","revision":18,"events":[{"put":{"key":"b","value":{"hex":"00ff"},...}},{"delete":"a"}]}
//! 9e02c4d7 {"kind":"opened","opened":4}
//! ```
//!
//! Eight hexadecimal digits of CRC-32 over the JSON, a space, the JSON, a line feed. The first line is the only `base`:
//! all keys at one revision; every change after it makes the next revision. Values that are not text stand in
//! hexadecimal. `opened` counts the openings, so that no lease name is given twice.

use std::fmt::Write;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::memory::state::Change;
use crate::store::{KeyValue, LeaseId, Revision, WatchEvent};

/// The version that is written and the only one that is read.
pub(super) const VERSION: u32 = 1;

/// One line.
#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub(super) enum Record {
    Base { v: u32, revision: Revision, opened: u32, keys: Vec<StoredKey> },
    Change { revision: Revision, events: Vec<StoredEvent> },
    Opened { opened: u32 },
}

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct StoredKey {
    key: String,
    value: StoredValue,
    create: Revision,
    #[serde(rename = "mod")]
    modified: Revision,
    version: i64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    lease: Option<LeaseId>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum StoredEvent {
    Put(StoredKey),
    Delete(String),
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(untagged)]
enum StoredValue {
    Text(String),
    Binary { hex: String },
}

/// Why a line cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum LineError {
    /// It is torn or damaged.
    Damaged,
    /// Its sum is right and yet it cannot be read: written by another version.
    Foreign(String),
}

impl Record {
    /// The line, with its line feed.
    pub(super) fn to_line(&self) -> Vec<u8> {
        let json = serde_json::to_string(self).expect("plain structs with string keys always become JSON");
        format!("{:08x} {json}\n", crc32fast::hash(json.as_bytes())).into_bytes()
    }

    /// Reads a line without its line feed.
    pub(super) fn from_line(line: &[u8]) -> Result<Self, LineError> {
        let (sum, json) = line.split_at_checked(9).ok_or(LineError::Damaged)?;
        if sum != format!("{:08x} ", crc32fast::hash(json)).as_bytes() {
            return Err(LineError::Damaged);
        }
        serde_json::from_slice(json).map_err(|error| LineError::Foreign(error.to_string()))
    }
}

impl From<&KeyValue> for StoredKey {
    fn from(entry: &KeyValue) -> Self {
        let value = match std::str::from_utf8(&entry.value) {
            Ok(text) => StoredValue::Text(text.to_owned()),
            Err(_) => StoredValue::Binary { hex: to_hex(&entry.value) },
        };
        Self {
            key: entry.key.clone(),
            value,
            create: entry.create_revision,
            modified: entry.mod_revision,
            version: entry.version,
            lease: entry.lease,
        }
    }
}

impl TryFrom<StoredKey> for KeyValue {
    type Error = LineError;

    fn try_from(stored: StoredKey) -> Result<Self, LineError> {
        let value = match stored.value {
            StoredValue::Text(text) => Bytes::from(text),
            StoredValue::Binary { hex } => {
                from_hex(&hex).ok_or_else(|| LineError::Foreign("a bad hex value".into()))?
            }
        };
        Ok(Self {
            key: stored.key,
            value,
            create_revision: stored.create,
            mod_revision: stored.modified,
            version: stored.version,
            lease: stored.lease,
        })
    }
}

impl From<&Change> for Record {
    fn from(change: &Change) -> Self {
        let events = change
            .events
            .iter()
            .map(|event| match event {
                WatchEvent::Put(entry) => StoredEvent::Put(entry.into()),
                WatchEvent::Delete { key, .. } => StoredEvent::Delete(key.clone()),
            })
            .collect();
        Self::Change { revision: change.revision, events }
    }
}

/// A change as read back.
pub(super) fn restore_change(revision: Revision, events: Vec<StoredEvent>) -> Result<Change, LineError> {
    let events = events
        .into_iter()
        .map(|event| match event {
            StoredEvent::Put(stored) => KeyValue::try_from(stored).map(WatchEvent::Put),
            StoredEvent::Delete(key) => Ok(WatchEvent::Delete { key, mod_revision: revision }),
        })
        .collect::<Result<Vec<_>, _>>()?;
    Ok(Change { revision, events })
}

fn to_hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut hex, byte| {
        write!(hex, "{byte:02x}").expect("writing to a string cannot fail");
        hex
    })
}

fn from_hex(hex: &str) -> Option<Bytes> {
    let digits = hex.as_bytes();
    if !digits.len().is_multiple_of(2) {
        return None;
    }
    digits
        .chunks_exact(2)
        .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok())
        .collect::<Option<Vec<u8>>>()
        .map(Bytes::from)
}
