//! A bounded table of open files, so that many closed segments cost few descriptors.
//!
//! Whoever got a file keeps it open by its `Arc`, also after the table has let it go or the file was unlinked.
//!
//! *Invariant:* the table holds at most [`OPEN_MAX`] files.

use std::collections::HashMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use parking_lot::Mutex;

use super::disk::DiskFile;
use super::error::is_out_of_descriptors;

/// How many files stay open although nobody uses them at the moment.
const OPEN_MAX: usize = 256;

/// Open files by path, the least recently used to be closed first.
#[derive(Debug, Default)]
pub(super) struct Descriptors {
    table: Mutex<Table>,
}

#[derive(Debug, Default)]
struct Table {
    open: HashMap<PathBuf, (Arc<DiskFile>, u64)>,
    uses: u64,
}

impl Descriptors {
    /// The file at `path`, opened if it is not in the table. Without a free descriptor the table is emptied first.
    pub(super) fn get_or_open(
        &self,
        path: &Path,
        open: impl Fn() -> io::Result<Arc<DiskFile>>,
    ) -> io::Result<Arc<DiskFile>> {
        if let Some(file) = self.table.lock().touch(path) {
            return Ok(file);
        }
        let file = open().or_else(|error| {
            self.make_room(&error)?;
            open()
        })?;
        self.table.lock().insert(path, &file);
        Ok(file)
    }

    /// Closes what nobody uses if `error` says that descriptors have run out; hands back any other error.
    pub(super) fn make_room(&self, error: &io::Error) -> io::Result<()> {
        let mut table = self.table.lock();
        if is_out_of_descriptors(error) && !table.open.is_empty() {
            table.open.clear();
            return Ok(());
        }
        Err(error.raw_os_error().map_or_else(|| error.kind().into(), io::Error::from_raw_os_error))
    }

    /// To be called when the name `path`, of a file or a directory, goes or comes to mean another.
    pub(super) fn forget(&self, path: &Path) {
        self.table.lock().open.retain(|open, _| !open.starts_with(path));
    }
}

impl Table {
    fn touch(&mut self, path: &Path) -> Option<Arc<DiskFile>> {
        self.uses += 1;
        let (file, used) = self.open.get_mut(path)?;
        *used = self.uses;
        Some(Arc::clone(file))
    }

    fn insert(&mut self, path: &Path, file: &Arc<DiskFile>) {
        if self.open.len() >= OPEN_MAX {
            let oldest = self.open.iter().min_by_key(|(_, (_, used))| *used).map(|(path, _)| path.clone());
            if let Some(oldest) = oldest {
                self.open.remove(&oldest);
            }
        }
        self.open.insert(path.to_path_buf(), (Arc::clone(file), self.uses));
    }
}
