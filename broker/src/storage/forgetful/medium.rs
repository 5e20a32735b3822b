//! What lies beneath the files in builds for tests: trouble first, then the memory, then the file system.
//!
//! Of the same shape as `storage::medium`, which lies there in a broker in use.

use std::fs::File;
use std::io;
use std::path::Path;
use std::sync::Arc;

use super::super::medium::Medium as Plain;
use super::faults::Faults;
use super::memory::Memory;
use super::trouble::Listener;
use super::{loss, place};

/// A file system that fails and forgets.
#[derive(Clone, Debug, Default)]
pub(in crate::storage) struct Medium {
    pub(in crate::storage) faults: Faults,
    forgetful: Option<Arc<Forgetful>>,
}

#[derive(Debug)]
struct Forgetful {
    memory: Memory,
    listener: Listener,
}

impl Medium {
    /// What lies beneath this data directory; the power may have to be cut first.
    pub(in crate::storage) fn beneath(root: &Path) -> io::Result<Self> {
        if !place::beside(root).is_dir() {
            return Ok(Self::default());
        }
        if let Some(losses) = loss::cut_as_told(root)? {
            tracing::warn!(?losses, "the power was cut");
        }
        let forgetful = Forgetful { memory: Memory::open(root)?, listener: Listener::new(root) };
        Ok(Self { faults: Faults::default(), forgetful: Some(Arc::new(forgetful)) })
    }

    pub(super) fn memory(&self) -> Option<&Memory> {
        self.forgetful.as_ref().map(|forgetful| &forgetful.memory)
    }

    fn listen(&self) -> io::Result<()> {
        self.forgetful.as_ref().map_or(Ok(()), |forgetful| forgetful.listener.listen(&self.faults))
    }

    pub(in crate::storage) fn open(&self, path: &Path) -> io::Result<File> {
        self.faults.before_open()?;
        Plain.open(path)
    }

    pub(in crate::storage) fn open_or_create(&self, path: &Path) -> io::Result<File> {
        self.faults.before_open()?;
        self.memory().map_or_else(|| Plain.open_or_create(path), |memory| memory.open_or_create(path))
    }

    pub(in crate::storage) fn create(&self, path: &Path) -> io::Result<File> {
        self.faults.before_open()?;
        self.memory().map_or_else(|| Plain.create(path), |memory| memory.create(path))
    }

    pub(in crate::storage) fn open_dir(&self, path: &Path) -> io::Result<File> {
        Plain.open_dir(path)
    }

    /// A full disk takes the first part of a write, as a real one does.
    pub(in crate::storage) fn write_all_at(&self, file: &File, bytes: &[u8], at: u64) -> io::Result<()> {
        self.listen()?;
        let fitting = &bytes[..self.faults.before_write(bytes.len())?];
        match self.memory() {
            Some(memory) => memory.write_all_at(file, fitting, at)?,
            None => Plain.write_all_at(file, fitting, at)?,
        }
        if fitting.len() < bytes.len() {
            return Err(io::Error::from_raw_os_error(rustix::io::Errno::NOSPC.raw_os_error()));
        }
        Ok(())
    }

    pub(in crate::storage) fn set_len(&self, file: &File, len: u64) -> io::Result<()> {
        self.faults.before_cut()?;
        self.memory().map_or_else(|| Plain.set_len(file, len), |memory| memory.set_len(file, len))
    }

    pub(in crate::storage) fn sync(&self, file: &File) -> io::Result<()> {
        self.listen()?;
        self.faults.before_sync()?;
        let sync = || Plain.sync(file);
        self.memory().map_or_else(sync, |memory| memory.sync(file, sync))
    }

    pub(in crate::storage) fn sync_dir(&self, dir: &File) -> io::Result<()> {
        self.listen()?;
        self.faults.before_sync()?;
        let sync = || Plain.sync_dir(dir);
        self.memory().map_or_else(sync, |memory| memory.sync(dir, sync))
    }

    pub(in crate::storage) fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.faults.before_change()?;
        self.memory().map_or_else(|| Plain.rename(from, to), |memory| memory.rename(from, to))
    }

    /// Removes a file, or a directory with all that is in it.
    pub(in crate::storage) fn remove(&self, path: &Path) -> io::Result<()> {
        self.faults.before_change()?;
        self.memory().map_or_else(|| Plain.remove(path), |memory| memory.remove(path))
    }

    pub(in crate::storage) fn create_dir_all(&self, path: &Path) -> io::Result<()> {
        match self.memory() {
            Some(memory) => memory.create_dir_all(path),
            None => Plain.create_dir_all(path),
        }
    }
}
