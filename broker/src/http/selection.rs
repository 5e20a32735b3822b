//! Which of the records that were fetched are told: from the offset asked for, within the bounds, at least one. Pure.

use bytes::Bytes;

use super::errors::Problem;
use super::media::ReadKind;
use super::render::{Reading, write_record};
use crate::record::{BatchLimits, Record, next_batch, records};
use crate::service::{FetchError, Fetched};
use crate::types::{Offset, PartitionIndex};

/// How much is told.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bounds {
    /// Up to this offset, exclusive.
    pub(super) until: Option<Offset>,
    /// So many bytes, once written.
    pub(super) bytes_max: usize,
    /// So many records.
    pub(super) records_max: usize,
}

/// The records of a fetch, decoded batch by batch as they are asked for.
#[derive(Debug)]
pub(super) struct Selection {
    bounds: Bounds,
    limits: BatchLimits,
    pieces: std::vec::IntoIter<Bytes>,
    piece: Bytes,
    batch: std::vec::IntoIter<Record>,
    next: Offset,
    told: usize,
    /// Where to go on when all that was fetched has been told.
    fetched_end: Offset,
}

impl Selection {
    /// All that `fetched` holds, within `bounds`.
    pub(super) fn new(fetched: &Fetched, bounds: Bounds, inflated_bytes_max: usize) -> Self {
        let limits =
            BatchLimits { batch_bytes_max: usize::MAX, inflated_bytes_max, record_count_max: usize::MAX };
        Self {
            bounds,
            limits,
            pieces: fetched.batches.clone().into_iter(),
            piece: Bytes::new(),
            batch: Vec::new().into_iter(),
            next: fetched.from,
            told: 0,
            fetched_end: fetched.next_offset,
        }
    }

    /// The offset to go on from.
    pub(super) fn next_offset(&self) -> Offset {
        self.next
    }

    /// The next record to tell.
    pub(super) fn next(&mut self) -> Result<Option<Record>, Problem> {
        if self.told >= self.bounds.records_max {
            return Ok(None);
        }
        loop {
            for record in self.batch.by_ref() {
                if record.offset < self.next {
                    continue;
                }
                if self.bounds.until.is_some_and(|until| record.offset >= until) {
                    return Ok(None);
                }
                self.next = record.offset.next();
                self.told += 1;
                return Ok(Some(record));
            }
            if !self.open_next_batch()? {
                // Nothing is left: offsets that hold no record any more are passed over too.
                let end = self.bounds.until.map_or(self.fetched_end, |until| until.min(self.fetched_end));
                self.next = self.next.max(end);
                return Ok(None);
            }
        }
    }

    /// Tells all that fits, as `kind` wants it, and returns how many records these are.
    pub(super) fn write_all(
        &mut self,
        out: &mut Vec<u8>,
        kind: ReadKind,
        partition: PartitionIndex,
        reading: Reading,
    ) -> Result<usize, Problem> {
        if kind == ReadKind::Json {
            out.extend_from_slice(b"{\"records\":[");
        }
        while self.told == 0 || out.len() < self.bounds.bytes_max {
            let Some(record) = self.next()? else { break };
            match kind {
                ReadKind::Text => {
                    out.extend_from_slice(record.value.as_deref().unwrap_or_default());
                    out.push(b'\n');
                }
                ReadKind::Json => {
                    if self.told > 1 {
                        out.push(b',');
                    }
                    write_record(out, &record, None, reading);
                }
                _ => {
                    write_record(out, &record, Some(partition.0), reading);
                    out.push(b'\n');
                }
            }
        }
        Ok(self.told)
    }

    /// Decodes the next batch; `false` if there is none.
    fn open_next_batch(&mut self) -> Result<bool, Problem> {
        let damaged = |reason: String| Problem::from(FetchError::Storage { reason });
        while self.piece.is_empty() {
            let Some(piece) = self.pieces.next() else { return Ok(false) };
            self.piece = piece;
        }
        let len = match next_batch(&self.piece).map_err(|error| damaged(error.to_string()))? {
            Some((_, batch)) => batch.len(),
            None => return Err(damaged("half a batch was read".to_owned())),
        };
        let batch = self.piece.split_to(len);
        self.batch = records(&batch, &self.limits).map_err(|error| damaged(error.to_string()))?.into_iter();
        Ok(true)
    }
}
