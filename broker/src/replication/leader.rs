//! What a leader knows and decides in one reign. Pure: time and facts come in, its shell carries the decisions out.
//!
//! How its ISR changes is in [`super::proposal`]; what a follower's log is compared with is [`super::follower::diverging`].
//!
//! *Invariant:* the high watermark never goes back, and lies within the log.
//! *Invariant:* it advances only over what every member of the maximal ISR holds in this epoch, and only while the
//! committed ISR has `min_isr` members (rules 2 and 3).
//! *Invariant:* one proposal is open at most (rule 4).

use std::time::{Duration, Instant};

use super::duty::is_named;
use super::follower::{Asked, diverging};
use super::isr::counted;
use super::progress::Progress;
use super::proposal::OpenProposal;
use crate::rules::{self, Rule};
use crate::types::{BrokerId, Incarnation, LeaderEpoch, Offset, PartitionRecord, PartitionState};

/// The times that a leader acts on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LeaderLimits {
    /// A follower that has not reached the end for so long leaves the ISR.
    pub lag_max: Duration,
    /// Without a lease, `acks=leader` needs a follower that fetched within this.
    pub quiet_max: Duration,
    /// A proposal open for so long means that the coordination store is away.
    pub stuck_after: Duration,
    /// What is given to a life that is gone, or that a newer one replaced, before it is proposed out.
    pub grace: Duration,
}

impl Default for LeaderLimits {
    fn default() -> Self {
        Self {
            lag_max: Duration::from_secs(10),
            quiet_max: Duration::from_secs(2),
            stuck_after: Duration::from_secs(2),
            grace: Duration::from_secs(1),
        }
    }
}

/// Why a follower's fetch is not answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FetchRefusal {
    /// It lives in an epoch that has ended.
    Fenced,
    /// It lives in a newer epoch: this leader may be the zombie.
    UnknownEpoch,
    /// It is no replica of this partition (KAFKA-13837).
    NotAReplica,
    /// A newer life of the same broker has fetched.
    StaleIncarnation,
}

/// What a follower's fetch is answered with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FetchAnswer {
    /// Nothing, for this reason.
    Refused(FetchRefusal),
    /// Its log lies outside the leader's.
    OutOfRange,
    /// Where its log parts from the leader's: the epoch, and its end in the leader's log.
    Diverging(LeaderEpoch, Offset),
    /// The records from the offset asked for; its word that it holds all below is noted.
    Records,
}

/// Why an append is refused before it happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AppendRefusal {
    /// A newer epoch exists.
    Deposed {
        /// That epoch.
        by: LeaderEpoch,
    },
    /// Too few replicas are in sync (rule 6).
    NotEnoughReplicas {
        /// How many are.
        isr: u32,
        /// How many must be.
        min_isr: u32,
    },
    /// Nobody proves that this is still the leader.
    FollowersQuiet {
        /// For how long.
        quiet: Duration,
    },
}

/// The leader of one partition in one epoch.
#[derive(Clone, Debug)]
pub struct LeaderState {
    pub(super) me: Incarnation,
    pub(super) record: PartitionRecord,
    pub(super) followers: Vec<Progress>,
    pub(super) proposal: Option<OpenProposal>,
    /// No proposal before this: the last one was refused.
    pub(super) propose_after: Option<Instant>,
    pub(super) since: Instant,
    pub(super) epoch_start: Offset,
    pub(super) high_watermark: Offset,
    log_end: Offset,
    /// What this leader itself holds, as the partition counts it.
    pub(super) counted_end: Offset,
    /// A newer epoch that a follower told of, and when.
    pub(super) deposed: Option<(LeaderEpoch, Instant)>,
}

impl LeaderState {
    /// Begins a reign over a log that ends at `log_end`, of which `counted_end` counts as held here, and which is known to
    /// be committed up to `known_hw`: what this replica knew in its last role, which kept it within the log.
    ///
    /// # Panics
    /// If the record does not name `me` as the leader (rule 1).
    #[must_use]
    pub fn new(
        me: Incarnation,
        record: PartitionRecord,
        log_end: Offset,
        counted_end: Offset,
        known_hw: Offset,
        now: Instant,
    ) -> Self {
        let names_me = record.state.leader.is_some_and(|leader| is_named(me, leader));
        assert!(names_me, "{me} leads only by a record that names it, not by {record:?}");
        let mut leader = Self {
            me,
            record,
            followers: Vec::new(),
            proposal: None,
            propose_after: None,
            since: now,
            epoch_start: log_end,
            high_watermark: known_hw.min(log_end),
            log_end,
            counted_end: counted_end.min(log_end),
            deposed: None,
        };
        leader.match_replicas(now);
        leader.advance();
        leader
    }

    /// The record that it leads by.
    #[must_use]
    pub fn record(&self) -> &PartitionRecord {
        &self.record
    }

    /// The reign.
    #[must_use]
    pub fn epoch(&self) -> LeaderEpoch {
        self.record.state.leader_epoch
    }

    /// Where the log ended when the reign began.
    #[must_use]
    pub fn epoch_start(&self) -> Offset {
        self.epoch_start
    }

    /// One past the last record known to be committed.
    #[must_use]
    pub fn high_watermark(&self) -> Offset {
        self.high_watermark
    }

    /// Whether everything committed in earlier epochs is known to be: only then may an end be told (KIP-207).
    #[must_use]
    pub fn knows_the_committed_end(&self) -> bool {
        self.high_watermark >= self.epoch_start || !rules::holds(Rule::EndOnceKnown)
    }

    /// One past the last record of the leader's own log.
    #[must_use]
    pub fn log_end(&self) -> Offset {
        self.log_end
    }

    /// The followers that it knows of.
    #[must_use]
    pub fn followers(&self) -> &[Progress] {
        &self.followers
    }

    /// Whether a proposal is open, so that the maximal ISR may be larger than the committed one.
    #[must_use]
    pub fn has_open_proposal(&self) -> bool {
        self.proposal.is_some()
    }

    /// Whether the high watermark waits for a member that has not acknowledged all that this leader itself holds.
    #[must_use]
    pub fn is_blocked(&self) -> bool {
        self.high_watermark < self.counted_end
    }

    /// The newer epoch that ended this reign, if a follower told of one lately.
    #[must_use]
    pub fn deposed_by(&self, now: Instant, limits: &LeaderLimits) -> Option<LeaderEpoch> {
        let (epoch, heard) = self.deposed?;
        (now.saturating_duration_since(heard) <= limits.lag_max).then_some(epoch)
    }

    /// Notes how far the leader's own log is, after an append or a flush.
    pub fn note_log(&mut self, log_end: Offset, counted_end: Offset) {
        assert!(log_end >= self.log_end, "a leader's log ends at {log_end}, and ended at {}", self.log_end);
        self.log_end = log_end;
        self.counted_end = self.counted_end.max(counted_end.min(log_end));
        self.advance();
    }

    /// Answers a follower's fetch and notes how far it is (rules 3, 7 and 8). `log_start` and `epoch_end` are the leader's
    /// own log: where it starts, and its lookup of an epoch.
    ///
    /// A fetch that is refused, or that diverges, notes no progress (KAFKA-13141).
    pub fn answer_fetch(
        &mut self,
        from: Incarnation,
        asked: Asked,
        log_start: Offset,
        epoch_end: impl FnOnce(LeaderEpoch) -> (LeaderEpoch, Offset),
        now: Instant,
    ) -> FetchAnswer {
        if let Err(refusal) = self.admit_fetch(from, asked.epoch, now) {
            return FetchAnswer::Refused(refusal);
        }
        // Before divergence: epochs that the leader has trimmed away prove nothing (row 22).
        if asked.offset < log_start && rules::holds(Rule::RangeBeforeDivergence) {
            return FetchAnswer::OutOfRange;
        }
        if let Some((epoch, end)) = diverging(asked.offset, asked.last_epoch, epoch_end(asked.last_epoch)) {
            if !rules::holds(Rule::DivergenceIsNoProgress) {
                self.note_fetch(from, asked.offset, now);
            }
            return FetchAnswer::Diverging(epoch, end);
        }
        if asked.offset > self.log_end {
            return FetchAnswer::OutOfRange;
        }
        self.note_fetch(from, asked.offset, now);
        FetchAnswer::Records
    }

    /// Judges who asks, before the log is looked at (rule 7). A newer epoch is taken as the news that this reign may be
    /// over.
    fn admit_fetch(
        &mut self,
        from: Incarnation,
        epoch: LeaderEpoch,
        now: Instant,
    ) -> Result<(), FetchRefusal> {
        let is_replica = self.record.state.has_replica(from.broker) && from.broker != self.me.broker;
        if epoch < self.epoch() && rules::holds(Rule::FencesOlderReigns) {
            return Err(FetchRefusal::Fenced);
        }
        if epoch > self.epoch() && rules::holds(Rule::HearsOfNewerReigns) {
            if is_replica {
                self.deposed = Some((epoch, now));
            }
            return Err(FetchRefusal::UnknownEpoch);
        }
        if !is_replica {
            return Err(FetchRefusal::NotAReplica);
        }
        match self.follower_mut(from.broker) {
            Some(known) if known.incarnation.epoch > from.epoch && rules::holds(Rule::NewestLifeFetches) => {
                return Err(FetchRefusal::StaleIncarnation);
            }
            Some(known) if known.incarnation == from => {}
            // A life not heard of before holds nothing until it says so itself.
            Some(known) => *known = Progress::new(from, now),
            None => self.followers.push(Progress::new(from, now)),
        }
        Ok(())
    }

    /// Notes an admitted fetch that did not diverge: the follower holds everything below `end` (rule 3).
    fn note_fetch(&mut self, from: Incarnation, end: Offset, now: Instant) {
        let log_end = self.log_end;
        let follower = self.follower_mut(from.broker).expect("an admitted follower is known");
        assert!(follower.incarnation == from, "{from} fetches, but {} was admitted", follower.incarnation);
        follower.note_fetch(end, log_end, now);
        self.advance();
    }

    /// Notes where the log of a follower starts, whose fetch has just been answered with records.
    pub fn note_start(&mut self, from: Incarnation, log_start: Offset) {
        if let Some(follower) = self.follower_mut(from.broker).filter(|known| known.incarnation == from) {
            follower.log_start = log_start;
        }
    }

    /// Below this nobody keeps anything who is in the maximal ISR, and so might lead next; `own_start` is where the leader's
    /// own log starts.
    #[must_use]
    pub fn low_watermark(&self, own_start: Offset) -> Offset {
        let others = self.counted().filter(|member| !is_named(self.me, *member));
        let starts = others.map(|member| self.progress(member).map_or(Offset::NONE, |known| known.log_start));
        starts.fold(own_start, Offset::min)
    }

    /// Whether this life has reached the high watermark and the start of the epoch, by a fetch of this epoch (rule 5).
    pub(super) fn has_reached(&self, member: Incarnation) -> bool {
        let high_watermark = Some(self.high_watermark).filter(|_| rules::holds(Rule::JoinsAtHighWatermark));
        let epoch_start = Some(self.epoch_start).filter(|_| rules::holds(Rule::JoinsAtReignStart));
        let reached = high_watermark.max(epoch_start).unwrap_or(Offset::ZERO);
        self.progress(member).and_then(|known| known.end).is_some_and(|end| end >= reached)
    }

    /// Whether records may be appended now; `acks_all` waits for all, `has_lease` says that the lease is known to hold.
    ///
    /// # Errors
    /// Why not; nothing has been written then.
    pub fn may_append(
        &self,
        acks_all: bool,
        has_lease: bool,
        now: Instant,
        limits: &LeaderLimits,
    ) -> Result<(), AppendRefusal> {
        if let Some(by) = self.deposed_by(now, limits) {
            return Err(AppendRefusal::Deposed { by });
        }
        let state = &self.record.state;
        if acks_all {
            if !state.may_commit() && rules::holds(Rule::RefusesBeforeAppend) {
                let isr = u32::try_from(state.isr.len()).unwrap_or(u32::MAX);
                return Err(AppendRefusal::NotEnoughReplicas { isr, min_isr: state.min_isr });
            }
            return self
                .stuck_member(now, limits)
                .map_or(Ok(()), |quiet| Err(AppendRefusal::FollowersQuiet { quiet }));
        }
        if has_lease || state.isr.len() <= 1 {
            return Ok(());
        }
        let others = self.followers.iter().filter(|follower| state.isr.contains(&follower.incarnation));
        let quiet = others.map(|follower| follower.silence(now)).min();
        let quiet = quiet.unwrap_or_else(|| now.saturating_duration_since(self.since));
        if quiet <= limits.quiet_max { Ok(()) } else { Err(AppendRefusal::FollowersQuiet { quiet }) }
    }

    /// A counted member that is silent while its removal cannot be written: waiting for it is hopeless for now.
    fn stuck_member(&self, now: Instant, limits: &LeaderLimits) -> Option<Duration> {
        let open = self.proposal.as_ref()?;
        if now.saturating_duration_since(open.since) < limits.stuck_after {
            return None;
        }
        let silent = self.counted().filter(|member| !is_named(self.me, *member)).map(|member| {
            self.progress(member)
                .map_or(now.saturating_duration_since(self.since), |known| known.silence(now))
        });
        silent.max().filter(|quiet| *quiet > limits.lag_max)
    }

    /// Takes a newer version of the record in the same reign: the ISR that it names is committed.
    pub fn adopt(&mut self, record: PartitionRecord, now: Instant) {
        assert!(
            self.is_reign_of(&record.state),
            "{} leads in epoch {} and cannot adopt {record:?}",
            self.me,
            self.epoch()
        );
        assert!(
            record.partition_epoch > self.record.partition_epoch,
            "version {} of the record does not follow {}",
            record.partition_epoch,
            self.record.partition_epoch
        );
        // Every version that comes here lies above the guard of the open proposal, which is the version before. So it
        // decides the proposal: it is this one, or can never be (rule 4).
        self.proposal = None;
        self.record = record;
        self.propose_after = None;
        self.match_replicas(now);
        // The smaller set counts from now on: what it holds is committed (KAFKA-13091).
        self.advance();
    }

    /// Whether this is a version of the record in the same reign, of the same topic: one that was made anew under its name
    /// begins its epochs anew.
    pub(super) fn is_reign_of(&self, state: &PartitionState) -> bool {
        self.is_topic_of(state)
            && state.leader.is_some_and(|leader| is_named(self.me, leader))
            && state.leader_epoch == self.epoch()
    }

    /// Whether this record is of the same topic, by identity.
    pub(super) fn is_topic_of(&self, state: &PartitionState) -> bool {
        state.topic_id == self.record.state.topic_id
    }

    pub(super) fn counted(&self) -> impl Iterator<Item = Incarnation> + '_ {
        counted(&self.record.state, self.proposed())
    }

    fn proposed(&self) -> Option<&PartitionState> {
        self.proposal.as_ref().map(|open| &open.counts)
    }

    /// Whether somebody else is counted, and has fetched in this reign.
    pub(super) fn has_counted_follower(&self) -> bool {
        self.counted().any(|member| {
            !is_named(self.me, member) && self.progress(member).is_some_and(|known| known.end.is_some())
        })
    }

    /// What is known of exactly this life.
    pub(super) fn progress(&self, member: Incarnation) -> Option<&Progress> {
        self.followers.iter().find(|known| known.incarnation == member)
    }

    fn follower_mut(&mut self, broker: BrokerId) -> Option<&mut Progress> {
        self.followers.iter_mut().find(|known| known.incarnation.broker == broker)
    }

    /// Knows every life that the record names, and the newest one of each broker; others are known once they fetch.
    fn match_replicas(&mut self, now: Instant) {
        let Self { record, followers, me, .. } = self;
        followers.retain(|known| record.state.has_replica(known.incarnation.broker));
        for member in record.state.isr.iter().filter(|member| !is_named(*me, **member)) {
            match followers.iter_mut().find(|known| known.incarnation.broker == member.broker) {
                Some(known) if known.incarnation.epoch >= member.epoch => {}
                // Only where a reign begins: in its course nobody but this leader puts a life into the ISR, which fetched.
                Some(known) => *known = Progress::new(*member, now),
                None => followers.push(Progress::new(*member, now)),
            }
        }
    }

    /// Advances the high watermark as far as the rules allow (rule 3).
    pub(super) fn advance(&mut self) {
        if !self.record.state.may_commit() && rules::holds(Rule::MinIsrGate) {
            return;
        }
        let mut held_by_all = self.counted_end;
        for member in counted(&self.record.state, self.proposal.as_ref().map(|open| &open.counts)) {
            if !is_named(self.me, member) {
                match self.progress(member).and_then(|known| known.end) {
                    Some(end) => held_by_all = held_by_all.min(end),
                    None if rules::holds(Rule::HeldInThisReign) => return,
                    None => held_by_all = held_by_all.min(self.epoch_start),
                }
            }
        }
        // Below the start of the reign nothing is counted: what an earlier leader left there is committed together with
        // this epoch's start, or not at all. Nothing would be lost otherwise, since all who may be elected hold it; but
        // an end would rise piece by piece through what clients were told of long ago.
        if held_by_all >= self.epoch_start && held_by_all > self.high_watermark {
            assert!(
                held_by_all <= self.log_end,
                "committed {held_by_all} of a log that ends at {}",
                self.log_end
            );
            self.high_watermark = held_by_all;
        }
    }
}
