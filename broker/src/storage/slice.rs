//! A run of whole batches in a file, to be read later without the log's lock.
//!
//! *Invariant:* it keeps its file open, so deleting the segment meanwhile takes nothing away. Cutting the log below it
//! does; then only the whole batches that are still there are read.

use std::io;
use std::sync::Arc;

use bytes::Bytes;

use super::disk::DiskFile;
use super::segment::Place;
use crate::record::next_batch;
use crate::types::Offset;

/// Whole batches of one log, found but not yet read.
#[derive(Clone, Debug)]
pub struct LogSlice {
    file: Option<Arc<DiskFile>>,
    position: u64,
    len: usize,
    base: Offset,
    next: Offset,
    recent: bool,
}

impl LogSlice {
    pub(super) fn new(file: Arc<DiskFile>, start: Place, len: usize, next: Offset, recent: bool) -> Self {
        Self { file: Some(file), position: start.position, len, base: start.base, next, recent }
    }

    /// A slice with nothing in it.
    #[must_use]
    pub fn empty(at: Offset) -> Self {
        Self { file: None, position: 0, len: 0, base: at, next: at, recent: true }
    }

    /// How many bytes [`LogSlice::read`] returns.
    #[must_use]
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there is nothing to read.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The base offset of the first batch, which may lie below the offset asked for.
    #[must_use]
    pub fn base_offset(&self) -> Offset {
        self.base
    }

    /// Where to go on reading: one past the last record, or the beginning of the next batch if a gap follows.
    #[must_use]
    pub fn next_offset(&self) -> Offset {
        self.next
    }

    /// Whether reading needs no disk: the bytes were written lately, or the page cache has their first and last.
    #[must_use]
    pub fn is_probably_cached(&self) -> bool {
        let Some(file) = self.file.as_ref().filter(|_| !self.recent && self.len > 0) else { return true };
        file.is_cached(self.position) && file.is_cached(self.position + self.len as u64 - 1)
    }

    /// Reads the batches.
    ///
    /// # Errors
    /// What the disk said.
    pub fn read(&self) -> io::Result<Bytes> {
        let Some(file) = &self.file else { return Ok(Bytes::new()) };
        let mut bytes = file.read_vec(self.position, self.len)?;
        if bytes.len() < self.len {
            bytes.truncate(whole_batches(&bytes));
        }
        Ok(Bytes::from(bytes))
    }
}

/// The length of the whole batches at the start of `bytes`.
fn whole_batches(bytes: &[u8]) -> usize {
    let mut len = 0;
    while let Ok(Some((_, batch))) = next_batch(&bytes[len..]) {
        len += batch.len();
    }
    len
}
