//! Which leader epoch begins where in one log. Pure.
//!
//! A table of (epoch, start offset), derived from the headers of the batches and nothing else; the file
//! `leader-epoch-checkpoint` is a copy of it in Kafka's text format. It does not decide what to cut: the follower does,
//! from two answers of [`Epochs::end_of`] (DESIGN 4, rule 8).
//!
//! *Invariant:* epochs and starts both rise from entry to entry.

use crate::types::{LeaderEpoch, Offset};

/// The table of one log.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Epochs {
    entries: Vec<(LeaderEpoch, Offset)>,
}

impl Epochs {
    /// Takes entries from a file; `None` if they are not in order.
    pub(super) fn from_entries(entries: Vec<(LeaderEpoch, Offset)>) -> Option<Self> {
        let rise = |pair: &[(LeaderEpoch, Offset)]| pair[0].0 < pair[1].0 && pair[0].1 < pair[1].1;
        let legal = |(epoch, start): &(LeaderEpoch, Offset)| epoch.0 >= 0 && start.0 >= 0;
        (entries.windows(2).all(rise) && entries.iter().all(legal)).then_some(Self { entries })
    }

    pub(super) fn entries(&self) -> &[(LeaderEpoch, Offset)] {
        &self.entries
    }

    /// The latest epoch; [`LeaderEpoch::NONE`] in an empty table.
    #[must_use]
    pub fn last(&self) -> LeaderEpoch {
        self.entries.last().map_or(LeaderEpoch::NONE, |(epoch, _)| *epoch)
    }

    /// Notes a batch of `epoch` at `base`. Whether that was news. An epoch without a batch of its own gives way.
    pub fn assign(&mut self, epoch: LeaderEpoch, base: Offset) -> bool {
        if epoch <= self.last() {
            return false;
        }
        self.truncate_to(base);
        self.entries.push((epoch, base));
        true
    }

    /// The total lookup of rule 8, for every epoch that anyone may ask for:
    ///
    /// - above all known, or the last: the last epoch, the log's end
    /// - between: the largest epoch not above it, the start of the next
    /// - below all known: the epoch asked for, the lowest start
    /// - nothing known: the epoch asked for, the log's end
    #[must_use]
    pub fn end_of(&self, asked: LeaderEpoch, log_end: Offset) -> (LeaderEpoch, Offset) {
        let above = self.entries.partition_point(|(epoch, _)| *epoch <= asked);
        let next_start = self.entries.get(above).map_or(log_end, |(_, start)| *start);
        let floor = if above == 0 { asked } else { self.entries[above - 1].0 };
        (floor, next_start)
    }

    /// The epoch of a batch at `base`.
    pub(super) fn epoch_at(&self, base: Offset) -> Option<LeaderEpoch> {
        let at = self.entries.partition_point(|(_, start)| *start <= base).checked_sub(1)?;
        Some(self.entries[at].0)
    }

    /// Where exactly this epoch starts.
    pub(super) fn start_of(&self, asked: LeaderEpoch) -> Option<Offset> {
        let at = self.entries.binary_search_by_key(&asked, |(epoch, _)| *epoch).ok()?;
        Some(self.entries[at].1)
    }

    /// Forgets what starts at `end` or later. Whether anything did; even an `end` beyond the log's may matter.
    pub fn truncate_to(&mut self, end: Offset) -> bool {
        let keep = self.entries.partition_point(|(_, start)| *start < end);
        let cut = keep < self.entries.len();
        self.entries.truncate(keep);
        cut
    }

    /// Forgets what ends at `start` or before; the epoch that holds `start`, or the last, stays and begins there.
    pub(super) fn advance_start(&mut self, start: Offset) -> bool {
        let before = self.entries.partition_point(|(_, begin)| *begin <= start);
        if before == 0 || (before == 1 && self.entries[0].1 == start) {
            return false;
        }
        self.entries.drain(..before - 1);
        self.entries[0].1 = start;
        true
    }

    pub(super) fn clear(&mut self) {
        self.entries.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(entries: &[(i32, i64)]) -> Epochs {
        let entries = entries.iter().map(|(epoch, start)| (LeaderEpoch(*epoch), Offset(*start))).collect();
        Epochs::from_entries(entries).unwrap()
    }

    fn ask(epochs: &Epochs, asked: i32) -> (i32, i64) {
        let (epoch, end) = epochs.end_of(LeaderEpoch(asked), Offset(90));
        (epoch.0, end.0)
    }

    #[test]
    fn the_lookup_is_total() {
        let epochs = table(&[(2, 10), (5, 30), (6, 60)]);
        assert_eq!(ask(&epochs, 9), (6, 90), "above all");
        assert_eq!(ask(&epochs, 6), (6, 90), "the last");
        assert_eq!(ask(&epochs, 5), (5, 60), "known");
        assert_eq!(ask(&epochs, 4), (2, 30), "between");
        assert_eq!(ask(&epochs, 2), (2, 30), "the first");
        assert_eq!(ask(&epochs, 1), (1, 10), "below all");
        assert_eq!(ask(&epochs, -1), (-1, 10), "none");
        assert_eq!(ask(&Epochs::default(), 7), (7, 90), "nothing known");
    }

    #[test]
    fn a_table_follows_truncation_at_either_end() {
        let mut epochs = table(&[(2, 10), (5, 30), (6, 60)]);
        assert!(!epochs.truncate_to(Offset(61)));
        assert!(epochs.truncate_to(Offset(60)));
        assert_eq!(epochs, table(&[(2, 10), (5, 30)]));
        assert!(!epochs.advance_start(Offset(10)));
        assert!(epochs.advance_start(Offset(20)));
        assert_eq!(epochs, table(&[(2, 20), (5, 30)]));
        assert!(epochs.advance_start(Offset(30)));
        assert_eq!(epochs, table(&[(5, 30)]));
        assert!(epochs.advance_start(Offset(70)), "the last entry stays, for the log is not without a past");
        assert_eq!(epochs, table(&[(5, 70)]));
        assert!(!epochs.advance_start(Offset(70)));
    }

    #[test]
    fn only_a_higher_epoch_is_news_and_disorder_is_refused() {
        let mut epochs = Epochs::default();
        assert!(epochs.assign(LeaderEpoch(0), Offset(0)));
        assert!(!epochs.assign(LeaderEpoch(0), Offset(5)));
        assert!(epochs.assign(LeaderEpoch(3), Offset(5)));
        assert_eq!(epochs.start_of(LeaderEpoch(3)), Some(Offset(5)));
        assert_eq!(epochs.start_of(LeaderEpoch(1)), None);
        for bad in [[(1, 5), (1, 6)], [(2, 5), (1, 6)], [(1, 5), (2, 5)], [(-1, 0), (2, 5)]] {
            let entries = bad.iter().map(|(epoch, start)| (LeaderEpoch(*epoch), Offset(*start))).collect();
            assert_eq!(Epochs::from_entries(entries), None);
        }
    }
}
