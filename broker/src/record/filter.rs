//! Taking records out of a batch that lies in a log, as compaction does. Pure.
//!
//! Offsets, the batch's base and last offset, its leader epoch and its producer's fields stay; record count, timestamps,
//! length and CRC follow what is left. What was compressed is inflated, filtered, and compressed again by the same codec.
//!
//! A batch that keeps tombstones carries the time from which these may go, its delete horizon (KIP-534): bit 6 of the
//! attributes is set, and the base timestamp is the horizon, from which the records' timestamps count then.
//!
//! *Invariant:* the last offset of what comes out is that of what went in, be it without any record.

use bytes::BytesMut;

use super::compression::{compress, decompress};
use super::framing::{RawRecord, read_record};
use super::header::{ATTRIBUTES_AT, CODEC_MASK, DELETE_HORIZON, HEADER_LEN, LENGTH_OVERHEAD, seal};
use super::varint::{Cursor, VARLONG_LEN_MAX, varint_len, varlong_len, write_varlong};
use super::{BatchHeader, RecordError};
use crate::types::Offset;

/// What compaction looks at in a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeyedRecord<'a> {
    /// Its place in the log.
    pub offset: Offset,
    /// Its key, if it has one.
    pub key: Option<&'a [u8]>,
    /// Whether it says that its key has no value any more.
    pub is_tombstone: bool,
}

/// What is left of a batch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Filtered {
    /// All of it, as it was.
    Whole,
    /// Some of its records, or all of them with a delete horizon.
    Rebuilt(BytesMut),
    /// No record.
    Nothing,
}

/// Shows every record of a batch that was found sound, in order, until `visit` says `false`. Whether all were seen.
///
/// # Errors
/// The first thing found wrong.
pub fn visit_records(
    batch: &[u8],
    inflated_bytes_max: usize,
    mut visit: impl FnMut(KeyedRecord<'_>) -> bool,
) -> Result<bool, RecordError> {
    let header = BatchHeader::read(batch)?;
    let body = decompress(header.compression()?, packed(batch, &header)?, inflated_bytes_max)?;
    let mut cursor = Cursor::new(&body);
    for index in 0..usize::try_from(header.record_count).unwrap_or(0) {
        let raw = read_record(&mut cursor).map_err(|reason| RecordError::BadRecord { index, reason })?;
        if !visit(keyed(&header, &raw)) {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Leaves in a sound batch the records that `keep` wants. If a tombstone is among them and the batch has no delete
/// horizon yet, it gets `horizon_ms`.
///
/// # Errors
/// The first thing found wrong.
pub fn filter_batch(
    batch: &[u8],
    inflated_bytes_max: usize,
    horizon_ms: i64,
    mut keep: impl FnMut(KeyedRecord<'_>) -> bool,
) -> Result<Filtered, RecordError> {
    let header = BatchHeader::read(batch)?;
    let codec = header.compression()?;
    let body = decompress(codec, packed(batch, &header)?, inflated_bytes_max)?;
    let mut cursor = Cursor::new(&body);
    let mut kept = Vec::new();
    let mut has_tombstones = false;
    for index in 0..usize::try_from(header.record_count).unwrap_or(0) {
        let raw = read_record(&mut cursor).map_err(|reason| RecordError::BadRecord { index, reason })?;
        let record = keyed(&header, &raw);
        if keep(record) {
            has_tombstones |= record.is_tombstone;
            kept.push(raw);
        }
    }
    let Ok(count) = i32::try_from(kept.len()) else { return Ok(Filtered::Whole) };
    if count == 0 {
        return Ok(Filtered::Nothing);
    }
    let new_horizon = has_tombstones && header.delete_horizon_ms().is_none();
    if count == header.record_count && !new_horizon {
        return Ok(Filtered::Whole);
    }
    let base_ms = if new_horizon { horizon_ms } else { header.base_timestamp_ms };
    let shift = header.base_timestamp_ms.wrapping_sub(base_ms);
    let greatest =
        kept.iter().map(|raw| header.base_timestamp_ms.wrapping_add(raw.timestamp_delta)).max().unwrap_or(-1);
    let mut records = Vec::with_capacity(body.len());
    for raw in kept {
        write_record(&mut records, raw, shift);
    }
    let packed = compress(codec, &records)?;
    let mut rebuilt = BytesMut::with_capacity(HEADER_LEN + packed.len());
    rebuilt.extend_from_slice(&batch[..HEADER_LEN]);
    rebuilt.extend_from_slice(&packed);
    let attributes = header.attributes | if new_horizon { DELETE_HORIZON } else { 0 };
    let max_ms = if header.uses_log_append_time() { header.max_timestamp_ms } else { greatest };
    patch(&mut rebuilt, attributes, (base_ms, max_ms), count);
    Ok(Filtered::Rebuilt(rebuilt))
}

/// The batch without its records: what tells a producer's last sequence, or where a segment ends.
#[must_use]
pub fn emptied_batch(header: &BatchHeader, batch: &[u8]) -> BytesMut {
    let mut empty = BytesMut::from(&batch[..HEADER_LEN]);
    let attributes = header.attributes & !(CODEC_MASK | DELETE_HORIZON);
    patch(&mut empty, attributes, (-1, header.max_timestamp_ms), 0);
    empty
}

fn packed<'a>(batch: &'a [u8], header: &BatchHeader) -> Result<&'a [u8], RecordError> {
    let needed = header.total_len();
    batch.get(HEADER_LEN..needed).ok_or(RecordError::Truncated { needed, have: batch.len() })
}

fn keyed<'a>(header: &BatchHeader, raw: &RawRecord<'a>) -> KeyedRecord<'a> {
    KeyedRecord {
        offset: header.base_offset.plus(i64::from(raw.offset_delta)),
        key: raw.key,
        is_tombstone: raw.value.is_none(),
    }
}

/// Writes a record again, its timestamp counted from `shift` earlier.
fn write_record(out: &mut Vec<u8>, mut raw: RawRecord<'_>, shift: i64) {
    let timestamp_delta = raw.timestamp_delta.wrapping_add(shift);
    let headers = raw.headers.rest();
    let len = 1
        + varlong_len(timestamp_delta)
        + varint_len(raw.offset_delta)
        + optional_len(raw.key)
        + optional_len(raw.value)
        + varlong_len(number(raw.header_count))
        + headers.len();
    put_number(out, number(len));
    out.push(0); // the record's attributes, all unused
    put_number(out, timestamp_delta);
    put_number(out, i64::from(raw.offset_delta));
    for bytes in [raw.key, raw.value] {
        put_number(out, bytes.map_or(-1, |bytes| number(bytes.len())));
        out.extend_from_slice(bytes.unwrap_or_default());
    }
    put_number(out, number(raw.header_count));
    out.extend_from_slice(headers);
}

fn optional_len(bytes: Option<&[u8]>) -> usize {
    bytes.map_or(1, |bytes| varlong_len(number(bytes.len())) + bytes.len())
}

fn number(len: usize) -> i64 {
    i64::try_from(len).expect("a batch is bounded far below 2^63 bytes")
}

fn put_number(out: &mut Vec<u8>, value: i64) {
    let mut bytes = [0; VARLONG_LEN_MAX];
    let len = write_varlong(&mut bytes, value);
    out.extend_from_slice(&bytes[..len]);
}

/// Puts in the header what follows from the records, and the CRC.
fn patch(batch: &mut [u8], attributes: i16, (base_ms, max_ms): (i64, i64), count: i32) {
    let length = i32::try_from(batch.len() - LENGTH_OVERHEAD).expect("a batch is bounded far below 2 GiB");
    batch[8..12].copy_from_slice(&length.to_be_bytes());
    batch[ATTRIBUTES_AT..ATTRIBUTES_AT + 2].copy_from_slice(&attributes.to_be_bytes());
    batch[27..35].copy_from_slice(&base_ms.to_be_bytes());
    batch[35..43].copy_from_slice(&max_ms.to_be_bytes());
    batch[57..61].copy_from_slice(&count.to_be_bytes());
    seal(batch);
}

/// The batch with its records packed by the codec of this number.
#[cfg(test)]
pub(crate) fn packed_as(batch: &[u8], code: i16) -> BytesMut {
    let header = BatchHeader::read(batch).unwrap();
    let codec = super::Compression::from_code(code).unwrap();
    let mut packed = BytesMut::from(&batch[..HEADER_LEN]);
    packed.extend_from_slice(&compress(codec, &batch[HEADER_LEN..]).unwrap());
    let times = (header.base_timestamp_ms, header.max_timestamp_ms);
    patch(&mut packed, header.attributes | code, times, header.record_count);
    packed
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::record::{
        BatchBuilder, BatchLimits, HeaderRef, ProducerStamp, Record, check_crc, records, stamp_leader,
    };
    use crate::types::LeaderEpoch;

    const CODECS: std::ops::Range<i16> = 0..5;
    const STAMP: ProducerStamp = ProducerStamp { producer_id: 9, producer_epoch: 2, base_sequence: 70 };

    /// Five records at offsets 100 to 104; that at 102 is a tombstone.
    fn batch(code: i16) -> Bytes {
        let mut builder = BatchBuilder::new();
        for n in 0..5_i64 {
            let (key, value) = ([b'k', n as u8], [n as u8; 300]);
            let headers =
                [HeaderRef { name: "h", value: Some(&key) }, HeaderRef { name: "none", value: None }];
            let value = (n != 2).then_some(&value[..]);
            builder.push(1_000 + n * 10, Some(&key), value, &headers[..n as usize % 3]);
        }
        let mut batch = packed_as(&builder.finish(Some(STAMP)), code);
        stamp_leader(&mut batch, Offset(100), LeaderEpoch(3));
        batch.freeze()
    }

    fn all(batch: &Bytes) -> Vec<Record> {
        check_crc(batch, &BatchHeader::read(batch).unwrap()).unwrap();
        records(batch, &BatchLimits::default()).unwrap()
    }

    fn rebuilt(batch: &Bytes, horizon_ms: i64, keep: &[i64]) -> Bytes {
        match filter_batch(batch, 1 << 20, horizon_ms, |record| keep.contains(&record.offset.0)).unwrap() {
            Filtered::Rebuilt(rebuilt) => rebuilt.freeze(),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn what_stays_is_as_it_was() {
        for code in CODECS {
            let before = batch(code);
            let after = rebuilt(&before, 0, &[101, 104]);
            let kept: Vec<Record> =
                all(&before).into_iter().filter(|record| [101, 104].contains(&record.offset.0)).collect();
            assert_eq!(all(&after), kept, "codec {code}");
            let (was, is) = (BatchHeader::read(&before).unwrap(), BatchHeader::read(&after).unwrap());
            assert_eq!(is.total_len(), after.len());
            assert_eq!((is.base_offset, is.last_offset(), is.record_count), (Offset(100), Offset(104), 2));
            assert_eq!((is.attributes, is.leader_epoch), (was.attributes, was.leader_epoch));
            assert_eq!((is.base_sequence, is.last_sequence()), (70, 74), "a producer's sequence survives");
            assert_eq!(is.max_timestamp_ms, 1_040);
            assert_eq!(rebuilt(&after, 0, &[101]).len(), rebuilt(&before, 0, &[101]).len(), "again");
        }
    }

    #[test]
    fn a_tombstone_starts_the_clock_once() {
        for code in CODECS {
            let before = batch(code);
            let after = rebuilt(&before, 77_000, &[100, 101, 102, 103, 104]);
            let header = BatchHeader::read(&after).unwrap();
            assert_eq!(header.delete_horizon_ms(), Some(77_000));
            assert_eq!(all(&after), all(&before), "times too");
            let later = filter_batch(&after, 1 << 20, 99_000, |_| true).unwrap();
            assert_eq!(later, Filtered::Whole, "the first horizon stands");
            let fewer = rebuilt(&after, 99_000, &[102]);
            assert_eq!(BatchHeader::read(&fewer).unwrap().delete_horizon_ms(), Some(77_000));
            assert_eq!(all(&fewer), all(&before)[2..3]);
        }
    }

    #[test]
    fn a_batch_without_a_change_or_a_record_is_said_to_be_so() {
        let before = rebuilt(&batch(1), 0, &[100, 101]);
        assert_eq!(filter_batch(&before, 1 << 20, 5, |_| true).unwrap(), Filtered::Whole);
        assert_eq!(filter_batch(&before, 1 << 20, 5, |_| false).unwrap(), Filtered::Nothing);
        let header = BatchHeader::read(&before).unwrap();
        let empty = emptied_batch(&header, &before).freeze();
        let told = BatchHeader::read(&empty).unwrap();
        assert_eq!((all(&empty), empty.len()), (vec![], HEADER_LEN));
        assert_eq!((told.last_offset(), told.last_sequence(), told.producer_epoch), (Offset(104), 74, 2));
        assert_eq!(filter_batch(&empty, 1 << 20, 5, |_| true).unwrap(), Filtered::Nothing);
    }

    #[test]
    fn damage_is_an_error() {
        let before = batch(1);
        assert!(filter_batch(&before[..before.len() - 9], 1 << 20, 0, |_| true).is_err());
        assert!(filter_batch(&before, 100, 0, |_| true).is_err(), "it inflates to more");
        assert!(visit_records(&batch(0)[..90], 1 << 20, |_| true).is_err());
    }
}
