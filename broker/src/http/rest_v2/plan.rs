//! Records on their way into batches: those of one partition in one batch, or in as few as the topic's limit allows, and
//! for each record the place that its offset will be found at. Pure.
//!
//! *Invariant:* the batches of one partition are sent one after the other, so that its records keep their order.

use std::collections::BTreeMap;

use bytes::BytesMut;
use http::StatusCode;

use super::fault::Fault;
use super::produce_body::Parsed;
use crate::http::lines::BatchBounds;
use crate::record::{BatchBuilder, HeaderRef};
use crate::types::PartitionIndex;

/// What a record takes beside its key, value and headers, at most; and a header beside its name and value.
const RECORD_OVERHEAD: usize = 40;
const HEADER_OVERHEAD: usize = 10;

/// The batches of one partition, in order.
#[derive(Debug)]
pub(super) struct Chain {
    pub(super) partition: PartitionIndex,
    pub(super) batches: Vec<BytesMut>,
}

/// Where a record is: in which chain, in which batch of it, and how far into that.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) chain: u32,
    pub(super) batch: u32,
    pub(super) at: u32,
}

/// All records of a request.
#[derive(Debug)]
pub(super) struct Plan {
    bounds: BatchBounds,
    now_ms: i64,
    chains: Vec<(PartitionIndex, Vec<BatchBuilder>)>,
    chain_of: BTreeMap<PartitionIndex, u32>,
    places: Vec<Place>,
}

impl Plan {
    /// None yet; records without a time get `now_ms`.
    pub(super) fn new(bounds: BatchBounds, now_ms: i64) -> Self {
        Self { bounds, now_ms, chains: Vec::new(), chain_of: BTreeMap::new(), places: Vec::new() }
    }

    /// Adds the next record of the request.
    pub(super) fn push(&mut self, partition: PartitionIndex, record: &Parsed<'_>) -> Result<(), Fault> {
        if self.places.len() >= self.bounds.records_max {
            let limit = self.bounds.records_max;
            let message = format!("more than {limit} records in one request: send fewer at once");
            return Err(Fault::new(StatusCode::PAYLOAD_TOO_LARGE, message));
        }
        let chains = &mut self.chains;
        let chain = *self.chain_of.entry(partition).or_insert_with(|| {
            chains.push((partition, Vec::new()));
            int(chains.len() - 1)
        });
        let builders = &mut self.chains[chain as usize].1;
        let room = self.bounds.bytes_max;
        let is_full = |builder: &BatchBuilder| builder.bytes() + bytes_of(record) > room;
        if builders.last().is_none_or(is_full) {
            builders.push(BatchBuilder::new());
        }
        let batch = int(builders.len() - 1);
        let builder = builders.last_mut().expect("one was there or has come");
        let headers: Vec<HeaderRef<'_>> =
            record.headers.iter().map(|(name, value)| HeaderRef { name, value: value.as_deref() }).collect();
        self.places.push(Place { chain, batch, at: int(builder.len()) });
        let timestamp_ms = record.timestamp_ms.unwrap_or(self.now_ms);
        builder.push(timestamp_ms, record.key.as_deref(), record.value.as_deref(), &headers);
        if builder.bytes() > room {
            let message = format!(
                "the record makes a batch of {} bytes, and max.message.bytes of the topic is {room}",
                builder.bytes()
            );
            return Err(Fault::unprocessable(message).code(42_208));
        }
        Ok(())
    }

    /// The batches by partition, and the place of each record in the order of the request.
    pub(super) fn finish(self) -> (Vec<Chain>, Vec<Place>) {
        let chain = |(partition, builders): (PartitionIndex, Vec<BatchBuilder>)| Chain {
            partition,
            batches: builders.into_iter().map(|builder| builder.finish_mut(None)).collect(),
        };
        (self.chains.into_iter().map(chain).collect(), self.places)
    }
}

/// What a record takes in a batch, at most.
fn bytes_of(record: &Parsed<'_>) -> usize {
    let len = |bytes: Option<&[u8]>| bytes.map_or(0, <[u8]>::len);
    let headers =
        record.headers.iter().map(|(name, value)| name.len() + len(value.as_deref()) + HEADER_OVERHEAD);
    RECORD_OVERHEAD + len(record.key.as_deref()) + len(record.value.as_deref()) + headers.sum::<usize>()
}

fn int(number: usize) -> u32 {
    u32::try_from(number).expect("a request is bounded far below 2^32 records")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(value: &[u8]) -> Parsed<'_> {
        Parsed {
            key: None,
            value: Some(value.into()),
            headers: Vec::new(),
            timestamp_ms: None,
            partition: None,
        }
    }

    fn plan(bytes_max: usize, records_max: usize) -> Plan {
        Plan::new(BatchBounds { bytes_max, records_max }, 5)
    }

    fn place(chain: u32, batch: u32, at: u32) -> Place {
        Place { chain, batch, at }
    }

    #[test]
    fn records_of_one_partition_share_a_batch_and_know_their_places() {
        let mut plan = plan(1 << 20, 100);
        for partition in [3, 1, 3, 1, 3] {
            plan.push(PartitionIndex(partition), &record(b"x")).unwrap();
        }
        let (chains, places) = plan.finish();
        let told: Vec<_> = chains.iter().map(|chain| (chain.partition.0, chain.batches.len())).collect();
        assert_eq!(told, [(3, 1), (1, 1)]);
        assert_eq!(places, [place(0, 0, 0), place(1, 0, 0), place(0, 0, 1), place(1, 0, 1), place(0, 0, 2)]);
    }

    #[test]
    fn what_does_not_fit_in_one_batch_goes_into_the_next() {
        let mut plan = plan(400, 100);
        let value = [b'x'; 100];
        for _ in 0..5 {
            plan.push(PartitionIndex(0), &record(&value)).unwrap();
        }
        let (chains, places) = plan.finish();
        assert_eq!(chains[0].batches.len(), 3);
        assert!(chains[0].batches.iter().all(|batch| batch.len() <= 400));
        assert_eq!(places[3], place(0, 1, 1));
    }

    #[test]
    fn bounds_hold() {
        let mut small = plan(200, 100);
        small.push(PartitionIndex(0), &record(b"x")).unwrap();
        let fault = small.push(PartitionIndex(0), &record(&[b'x'; 200])).unwrap_err();
        assert_eq!(fault.status(), 422, "{}", fault.message());
        let mut few = plan(1 << 20, 1);
        few.push(PartitionIndex(0), &record(b"x")).unwrap();
        assert_eq!(few.push(PartitionIndex(0), &record(b"x")).unwrap_err().status(), 413);
    }
}
