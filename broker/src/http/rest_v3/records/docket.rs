//! Records of one request on their way: gathered in batches by partition, one batch of each under way, and receipts in
//! the order in which the records came. Pure.
//!
//! ```text
//! records ─> slots   [told][told][     ][told][     ]   those in front that are known may leave
//!        └─> batches  p0: under way (slots 2, 4) + waiting (slot 5)   p1: ...
//! ```
//!
//! *Invariant:* every slot that is not known belongs to exactly one batch, under way or waiting.

use std::collections::{BTreeMap, VecDeque};

use bytes::BytesMut;

use super::receipt::{Origin, Outcome, Stub, receipt};
use super::record::Sent;
use crate::http::rest_v3::refusal::Refusal;
use crate::record::BatchBuilder;
use crate::service::{Admitted, Produced};
use crate::types::PartitionIndex;

/// How many records may be without a receipt.
const SLOTS_MAX: usize = 2_048;
/// How many bytes of records may be without a receipt before no more are read.
const BYTES_MAX: usize = 4 << 20;

/// A batch that is to be sent.
#[derive(Debug)]
pub(super) struct Load {
    /// Where to.
    pub(super) partition: PartitionIndex,
    /// The batch.
    pub(super) batch: BytesMut,
}

/// The records of one request.
#[derive(Debug)]
pub(super) struct Docket {
    origin: Origin,
    bytes_max: usize,
    records_max: usize,
    /// Receipts, from the first that has not left; `None` where nothing is known yet.
    slots: VecDeque<Option<Outcome>>,
    /// How many have left.
    left: usize,
    lanes: BTreeMap<PartitionIndex, Lane>,
    bytes: usize,
}

/// The records of one partition.
#[derive(Debug, Default)]
struct Lane {
    under_way: Option<Vec<Entry>>,
    waiting: VecDeque<Waiting>,
}

#[derive(Debug)]
struct Waiting {
    builder: BatchBuilder,
    entries: Vec<Entry>,
}

/// A record in a batch.
#[derive(Debug)]
struct Entry {
    slot: usize,
    stub: Stub,
    bytes: usize,
    /// Given back when the record has its receipt.
    _admitted: Option<Admitted>,
}

impl Docket {
    /// For records of `origin`, in batches within these bounds.
    pub(super) fn new(origin: Origin, bytes_max: usize, records_max: usize) -> Self {
        let (slots, lanes) = (VecDeque::new(), BTreeMap::new());
        Self { origin, bytes_max, records_max, slots, left: 0, lanes, bytes: 0 }
    }

    /// How many records have come.
    pub(super) fn count(&self) -> usize {
        self.left + self.slots.len()
    }

    /// Whether more may be read.
    pub(super) fn has_room(&self) -> bool {
        self.slots.len() < SLOTS_MAX && self.bytes < BYTES_MAX
    }

    /// A record that goes nowhere.
    pub(super) fn refuse(&mut self, refusal: Refusal) {
        self.slots.push_back(Some(Err(refusal)));
    }

    /// A record on its way to `partition`.
    pub(super) fn add(
        &mut self,
        sent: Sent,
        partition: PartitionIndex,
        now_ms: i64,
        admitted: Option<Admitted>,
    ) {
        let bytes = sent.size();
        if bytes > self.bytes_max {
            let limit = self.bytes_max;
            let message = format!("the record makes a batch of about {bytes} bytes, the topic takes {limit}");
            self.refuse(Refusal::new(http::StatusCode::PAYLOAD_TOO_LARGE, message));
            return;
        }
        let slot = self.count();
        self.slots.push_back(None);
        self.bytes += bytes;
        let lane = self.lanes.entry(partition).or_default();
        let fits = |waiting: &Waiting| {
            waiting.builder.bytes() + bytes <= self.bytes_max && waiting.builder.len() < self.records_max
        };
        if !lane.waiting.back().is_some_and(fits) {
            lane.waiting.push_back(Waiting { builder: BatchBuilder::new(), entries: Vec::new() });
        }
        let waiting = lane.waiting.back_mut().expect("one was pushed if there was none");
        let timestamp_ms = sent.push(&mut waiting.builder, now_ms);
        let (key, value) =
            (sent.key.as_ref().map(|key| key.told()), sent.value.as_ref().map(|one| one.told()));
        let stub = Stub { id: sent.id, key, value, timestamp_ms };
        waiting.entries.push(Entry { slot, stub, bytes, _admitted: admitted });
    }

    /// The next batch of a partition that has none under way.
    pub(super) fn next_load(&mut self) -> Option<Load> {
        let (partition, lane) =
            self.lanes.iter_mut().find(|(_, lane)| lane.under_way.is_none() && !lane.waiting.is_empty())?;
        let Waiting { builder, entries } = lane.waiting.pop_front()?;
        lane.under_way = Some(entries);
        Some(Load { partition: *partition, batch: builder.finish_mut(None) })
    }

    /// What became of the batch of a partition.
    pub(super) fn settle(&mut self, partition: PartitionIndex, outcome: Result<Produced, Refusal>) {
        let lane = self.lanes.get_mut(&partition).expect("only what was sent is answered");
        let entries = lane.under_way.take().expect("only what was sent is answered");
        if lane.waiting.is_empty() {
            self.lanes.remove(&partition);
        }
        for (index, entry) in entries.into_iter().enumerate() {
            let told = match &outcome {
                Ok(produced) => Ok(receipt(&self.origin, entry.stub, produced, index)),
                Err(refusal) => Err(refusal.clone()),
            };
            self.bytes -= entry.bytes;
            let slot = &mut self.slots[entry.slot - self.left];
            assert!(slot.is_none(), "a record gets one receipt");
            *slot = Some(told);
        }
    }

    /// The next receipt that may leave.
    pub(super) fn pop(&mut self) -> Option<Outcome> {
        let outcome = self.slots.front_mut()?.take()?;
        self.slots.pop_front();
        self.left += 1;
        Some(outcome)
    }

    /// What is known of the first record, if it has not left yet.
    pub(super) fn first(&self) -> Option<&Outcome> {
        self.slots.front().filter(|_| self.left == 0)?.as_ref()
    }
}

#[cfg(test)]
mod tests {
    use super::super::record::parse;
    use super::*;
    use crate::types::{BrokerId, LeaderEpoch, Offset};

    fn docket(bytes_max: usize) -> Docket {
        let origin = Origin { cluster: "c".to_owned(), topic: "t".to_owned(), with_code: true };
        Docket::new(origin, bytes_max, 1_000)
    }

    fn sent(text: &str) -> Sent {
        parse(format!(r#"{{"value":{{"type":"STRING","data":"{text}"}}}}"#).as_bytes()).unwrap()
    }

    fn produced(partition: i32, base: i64) -> Produced {
        Produced {
            partition: PartitionIndex(partition),
            base_offset: Offset(base),
            count: 1,
            append_time_ms: -1,
            duplicate: false,
            log_start: Offset(0),
            leader_epoch: LeaderEpoch(0),
            leader: BrokerId(1),
        }
    }

    fn offsets(docket: &mut Docket) -> Vec<i64> {
        let told = std::iter::from_fn(|| docket.pop());
        told.map(|outcome| {
            let json = serde_json::to_value(outcome.unwrap()).unwrap();
            json["offset"].as_i64().unwrap()
        })
        .collect()
    }

    #[test]
    fn receipts_leave_in_order_and_a_partition_has_one_batch_under_way() {
        let (mut docket, p) = (docket(1 << 20), PartitionIndex);
        for (text, partition) in [("a", 0), ("b", 1), ("c", 0)] {
            docket.add(sent(text), p(partition), 5, None);
        }
        let loads: Vec<_> = std::iter::from_fn(|| docket.next_load()).map(|load| load.partition).collect();
        assert_eq!(loads, [p(0), p(1)]);
        docket.add(sent("d"), p(0), 5, None);
        assert!(docket.next_load().is_none(), "0 has one under way");
        docket.settle(p(1), Ok(produced(1, 70)));
        assert_eq!(offsets(&mut docket), [0_i64; 0], "the first is not known");
        docket.settle(p(0), Ok(produced(0, 10)));
        assert_eq!(offsets(&mut docket), [10, 70, 11]);
        assert_eq!(docket.next_load().unwrap().partition, p(0));
        docket.settle(p(0), Ok(produced(0, 12)));
        assert_eq!((offsets(&mut docket), docket.bytes, docket.lanes.len()), (vec![12], 0, 0));
    }

    #[test]
    fn a_record_that_is_refused_keeps_its_place_and_touches_no_other() {
        let mut docket = docket(200);
        docket.add(sent("a"), PartitionIndex(0), 5, None);
        docket.add(sent(&"x".repeat(500)), PartitionIndex(0), 5, None);
        docket.refuse(Refusal::malformed("why"));
        docket.next_load().unwrap();
        docket.settle(PartitionIndex(0), Ok(produced(0, 3)));
        let codes: Vec<_> =
            std::iter::from_fn(|| docket.pop()).map(|told| told.map_or_else(|no| no.code, |_| 200)).collect();
        assert_eq!(codes, [200, 413, 400]);
    }

    #[test]
    fn batches_and_the_docket_itself_have_bounds() {
        let mut docket = docket(160);
        for _ in 0..4 {
            docket.add(sent("abcdefgh"), PartitionIndex(0), 5, None);
        }
        assert!(docket.lanes[&PartitionIndex(0)].waiting.len() > 1, "one batch would be too large");
        while docket.has_room() {
            docket.add(sent("abcdefgh"), PartitionIndex(0), 5, None);
        }
        assert_eq!(docket.count(), SLOTS_MAX);
    }
}
