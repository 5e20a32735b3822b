//! How many producers a follower's fetch should wait for, so that those who write at the same time share rounds and
//! fsyncs. Pure.
//!
//! A round from a leader to its followers and back costs the same for one append as for fifty. Producers that wait for
//! the same round come back together when it ends; a fetch that takes the first of them at once leaves the others a whole
//! round behind, and so on for ever. So a leader remembers how many producers lately waited at once, and a follower's
//! fetch waits a moment for as many. Where one producer writes at a time nothing waits.
//!
//! *Invariant:* it is advice on when to answer, never on what; whoever follows it bounds the wait.

/// A peak is forgotten by an eighth with every round.
const FORGET: u32 = 3;
/// Peaks are kept in sixteenths, so that small ones are forgotten smoothly, too.
const UNIT: u64 = 16;

/// Producers and appends of one leader.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Gather {
    /// How many appends there were in all.
    appends: u64,
    /// How many producers lately waited at once, in sixteenths.
    peak: u64,
}

impl Gather {
    /// Something was appended, and `waiting` producers wait for the high watermark now.
    pub(super) fn note_append(&mut self, waiting: usize) {
        self.appends += 1;
        self.peak = self.peak.max(waiting as u64 * UNIT);
    }

    /// A round ended: some of those who waited are answered.
    pub(super) fn note_round(&mut self) {
        self.peak -= self.peak >> FORGET;
    }

    /// How many appends there were in all.
    pub(super) fn appends(self) -> u64 {
        self.appends
    }

    /// The number of appends worth waiting for, if `held` of those who wait have what the fetch would bring now.
    pub(super) fn worth(self, held: usize) -> Option<u64> {
        let missing = (self.peak / UNIT).saturating_sub(held as u64);
        (held > 0 && missing > 0).then_some(self.appends + missing)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_producer_at_a_time_waits_for_nobody() {
        let mut gather = Gather::default();
        for _ in 0..100 {
            gather.note_append(1);
            assert_eq!(gather.worth(1), None);
            gather.note_round();
        }
        assert_eq!(gather.worth(0), None, "nor does a fetch of what nobody waits for");
    }

    #[test]
    fn as_many_as_lately_waited_at_once_are_worth_waiting_for() {
        let mut gather = Gather::default();
        (1..=10).for_each(|waiting| gather.note_append(waiting));
        assert_eq!(gather.worth(10), None, "all are here");
        assert_eq!(gather.worth(4), Some(16), "six more appends than the ten there were");
    }

    #[test]
    fn a_burst_is_forgotten_within_some_rounds() {
        let mut gather = Gather::default();
        gather.note_append(64);
        let rounds = (1..).find(|_| {
            gather.note_round();
            gather.note_append(1);
            gather.worth(1).is_none()
        });
        assert!(rounds.is_some_and(|rounds| (8..=40).contains(&rounds)), "{rounds:?}");
    }
}
