//! Reads, and what joins one to the next.
//!
//! *Invariant:* whether a gap hides a value is judged at the end only, when all that is known to stand in it is known.

use std::collections::HashMap;

use super::event::ReadBatch;
use super::place::{PlaceId, Places, Slot};
use super::report::{Kind, Report};
use super::sends::Sends;

#[derive(Debug)]
struct Gap {
    place: PlaceId,
    from: i64,
    to: i64,
    /// The log start that the read told.
    log_start: Option<i64>,
    lines: [u64; 2],
}

/// Where each client stands, and the gaps that reads left.
#[derive(Debug, Default)]
pub(super) struct Polls {
    /// The offset after a client's last read, and its line.
    chains: HashMap<u64, HashMap<PlaceId, (i64, u64)>>,
    gaps: Vec<Gap>,
}

impl Polls {
    /// This client's next read begins anew.
    pub(super) fn seek(&mut self, process: u64, place: PlaceId) {
        if let Some(chains) = self.chains.get_mut(&process) {
            chains.remove(&place);
        }
    }

    /// All of this client's next reads begin anew.
    pub(super) fn reassigned(&mut self, process: u64) {
        self.chains.remove(&process);
    }

    /// A read that succeeded.
    pub(super) fn read(
        &mut self,
        line: u64,
        process: u64,
        place: PlaceId,
        read: &ReadBatch,
        (sends, places, report): (&mut Sends, &mut Places, &mut Report),
    ) {
        let chains = self.chains.entry(process).or_default();
        let chain = chains.get(&place).copied();
        let mut expected = read.from.map(|from| (from, line)).or(chain);
        let (mut went_back, mut above) = (false, false);
        for record in &read.records {
            let offset = record.offset;
            if let Some((expected, before)) = expected {
                if offset < expected && !went_back {
                    went_back = true;
                    let what = format!("client {process} read offset {offset} where {expected} was next");
                    report.add(Kind::PollBack, &places.known(place).at, &[before, line], what);
                }
                if offset > expected {
                    let lines = [before, line];
                    self.gaps.push(Gap {
                        place,
                        from: expected,
                        to: offset,
                        log_start: read.log_start,
                        lines,
                    });
                }
            }
            if let Some(high_watermark) = read.high_watermark.filter(|high| *high <= offset && !above) {
                above = true;
                let what =
                    format!("offset {offset} was read, and the high watermark told was {high_watermark}");
                report.add(Kind::AboveWatermark, &places.known(place).at, &[line], what);
            }
            expected = Some((offset.saturating_add(1), line));
            let known = places.known_mut(place);
            known.highest_read = known.highest_read.max(Some(offset));
            let slot = Slot { value: record.value, epoch: record.epoch, line };
            match record.value {
                Some(value) => sends.seen(value, (place, offset), slot, places, report),
                None => known.put(offset, slot, report),
            }
        }
        if let Some(expected) = expected {
            chains.insert(place, expected);
        }
    }

    /// Judges the gaps.
    pub(super) fn finish(&self, places: &Places, report: &mut Report) {
        for gap in &self.gaps {
            let (known, lawful) = (places.known(gap.place), places.lawful(gap.place));
            if lawful.compacted || lawful.deleted {
                continue;
            }
            let start = gap.log_start.unwrap_or_else(|| known.lawful_start());
            let Some((offset, slot)) = known.first_value_in(gap.from.max(start), gap.to) else { continue };
            let value = super::place::shown(slot.value);
            let what = format!("read from {} to {} past {value} at offset {offset}", gap.from, gap.to);
            report.add(Kind::PollSkip, &known.at, &[gap.lines[0], gap.lines[1], slot.line], what);
        }
    }
}
