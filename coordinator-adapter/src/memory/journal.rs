//! The file of a store: an append-only list of lines ([`record`](crate::memory::record)), written anew when it has
//! grown large.
//!
//! *Invariants:* what [`Journal::append`] has confirmed is on disk; a line is written only after the one before it was
//! made durable, so only the last one can be torn, and a torn one was never confirmed: it is cut off at the next
//! opening. A damaged line with a sound one after it is not a torn tail, and is refused. After a failed fsync nobody
//! knows what the disk holds: nothing more is written until the file is opened again. One process at a time (flock on
//! `<file>.lock`).

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use rustix::fs::{FlockOperation, flock};

use crate::error::StoreError;
use crate::memory::record::{LineError, Record, StoredKey, VERSION, restore_change};
use crate::memory::state::{Change, State};
use crate::store::{KeyValue, Revision};

/// The file, open for appending.
#[derive(Debug)]
pub(super) struct Journal {
    path: PathBuf,
    file: File,
    bytes: u64,
    base_bytes: u64,
    bytes_max: u64,
    opened: u32,
    poisoned: Option<String>,
    _lock: File,
}

/// A file as read: the state, how often it was opened, and where the sound lines end.
struct Restored {
    state: State,
    opened: u32,
    base_bytes: u64,
    sound_bytes: u64,
}

impl Journal {
    /// Opens or creates the file, and gives back the state that it holds.
    pub(super) fn open(path: &Path, bytes_max: u64, history_max: usize) -> Result<(Self, State), StoreError> {
        let lock = lock(path)?;
        let mut bytes = Vec::new();
        let restored = match File::open(path) {
            Ok(mut file) => {
                file.read_to_end(&mut bytes).map_err(|error| refused("read", path, &error))?;
                restore(&bytes, history_max).map_err(|reason| StoreError::Invalid {
                    reason: format!("{}: {reason}", path.display()),
                })?
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let state = State::new(history_max);
                let base_bytes =
                    write_base(path, &state, 0).map_err(|error| refused("create", path, &error))?;
                Restored { state, opened: 0, base_bytes, sound_bytes: base_bytes }
            }
            Err(error) => return Err(refused("open", path, &error)),
        };
        let file = open_for_append(path).map_err(|error| refused("open", path, &error))?;
        if restored.sound_bytes < bytes.len() as u64 {
            let torn_bytes = bytes.len() as u64 - restored.sound_bytes;
            tracing::warn!(path = %path.display(), torn_bytes, "cut the torn tail of the coordination file");
            file.set_len(restored.sound_bytes).map_err(|error| refused("cut", path, &error))?;
        }
        let mut journal = Self {
            path: path.to_owned(),
            file,
            bytes: restored.sound_bytes,
            base_bytes: restored.base_bytes,
            bytes_max,
            opened: restored.opened + 1,
            poisoned: None,
            _lock: lock,
        };
        journal.write(&Record::Opened { opened: journal.opened })?;
        Ok((journal, restored.state))
    }

    /// How often the file was opened, this time included.
    pub(super) fn opened(&self) -> u32 {
        self.opened
    }

    /// Makes a change durable.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] if it certainly left no trace, [`StoreError::Unknown`] if it may be found at the
    /// next opening.
    pub(super) fn append(&mut self, change: &Change) -> Result<(), StoreError> {
        self.write(&Record::from(change))
    }

    fn write(&mut self, record: &Record) -> Result<(), StoreError> {
        if let Some(reason) = &self.poisoned {
            return Err(StoreError::Unavailable { reason: reason.clone() });
        }
        let line = record.to_line();
        if let Err(error) = self.file.write_all(&line) {
            return match self.file.set_len(self.bytes) {
                Ok(()) => {
                    Err(StoreError::Unavailable { reason: format!("{}: {error}", self.path.display()) })
                }
                Err(_) => Err(self.poison(&error)),
            };
        }
        self.file.sync_data().map_err(|error| self.poison(&error))?;
        self.bytes += line.len() as u64;
        Ok(())
    }

    fn poison(&mut self, error: &io::Error) -> StoreError {
        let reason = format!("{}: {error}; nothing more is written until a restart", self.path.display());
        tracing::error!(path = %self.path.display(), %error, "the coordination file cannot be written any more");
        self.poisoned = Some(reason.clone());
        StoreError::Unknown { reason }
    }

    /// Writes the file anew, as one snapshot, if it has grown large. A failure before the new file takes the old one's
    /// place costs nothing but room.
    pub(super) fn snapshot_if_large(&mut self, state: &State) {
        if self.bytes <= self.bytes_max || self.bytes <= 2 * self.base_bytes || self.poisoned.is_some() {
            return;
        }
        let renamed = write_base_beside(&self.path, state, self.opened);
        let base_bytes = match renamed {
            Ok(base_bytes) => base_bytes,
            Err(error) => {
                tracing::warn!(path = %self.path.display(), %error, "cannot write a snapshot of the coordination file");
                self.base_bytes = self.bytes;
                return;
            }
        };
        let swapped = sync_parent(&self.path).and_then(|()| open_for_append(&self.path));
        match swapped {
            Ok(file) => {
                self.file = file;
                self.bytes = base_bytes;
                self.base_bytes = base_bytes;
            }
            Err(error) => drop(self.poison(&error)),
        }
    }
}

/// Reads all lines. `Err` says why the file cannot be used, and what to do.
fn restore(bytes: &[u8], history_max: usize) -> Result<Restored, String> {
    let mut restored: Option<Restored> = None;
    let mut at = 0;
    for line in bytes.split_inclusive(|byte| *byte == b'\n') {
        let record = match line.strip_suffix(b"\n").ok_or(LineError::Damaged).and_then(Record::from_line) {
            Ok(record) => record,
            Err(LineError::Foreign(reason)) => return Err(format!("written by another version: {reason}")),
            Err(LineError::Damaged) => {
                return match restored {
                    Some(restored) if !any_sound_line(&bytes[at + line.len()..]) => Ok(restored),
                    _ => Err(format!("damaged at byte {at}: restore the file, or remove it to begin anew")),
                };
            }
        };
        at += line.len();
        restored = Some(replay(restored, record, at as u64, history_max).map_err(|reason| {
            format!("{reason} before byte {at}: restore the file, or remove it to begin anew")
        })?);
    }
    restored.ok_or_else(|| "empty: restore the file, or remove it to begin anew".to_owned())
}

fn any_sound_line(bytes: &[u8]) -> bool {
    bytes.split(|byte| *byte == b'\n').any(|line| !matches!(Record::from_line(line), Err(LineError::Damaged)))
}

/// Adds one line to what was read before it.
fn replay(
    restored: Option<Restored>,
    record: Record,
    sound_bytes: u64,
    history_max: usize,
) -> Result<Restored, String> {
    match (restored, record) {
        (None, Record::Base { v: VERSION, revision, opened, keys }) => {
            let state = restore_base(revision, keys, history_max).map_err(|error| format!("{error:?}"))?;
            Ok(Restored { state, opened, base_bytes: sound_bytes, sound_bytes })
        }
        (None, Record::Base { v, .. }) => Err(format!("version {v}, this program reads {VERSION}")),
        (Some(mut restored), Record::Change { revision, events }) => {
            if revision != restored.state.revision().next() || events.is_empty() {
                return Err(format!("revision {revision} after {}", restored.state.revision()));
            }
            let change = restore_change(revision, events).map_err(|error| format!("{error:?}"))?;
            restored.state.apply(change);
            Ok(Restored { sound_bytes, ..restored })
        }
        (Some(restored), Record::Opened { opened }) => Ok(Restored { opened, sound_bytes, ..restored }),
        (None, _) => Err("no snapshot at the beginning".to_owned()),
        (Some(_), Record::Base { .. }) => Err("a second snapshot".to_owned()),
    }
}

fn restore_base(revision: Revision, keys: Vec<StoredKey>, history_max: usize) -> Result<State, LineError> {
    let keys = keys
        .into_iter()
        .map(|stored| KeyValue::try_from(stored).map(|entry| (entry.key.clone(), entry)))
        .collect::<Result<BTreeMap<_, _>, _>>()?;
    Ok(State::restored(revision, keys, history_max))
}

fn write_base(path: &Path, state: &State, opened: u32) -> io::Result<u64> {
    let bytes = write_base_beside(path, state, opened)?;
    sync_parent(path)?;
    Ok(bytes)
}

/// Writes a snapshot to a file beside and lets it take the old one's place; the directory is not synced yet.
fn write_base_beside(path: &Path, state: &State, opened: u32) -> io::Result<u64> {
    let keys = state.with_prefix("").map(StoredKey::from).collect();
    let line = Record::Base { v: VERSION, revision: state.revision(), opened, keys }.to_line();
    let beside = with_suffix(path, ".new");
    let mut file = File::create(&beside)?;
    file.write_all(&line)?;
    file.sync_all()?;
    std::fs::rename(&beside, path)?;
    Ok(line.len() as u64)
}

fn open_for_append(path: &Path) -> io::Result<File> {
    OpenOptions::new().append(true).open(path)
}

fn sync_parent(path: &Path) -> io::Result<()> {
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    File::open(parent)?.sync_all()
}

fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}

fn lock(path: &Path) -> Result<File, StoreError> {
    let lock_path = with_suffix(path, ".lock");
    let file = OpenOptions::new()
        .create(true)
        .truncate(false)
        .write(true)
        .open(&lock_path)
        .map_err(|error| refused("create", &lock_path, &error))?;
    flock(&file, FlockOperation::NonBlockingLockExclusive).map_err(|error| {
        let reason =
            format!("{} is in use by another process ({error}): stop that one first", path.display());
        StoreError::Invalid { reason }
    })?;
    Ok(file)
}

fn refused(verb: &str, path: &Path, error: &io::Error) -> StoreError {
    StoreError::Invalid { reason: format!("cannot {verb} {}: {error}", path.display()) }
}
