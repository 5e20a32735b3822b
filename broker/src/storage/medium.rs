//! What lies beneath [`super::disk`]: in a broker in use the file system, and nothing in between.
//!
//! Builds for tests put [`super::forgetful`] in its place, which has the same shape, fails when it is told to, and
//! forgets what was not fsynced.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;

/// The file system as it is.
#[derive(Clone, Debug, Default)]
pub(super) struct Medium;

impl Medium {
    /// What lies beneath this data directory.
    #[cfg(not(any(test, feature = "forgetful")))]
    pub(super) fn beneath(_root: &Path) -> io::Result<Self> {
        Ok(Self)
    }

    pub(super) fn open(&self, path: &Path) -> io::Result<File> {
        OpenOptions::new().read(true).write(true).open(path)
    }

    /// Opens a file, making it if it is not there.
    pub(super) fn open_or_create(&self, path: &Path) -> io::Result<File> {
        OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path)
    }

    /// Makes a new, empty file; one that is there already is emptied.
    pub(super) fn create(&self, path: &Path) -> io::Result<File> {
        OpenOptions::new().read(true).write(true).create(true).truncate(true).open(path)
    }

    pub(super) fn open_dir(&self, path: &Path) -> io::Result<File> {
        File::open(path)
    }

    pub(super) fn write_all_at(&self, file: &File, bytes: &[u8], position: u64) -> io::Result<()> {
        file.write_all_at(bytes, position)
    }

    pub(super) fn set_len(&self, file: &File, len: u64) -> io::Result<()> {
        file.set_len(len)
    }

    pub(super) fn sync(&self, file: &File) -> io::Result<()> {
        file.sync_data()
    }

    pub(super) fn sync_dir(&self, dir: &File) -> io::Result<()> {
        dir.sync_all()
    }

    pub(super) fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        fs::rename(from, to)
    }

    /// Removes a file, or a directory with all that is in it.
    pub(super) fn remove(&self, path: &Path) -> io::Result<()> {
        match fs::remove_file(path) {
            Err(error) if error.kind() == io::ErrorKind::IsADirectory => fs::remove_dir_all(path),
            other => other,
        }
    }

    pub(super) fn create_dir_all(&self, path: &Path) -> io::Result<()> {
        fs::create_dir_all(path)
    }
}
