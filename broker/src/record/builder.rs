//! Building one batch, record by record, in one growing buffer.
//!
//! Every value is copied once, lengths are computed before they are written, the CRC is computed once at the end.
//! It does not compress, and does not bound: who calls it has bounded what comes in.

use bytes::{Bytes, BytesMut};

use super::header::{ATTRIBUTES_AT, CRC_AT, HEADER_LEN, LENGTH_OVERHEAD, MAGIC};
use super::varint::{VARLONG_LEN_MAX, varint_len, varlong_len, write_varlong};

/// A record header to be written.
#[derive(Clone, Copy, Debug)]
pub struct HeaderRef<'a> {
    /// Its name.
    pub name: &'a str,
    /// Its value, if any.
    pub value: Option<&'a [u8]>,
}

/// Who produced a batch, for the detection of duplicates.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProducerStamp {
    /// The producer.
    pub producer_id: i64,
    /// Which of its lives.
    pub producer_epoch: i16,
    /// Sequence of the first record.
    pub base_sequence: i32,
}

impl ProducerStamp {
    /// The stamp of a batch without a producer id.
    const NONE: Self = Self { producer_id: -1, producer_epoch: -1, base_sequence: -1 };
}

/// Builds one uncompressed batch; its base offset is 0 and its epoch -1 until the leader stamps them.
#[derive(Debug)]
pub struct BatchBuilder {
    /// Room for the header, then the records so far.
    buffer: BytesMut,
    record_count: i32,
    base_timestamp_ms: i64,
    max_timestamp_ms: i64,
}

impl BatchBuilder {
    /// An empty batch.
    #[must_use]
    pub fn new() -> Self {
        Self::with_capacity(0)
    }

    /// An empty batch with room for `bytes`, header included.
    #[must_use]
    pub fn with_capacity(bytes: usize) -> Self {
        let mut buffer = BytesMut::with_capacity(bytes.max(HEADER_LEN));
        buffer.resize(HEADER_LEN, 0);
        Self { buffer, record_count: 0, base_timestamp_ms: 0, max_timestamp_ms: i64::MIN }
    }

    /// Adds a record. The first sets the base timestamp.
    ///
    /// # Panics
    /// If the batch grows beyond 2 GiB: who calls this bounds what comes in.
    pub fn push(
        &mut self,
        timestamp_ms: i64,
        key: Option<&[u8]>,
        value: Option<&[u8]>,
        headers: &[HeaderRef<'_>],
    ) {
        if self.record_count == 0 {
            self.base_timestamp_ms = timestamp_ms;
        }
        self.max_timestamp_ms = self.max_timestamp_ms.max(timestamp_ms);
        let timestamp_delta = timestamp_ms.wrapping_sub(self.base_timestamp_ms);
        let offset_delta = self.record_count;
        let len = 1
            + varlong_len(timestamp_delta)
            + varint_len(offset_delta)
            + optional_len(key)
            + optional_len(value)
            + varint_len(int(headers.len()))
            + headers
                .iter()
                .map(|header| bytes_len(header.name.as_bytes()) + optional_len(header.value))
                .sum::<usize>();
        self.buffer.reserve(len + VARLONG_LEN_MAX);

        let mut head = [0; 4 * VARLONG_LEN_MAX + 1];
        let mut at = write_varlong(&mut head, i64::from(int(len)));
        at += 1; // the record's attributes, all unused
        at += write_varlong(&mut head[at..], timestamp_delta);
        at += write_varlong(&mut head[at..], i64::from(offset_delta));
        at += write_varlong(&mut head[at..], key.map_or(-1, |key| i64::from(int(key.len()))));
        self.buffer.extend_from_slice(&head[..at]);
        self.buffer.extend_from_slice(key.unwrap_or_default());
        self.put_optional(value);
        self.put_number(int(headers.len()));
        for header in headers {
            self.put_optional(Some(header.name.as_bytes()));
            self.put_optional(header.value);
        }
        self.record_count =
            self.record_count.checked_add(1).expect("a batch is bounded far below 2^31 records");
    }

    /// Records so far.
    #[must_use]
    pub fn len(&self) -> usize {
        usize::try_from(self.record_count).expect("a count is not negative")
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.record_count == 0
    }

    /// Bytes so far, header included.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.buffer.len()
    }

    /// Closes the batch: header and CRC.
    ///
    /// # Panics
    /// If no record was pushed: no batch is empty.
    #[must_use]
    pub fn finish(self, producer: Option<ProducerStamp>) -> Bytes {
        self.finish_mut(producer).freeze()
    }

    /// Closes the batch, as [`finish`](Self::finish) does, for a caller that still has to stamp it.
    ///
    /// # Panics
    /// If no record was pushed: no batch is empty.
    #[must_use]
    pub fn finish_mut(mut self, producer: Option<ProducerStamp>) -> BytesMut {
        assert!(self.record_count > 0, "a batch has at least one record");
        let batch_length = int(self.buffer.len() - LENGTH_OVERHEAD);
        let producer = producer.unwrap_or(ProducerStamp::NONE);
        let head = &mut self.buffer[..HEADER_LEN];
        put(head, 0, 0_i64.to_be_bytes());
        put(head, 8, batch_length.to_be_bytes());
        put(head, 12, (-1_i32).to_be_bytes());
        put(head, 16, MAGIC.to_be_bytes());
        put(head, ATTRIBUTES_AT, 0_i16.to_be_bytes());
        put(head, 23, (self.record_count - 1).to_be_bytes());
        put(head, 27, self.base_timestamp_ms.to_be_bytes());
        put(head, 35, self.max_timestamp_ms.to_be_bytes());
        put(head, 43, producer.producer_id.to_be_bytes());
        put(head, 51, producer.producer_epoch.to_be_bytes());
        put(head, 53, producer.base_sequence.to_be_bytes());
        put(head, 57, self.record_count.to_be_bytes());
        let crc = crc32c::crc32c(&self.buffer[ATTRIBUTES_AT..]);
        put(&mut self.buffer, CRC_AT, crc.to_be_bytes());
        self.buffer
    }

    fn put_number(&mut self, value: i32) {
        let mut bytes = [0; VARLONG_LEN_MAX];
        let len = write_varlong(&mut bytes, i64::from(value));
        self.buffer.extend_from_slice(&bytes[..len]);
    }

    fn put_optional(&mut self, bytes: Option<&[u8]>) {
        self.put_number(bytes.map_or(-1, |bytes| int(bytes.len())));
        self.buffer.extend_from_slice(bytes.unwrap_or_default());
    }
}

impl Default for BatchBuilder {
    fn default() -> Self {
        Self::new()
    }
}

fn put<const N: usize>(bytes: &mut [u8], at: usize, value: [u8; N]) {
    bytes[at..at + N].copy_from_slice(&value);
}

fn bytes_len(bytes: &[u8]) -> usize {
    varint_len(int(bytes.len())) + bytes.len()
}

fn optional_len(bytes: Option<&[u8]>) -> usize {
    bytes.map_or(1, bytes_len)
}

fn int(len: usize) -> i32 {
    i32::try_from(len).expect("a batch is bounded far below 2 GiB")
}
