//! Checking batches: fully at the door, lightly where another broker or this disk already vouched for them.

use super::{BatchHeader, RecordError};
use crate::types::Offset;

/// What one batch may at most be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BatchLimits {
    /// Bytes of the whole batch as sent.
    pub batch_bytes_max: usize,
    /// Bytes of its records once decompressed.
    pub inflated_bytes_max: usize,
    /// Records in it.
    pub record_count_max: usize,
}

impl Default for BatchLimits {
    fn default() -> Self {
        Self { batch_bytes_max: 8 << 20, inflated_bytes_max: 64 << 20, record_count_max: 1 << 20 }
    }
}

/// Validates one untrusted batch that fills `bytes` exactly.
///
/// # Errors
/// The first thing found wrong.
pub fn validate_batch(bytes: &[u8], limits: &BatchLimits) -> Result<BatchHeader, RecordError> {
    let _ = (bytes, limits);
    unimplemented!("validate_batch")
}

/// Light check of a run of batches received from the leader or found on disk: lengths chain, magic, CRC, and base
/// offsets that rise from `expected_base`, with gaps as compaction leaves them. A partial batch at the end is an error.
///
/// # Errors
/// The first thing found wrong.
pub fn validate_replica_batches(bytes: &[u8], expected_base: Offset) -> Result<Vec<BatchHeader>, RecordError> {
    let _ = (bytes, expected_base);
    unimplemented!("validate_replica_batches")
}

/// Whether the batch's bytes are those that its CRC was computed of.
///
/// # Errors
/// `Truncated` or `CrcMismatch`.
pub fn check_crc(batch: &[u8], header: &BatchHeader) -> Result<(), RecordError> {
    let _ = (batch, header);
    unimplemented!("check_crc")
}
