//! The lock of a data directory: `.lock`, held with `flock` by the one process that uses it, whose number is in it.
//!
//! *Invariant:* the system gives the lock back however the process ends, so a stale file locks nobody out.

use std::fs::{File, OpenOptions};
use std::io::{Read, Write};
use std::path::Path;

use rustix::fs::{FlockOperation, flock};

use super::StorageError;

const LOCK: &str = ".lock";

/// The lock of a data directory; given back when this is dropped.
#[derive(Debug)]
pub(super) struct DirLock {
    _file: File,
}

impl DirLock {
    pub(super) fn take(dir: &Path) -> Result<Self, StorageError> {
        let path = dir.join(LOCK);
        let failed = |error| StorageError::io("lock", &path, error);
        let mut options = OpenOptions::new();
        let mut file =
            options.read(true).write(true).create(true).truncate(false).open(&path).map_err(failed)?;
        match flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => {}
            Err(rustix::io::Errno::WOULDBLOCK) => {
                let mut holder = String::new();
                let told = file.read_to_string(&mut holder).is_ok() && !holder.trim().is_empty();
                let holder =
                    if told { format!("process {}", holder.trim()) } else { "another process".to_string() };
                return Err(StorageError::Locked { path: dir.to_path_buf(), holder });
            }
            Err(error) => return Err(failed(error.into())),
        }
        // Only said for whoever finds the directory locked; a full disk must not keep a broker from starting.
        let _ = file.set_len(0).and_then(|()| writeln!(file, "{}", std::process::id()));
        Ok(Self { _file: file })
    }
}
