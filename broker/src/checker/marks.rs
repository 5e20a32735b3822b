//! High watermarks and log starts, as each client was told them.
//!
//! *Invariant:* compared only within one leader epoch: a new leader may know less of the high watermark for a while.

use std::collections::HashMap;

use super::event::ReadBatch;
use super::place::{PlaceId, Places};
use super::report::{Kind, Report};

#[derive(Clone, Copy, Debug, Default)]
struct Told {
    high_watermark: Option<(i64, u64)>,
    log_start: Option<(i64, u64)>,
}

/// What each client was last told of each partition in each leader epoch.
#[derive(Debug, Default)]
pub(super) struct Marks {
    told: HashMap<(u64, PlaceId, i64), Told>,
}

impl Marks {
    /// A read that succeeded.
    pub(super) fn read(
        &mut self,
        line: u64,
        process: u64,
        place: PlaceId,
        read: &ReadBatch,
        places: &mut Places,
        report: &mut Report,
    ) {
        if let Some(log_start) = read.log_start {
            places.known_mut(place).starts_at(log_start, line);
        }
        let Some(epoch) = read.leader_epoch else { return };
        let told = self.told.entry((process, place, epoch)).or_default();
        let both = [
            (Kind::WatermarkBack, "the high watermark", &mut told.high_watermark, read.high_watermark),
            (Kind::LogStartBack, "the log start", &mut told.log_start, read.log_start),
        ];
        for (kind, name, last, now) in both {
            let Some(now) = now else { continue };
            if let Some((before, first)) = last.replace((now, line)).filter(|(before, _)| *before > now) {
                let what = format!("client {process} saw {name} go from {before} to {now} in epoch {epoch}");
                report.add(kind, &places.known(place).at, &[first, line], what);
            }
        }
    }
}
