//! The entries of a segment's two indexes, laid out as in Kafka.
//!
//! ```text
//! .index      relative offset u32 | position u32      the last offset of the batch that begins at the position
//! .timeindex  timestamp i64 | relative offset u32     the greatest timestamp so far, and the last offset of its batch
//! ```
//!
//! Both are sparse: an entry about every `index.interval.bytes`. A time entry promises that any greater timestamp comes
//! after its offset. *Invariant:* in each file both columns rise.

use super::sorted_file::Entry;

/// Where a batch begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct OffsetEntry {
    /// The last offset of the batch, from the segment's base.
    pub(super) relative: u32,
    pub(super) position: u32,
}

/// How new the records are so far.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct TimeEntry {
    pub(super) timestamp_ms: i64,
    /// The last offset of the batch that has this timestamp, from the segment's base.
    pub(super) relative: u32,
}

impl Entry for OffsetEntry {
    const LEN: usize = 8;

    fn encode(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.relative.to_be_bytes());
        out.extend_from_slice(&self.position.to_be_bytes());
    }

    fn decode(bytes: &[u8]) -> Self {
        Self { relative: u32_at(bytes, 0), position: u32_at(bytes, 4) }
    }

    fn follows(&self, earlier: &Self) -> bool {
        self.relative > earlier.relative && self.position > earlier.position
    }
}

impl Entry for TimeEntry {
    const LEN: usize = 12;

    fn encode(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.timestamp_ms.to_be_bytes());
        out.extend_from_slice(&self.relative.to_be_bytes());
    }

    fn decode(bytes: &[u8]) -> Self {
        let timestamp = bytes[..8].try_into().expect("an entry has twelve bytes");
        Self { timestamp_ms: i64::from_be_bytes(timestamp), relative: u32_at(bytes, 8) }
    }

    fn follows(&self, earlier: &Self) -> bool {
        self.timestamp_ms > earlier.timestamp_ms && self.relative > earlier.relative
    }
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_be_bytes(bytes[at..at + 4].try_into().expect("four bytes"))
}
