//! Building one batch, record by record, in one growing buffer.

use bytes::{Bytes, BytesMut};

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

/// Builds one uncompressed batch; its base offset is 0 and its epoch -1 until the leader stamps them.
#[derive(Debug)]
pub struct BatchBuilder {
    buffer: BytesMut,
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
        Self { buffer: BytesMut::with_capacity(bytes) }
    }

    /// Adds a record. The first sets the base timestamp.
    pub fn push(&mut self, timestamp_ms: i64, key: Option<&[u8]>, value: Option<&[u8]>, headers: &[HeaderRef<'_>]) {
        let _ = (timestamp_ms, key, value, headers);
        unimplemented!("BatchBuilder::push")
    }

    /// Records so far.
    #[must_use]
    pub fn len(&self) -> usize {
        0
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
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
        let _ = producer;
        unimplemented!("BatchBuilder::finish")
    }
}

impl Default for BatchBuilder {
    fn default() -> Self {
        Self::new()
    }
}
