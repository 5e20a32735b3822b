//! Walking the batches of a file, header by header.
//!
//! Two gaits: [`Walk::headers`] reads little and trusts lengths, to find a place; [`Walk::verified`] reads everything and
//! computes every CRC, for recovery. Neither ever holds more than its chunk in memory, whatever a damaged header claims.

use std::io;

use super::disk::DiskFile;
use crate::record::{BatchHeader, HEADER_LEN, RecordError};
use crate::rules::{self, Rule};

/// A few headers of small batches, or one of a large batch.
const SEEK_CHUNK: usize = 4 << 10;
const SCAN_CHUNK: usize = 1 << 20;
/// The first byte that a batch's CRC covers.
const CRC_COVERS_FROM: usize = 21;

/// A position in a file of batches, which moves from batch to batch.
#[derive(Debug)]
pub(super) struct Walk<'a> {
    file: &'a DiskFile,
    position: u64,
    limit: u64,
    verify: bool,
    chunk: usize,
    buffer: Vec<u8>,
    buffer_at: u64,
}

/// Why a walk came to a halt before its limit.
#[derive(Debug)]
pub(super) enum Halt {
    Io(io::Error),
    /// No whole and sound batch begins at this position.
    Bad(u64, RecordError),
}

impl Halt {
    /// An index sent the walk to `position`, where no such batch begins.
    pub(super) fn misplaced(position: u64) -> Self {
        Self::Bad(position, RecordError::BadLength(0))
    }
}

impl<'a> Walk<'a> {
    /// From batch to batch, from `position` up to `limit`, looking at headers only.
    pub(super) fn headers(file: &'a DiskFile, position: u64, limit: u64) -> Self {
        Self { file, position, limit, verify: false, chunk: SEEK_CHUNK, buffer: Vec::new(), buffer_at: 0 }
    }

    /// The same, computing the CRC of each batch.
    pub(super) fn verified(file: &'a DiskFile, position: u64, limit: u64) -> Self {
        Self {
            verify: rules::holds(Rule::RecoveryVerifies),
            chunk: SCAN_CHUNK,
            ..Self::headers(file, position, limit)
        }
    }

    /// The next batch: where it begins, and its header. `None` exactly at the limit.
    pub(super) fn next(&mut self) -> Result<Option<(u64, BatchHeader)>, Halt> {
        let position = self.position;
        let left = usize::try_from(self.limit - position).unwrap_or(usize::MAX);
        if left == 0 {
            return Ok(None);
        }
        let bad = |error| Halt::Bad(position, error);
        let header = BatchHeader::read(self.bytes(position, HEADER_LEN.min(left))?).map_err(bad)?;
        let len = header.total_len();
        if len > left {
            return Err(bad(RecordError::Truncated { needed: len, have: left }));
        }
        if header.base_offset.0 < 0 || header.last_offset_delta < 0 {
            return Err(bad(RecordError::BadOffset { base_offset: header.base_offset.0, expected: 0 }));
        }
        if self.verify {
            let computed = self.crc(position, len)?;
            if computed != header.crc {
                return Err(bad(RecordError::CrcMismatch { stored: header.crc, computed }));
            }
        }
        self.position = position + len as u64;
        Ok(Some((position, header)))
    }

    /// The bytes of the batch that was found last; they are in memory already unless it is larger than a chunk.
    pub(super) fn batch(&mut self, position: u64, header: &BatchHeader) -> Result<&[u8], Halt> {
        let len = header.total_len();
        let bytes = self.bytes(position, len)?;
        if bytes.len() == len {
            Ok(bytes)
        } else {
            Err(Halt::Bad(position, RecordError::Truncated { needed: len, have: bytes.len() }))
        }
    }

    fn crc(&mut self, position: u64, len: usize) -> Result<u32, Halt> {
        let mut crc = 0;
        let mut done = CRC_COVERS_FROM;
        while done < len {
            let bytes = self.bytes(position + done as u64, (len - done).min(self.chunk))?;
            if bytes.is_empty() {
                return Err(Halt::Bad(position, RecordError::Truncated { needed: len, have: done }));
            }
            crc = crc32c::crc32c_append(crc, bytes);
            done += bytes.len();
        }
        Ok(crc)
    }

    /// `len` bytes at `position`, or as many as the file has.
    fn bytes(&mut self, position: u64, len: usize) -> Result<&[u8], Halt> {
        let inside = |at: u64, buffer: &[u8]| {
            let start = usize::try_from(position.checked_sub(at)?).ok()?;
            (start + len <= buffer.len()).then_some(start)
        };
        let start = match inside(self.buffer_at, &self.buffer) {
            Some(start) => start,
            None => {
                let left = usize::try_from(self.limit - position).unwrap_or(usize::MAX);
                let wanted = self.chunk.max(len).min(left);
                self.buffer = self.file.read_vec(position, wanted).map_err(Halt::Io)?;
                self.buffer_at = position;
                0
            }
        };
        let end = (start + len).min(self.buffer.len());
        Ok(&self.buffer[start..end])
    }
}
