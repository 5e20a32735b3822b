//! What the replicas of a partition hold at the end, laid beside one another.
//!
//! *Invariant:* judged below the high watermark that the replica itself knows: above it, it may differ and be cut off.

use std::collections::HashMap;

use super::event::{Replica, ReplicaEntry};
use super::place::{PlaceId, Places, shown};
use super::report::{Kind, Report};

/// The replicas of all partitions.
#[derive(Debug, Default)]
pub(super) struct Replicas {
    told: HashMap<PlaceId, Vec<(u64, Replica)>>,
}

impl Replicas {
    /// A replica was told.
    pub(super) fn told(&mut self, line: u64, place: PlaceId, replica: Replica, places: &mut Places) {
        places.known_mut(place).starts_at(replica.log_start, line);
        self.told.entry(place).or_default().push((line, replica));
    }

    /// Lays them beside one another.
    pub(super) fn finish(&self, places: &Places, report: &mut Report) {
        let mut all: Vec<_> = self.told.iter().collect();
        all.sort_unstable_by_key(|(place, _)| **place);
        for (place, told) in all {
            let lawful = places.lawful(*place);
            if lawful.deleted {
                continue;
            }
            let at = &places.known(*place).at;
            let Some((line, model)) = told.iter().max_by_key(|(_, replica)| replica.high_watermark) else {
                continue;
            };
            let by_base: HashMap<i64, &ReplicaEntry> =
                model.entries.iter().map(|entry| (entry.base, entry)).collect();
            if let Some((offset, value, seen)) = places.known(*place).beyond(told) {
                let what = format!("{} at offset {offset}, and every replica ends before it", shown(value));
                report.add(Kind::Lost, at, &[seen, *line], what);
            }
            for (other_line, other) in told {
                let (one, two) = (model.broker, other.broker);
                if other.in_sync && other.log_end < model.high_watermark {
                    let (end, high) = (other.log_end, model.high_watermark);
                    let what = format!(
                        "broker {two} is in sync and ends at {end}; broker {one} has committed {high}"
                    );
                    report.add(Kind::ReplicasDiffer, at, &[*line, *other_line], what);
                }
                if lawful.compacted {
                    continue;
                }
                if let Some(offset) = hole_in(other) {
                    let what =
                        format!("broker {two} holds nothing at offset {offset}, below its high watermark");
                    report.add(Kind::ReplicasDiffer, at, &[*other_line], what);
                }
                if let Some(entry) = first_difference(model, &by_base, other) {
                    let what = format!("brokers {one} and {two} differ from offset {} on", entry.base);
                    report.add(Kind::ReplicasDiffer, at, &[*line, *other_line], what);
                }
            }
        }
    }
}

/// The first offset that no entry covers, between the log start and the high watermark.
fn hole_in(replica: &Replica) -> Option<i64> {
    let mut expected = replica.log_start;
    // A replica told without its entries is one of which only the end is to be judged.
    if replica.entries.is_empty() {
        return None;
    }
    for entry in &replica.entries {
        // The first batch may begin before the log start, which deleted its first records.
        if entry.base > expected || (entry.base < expected && expected != replica.log_start) {
            break;
        }
        expected = expected.max(entry.end);
    }
    (expected < replica.high_watermark).then_some(expected)
}

fn first_difference<'a>(
    model: &Replica,
    by_base: &HashMap<i64, &ReplicaEntry>,
    other: &'a Replica,
) -> Option<&'a ReplicaEntry> {
    let (first, last) = (model.entries.first()?, model.entries.last()?);
    let high_watermark = other.high_watermark.min(model.high_watermark);
    other.entries.iter().find(|entry| {
        // Of a batch that holds something committed, all is: whichever of the two was told to end elsewhere.
        let judged = entry.base < high_watermark && entry.base >= first.base && entry.base < last.end;
        judged && by_base.get(&entry.base).is_none_or(|same| same != entry)
    })
}
