//! Record batches v2, read and built apart from the broker's own code, so that both cannot be wrong in the same way.
//!
//! ```text
//! 0 base offset i64 · 8 length i32 (of all after it) · 12 leader epoch i32 · 16 magic i8 = 2 · 17 crc u32 (of all after)
//! 21 attributes i16 · 23 last offset delta i32 · 27 first timestamp i64 · 35 max timestamp i64 · 43 producer id i64
//! 51 producer epoch i16 · 53 base sequence i32 · 57 record count i32 · 61 records
//! record: length, attributes i8, timestamp delta, offset delta, key length, key, value length, value, header count (varints)
//! ```

use anyhow::{Context, Result, ensure};

/// Bytes before the records.
pub const HEADER_BYTES: usize = 61;

/// A batch in a file or an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Batch<'a> {
    /// Offset of its first record.
    pub base_offset: i64,
    /// Offset after its last record.
    pub end_offset: i64,
    /// Epoch of the leader that wrote it.
    pub leader_epoch: i32,
    /// How many records.
    pub count: i32,
    /// All its bytes.
    pub bytes: &'a [u8],
}

/// Reads the first batch of `bytes`; `None` where nothing follows.
///
/// # Errors
/// If what follows is no whole batch with a true checksum.
pub fn first(bytes: &[u8]) -> Result<Option<Batch<'_>>> {
    if bytes.is_empty() {
        return Ok(None);
    }
    ensure!(bytes.len() >= HEADER_BYTES, "{} bytes are no batch", bytes.len());
    let length = usize::try_from(i32_at(bytes, 8)).context("a negative length")? + 12;
    ensure!(length >= HEADER_BYTES, "length {length} is too small");
    let bytes = bytes.get(..length).with_context(|| format!("a batch of {length} bytes is cut"))?;
    ensure!(bytes[16] == 2, "magic {}", bytes[16]);
    ensure!(crc32c::crc32c(&bytes[21..]).to_be_bytes() == bytes[17..21], "a false checksum");
    let base_offset = i64_at(bytes, 0);
    Ok(Some(Batch {
        base_offset,
        end_offset: base_offset + i64::from(i32_at(bytes, 23)) + 1,
        leader_epoch: i32_at(bytes, 12),
        count: i32_at(bytes, 57),
        bytes,
    }))
}

/// All batches of `bytes`.
///
/// # Errors
/// As [`first`].
pub fn all(mut bytes: &[u8]) -> Result<Vec<Batch<'_>>> {
    let mut batches = Vec::new();
    while let Some(batch) = first(bytes)? {
        batches.push(batch);
        bytes = &bytes[batch.bytes.len()..];
    }
    Ok(batches)
}

/// The values of an uncompressed batch's records, with their offsets; a null value is empty.
///
/// # Errors
/// If the batch is compressed, or its records are malformed.
pub fn values<'a>(batch: &Batch<'a>) -> Result<Vec<(i64, &'a [u8])>> {
    ensure!(batch.bytes[22] & 7 == 0, "a compressed batch");
    let mut rest = &batch.bytes[HEADER_BYTES..];
    let mut values = Vec::new();
    for _ in 0..batch.count {
        let length = take_varint(&mut rest)?;
        let mut record = take(&mut rest, length)?;
        take(&mut record, 1)?;
        take_varint(&mut record)?;
        let delta = take_varint(&mut record)?;
        let key = take_varint(&mut record)?;
        take(&mut record, key.max(0))?;
        let length = take_varint(&mut record)?;
        values.push((batch.base_offset + delta, take(&mut record, length.max(0))?));
    }
    Ok(values)
}

fn take<'a>(rest: &mut &'a [u8], count: i64) -> Result<&'a [u8]> {
    let count = usize::try_from(count).context("a negative length")?;
    let (taken, left) = rest.split_at_checked(count).context("records that end too early")?;
    *rest = left;
    Ok(taken)
}

fn take_varint(rest: &mut &[u8]) -> Result<i64> {
    let (mut value, mut shift) = (0_u64, 0);
    loop {
        let byte = take(rest, 1)?[0];
        value |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Ok((value >> 1).cast_signed() ^ -(value & 1).cast_signed());
        }
        shift += 7;
        ensure!(shift < 64, "a number that does not end");
    }
}

fn i32_at(bytes: &[u8], at: usize) -> i32 {
    i32::from_be_bytes(bytes[at..at + 4].try_into().expect("four bytes"))
}

fn i64_at(bytes: &[u8], at: usize) -> i64 {
    i64::from_be_bytes(bytes[at..at + 8].try_into().expect("eight bytes"))
}

/// Who sent a batch, as its header tells it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Producer {
    /// Its id.
    pub id: i64,
    /// Its epoch.
    pub epoch: i16,
    /// The number of the batch's first record.
    pub sequence: i32,
}

impl Producer {
    /// One that wants no duplicate detection.
    pub const NONE: Self = Self { id: -1, epoch: -1, sequence: -1 };
}

/// A batch to be built; its public fields may lie, for tests of what a broker refuses.
#[derive(Clone, Debug)]
pub struct Draft {
    /// Compression (0 none, 1 gzip) and other bits.
    pub attributes: i16,
    /// Timestamp of every record.
    pub timestamp_ms: i64,
    /// The record count told in the header.
    pub count: i32,
    /// The last offset delta told in the header.
    pub last_offset_delta: i32,
    /// The magic byte.
    pub magic: u8,
    /// Added to the checksum.
    pub checksum_error: u32,
    /// The idempotent producer; -1 three times for none.
    pub producer: Producer,
    /// The records as bytes, compressed if the attributes say so.
    pub records: Vec<u8>,
}

impl Draft {
    /// An honest batch of values without keys.
    ///
    /// # Panics
    /// If there are more values than a batch can hold.
    #[must_use]
    pub fn of(values: &[&[u8]], timestamp_ms: i64) -> Self {
        let mut records = Vec::new();
        for (delta, value) in values.iter().enumerate() {
            let mut record = vec![0];
            put_varint(&mut record, 0);
            put_varint(&mut record, i64::try_from(delta).expect("few values"));
            put_varint(&mut record, -1);
            put_varint(&mut record, i64::try_from(value.len()).expect("a value in memory"));
            record.extend_from_slice(value);
            put_varint(&mut record, 0);
            put_varint(&mut records, i64::try_from(record.len()).expect("a record in memory"));
            records.extend_from_slice(&record);
        }
        let count = i32::try_from(values.len()).expect("few values");
        let last_offset_delta = count - 1;
        Self {
            attributes: 0,
            timestamp_ms,
            count,
            last_offset_delta,
            magic: 2,
            checksum_error: 0,
            producer: Producer::NONE,
            records,
        }
    }

    /// Compresses the records with gzip.
    ///
    /// # Panics
    /// Never: memory takes every write.
    #[must_use]
    pub fn gzip(mut self) -> Self {
        use std::io::Write as _;
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
        encoder.write_all(&self.records).expect("memory takes every write");
        self.records = encoder.finish().expect("memory takes every write");
        self.attributes |= 1;
        self
    }

    /// The bytes.
    ///
    /// # Panics
    /// If the records exceed 2 GiB.
    #[must_use]
    pub fn bytes(&self) -> Vec<u8> {
        let mut tail = Vec::with_capacity(self.records.len() + 40);
        tail.extend_from_slice(&self.attributes.to_be_bytes());
        tail.extend_from_slice(&self.last_offset_delta.to_be_bytes());
        tail.extend_from_slice(&self.timestamp_ms.to_be_bytes());
        tail.extend_from_slice(&self.timestamp_ms.to_be_bytes());
        tail.extend_from_slice(&self.producer.id.to_be_bytes());
        tail.extend_from_slice(&self.producer.epoch.to_be_bytes());
        tail.extend_from_slice(&self.producer.sequence.to_be_bytes());
        tail.extend_from_slice(&self.count.to_be_bytes());
        tail.extend_from_slice(&self.records);
        let mut bytes = vec![0; 8];
        bytes.extend_from_slice(&i32::try_from(tail.len() + 9).expect("a small batch").to_be_bytes());
        bytes.extend_from_slice(&(-1_i32).to_be_bytes());
        bytes.push(self.magic);
        let checksum = crc32c::crc32c(&tail).wrapping_add(self.checksum_error);
        bytes.extend_from_slice(&checksum.to_be_bytes());
        bytes.extend_from_slice(&tail);
        bytes
    }
}

#[expect(clippy::cast_sign_loss, reason = "zigzag: the sign is in the lowest bit")]
fn put_varint(to: &mut Vec<u8>, value: i64) {
    let mut rest = ((value << 1) ^ (value >> 63)) as u64;
    while rest >= 0x80 {
        to.push((rest & 0x7f) as u8 | 0x80);
        rest >>= 7;
    }
    to.push(rest as u8);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_built_is_read_back() {
        let bytes = [Draft::of(&[b"a", b"bc"], 7).bytes(), Draft::of(&[b"d"], 8).gzip().bytes()].concat();
        let batches = all(&bytes).unwrap();
        assert_eq!(
            batches.iter().map(|batch| (batch.count, batch.end_offset)).collect::<Vec<_>>(),
            [(2, 2), (1, 1)]
        );
        assert_eq!(values(&batches[0]).unwrap(), [(0, &b"a"[..]), (1, &b"bc"[..])]);
        assert!(values(&batches[1]).is_err(), "it is compressed");
    }

    #[test]
    fn a_false_checksum_and_a_cut_batch_are_seen() {
        let good = Draft::of(&[b"a"], 7);
        assert!(all(&Draft { checksum_error: 1, ..good.clone() }.bytes()).is_err());
        let bytes = good.bytes();
        assert!(all(&bytes[..bytes.len() - 1]).is_err());
    }
}
