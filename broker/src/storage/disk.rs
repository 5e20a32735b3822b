//! The only door to the file system: every file and directory of this folder (but for the lock) is touched here and
//! nowhere else, so that builds for tests can put a [`Medium`] beneath it that fails and forgets.
//!
//! It knows no format. Operations on an open file return `io::Error`, for the caller knows which file it is; those on
//! paths return [`StorageError`] and name the path.
//!
//! *Invariant:* a file written whole appears under its name complete or not at all.

use std::fs::{self, File};
use std::io::{self, IoSliceMut};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustix::buffer::spare_capacity;
use rustix::io::ReadWriteFlags;

use super::StorageError;
use super::descriptors::Descriptors;
#[cfg(any(test, feature = "forgetful"))]
use super::forgetful::Medium;
#[cfg(not(any(test, feature = "forgetful")))]
use super::medium::Medium;

/// The file system as this folder sees it. Clones share one bounded table of descriptors.
#[derive(Clone, Debug, Default)]
pub(super) struct Disk {
    descriptors: Arc<Descriptors>,
    pub(super) medium: Medium,
}

/// One open file.
#[derive(Debug)]
pub(super) struct DiskFile {
    file: File,
    medium: Medium,
}

/// One name in a directory.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub(super) name: String,
    pub(super) is_dir: bool,
    pub(super) bytes: u64,
    pub(super) modified_ms: i64,
}

/// Whether a whole file must have reached the disk when the call returns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Durable {
    Yes,
    No,
}

impl DiskFile {
    /// Writes all of `bytes` at `position`. On an error some of them may have been written.
    pub(super) fn write_all_at(&self, bytes: &[u8], position: u64) -> io::Result<()> {
        self.medium.write_all_at(&self.file, bytes, position)
    }

    pub(super) fn set_len(&self, len: u64) -> io::Result<()> {
        self.medium.set_len(&self.file, len)
    }

    /// `fdatasync`: the bytes and the length, not the times.
    pub(super) fn sync(&self) -> io::Result<()> {
        self.medium.sync(&self.file)
    }

    /// Fills `buffer` from `position` as far as the file reaches; returns how far.
    pub(super) fn read_at(&self, buffer: &mut [u8], position: u64) -> io::Result<usize> {
        let mut filled = 0;
        while filled < buffer.len() {
            match self.file.read_at(&mut buffer[filled..], position + filled as u64) {
                Ok(0) => break,
                Ok(read) => filled += read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(filled)
    }

    /// Reads up to `len` bytes from `position`, into memory that nobody had to clear first.
    pub(super) fn read_vec(&self, position: u64, len: usize) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::with_capacity(len);
        while bytes.len() < len {
            let at = position + bytes.len() as u64;
            match rustix::io::pread(&self.file, spare_capacity(&mut bytes), at) {
                Ok(0) => break,
                Ok(_) => {}
                Err(rustix::io::Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
        }
        bytes.truncate(len);
        Ok(bytes)
    }

    /// Whether the byte at `position` is in the page cache, so that reading it needs no disk.
    pub(super) fn is_cached(&self, position: u64) -> bool {
        if cfg!(feature = "simulation") {
            // What this machine has in memory is nothing to the simulated one.
            return !position.is_multiple_of(3);
        }
        let mut byte = [0_u8; 1];
        let buffers = &mut [IoSliceMut::new(&mut byte)];
        rustix::io::preadv2(&self.file, buffers, position, ReadWriteFlags::NOWAIT).is_ok()
    }
}

impl Disk {
    /// The disk beneath this data directory.
    pub(super) fn beneath(root: &Path) -> Result<Self, StorageError> {
        let medium = Medium::beneath(root).map_err(|error| StorageError::io("open", root, error))?;
        Ok(Self { descriptors: Arc::default(), medium })
    }

    /// Opens an existing file for reading and writing, through the table of descriptors.
    pub(super) fn open(&self, path: &Path) -> io::Result<Arc<DiskFile>> {
        self.descriptors.get_or_open(path, || self.medium.open(path).map(|file| self.opened(file)))
    }

    /// Opens a file, making it if it is not there, through the table of descriptors.
    pub(super) fn open_or_create(&self, path: &Path) -> io::Result<Arc<DiskFile>> {
        self.descriptors.get_or_open(path, || self.medium.open_or_create(path).map(|file| self.opened(file)))
    }

    /// Makes a new, empty file; one that is there already is emptied.
    pub(super) fn create(&self, path: &Path) -> io::Result<Arc<DiskFile>> {
        self.descriptors.forget(path);
        let file = self.medium.create(path).or_else(|error| {
            self.descriptors.make_room(&error)?;
            self.medium.create(path)
        })?;
        Ok(self.opened(file))
    }

    fn opened(&self, file: File) -> Arc<DiskFile> {
        Arc::new(DiskFile { file, medium: self.medium.clone() })
    }

    /// Reads a small file whole; `None` if there is none.
    pub(super) fn read_whole(&self, path: &Path) -> Result<Option<Vec<u8>>, StorageError> {
        match fs::read(path) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(StorageError::io("read", path, error)),
        }
    }

    /// Writes a small file whole: under another name, then renamed; with [`Durable::Yes`] fsynced before and after.
    pub(super) fn write_whole(
        &self,
        path: &Path,
        bytes: &[u8],
        durable: Durable,
    ) -> Result<(), StorageError> {
        let mut name = path.as_os_str().to_os_string();
        name.push(".tmp");
        let temporary = PathBuf::from(name);
        let write = || -> io::Result<()> {
            let file = self.create(&temporary)?;
            file.write_all_at(bytes, 0)?;
            if durable == Durable::Yes {
                file.sync()?;
            }
            self.medium.rename(&temporary, path)
        };
        write().map_err(|error| StorageError::io("write", path, error))?;
        self.descriptors.forget(path);
        match path.parent() {
            Some(parent) if durable == Durable::Yes => self.sync_dir(parent),
            _ => Ok(()),
        }
    }

    /// Makes the names in a directory durable.
    pub(super) fn sync_dir(&self, path: &Path) -> Result<(), StorageError> {
        let sync = || -> io::Result<()> {
            // A lack of descriptors is no failed fsync, and must not pass for one.
            let open = || self.medium.open_dir(path);
            let dir = open().or_else(|error| self.descriptors.make_room(&error).and_then(|()| open()))?;
            self.medium.sync_dir(&dir)
        };
        sync().map_err(|error| StorageError::io("fsync", path, error))
    }

    pub(super) fn create_dir_all(&self, path: &Path) -> Result<(), StorageError> {
        self.medium.create_dir_all(path).map_err(|error| StorageError::io("create", path, error))
    }

    pub(super) fn rename(&self, from: &Path, to: &Path) -> Result<(), StorageError> {
        self.descriptors.forget(from);
        self.descriptors.forget(to);
        self.medium.rename(from, to).map_err(|error| StorageError::io("rename", from, error))
    }

    /// The same; that there is no such file is fine.
    pub(super) fn rename_if_there(&self, from: &Path, to: &Path) -> Result<(), StorageError> {
        match self.rename(from, to) {
            Err(error) if !error.is_not_found() => Err(error),
            _ => Ok(()),
        }
    }

    /// Removes a file, or a directory with all that is in it. That there is none is fine.
    pub(super) fn remove(&self, path: &Path) -> Result<(), StorageError> {
        self.descriptors.forget(path);
        match self.medium.remove(path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                Err(StorageError::io("remove", path, error))
            }
            _ => Ok(()),
        }
    }

    /// The names in a directory; `None` if there is no such directory.
    pub(super) fn read_dir_names(&self, path: &Path) -> Result<Option<Vec<String>>, StorageError> {
        match self.list(path) {
            Ok(entries) => Ok(Some(entries.into_iter().map(|entry| entry.name).collect())),
            Err(error) if error.is_not_found() => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// The names in a directory, in order; names that are not UTF-8 are nobody's of ours.
    pub(super) fn list(&self, path: &Path) -> Result<Vec<Entry>, StorageError> {
        let mut entries = Vec::new();
        let mut list = || -> io::Result<()> {
            for entry in fs::read_dir(path)? {
                let entry = entry?;
                let Ok(name) = entry.file_name().into_string() else { continue };
                let metadata = entry.metadata()?;
                entries.push(Entry {
                    name,
                    is_dir: metadata.is_dir(),
                    bytes: metadata.len(),
                    modified_ms: modified_ms(&metadata),
                });
            }
            Ok(())
        };
        list().map_err(|error| StorageError::io("list", path, error))?;
        entries.sort_by(|one, other| one.name.cmp(&other.name));
        Ok(entries)
    }
}

fn modified_ms(metadata: &fs::Metadata) -> i64 {
    if cfg!(feature = "simulation") {
        // Files are written in real time, and read in simulated time.
        return -1;
    }
    let since = metadata.modified().ok().and_then(|time| time.duration_since(std::time::UNIX_EPOCH).ok());
    since.map_or(-1, |since| i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}
