//! A total reader of Kafka's serialized fields: bytes that are too short or make no sense are an error, never a panic.
//!
//! *Invariant:* nothing is allocated for a length before that many bytes are known to be there.

use bytes::{Buf, Bytes};
use uuid::Uuid;

use crate::groups::error::BadRecord;

type Read<T> = Result<T, BadRecord>;

/// Kafka's bound on texts, compact or not: what is read can always be written again.
const TEXT_BYTES_MAX: usize = i16::MAX as usize;

pub(super) fn bad<T>(reason: &'static str) -> Read<T> {
    Err(BadRecord { reason })
}

/// A record's key or value, read from its front.
pub(super) struct Reader {
    bytes: Bytes,
    /// Whether lengths are compact (KIP-482).
    pub(super) flexible: bool,
}

impl Reader {
    pub(super) fn new(bytes: Bytes) -> Self {
        Self { bytes, flexible: false }
    }

    fn need(&self, len: usize) -> Read<()> {
        if self.bytes.remaining() < len { bad("it ends too early") } else { Ok(()) }
    }

    pub(super) fn i16(&mut self) -> Read<i16> {
        self.need(2)?;
        Ok(self.bytes.get_i16())
    }

    pub(super) fn i32(&mut self) -> Read<i32> {
        self.need(4)?;
        Ok(self.bytes.get_i32())
    }

    pub(super) fn i64(&mut self) -> Read<i64> {
        self.need(8)?;
        Ok(self.bytes.get_i64())
    }

    pub(super) fn take(&mut self, len: usize) -> Read<Bytes> {
        self.need(len)?;
        Ok(self.bytes.split_to(len))
    }

    fn unsigned_varint(&mut self) -> Read<u32> {
        let mut value = 0_u64;
        for shift in (0..35).step_by(7) {
            self.need(1)?;
            let byte = self.bytes.get_u8();
            value |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return u32::try_from(value).or_else(|_| bad("a number is too large"));
            }
        }
        bad("a number is too long")
    }

    /// A length; `None` is null.
    fn length(&mut self, wide: bool) -> Read<Option<usize>> {
        let length = if self.flexible {
            i64::from(self.unsigned_varint()?) - 1
        } else if wide {
            i64::from(self.i32()?)
        } else {
            i64::from(self.i16()?)
        };
        match usize::try_from(length) {
            Ok(length) => Ok(Some(length)),
            Err(_) if length == -1 => Ok(None),
            Err(_) => bad("a length is negative"),
        }
    }

    pub(super) fn nullable_string(&mut self) -> Read<Option<String>> {
        let Some(length) = self.length(false)? else { return Ok(None) };
        if length > TEXT_BYTES_MAX {
            return bad("a text is too long");
        }
        let bytes = self.take(length)?;
        match std::str::from_utf8(&bytes) {
            Ok(text) => Ok(Some(text.to_owned())),
            Err(_) => bad("a text is not UTF-8"),
        }
    }

    pub(super) fn string(&mut self) -> Read<String> {
        self.nullable_string()?.map_or_else(|| bad("a text is missing"), Ok)
    }

    pub(super) fn bytes(&mut self) -> Read<Bytes> {
        match self.length(true)? {
            Some(length) => self.take(length),
            None => Ok(Bytes::new()),
        }
    }

    /// How many elements follow: each takes a byte at least, so that a false number is found out here.
    pub(super) fn array(&mut self) -> Read<usize> {
        let count = self.length(true)?.unwrap_or(0);
        self.need(count)?;
        Ok(count)
    }

    pub(super) fn uuid(&mut self) -> Read<Uuid> {
        let bytes = self.take(16)?;
        Uuid::from_slice(&bytes).or_else(|_| bad("an identity has 16 bytes"))
    }

    /// The tagged fields at the end of a flexible structure; nothing in others.
    pub(super) fn tagged(&mut self, mut field: impl FnMut(u32, Bytes) -> Read<()>) -> Read<()> {
        if !self.flexible {
            return Ok(());
        }
        for _ in 0..self.unsigned_varint()? {
            let tag = self.unsigned_varint()?;
            let length = self.unsigned_varint()? as usize;
            let bytes = self.take(length)?;
            field(tag, bytes)?;
        }
        Ok(())
    }

    /// Passes over the tagged fields of a later version.
    pub(super) fn skip_tagged(&mut self) -> Read<()> {
        self.tagged(|_, _| Ok(()))
    }
}
