//! What a follower does next. Pure: its shell reads the log, and carries the steps out.
//!
//! It truncates by leader epoch only, never to a high watermark (rule 8), and believes an answer only if nothing has
//! changed since it asked (KAFKA-13207).
//!
//! *Invariant:* the high watermark lies within the log and does not go back within an epoch, unless the log itself is cut
//! below it, which only an unclean election can cause.
//! *Invariant:* an answer that diverges moves nothing but the end of the log (KAFKA-14704).

use crate::rules::{self, Rule};
use crate::types::{FlushMode, Incarnation, LeaderEpoch, Offset};
use crate::wire::{ErrorCode, FetchedPartition};

/// The log as the decisions see it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LogView {
    /// The first offset kept.
    pub start: Offset,
    /// One past the last record.
    pub end: Offset,
    /// One past the last record that counts as held: the durable end under `flush=ack`, else the end.
    pub counted_end: Offset,
    /// The epoch of the last batch; `NONE` for an empty log.
    pub last_epoch: LeaderEpoch,
}

impl LogView {
    /// A log from `start` to `end`, durable up to `durable_end`, in a partition that counts by `flush` (rule 7).
    #[must_use]
    pub fn new(
        start: Offset,
        end: Offset,
        durable_end: Offset,
        last_epoch: LeaderEpoch,
        flush: FlushMode,
    ) -> Self {
        let by_durable = flush.counts_durable_only() && rules::holds(Rule::DurableBeforeCounted);
        Self { start, end, counted_end: if by_durable { durable_end } else { end }, last_epoch }
    }
}

/// What a fetch said; its answer is judged against this.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Asked {
    /// The reign in which it was asked.
    pub epoch: LeaderEpoch,
    /// From where.
    pub offset: Offset,
    /// The epoch of the last batch before that.
    pub last_epoch: LeaderEpoch,
}

/// What to ask next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NextFetch {
    /// Nobody: no leader is known.
    NoLeader,
    /// Nothing until the log is durable: the fetch offset is an acknowledgement (rule 7).
    FlushFirst,
    /// This.
    Fetch(Asked),
}

/// What to do with an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Nothing: the world has moved on since it was asked.
    Stale,
    /// Append what came, if anything, then call [`FollowerState::note_marks`].
    Append,
    /// Cut the log here, then ask again.
    Cut(Offset),
    /// Drop the log and start anew here: the leader no longer has what would come next.
    StartAnew(Offset),
    /// Ask again after a pause, and look for a newer record if `refresh`.
    Retry {
        /// Whether a newer record must exist.
        refresh: bool,
    },
}

/// A follower in one leader epoch.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct FollowerState {
    leader: Option<Incarnation>,
    epoch: LeaderEpoch,
    high_watermark: Offset,
}

impl FollowerState {
    /// Follows `leader` in `epoch`; `known_hw` is what this replica knew before.
    #[must_use]
    pub fn new(leader: Option<Incarnation>, epoch: LeaderEpoch, known_hw: Offset, log: LogView) -> Self {
        Self { leader, epoch, high_watermark: known_hw.min(log.end).max(log.start) }
    }

    /// Who leads.
    #[must_use]
    pub fn leader(&self) -> Option<Incarnation> {
        self.leader
    }

    /// The reign.
    #[must_use]
    pub fn epoch(&self) -> LeaderEpoch {
        self.epoch
    }

    /// One past the last record known to be committed.
    #[must_use]
    pub fn high_watermark(&self) -> Offset {
        self.high_watermark
    }

    /// What to ask the leader now.
    #[must_use]
    pub fn next_fetch(&self, log: LogView) -> NextFetch {
        if self.leader.is_none() {
            NextFetch::NoLeader
        } else if log.counted_end < log.end {
            NextFetch::FlushFirst
        } else {
            NextFetch::Fetch(Asked { epoch: self.epoch, offset: log.end, last_epoch: log.last_epoch })
        }
    }

    /// Judges an answer. `own_epoch_end` is this log's own lookup of an epoch (rule 8).
    #[must_use]
    pub fn judge(
        &self,
        asked: Asked,
        answer: &FetchedPartition,
        log: LogView,
        own_epoch_end: impl FnOnce(LeaderEpoch) -> (LeaderEpoch, Offset),
    ) -> Step {
        let now = Asked { epoch: self.epoch, offset: log.end, last_epoch: log.last_epoch };
        if (asked != now && rules::holds(Rule::AnswersInTime)) || self.leader.is_none() {
            return Step::Stale;
        }
        match answer.error {
            ErrorCode::None => {}
            ErrorCode::OffsetOutOfRange => return self.judge_out_of_range(answer, log),
            ErrorCode::FencedLeaderEpoch | ErrorCode::StaleBrokerEpoch => {
                return Step::Retry { refresh: true };
            }
            // The leader has not heard of its election yet, or no longer leads: the record will say.
            ErrorCode::UnknownLeaderEpoch | ErrorCode::NotLeaderOrFollower => {
                let refresh = answer.leader.is_some_and(|(_, epoch)| epoch > self.epoch);
                return Step::Retry { refresh };
            }
            _ => return Step::Retry { refresh: false },
        }
        match answer.diverging {
            Some(_) if !rules::holds(Rule::CutsByEpoch) => Step::Cut(self.high_watermark),
            Some((epoch, end)) => Step::Cut(cut_point(end, own_epoch_end(epoch).1, log)),
            None => Step::Append,
        }
    }

    /// Out of range: only a log that ends below the leader's start, or holds nothing at all, starts anew; dropping
    /// anything else could drop what is committed.
    fn judge_out_of_range(&self, answer: &FetchedPartition, log: LogView) -> Step {
        let start = answer.log_start_offset;
        let is_empty = log.start >= log.end;
        let holds_nothing = log.end < start || (is_empty && log.end != start);
        if start >= Offset::ZERO && (holds_nothing || !rules::holds(Rule::AnewOnlyBelowStart)) {
            Step::StartAnew(start)
        } else {
            Step::Retry { refresh: false }
        }
    }

    /// Takes over the leader's marks from an answer that did not diverge, once its records are in the log (rule 9).
    /// Returns where the log should start now, if that moved.
    pub fn note_marks(&mut self, leader_hw: Offset, leader_start: Offset, log: LogView) -> Option<Offset> {
        let before = self.high_watermark;
        let told = if rules::holds(Rule::WatermarkWithinLog) { leader_hw.min(log.end) } else { leader_hw };
        self.high_watermark = if rules::holds(Rule::WatermarkNeverBack) { before.max(told) } else { told };
        assert!(
            before <= self.high_watermark && self.high_watermark <= log.end,
            "a follower's high watermark moved from {before} to {} in a log that ends at {}",
            self.high_watermark,
            log.end
        );
        // Never above its own watermark: what is not known to be committed may yet be cut.
        let bound = if rules::holds(Rule::StartBelowWatermark) { self.high_watermark } else { log.end };
        let start = leader_start.min(bound);
        (start > log.start).then_some(start)
    }

    /// Notes that the log was cut to `end`. Returns whether that lies below the high watermark, which only an unclean
    /// election explains.
    pub fn note_cut(&mut self, end: Offset) -> bool {
        let lost = end < self.high_watermark;
        self.high_watermark = self.high_watermark.min(end);
        lost
    }

    /// Notes that the log starts anew at `start`.
    pub fn note_started_anew(&mut self, start: Offset) {
        self.high_watermark = start;
    }
}

/// Whether batches of these epochs may follow what was asked for: none goes back, and none exceeds the reign.
#[must_use]
pub fn fits_reign(asked: Asked, epochs: impl IntoIterator<Item = LeaderEpoch>) -> bool {
    let mut last = asked.last_epoch;
    epochs.into_iter().all(|epoch| {
        let fits = last <= epoch && epoch <= asked.epoch && epoch > LeaderEpoch::NONE;
        last = epoch;
        fits
    })
}

/// Where to cut: the least of the leader's end of the diverging epoch, one's own end of it, and one's own log end (which
/// one's own end of an epoch cannot exceed; the rule names it, so it stands here).
#[must_use]
pub fn cut_point(leader_end: Offset, own_epoch_end: Offset, log: LogView) -> Offset {
    let own_end = if rules::holds(Rule::CutsToTheLeastEnd) { own_epoch_end } else { log.end };
    leader_end.min(own_end).min(log.end).max(Offset::ZERO)
}

/// Whether a follower that asks for `offset` after a batch of `last_epoch` parts from this log; `epoch_end` is the log's
/// lookup of `last_epoch` (rule 8). A follower without any batch cannot diverge.
#[must_use]
pub fn diverging(
    offset: Offset,
    last_epoch: LeaderEpoch,
    epoch_end: (LeaderEpoch, Offset),
) -> Option<(LeaderEpoch, Offset)> {
    let (epoch, end) = epoch_end;
    let parts = last_epoch != LeaderEpoch::NONE && (epoch < last_epoch || end < offset);
    (parts && rules::holds(Rule::SeesDivergence)).then_some((epoch, end))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::replication::testing::incarnation;

    fn log(start: i64, end: i64, last_epoch: i32) -> LogView {
        LogView {
            start: Offset(start),
            end: Offset(end),
            counted_end: Offset(end),
            last_epoch: LeaderEpoch(last_epoch),
        }
    }

    fn answer(error: ErrorCode) -> FetchedPartition {
        FetchedPartition {
            index: 0,
            error,
            high_watermark: Offset(7),
            log_start_offset: Offset(0),
            diverging: None,
            leader: None,
            records: vec![],
        }
    }

    fn follower(view: LogView) -> (FollowerState, Asked) {
        let state = FollowerState::new(Some(incarnation(1)), LeaderEpoch(5), Offset(4), view);
        let NextFetch::Fetch(asked) = state.next_fetch(view) else { panic!("it has a leader") };
        (state, asked)
    }

    #[test]
    fn nothing_is_asked_before_the_log_is_durable() {
        let view = LogView { counted_end: Offset(8), ..log(0, 10, 4) };
        let state = FollowerState::new(Some(incarnation(1)), LeaderEpoch(5), Offset(4), view);
        assert_eq!(state.next_fetch(view), NextFetch::FlushFirst);
    }

    #[test]
    fn the_high_watermark_is_the_leaders_but_within_the_log_and_never_back() {
        let view = log(0, 6, 4);
        let (mut state, _) = follower(view);
        state.note_marks(Offset(9), Offset(0), view);
        assert_eq!(state.high_watermark(), Offset(6));
        state.note_marks(Offset(2), Offset(0), view);
        assert_eq!(state.high_watermark(), Offset(6), "a stale answer does not move it back");
        assert_eq!(state.note_marks(Offset(6), Offset(9), view), Some(Offset(6)), "the start stays below it");
        let (mut behind, _) = follower(view);
        let start = behind.note_marks(Offset(5), Offset(9), view);
        assert_eq!(start, Some(Offset(5)), "what is not known to be committed may yet be cut");
    }

    #[test]
    fn a_diverging_answer_cuts_by_epoch_and_moves_nothing_else() {
        let view = log(0, 10, 4);
        let (state, asked) = follower(view);
        let diverging =
            FetchedPartition { diverging: Some((LeaderEpoch(3), Offset(8))), ..answer(ErrorCode::None) };
        assert_eq!(
            state.judge(asked, &diverging, view, |_| (LeaderEpoch(3), Offset(5))),
            Step::Cut(Offset(5))
        );
        assert_eq!(
            state.judge(asked, &diverging, view, |_| (LeaderEpoch(3), Offset(9))),
            Step::Cut(Offset(8))
        );
        assert_eq!(state.high_watermark(), Offset(4));
    }

    #[test]
    fn an_answer_to_an_older_question_is_ignored() {
        let view = log(0, 10, 4);
        let (state, asked) = follower(view);
        let later = log(0, 11, 4);
        assert_eq!(state.judge(asked, &answer(ErrorCode::None), later, |_| unreachable!()), Step::Stale);
        let next_reign = FollowerState::new(Some(incarnation(2)), LeaderEpoch(6), Offset(4), view);
        assert_eq!(next_reign.judge(asked, &answer(ErrorCode::None), view, |_| unreachable!()), Step::Stale);
        let refilled = log(0, 10, 5);
        let cut =
            FetchedPartition { diverging: Some((LeaderEpoch(3), Offset(8))), ..answer(ErrorCode::None) };
        assert_eq!(
            state.judge(asked, &cut, refilled, |_| unreachable!()),
            Step::Stale,
            "cut and filled to the same end since"
        );
        let leaderless = FollowerState::new(None, LeaderEpoch(5), Offset(4), view);
        assert_eq!(leaderless.judge(asked, &answer(ErrorCode::None), view, |_| unreachable!()), Step::Stale);
    }

    #[test]
    fn only_a_log_that_ends_below_the_leaders_start_begins_anew() {
        let out = FetchedPartition { log_start_offset: Offset(20), ..answer(ErrorCode::OffsetOutOfRange) };
        let view = log(0, 10, 4);
        let (state, asked) = follower(view);
        assert_eq!(state.judge(asked, &out, view, |_| unreachable!()), Step::StartAnew(Offset(20)));
        let empty = log(30, 30, 4);
        let (state, asked) = follower(empty);
        assert_eq!(
            state.judge(asked, &out, empty, |_| unreachable!()),
            Step::StartAnew(Offset(20)),
            "there is nothing to lose"
        );
        let longer = log(0, 30, 4);
        let (state, asked) = follower(longer);
        assert_eq!(state.judge(asked, &out, longer, |_| unreachable!()), Step::Retry { refresh: false });
    }

    #[test]
    fn a_checkpoint_that_the_log_does_not_bear_out_is_not_believed() {
        let known = |hw| FollowerState::new(None, LeaderEpoch(5), Offset(hw), log(5, 10, 4)).high_watermark();
        assert_eq!([3, 7, 40].map(known), [Offset(5), Offset(7), Offset(10)]);
    }

    #[test]
    fn the_cut_is_the_least_end_and_no_answer_makes_it_negative() {
        let view = log(0, 10, 4);
        assert_eq!(cut_point(Offset(8), Offset(5), view), Offset(5));
        assert_eq!(cut_point(Offset(3), Offset(5), view), Offset(3));
        assert_eq!(cut_point(Offset(-1), Offset(5), view), Offset(0));
    }

    #[test]
    fn divergence_is_total() {
        let asked = |offset, epoch, answer: (i32, i64)| {
            diverging(Offset(offset), LeaderEpoch(epoch), (LeaderEpoch(answer.0), Offset(answer.1))).is_some()
        };
        assert!(!asked(10, 4, (4, 10)), "the same log");
        assert!(!asked(10, 4, (4, 12)), "a prefix");
        assert!(asked(10, 4, (4, 9)), "the leader's epoch ends earlier");
        assert!(asked(10, 4, (3, 10)), "the leader does not know the epoch");
        assert!(!asked(10, -1, (3, 5)), "an empty log has nothing to diverge with");
    }

    #[test]
    fn epochs_neither_go_back_nor_exceed_the_reign() {
        let asked = Asked { epoch: LeaderEpoch(5), offset: Offset(10), last_epoch: LeaderEpoch(3) };
        let fits = |asked, epochs: &[i32]| fits_reign(asked, epochs.iter().copied().map(LeaderEpoch));
        assert!(fits(asked, &[]) && fits(asked, &[3, 3, 4, 5]));
        assert!(!fits(asked, &[2]), "below what the follower holds");
        assert!(!fits(asked, &[4, 3]), "back");
        assert!(!fits(asked, &[5, 6]), "of a reign that the leader does not know");
        let first = Asked { last_epoch: LeaderEpoch::NONE, ..asked };
        assert!(!fits(first, &[-1]), "of no reign");
    }
}
