//! Which of the records that were read are delivered: turn about by partition as they were read, within the bytes asked
//! for, at least one. Pure.
//!
//! *Invariant:* what is delivered of a partition is all its records from where it was read up to the offset returned.

use bytes::Bytes;

use super::error::InstanceError;
use super::types::InstanceRecord;
use crate::groups::instances::EmbeddedFormat;
use crate::record::{BatchLimits, Record, next_batch, records};
use crate::service::{FetchError, GroupCallError};
use crate::types::{Offset, TopicPartition};

/// What was read of one partition.
pub(super) struct Piece<'a> {
    /// Of which.
    pub(super) tp: &'a TopicPartition,
    /// From where.
    pub(super) from: Offset,
    /// Up to where, exclusive.
    pub(super) until: Offset,
    /// Whole batches, in order.
    pub(super) batches: Vec<Bytes>,
}

/// What is told.
pub(super) struct Selected {
    pub(super) records: Vec<InstanceRecord>,
    /// For each piece, the next offset after what is delivered of it.
    pub(super) ends: Vec<Offset>,
}

/// Selects from `pieces`, in their order. A record that cannot be told ends its partition; it is an error only if there
/// is nothing else to tell.
pub(super) fn select(
    pieces: &[Piece],
    format: EmbeddedFormat,
    max_bytes: usize,
    limits: &BatchLimits,
) -> Result<Selected, InstanceError> {
    let mut selected = Selected { records: Vec::new(), ends: Vec::with_capacity(pieces.len()) };
    let (mut bytes, mut stuck, mut is_full) = (0_usize, None, false);
    for piece in pieces {
        let mut end = piece.from;
        let mut walk = Walk { piece, rest: piece.batches.clone().into_iter(), batch: Bytes::new(), limits };
        let mut batch = Vec::new().into_iter();
        while !is_full {
            let Some(record) = walk.next(&mut batch)? else {
                // Offsets that hold no record any more are passed over too.
                end = piece.until;
                break;
            };
            let record_bytes = size(&record);
            if !selected.records.is_empty() && bytes.saturating_add(record_bytes) > max_bytes {
                is_full = true;
                break;
            }
            if record.value.as_deref().is_some_and(|value| !format.can_tell(value)) {
                let (tp, offset) = (piece.tp.clone(), record.offset);
                stuck.get_or_insert(InstanceError::Undecodable { tp, offset, format });
                break;
            }
            bytes = bytes.saturating_add(record_bytes);
            end = record.offset.next();
            selected.records.push(InstanceRecord { tp: piece.tp.clone(), record });
        }
        selected.ends.push(end);
    }
    match stuck {
        Some(error) if selected.records.is_empty() => Err(error),
        _ => Ok(selected),
    }
}

/// What a record counts for: its key, its value and its headers, as they are kept.
fn size(record: &Record) -> usize {
    let len = |bytes: &Option<Bytes>| bytes.as_ref().map_or(0, Bytes::len);
    let headers = record.headers.iter().map(|(name, value)| name.len() + len(value));
    len(&record.key) + len(&record.value) + headers.sum::<usize>()
}

/// The records of a piece, decoded batch by batch as they are asked for.
struct Walk<'a> {
    piece: &'a Piece<'a>,
    rest: std::vec::IntoIter<Bytes>,
    batch: Bytes,
    limits: &'a BatchLimits,
}

impl Walk<'_> {
    fn next(&mut self, open: &mut std::vec::IntoIter<Record>) -> Result<Option<Record>, InstanceError> {
        loop {
            for record in open.by_ref() {
                if record.offset >= self.piece.until {
                    return Ok(None);
                }
                if record.offset >= self.piece.from {
                    return Ok(Some(record));
                }
            }
            let Some(batch) = self.next_batch()? else { return Ok(None) };
            *open = records(&batch, self.limits).map_err(|error| damaged(error.to_string()))?.into_iter();
        }
    }

    fn next_batch(&mut self) -> Result<Option<Bytes>, InstanceError> {
        while self.batch.is_empty() {
            let Some(next) = self.rest.next() else { return Ok(None) };
            self.batch = next;
        }
        match next_batch(&self.batch).map_err(|error| damaged(error.to_string()))? {
            Some((_, batch)) => {
                let len = batch.len();
                Ok(Some(self.batch.split_to(len)))
            }
            None => Err(damaged("half a batch was read".to_owned())),
        }
    }
}

fn damaged(reason: String) -> InstanceError {
    InstanceError::Call(GroupCallError::Read(FetchError::Storage { reason }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::{BatchBuilder, HeaderRef};
    use crate::types::{PartitionIndex, TopicName};

    const LIMITS: BatchLimits =
        BatchLimits { batch_bytes_max: usize::MAX, inflated_bytes_max: 1 << 20, record_count_max: 1_000 };

    fn batch(values: &[&str]) -> Bytes {
        let mut builder = BatchBuilder::new();
        values.iter().for_each(|value| builder.push(1, None, Some(value.as_bytes()), &[]));
        builder.finish_mut(None).freeze()
    }

    fn tp(partition: i32) -> TopicPartition {
        TopicPartition::new(TopicName::new("t").unwrap(), PartitionIndex(partition))
    }

    fn told(selected: &Selected) -> Vec<(i32, i64)> {
        let place = |one: &InstanceRecord| (one.tp.partition.0, one.record.offset.0);
        selected.records.iter().map(place).collect()
    }

    #[test]
    fn as_much_as_fits_and_one_at_least() {
        let (one, two) = (tp(0), tp(1));
        let piece = |tp, from, until, values: &[&str]| Piece {
            tp,
            from: Offset(from),
            until: Offset(until),
            batches: vec![batch(values)],
        };
        let pieces = [piece(&one, 1, 3, &["aaa", "bbb", "ccc"]), piece(&two, 0, 2, &["ddd", "eee"])];
        let all = select(&pieces, EmbeddedFormat::Text, 100, &LIMITS).unwrap();
        assert_eq!(told(&all), [(0, 1), (0, 2), (1, 0), (1, 1)]);
        assert_eq!(all.ends, [Offset(3), Offset(2)]);
        let some = select(&pieces, EmbeddedFormat::Text, 9, &LIMITS).unwrap();
        assert_eq!((told(&some), some.ends), (vec![(0, 1), (0, 2), (1, 0)], vec![Offset(3), Offset(1)]));
        let least = select(&pieces, EmbeddedFormat::Text, 1, &LIMITS).unwrap();
        assert_eq!((told(&least), least.ends), (vec![(0, 1)], vec![Offset(2), Offset(0)]));
        let replayed = [piece(&one, 0, 2, &["aaa", "bbb", "ccc"])];
        let some = select(&replayed, EmbeddedFormat::Binary, 100, &LIMITS).unwrap();
        assert_eq!((told(&some), some.ends), (vec![(0, 0), (0, 1)], vec![Offset(2)]));
    }

    #[test]
    fn headers_count_too() {
        let mut builder = BatchBuilder::new();
        let header = HeaderRef { name: "name", value: Some(b"0123456789") };
        (0..3).for_each(|_| builder.push(1, None, Some(b"v"), std::slice::from_ref(&header)));
        let (one, batches) = (tp(0), vec![builder.finish_mut(None).freeze()]);
        let piece = Piece { tp: &one, from: Offset(0), until: Offset(3), batches };
        let some = select(&[piece], EmbeddedFormat::Text, 30, &LIMITS).unwrap();
        assert_eq!(told(&some), [(0, 0), (0, 1)]);
    }

    #[test]
    fn what_cannot_be_told_stops_its_partition_and_is_an_error_when_nothing_else_is_there() {
        let (one, two) = (tp(0), tp(1));
        let bad = |from| Piece {
            tp: &one,
            from: Offset(from),
            until: Offset(3),
            batches: vec![batch(&["1", "x", "2"])],
        };
        let good = Piece { tp: &two, from: Offset(0), until: Offset(1), batches: vec![batch(&["3"])] };
        let some = select(&[bad(0), good], EmbeddedFormat::Json, 100, &LIMITS).unwrap();
        assert_eq!((told(&some), some.ends), (vec![(0, 0), (1, 0)], vec![Offset(1), Offset(1)]));
        let Err(error) = select(&[bad(1)], EmbeddedFormat::Json, 100, &LIMITS) else { panic!("it is told") };
        assert!(matches!(error, InstanceError::Undecodable { offset: Offset(1), .. }), "{error}");
    }
}
