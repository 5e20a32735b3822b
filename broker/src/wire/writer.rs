//! Writing a frame by hand, so that record bytes pass through as they are.
//!
//! *Invariant:* bytes given to [`FrameWriter::records`] are not copied; [`FrameWriter::finish`] hands them on between
//! slices of the one buffer that holds everything else.

use bytes::{BufMut, Bytes, BytesMut};
use kafka_wire_core::{ApiVersion, KafkaEncode};

use super::WireError;
use crate::types::TopicId;

/// Bytes of the length that begins a frame.
const LENGTH_PREFIX: usize = 4;

/// A frame that is being written.
pub(super) struct FrameWriter {
    /// All but the records, beginning with room for the length.
    bytes: BytesMut,
    /// Records, each with the place in `bytes` before which they stand.
    records: Vec<(usize, Bytes)>,
    /// Whether the message is in one of the flexible versions (KIP-482): varint lengths, tagged fields.
    flexible: bool,
    /// Whether something was longer than its length can say.
    too_long: bool,
}

impl FrameWriter {
    /// An empty frame.
    pub(super) fn new(flexible: bool) -> Self {
        let mut bytes = BytesMut::with_capacity(256);
        bytes.put_bytes(0, LENGTH_PREFIX);
        Self { bytes, records: Vec::new(), flexible, too_long: false }
    }

    pub(super) fn i16(&mut self, value: i16) {
        self.bytes.put_i16(value);
    }

    pub(super) fn i32(&mut self, value: i32) {
        self.bytes.put_i32(value);
    }

    pub(super) fn i64(&mut self, value: i64) {
        self.bytes.put_i64(value);
    }

    /// A topic's id; all zero without one.
    pub(super) fn topic_id(&mut self, id: Option<TopicId>) {
        self.bytes.put_slice(id.map_or(uuid::Uuid::nil(), |id| id.0).as_bytes());
    }

    /// An unsigned varint.
    pub(super) fn varint(&mut self, mut value: u32) {
        while value >= 0x80 {
            self.bytes.put_u8((value & 0x7f) as u8 | 0x80);
            value >>= 7;
        }
        self.bytes.put_u8(value as u8);
    }

    /// A string, or none.
    pub(super) fn nullable_string(&mut self, text: Option<&str>) {
        match text {
            None if self.flexible => self.varint(0),
            None => self.i16(-1),
            Some(text) => self.string(text),
        }
    }

    /// A string.
    pub(super) fn string(&mut self, text: &str) {
        if self.flexible {
            self.compact_len(text.len());
        } else {
            self.legacy_string_len(text.len());
        }
        self.bytes.put_slice(text.as_bytes());
    }

    /// A string as the head of a request has it in every version.
    pub(super) fn header_string(&mut self, text: &str) {
        self.legacy_string_len(text.len());
        self.bytes.put_slice(text.as_bytes());
    }

    /// The length of an array whose items follow.
    pub(super) fn array_len(&mut self, len: usize) {
        self.len(len);
    }

    /// The mark of an array that is not there.
    pub(super) fn null_array(&mut self) {
        if self.flexible { self.varint(0) } else { self.i32(-1) }
    }

    /// Records, length first.
    pub(super) fn records(&mut self, chunks: impl IntoIterator<Item = Bytes>) {
        let first = self.records.len();
        let mut len = 0_usize;
        for chunk in chunks.into_iter().filter(|chunk| !chunk.is_empty()) {
            len = len.saturating_add(chunk.len());
            self.records.push((0, chunk));
        }
        self.len(len);
        for (at, _) in &mut self.records[first..] {
            *at = self.bytes.len();
        }
    }

    /// The mark of records that are not there.
    pub(super) fn null_records(&mut self) {
        self.null_array();
    }

    /// The tagged fields that end a structure, in rising order; nothing in versions without them.
    pub(super) fn tags(&mut self, fields: &[(u32, &[u8])]) {
        if !self.flexible {
            return;
        }
        self.varint(u32::try_from(fields.len()).expect("we write a handful of tagged fields"));
        for (tag, data) in fields {
            self.varint(*tag);
            self.varint(u32::try_from(data.len()).expect("our tagged fields are short"));
            self.bytes.put_slice(data);
        }
    }

    /// A whole message as the codec writes it.
    pub(super) fn message(&mut self, message: &impl KafkaEncode, version: i16) -> Result<(), WireError> {
        message.encode_into(&mut self.bytes, ApiVersion::new(version))?;
        Ok(())
    }

    /// The frame, as chunks to be sent in order.
    pub(super) fn finish(mut self) -> Result<Vec<Bytes>, WireError> {
        if self.too_long {
            return Err(WireError::malformed("a string or array is too long for its length field"));
        }
        let len = self
            .records
            .iter()
            .fold(self.bytes.len() - LENGTH_PREFIX, |len, (_, chunk)| len.saturating_add(chunk.len()));
        let limit = i32::MAX.cast_unsigned() as usize;
        let prefix = i32::try_from(len).map_err(|_| WireError::TooLarge { bytes: len, limit })?;
        self.bytes[..LENGTH_PREFIX].copy_from_slice(&prefix.to_be_bytes());

        let bytes = self.bytes.freeze();
        let mut chunks = Vec::with_capacity(2 * self.records.len() + 1);
        let mut written = 0;
        for (at, records) in self.records {
            if at > written {
                chunks.push(bytes.slice(written..at));
                written = at;
            }
            chunks.push(records);
        }
        if written < bytes.len() {
            chunks.push(bytes.slice(written..));
        }
        Ok(chunks)
    }

    fn len(&mut self, len: usize) {
        if self.flexible {
            self.compact_len(len);
        } else {
            let len = i32::try_from(len).unwrap_or_else(|_| {
                self.too_long = true;
                0
            });
            self.i32(len);
        }
    }

    fn compact_len(&mut self, len: usize) {
        let encoded = u32::try_from(len).ok().and_then(|len| len.checked_add(1)).unwrap_or_else(|| {
            self.too_long = true;
            1
        });
        self.varint(encoded);
    }

    fn legacy_string_len(&mut self, len: usize) {
        let len = i16::try_from(len).unwrap_or_else(|_| {
            self.too_long = true;
            0
        });
        self.i16(len);
    }
}
