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
        let mut number = 0_usize;
        for line in body.split(|byte| *byte == b'\n') {
            number += 1;
            if line.iter().all(u8::is_ascii_whitespace) {
                continue;
            }
            let mut read = |line| {
                let text = std::str::from_utf8(line).map_err(|_| Problem::bad_request("it is not UTF-8"))?;
                self.read_one(text, place)
            };
            read(line).map_err(|problem| problem.at(&format!("line {number}")))?;
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
