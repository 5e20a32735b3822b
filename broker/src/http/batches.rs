//! Records on their way into batches, one batch for each partition. Pure.

use bytes::BytesMut;

use super::envelope::{self, Envelope};
use super::errors::Problem;
use super::lines::BatchBounds;
use crate::record::{BatchBuilder, ProducerStamp};
use crate::types::PartitionIndex;

/// A finished batch and what is to be said about it.
#[derive(Debug)]
pub(super) struct Load {
    /// Where it goes.
    pub(super) partition: PartitionIndex,
    /// The batch.
    pub(super) batch: BytesMut,
    /// How many records it holds.
    pub(super) count: usize,
}

/// Batches by partition, in the order in which their first records came.
#[derive(Debug)]
pub(super) struct Batches {
    bounds: BatchBounds,
    now_ms: i64,
    builders: Vec<(PartitionIndex, BatchBuilder)>,
    records: usize,
}

impl Batches {
    /// None yet; records without a time get `now_ms`.
    pub(super) fn new(bounds: BatchBounds, now_ms: i64) -> Self {
        Self { bounds, now_ms, builders: Vec::new(), records: 0 }
    }

    /// Reads envelopes, one a line; blank lines are passed over. `place` tells the partition of each.
    pub(super) fn read_lines(
        &mut self,
        body: &[u8],
        place: &impl Fn(&Envelope<'_>) -> Result<PartitionIndex, Problem>,
    ) -> Result<(), Problem> {
        for (before, line) in body.split(|byte| *byte == b'\n').enumerate() {
            if line.iter().all(u8::is_ascii_whitespace) {
                continue;
            }
            let mut read = |line| {
                let text = std::str::from_utf8(line).map_err(|_| Problem::bad_request("it is not UTF-8"))?;
                self.read_one(text, place)
            };
            read(line).map_err(|problem| problem.at(&format!("line {}", before + 1)))?;
        }
        if self.records == 0 {
            return Err(Problem::bad_request("the body is empty: send one JSON object a line"));
        }
        Ok(())
    }

    /// Reads `{"records":[...]}`.
    pub(super) fn read_json(
        &mut self,
        body: &[u8],
        place: &impl Fn(&Envelope<'_>) -> Result<PartitionIndex, Problem>,
    ) -> Result<(), Problem> {
        let text = std::str::from_utf8(body).map_err(|_| Problem::bad_request("the body is not UTF-8"))?;
        for (number, record) in envelope::split(text).map_err(Problem::bad_request)?.into_iter().enumerate() {
            self.read_one(record, place).map_err(|problem| problem.at(&format!("records[{number}]")))?;
        }
        Ok(())
    }

    /// The batches, stamped with their producer if there is one.
    pub(super) fn finish(self, producer: Option<ProducerStamp>) -> Vec<Load> {
        let finish = |(partition, builder): (PartitionIndex, BatchBuilder)| {
            let count = builder.len();
            Load { partition, batch: builder.finish_mut(producer), count }
        };
        self.builders.into_iter().map(finish).collect()
    }

    fn read_one(
        &mut self,
        text: &str,
        place: &impl Fn(&Envelope<'_>) -> Result<PartitionIndex, Problem>,
    ) -> Result<(), Problem> {
        let envelope = envelope::parse(text).map_err(Problem::bad_request)?;
        let partition = place(&envelope)?;
        let at = self.builders.iter().position(|(known, _)| *known == partition).unwrap_or_else(|| {
            self.builders.push((partition, BatchBuilder::new()));
            self.builders.len() - 1
        });
        let builder = &mut self.builders[at].1;
        envelope.push(builder, self.now_ms);
        self.records += 1;
        self.bounds.check(builder)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::{BatchLimits, records};

    const BOUNDS: BatchBounds = BatchBounds { bytes_max: 1 << 20, records_max: 1_000 };

    /// Even keys to partition 0, odd ones to 1, none to 7.
    fn place(envelope: &Envelope<'_>) -> Result<PartitionIndex, Problem> {
        let key = envelope.key.as_deref().and_then(|key| std::str::from_utf8(key).ok());
        Ok(PartitionIndex(key.map_or(7, |key| key.parse::<i32>().unwrap() % 2)))
    }

    fn lines(body: &str) -> Result<Vec<Load>, Problem> {
        let mut batches = Batches::new(BOUNDS, 5);
        batches.read_lines(body.as_bytes(), &place)?;
        Ok(batches.finish(None))
    }

    #[test]
    fn records_go_into_one_batch_for_each_partition_in_order() {
        let body = "{\"key\":\"1\",\"value\":\"a\"}\n\n{\"value\":\"b\"}\r\n{\"key\":\"3\",\"value\":\"c\",\"timestamp\":9}\n";
        let loads = lines(body).unwrap();
        let told: Vec<_> = loads.iter().map(|load| (load.partition.0, load.count)).collect();
        assert_eq!(told, [(1, 2), (7, 1)]);
        let batch = loads.into_iter().next().unwrap().batch.freeze();
        let records = records(&batch, &BatchLimits::default()).unwrap();
        assert_eq!(records.iter().map(|record| record.timestamp_ms).collect::<Vec<_>>(), [5, 9]);
        assert_eq!(records[1].value.as_deref(), Some(&b"c"[..]));
    }

    #[test]
    fn a_mistake_is_told_with_its_line() {
        let problem = lines("{\"value\":1}\n\n{\"value\":\n{}").unwrap_err();
        assert!(problem.message().starts_with("line 3: EOF"), "{}", problem.message());
        assert_eq!(lines("\n \n").unwrap_err().status(), 400);
        let mut batches = Batches::new(BOUNDS, 5);
        let problem = batches.read_json(br#"{"records":[{},{"valu":1}]}"#, &place).unwrap_err();
        assert!(problem.message().starts_with("records[1]: unknown field"), "{}", problem.message());
        let mut batches = Batches::new(BOUNDS, 5);
        assert!(
            batches
                .read_lines(b"{\"value\":\"\xff\"}", &place)
                .unwrap_err()
                .message()
                .contains("line 1: it is not UTF-8")
        );
    }
}
