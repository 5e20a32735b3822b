//! A run of whole batches in a file, to be read later without the log's lock.

use std::io;

use bytes::Bytes;

use crate::types::Offset;

/// Whole batches of one log, found but not yet read.
#[derive(Clone, Debug)]
pub struct LogSlice {
    len: usize,
    base: Offset,
    next: Offset,
}

impl LogSlice {
    /// The greatest number of bytes that [`LogSlice::read`] may return.
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

    /// One past the last record.
    #[must_use]
    pub fn next_offset(&self) -> Offset {
        self.next
    }

    /// Whether the bytes were written lately and so most likely need no disk.
    #[must_use]
    pub fn is_probably_cached(&self) -> bool {
        unimplemented!("storage: slice")
    }

    /// Reads the batches.
    ///
    /// # Errors
    /// What the disk said.
    pub fn read(&self) -> io::Result<Bytes> {
        unimplemented!("storage: slice")
    }
}
