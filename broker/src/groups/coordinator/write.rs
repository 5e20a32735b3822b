//! From what groups write to batches for their log.
//!
//! *Invariant:* the records of one group in one append lie in one batch where the bound allows: a torn append loses whole
//! groups' changes, which nobody has been told of, and not half of one.

use bytes::{Bytes, BytesMut};

use crate::groups::ids::{GroupId, Ticket};
use crate::groups::records::GroupRecord;
use crate::groups::reply::{Outcome, Reply};
use crate::record::BatchBuilder;

/// A record as bytes.
struct Line {
    group: GroupId,
    key: Bytes,
    value: Option<Bytes>,
}

impl Line {
    fn bytes(&self) -> usize {
        self.key.len() + self.value.as_ref().map_or(0, Bytes::len) + 32
    }
}

/// What waits to be appended, and who waits for that.
#[derive(Default)]
pub(super) struct Gathered {
    lines: Vec<Line>,
    bytes: usize,
    replies: Vec<(Ticket, Reply)>,
}

impl Gathered {
    pub(super) fn take(&mut self, outcome: Outcome) {
        for record in &outcome.records {
            let line = line(record);
            self.bytes += line.bytes();
            self.lines.push(line);
        }
        self.replies.extend(outcome.replies);
    }

    pub(super) fn has_records(&self) -> bool {
        !self.lines.is_empty()
    }

    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    pub(super) fn replies(&mut self) -> Vec<(Ticket, Reply)> {
        std::mem::take(&mut self.replies)
    }

    /// All that was gathered as batches of about `batch_bytes`, back to back, split between groups if that can be.
    pub(super) fn batches(&mut self, batch_bytes: usize, now_ms: i64) -> BytesMut {
        let lines = std::mem::take(&mut self.lines);
        self.bytes = 0;
        let mut out = BytesMut::new();
        let mut batch = BatchBuilder::new();
        for run in lines.chunk_by(|one, next| one.group == next.group) {
            let run_bytes: usize = run.iter().map(Line::bytes).sum();
            if !batch.is_empty() && batch.bytes() + run_bytes > batch_bytes {
                close(&mut batch, &mut out);
            }
            for line in run {
                if !batch.is_empty() && batch.bytes() + line.bytes() > batch_bytes {
                    close(&mut batch, &mut out);
                }
                batch.push(now_ms, Some(&line.key), line.value.as_deref(), &[]);
            }
        }
        if !batch.is_empty() {
            close(&mut batch, &mut out);
        }
        out
    }
}

fn line(record: &GroupRecord) -> Line {
    Line { group: record.group().clone(), key: record.key(), value: record.value() }
}

fn close(batch: &mut BatchBuilder, out: &mut BytesMut) {
    out.unsplit(std::mem::take(batch).finish_mut(None));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::{BatchLimits, next_batch, records};
    use crate::types::{PartitionIndex, TopicName};

    fn forget(group: &str, partition: i32) -> GroupRecord {
        GroupRecord::Offset {
            group: group.into(),
            topic: TopicName::new("t").unwrap(),
            partition: PartitionIndex(partition),
            value: None,
        }
    }

    /// The number of records in each batch.
    fn counts(bytes: BytesMut) -> Vec<usize> {
        let mut rest = bytes.freeze();
        let mut counts = Vec::new();
        while let Some((header, batch)) = next_batch(&rest).unwrap() {
            let len = batch.len();
            let limits = BatchLimits {
                batch_bytes_max: usize::MAX,
                inflated_bytes_max: usize::MAX,
                record_count_max: usize::MAX,
            };
            assert_eq!(records(&rest, &limits).unwrap().len(), usize::try_from(header.record_count).unwrap());
            counts.push(usize::try_from(header.record_count).unwrap());
            rest = rest.slice(len..);
        }
        counts
    }

    #[test]
    fn batches_are_split_between_groups_and_only_a_large_group_within() {
        let mut gathered = Gathered::default();
        let records = ["a", "a", "b", "b", "b", "c"].iter().enumerate();
        let records = records.map(|(at, group)| forget(group, i32::try_from(at).unwrap())).collect();
        gathered.take(Outcome { records, replies: Vec::new() });
        // A batch's header is 61 bytes; each of these records counts for 44 before, and for 19 once it is in.
        let batches = gathered.batches(160, 7);
        assert_eq!(counts(batches), [2, 3, 1]);
        assert!(!gathered.has_records() && gathered.bytes() == 0);

        gathered.take(Outcome { records: (0..5).map(|at| forget("a", at)).collect(), replies: Vec::new() });
        assert_eq!(counts(gathered.batches(160, 7)), [3, 2]);
    }
}
