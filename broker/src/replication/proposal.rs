//! How a leader changes its ISR: one compare-and-put at a time, until its outcome is certain (rules 2, 4 and 5). Pure.
//!
//! *Invariant:* from before a proposal is sent until a version above its guard is known, its members count too.
//! *Invariant:* an outcome that is not known is only ever decided by a version above the guard, never by reading that
//! nothing has changed: the delayed write may still land.

use std::time::{Duration, Instant};

use super::duty::is_named;
use super::isr::{Liveness, with_joiner, without};
use super::leader::{LeaderLimits, LeaderState};
use super::outside::{IsrOutcome, IsrProposal};
use super::progress::Progress;
use crate::rules::{self, Rule};
use crate::types::{Incarnation, PartitionEpoch, PartitionRecord, PartitionState, TopicPartition};

/// How long a leader waits after a refusal that left the record as it was.
const PAUSE_AFTER_REFUSAL: Duration = Duration::from_millis(500);

/// A compare-and-put that may have been, or may yet be, applied.
#[derive(Clone, Debug)]
pub struct OpenProposal {
    /// What to send, and to send again.
    pub(super) proposal: IsrProposal,
    /// The ISR that counts beside the committed one: that of the first try, whatever is sent later.
    pub(super) counts: PartitionState,
    /// Whether some try may still be on its way to the store.
    pub(super) uncertain: bool,
    pub(super) since: Instant,
}

/// What to do after an outcome.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Settled {
    /// The proposal is closed, or was already.
    Closed,
    /// Not certain: write this, with the same guard.
    Again(IsrProposal),
    /// The record has moved on beyond this reign.
    Superseded(PartitionRecord),
}

impl LeaderState {
    /// The guard of the open proposal.
    pub(super) fn open_guard(&self) -> Option<PartitionEpoch> {
        self.proposal.as_ref().map(|open| open.proposal.guard)
    }

    /// Opens a proposal if the ISR should change and none is open. It counts from this moment on.
    pub fn propose(
        &mut self,
        tp: &TopicPartition,
        live: &Liveness,
        limits: &LeaderLimits,
        now: Instant,
    ) -> Option<IsrProposal> {
        let may_propose = (self.proposal.is_none() || !rules::holds(Rule::OneOpenProposal))
            && self.deposed_by(now, limits).is_none()
            && self.propose_after.is_none_or(|after| now >= after);
        if !may_propose {
            return None;
        }
        let joiner = self.joiner(live, limits, now);
        let leavers = self.leavers(joiner, live, limits, now);
        // Who leaves blocks commits, so that goes first, and by itself: it must not fail with somebody's joining.
        let (state, joiner) = match (leavers.is_empty(), joiner) {
            (false, _) => (without(&self.record.state, &leavers), None),
            (true, Some(joiner)) => (with_joiner(&self.record.state, joiner), Some(joiner)),
            (true, None) => return None,
        };
        let keeps_me = state.isr.iter().any(|member| is_named(self.me, *member));
        assert!(keeps_me, "{} proposes an ISR without itself: {:?}", self.me, state.isr);
        let guard = self.record.partition_epoch;
        let proposal = IsrProposal { tp: tp.clone(), guard, state, joiner };
        self.proposal = Some(OpenProposal {
            proposal: proposal.clone(),
            counts: proposal.state.clone(),
            uncertain: false,
            since: now,
        });
        Some(proposal)
    }

    /// Whether this life, which has fetched, should be looked at for taking it in. A hint only: the next tick of the keeper
    /// looks at everyone.
    #[must_use]
    pub fn wants_to_join(&self, from: Incarnation, limits: &LeaderLimits, now: Instant) -> bool {
        self.proposal.is_none() && self.progress(from).is_some_and(|known| self.keeps_up(known, limits, now))
    }

    /// Who may be taken in: a life that keeps up, and that is not known to be gone.
    fn joiner(&self, live: &Liveness, limits: &LeaderLimits, now: Instant) -> Option<Incarnation> {
        let fits =
            |known: &&Progress| self.keeps_up(known, limits, now) && live.may_be_live(known.incarnation);
        self.followers.iter().find(fits).map(|known| known.incarnation)
    }

    /// Whether this life is outside the ISR, has reached the high watermark and the start of the epoch by a fetch of this
    /// epoch (rule 5), and does not lag. One whose disk takes nothing more stands at a high watermark that waits for it, and
    /// would go and come for ever.
    fn keeps_up(&self, known: &Progress, limits: &LeaderLimits, now: Instant) -> bool {
        !self.record.state.isr.contains(&known.incarnation)
            && self.has_reached(known.incarnation)
            && known.silence(now) <= limits.lag_max
            && known.lag(self.log_end(), now) <= limits.lag_max
    }

    /// Which members must go: those that lag, that are gone, or whose broker has begun a new life.
    fn leavers(
        &self,
        joiner: Option<Incarnation>,
        live: &Liveness,
        limits: &LeaderLimits,
        now: Instant,
    ) -> Vec<Incarnation> {
        let must_go = |member: &Incarnation| {
            if is_named(self.me, *member) || joiner.is_some_and(|joiner| joiner.broker == member.broker) {
                return false; // a joiner takes the place of its own earlier life
            }
            match self.progress(*member) {
                Some(known) => {
                    known.lag(self.log_end(), now) > limits.lag_max
                        || (live.is_gone(*member) && known.silence(now) > limits.grace)
                }
                // Its broker fetches in a newer life, so this one is gone for good.
                None => {
                    let newer = self.followers.iter().find(|known| known.incarnation.broker == member.broker);
                    let since = newer.map_or(self.since, |known| known.known_since);
                    now.saturating_duration_since(since) > limits.grace
                }
            }
        };
        self.record.state.isr.iter().copied().filter(must_go).collect()
    }

    /// Judges what became of the proposal that was sent with `guard`.
    pub fn settle(&mut self, guard: PartitionEpoch, outcome: IsrOutcome, now: Instant) -> Settled {
        let newer = match &outcome {
            IsrOutcome::Committed(record) | IsrOutcome::Refused { current: Some(record) } => {
                (record.partition_epoch > self.record.partition_epoch).then(|| record.clone())
            }
            _ => None,
        };
        if let Some(record) = newer {
            if !self.is_topic_of(&record.state) {
                // The topic was made anew. The record that this was for is gone, and with it whatever was proposed; the
                // image will say so, too.
                self.proposal = None;
                self.propose_after = Some(now + PAUSE_AFTER_REFUSAL);
                return Settled::Closed;
            }
            if !self.is_reign_of(&record.state) {
                return Settled::Superseded(record);
            }
            self.adopt(record, now);
        }
        let Some(open) = self.proposal.as_mut().filter(|open| open.proposal.guard == guard) else {
            return Settled::Closed;
        };
        let certain = match outcome {
            IsrOutcome::NotSent => !open.uncertain,
            IsrOutcome::Refused { .. } => !open.uncertain || !rules::holds(Rule::RefusalAfterUnknown),
            IsrOutcome::Unknown => !rules::holds(Rule::UnknownStaysOpen),
            IsrOutcome::Committed(_) => false,
        };
        match outcome {
            _ if certain => {
                // Refused as the only try there ever was, with the record unchanged: certainly not applied.
                self.proposal = None;
                self.propose_after = Some(now + PAUSE_AFTER_REFUSAL);
                self.advance();
                Settled::Closed
            }
            IsrOutcome::Refused { .. } => {
                // The joiner does not fit any more, but the first try may still land. A rewrite of the record as it is,
                // with the same guard, takes its place: one of the two wins, and both say which.
                open.proposal.state = self.record.state.clone();
                open.proposal.joiner = None;
                Settled::Again(open.proposal.clone())
            }
            IsrOutcome::Unknown => {
                open.uncertain = true;
                Settled::Again(open.proposal.clone())
            }
            // Committed with a version that is not newer than the record cannot be, and NotSent says nothing of the
            // tries before: ask again.
            IsrOutcome::Committed(_) | IsrOutcome::NotSent => Settled::Again(open.proposal.clone()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::replication::follower::Asked;
    use crate::replication::testing::{incarnation, now, state, tp};
    use crate::types::{LeaderEpoch, Offset, TopicId};

    fn leader(isr: &[i32], at: Instant) -> LeaderState {
        let record = PartitionRecord { state: state(isr, 2), partition_epoch: PartitionEpoch(5) };
        LeaderState::new(incarnation(1), record, Offset(0), Offset(0), Offset(0), at)
    }

    fn fetch(leader: &mut LeaderState, from: i32, end: i64, at: Instant) {
        let asked = Asked { epoch: LeaderEpoch(1), offset: Offset(end), last_epoch: LeaderEpoch::NONE };
        leader.answer_fetch(incarnation(from), asked, Offset(0), |epoch| (epoch, Offset(end)), at);
    }

    fn live() -> Liveness {
        Liveness::unknown()
    }

    #[test]
    fn a_record_of_a_topic_that_was_made_anew_closes_what_was_proposed_for_the_one_before() {
        let start = now();
        let mut leader = leader(&[1, 2], start);
        let late = start + Duration::from_secs(30);
        let proposal =
            leader.propose(&tp(), &live(), &LeaderLimits::default(), late).expect("broker 2 has not fetched");
        let anew = PartitionState { topic_id: TopicId(uuid::Uuid::from_u128(8)), ..state(&[1, 2], 2) };
        let current = Some(PartitionRecord { state: anew, partition_epoch: PartitionEpoch(9) });
        let settled = leader.settle(proposal.guard, IsrOutcome::Refused { current }, late);
        assert_eq!(settled, Settled::Closed);
        assert_eq!(leader.record().partition_epoch, PartitionEpoch(5), "it has nothing of the other topic");
        assert!(!leader.has_open_proposal());
    }

    #[test]
    fn a_follower_that_can_append_nothing_is_not_taken_in_and_put_out_for_ever() {
        let start = now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let limits = LeaderLimits::default();
        let mut leader = leader(&[1, 2], start);
        leader.note_log(Offset(10), Offset(10));
        // Its disk is full: it asks for the same again and again, and the high watermark waits for it.
        for second in 0..=11 {
            fetch(&mut leader, 2, 0, at(second));
        }
        let out = leader.propose(&tp(), &live(), &limits, at(11)).expect("it lags");
        let committed = PartitionRecord { state: out.state, partition_epoch: PartitionEpoch(6) };
        assert_eq!(leader.settle(out.guard, IsrOutcome::Committed(committed), at(11)), Settled::Closed);
        fetch(&mut leader, 2, 0, at(12));
        assert!(
            !leader.wants_to_join(incarnation(2), &limits, at(12)),
            "nor is the keeper woken by each fetch"
        );
        assert_eq!(leader.propose(&tp(), &live(), &limits, at(12)), None);
        // Its disk takes records again.
        fetch(&mut leader, 2, 10, at(13));
        assert!(leader.wants_to_join(incarnation(2), &limits, at(13)));
        let back = leader.propose(&tp(), &live(), &limits, at(13)).expect("it has caught up");
        assert_eq!(back.joiner, Some(incarnation(2)));
    }
}
