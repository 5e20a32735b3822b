//! The records of a batch, decoded one by one.

use bytes::Bytes;

use super::{BatchLimits, RecordError};
use crate::types::Offset;

/// One record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// Its place in the log.
    pub offset: Offset,
    /// When it was made, or appended.
    pub timestamp_ms: i64,
    /// What it is about, if anything.
    pub key: Option<Bytes>,
    /// What it says; none is a tombstone.
    pub value: Option<Bytes>,
    /// Named values beside it, in the producer's order; names may repeat.
    pub headers: Vec<(String, Option<Bytes>)>,
}

/// Decodes all records of one batch; slices of `batch` where it is not compressed.
///
/// # Errors
/// The first thing found wrong; the CRC is not computed again.
pub fn records(batch: &Bytes, limits: &BatchLimits) -> Result<Vec<Record>, RecordError> {
    let _ = (batch, limits);
    unimplemented!("records")
}
