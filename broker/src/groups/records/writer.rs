//! Writes Kafka's serialized fields.
//!
//! *Invariant:* a text in the narrow form fits its two-byte length: names and notes are bounded before they get here.

use bytes::{BufMut, Bytes, BytesMut};

/// A record's key or value, written to its end.
#[derive(Default)]
pub(super) struct Writer {
    bytes: BytesMut,
    /// Whether lengths are compact (KIP-482).
    flexible: bool,
}

impl Writer {
    pub(super) fn flexible() -> Self {
        Self { bytes: BytesMut::new(), flexible: true }
    }

    /// Ends a chain of calls.
    pub(super) fn done(&mut self) {}

    pub(super) fn into_bytes(self) -> Bytes {
        self.bytes.freeze()
    }

    pub(super) fn i16(&mut self, value: i16) -> &mut Self {
        self.bytes.put_i16(value);
        self
    }

    pub(super) fn i32(&mut self, value: i32) -> &mut Self {
        self.bytes.put_i32(value);
        self
    }

    pub(super) fn i64(&mut self, value: i64) -> &mut Self {
        self.bytes.put_i64(value);
        self
    }

    pub(super) fn raw(&mut self, bytes: &[u8]) -> &mut Self {
        self.bytes.put_slice(bytes);
        self
    }

    pub(super) fn unsigned_varint(&mut self, mut value: u32) -> &mut Self {
        while value >= 0x80 {
            self.bytes.put_u8((value & 0x7f) as u8 | 0x80);
            value >>= 7;
        }
        self.bytes.put_u8((value & 0x7f) as u8);
        self
    }

    pub(super) fn string(&mut self, text: &str) -> &mut Self {
        if self.flexible {
            let length = u32::try_from(text.len() + 1).expect("a text is bounded by an option");
            self.unsigned_varint(length);
        } else {
            self.i16(i16::try_from(text.len()).expect("a name is bounded by an option"));
        }
        self.raw(text.as_bytes())
    }

    /// A text or null, in the narrow form only.
    pub(super) fn nullable_string(&mut self, text: Option<&str>) -> &mut Self {
        assert!(!self.flexible, "null texts are written in the narrow form");
        match text {
            Some(text) => self.string(text),
            None => self.i16(-1),
        }
    }

    /// Bytes or the number of elements, in the narrow form only.
    pub(super) fn length(&mut self, length: usize) -> &mut Self {
        assert!(!self.flexible, "lengths are written in the narrow form");
        self.i32(i32::try_from(length).expect("a length is bounded by an option"))
    }

    pub(super) fn bytes(&mut self, bytes: &[u8]) -> &mut Self {
        self.length(bytes.len()).raw(bytes)
    }
}
