//! The framing of the records inside a batch, once decompressed: the one parser that validation and decoding share.
//!
//! *Invariant:* every slice handed out lies in the bytes given in; nothing is allocated.

use super::varint::{Cursor, Reason};

/// The least bytes that a record takes: seven fields of one byte.
pub(super) const RECORD_LEN_MIN: usize = 7;

/// One record as it lies in the batch.
pub(super) struct RawRecord<'a> {
    /// From the batch's base timestamp.
    pub(super) timestamp_delta: i64,
    /// From the batch's base offset.
    pub(super) offset_delta: i32,
    /// The key, if any.
    pub(super) key: Option<&'a [u8]>,
    /// The value, if any.
    pub(super) value: Option<&'a [u8]>,
    /// How many headers follow.
    pub(super) header_count: usize,
    /// The headers, and nothing else, if they are well formed.
    pub(super) headers: Cursor<'a>,
}

/// Reads the next record up to its headers.
#[inline]
pub(super) fn read_record<'a>(body: &mut Cursor<'a>) -> Result<RawRecord<'a>, Reason> {
    let len = body.size()?;
    let mut record = Cursor::new(body.take(len)?);
    record.byte()?;
    Ok(RawRecord {
        timestamp_delta: record.varlong()?,
        offset_delta: record.varint()?,
        key: record.optional_bytes()?,
        value: record.optional_bytes()?,
        header_count: record.size()?,
        headers: record,
    })
}

/// Reads the next header: its name, not yet known to be UTF-8, and its value.
#[inline]
pub(super) fn read_header<'a>(headers: &mut Cursor<'a>) -> Result<(&'a [u8], Option<&'a [u8]>), Reason> {
    let len = headers.size()?;
    Ok((headers.take(len)?, headers.optional_bytes()?))
}

impl RawRecord<'_> {
    /// Walks over the headers and sees that the record ends where they do.
    #[inline]
    pub(super) fn check_headers(mut self) -> Result<(), Reason> {
        for _ in 0..self.header_count {
            read_header(&mut self.headers)?;
        }
        self.check_end()
    }

    /// Sees that nothing follows the headers that were read.
    #[inline]
    pub(super) fn check_end(&self) -> Result<(), Reason> {
        if self.headers.remaining() == 0 { Ok(()) } else { Err("bytes follow its last header") }
    }
}
