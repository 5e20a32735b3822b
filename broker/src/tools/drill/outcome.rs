//! What a drill has shown.

use std::fmt;

use serde::Serialize;

use crate::checker::{Kind, Report};

/// The outcome of a drill.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Outcome {
    /// What was done.
    pub(super) done: String,
    /// The topic.
    pub(super) topic: String,
    /// The longest time without an acknowledged write, by partition.
    pub(super) gaps_ms: Vec<u64>,
    /// The longest of all.
    pub(super) gap_ms: u64,
    /// Values that were acknowledged.
    pub(super) acknowledged: u64,
    /// Of these, values that are not there.
    pub(super) lost: u64,
    /// Values that are there twice.
    pub(super) duplicated: u64,
    /// Batches or reads out of order.
    pub(super) reordered: u64,
    /// All that the checker found.
    pub(super) report: Report,
}

impl Outcome {
    pub(super) fn of(done: String, topic: &str, gaps_ms: Vec<u64>, report: Report) -> Self {
        Self {
            done,
            topic: topic.to_owned(),
            gap_ms: gaps_ms.iter().copied().max().unwrap_or_default(),
            gaps_ms,
            acknowledged: report.counts.values_ok,
            lost: report.number_of(&[Kind::Lost, Kind::Unseen]),
            duplicated: report.number_of(&[Kind::Duplicate]),
            reordered: report.number_of(&[Kind::Reordered, Kind::PollBack]),
            report,
        }
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}, topic {}", self.done, self.topic)?;
        for (partition, gap_ms) in self.gaps_ms.iter().enumerate() {
            writeln!(f, "partition {partition}: at most {gap_ms} ms without an acknowledged write")?;
        }
        writeln!(f, "longest gap: {} ms", self.gap_ms)?;
        let Self { acknowledged, lost, duplicated, reordered, .. } = self;
        writeln!(
            f,
            "acknowledged: {acknowledged}, lost: {lost}, duplicated: {duplicated}, reordered: {reordered}"
        )?;
        write!(f, "{}", self.report)
    }
}

/// The longest time, in milliseconds, between two of these moments, the beginning and the end among them.
pub(super) fn longest_gap_ms(moments_us: &[u64], begin_us: u64, end_us: u64) -> u64 {
    let inside = moments_us.iter().copied().filter(|moment| (begin_us..=end_us).contains(moment));
    let (mut before, mut longest) = (begin_us, 0);
    for moment in inside.chain([end_us]) {
        longest = longest.max(moment.saturating_sub(before));
        before = before.max(moment);
    }
    longest / 1_000
}

#[cfg(test)]
mod tests {
    use super::longest_gap_ms;

    #[test]
    fn a_gap_may_also_lie_at_the_beginning_or_the_end() {
        assert_eq!(longest_gap_ms(&[1_000, 2_000, 9_000], 0, 10_000), 7);
        assert_eq!(longest_gap_ms(&[6_000, 7_000], 0, 10_000), 6);
        assert_eq!(longest_gap_ms(&[1_000, 2_000], 0, 10_000), 8);
        assert_eq!(longest_gap_ms(&[], 0, 10_000), 10);
        assert_eq!(longest_gap_ms(&[1_000, 50_000], 2_000, 3_000), 1);
        // Two clients may tell in another order than they looked at the clock.
        assert_eq!(longest_gap_ms(&[5_000, 4_000], 0, 6_000), 5);
    }
}
