//! A member's next records, from whatever broker it calls.
//!
//! A poll commits what its token acknowledges, heartbeats, and reads on from there, all in one request. Between two polls
//! the client has nothing in hand that it has not been told to acknowledge, so at a poll the member owns nothing: it gives
//! up at once what it is to give up, and moves to its newest assignment in one step.
//!
//! The token holds all that a broker must know: the epoch, the next offset of each partition that was delivered, and whose
//! turn it is to be read first. Nothing is kept here; the same token gives the same records again.
//!
//! *Invariant:* records are read only from partitions that were assigned to the member in the heartbeat before.
//! *Invariant:* a position is taken over from a token only if the coordinator took it: else it is asked for anew.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use super::error::GroupCallError;
use super::members::{plain_heartbeat, reset_of};
use super::positions::{Positions, Whose};
use super::read_many::{Got, Want};
use crate::groups::{ConsumerHeartbeatReply, GroupError, GroupId, MemberId, TopicIdPartition};
use crate::replication::Written;
use crate::service::{Fetched, Service};
use crate::types::{Offset, TopicPartition};

/// How soon a member that has nothing to read heartbeats again.
pub(in crate::service) const EMPTY_HANDED_INTERVAL: Duration = Duration::from_millis(500);

/// How often a poll begins anew because the member moved on meanwhile.
pub(in crate::service) const STALE_MAX: u32 = 3;

/// How often a poll looks again at once because positions could not be read any more.
const MOVES_MAX: u32 = 3;

/// What a poll's answer hands to the client, to be brought back with the next.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PollToken {
    /// The member's epoch when the records were read.
    pub epoch: i32,
    /// Counts polls: which partition is read first.
    pub turn: u32,
    /// The next offset of each partition that was delivered.
    pub positions: std::collections::BTreeMap<TopicIdPartition, Offset>,
}

/// A member asks for its next records.
#[derive(Clone, Debug)]
pub struct Poll {
    /// The group.
    pub group: GroupId,
    /// The member.
    pub member: MemberId,
    /// What it acknowledges; `None` the first time.
    pub token: Option<PollToken>,
    /// How many bytes at most, but for one batch that is returned whole.
    pub max_bytes: usize,
    /// How long to wait for records.
    pub wait: Duration,
}

/// What a poll brought.
#[derive(Debug)]
pub struct Polled {
    /// The member's epoch.
    pub epoch: i32,
    /// The turn of the next poll.
    pub next_turn: u32,
    /// In the order in which records are to be told.
    pub partitions: Vec<PolledPartition>,
}

/// Why a poll brought nothing.
#[derive(Debug)]
pub struct PollFailed {
    /// Why.
    pub error: GroupCallError,
    /// Whether what its token stands for was committed all the same; `Maybe` if only some of it was.
    pub written: Written,
}

impl From<GroupCallError> for PollFailed {
    fn from(error: GroupCallError) -> Self {
        Self { error, written: Written::No }
    }
}

impl From<PollFailed> for GroupCallError {
    fn from(failed: PollFailed) -> Self {
        failed.error
    }
}

/// What a poll brought of one partition.
#[derive(Debug)]
pub struct PolledPartition {
    /// By name.
    pub tp: TopicPartition,
    /// By identity.
    pub id: TopicIdPartition,
    /// Where the member stood, as far as it is committed.
    pub committed: Option<Offset>,
    /// The records.
    pub fetched: Fetched,
}

/// A poll under way.
struct Round {
    beat: ConsumerHeartbeatReply,
    assigned: BTreeSet<TopicIdPartition>,
    positions: Positions,
    /// Positions that are not committed: the committed ones were of no use.
    moved: BTreeSet<TopicIdPartition>,
}

impl Service {
    /// A member's next records; empty if none came in time.
    ///
    /// # Errors
    /// Why there are none; [`GroupError::UnknownMember`] above all: the member is to join again.
    pub async fn poll_group(&self, poll: Poll) -> Result<Polled, PollFailed> {
        let longest = Duration::from_millis(self.parts.options.fetch_wait_ms_max);
        let wait_until = self.parts.clock.now() + poll.wait.min(longest);
        let mut taken = Positions::new();
        if let Some(token) = &poll.token {
            let whose = Whose { group: &poll.group, member: &poll.member, epoch: token.epoch };
            taken = self.acknowledge(whose, &token.positions).await?;
        }
        let named = poll.token.as_ref().map_or(0, |token| token.positions.len());
        let written = match taken.len() {
            0 => Written::No,
            kept if kept == named => Written::Yes,
            _ => Written::Maybe,
        };
        self.poll_from(&poll, taken, wait_until).await.map_err(|error| PollFailed { error, written })
    }

    /// What comes after what was acknowledged.
    async fn poll_from(
        &self,
        poll: &Poll,
        mut taken: Positions,
        wait_until: Instant,
    ) -> Result<Polled, GroupCallError> {
        let turn = poll.token.as_ref().map_or(0, |token| token.turn);
        let mut epoch = poll.token.as_ref().map(|token| token.epoch);
        let mut stale = 0;
        loop {
            let mut round = match self.next_round(poll, epoch, &taken).await {
                // Another request of the same member moved it meanwhile.
                Err(GroupCallError::Refused(GroupError::StaleEpoch { .. })) if stale < STALE_MAX => {
                    (stale, epoch) = (stale + 1, None);
                    continue;
                }
                round => round?,
            };
            if let Some(got) = self.read_in_round(poll, &mut round, turn, wait_until).await? {
                let partitions = self.told(&round, turn, got);
                return Ok(Polled { epoch: round.beat.epoch, next_turn: turn.wrapping_add(1), partitions });
            }
            // Time for a heartbeat: what was acknowledged holds on while the epoch does.
            if epoch != Some(round.beat.epoch) {
                taken.clear();
            }
            epoch = Some(round.beat.epoch);
            taken.append(&mut round.positions);
        }
    }

    /// Heartbeats, and finds where to read.
    async fn next_round(
        &self,
        poll: &Poll,
        epoch: Option<i32>,
        known: &Positions,
    ) -> Result<Round, GroupCallError> {
        let beat = self.beat_of(&poll.group, &poll.member, epoch).await?;
        let assigned: BTreeSet<_> = beat.assignment.iter().flatten().map(|(one, _)| *one).collect();
        let whose = Whose { group: &poll.group, member: &poll.member, epoch: beat.epoch };
        let nothing = Positions::new();
        // In a new epoch a partition may have been away meanwhile; the coordinator knows better.
        let known = if epoch == Some(beat.epoch) { known } else { &nothing };
        let positions = self.positions(whose, &assigned, known).await?;
        Ok(Round { beat, assigned, positions, moved: BTreeSet::new() })
    }

    /// The heartbeat of a member that holds nothing; one that does not know its epoch, or whose answers were lost, is
    /// told by its coordinator.
    pub(in crate::service) async fn beat_of(
        &self,
        group: &GroupId,
        member: &MemberId,
        epoch: Option<i32>,
    ) -> Result<ConsumerHeartbeatReply, GroupCallError> {
        if let Some(epoch) = epoch.filter(|epoch| *epoch > 0) {
            match self.beat_in(group, member, epoch).await {
                Err(GroupCallError::Refused(GroupError::FencedEpoch { .. })) => {}
                told => return told,
            }
        }
        let epoch = self.epoch_of(group, member).await?;
        self.beat_in(group, member, epoch).await
    }

    async fn beat_in(
        &self,
        group: &GroupId,
        member: &MemberId,
        epoch: i32,
    ) -> Result<ConsumerHeartbeatReply, GroupCallError> {
        let mut beat = plain_heartbeat(group.clone(), member.clone(), epoch);
        beat.owned = Some(BTreeSet::new());
        self.beat(beat).await
    }

    /// Reads until records come, the poll's time is over, or a heartbeat is due (`None`).
    async fn read_in_round(
        &self,
        poll: &Poll,
        round: &mut Round,
        turn: u32,
        wait_until: Instant,
    ) -> Result<Option<Vec<Got>>, GroupCallError> {
        let mut interval = Duration::from_millis(u64::from(round.beat.heartbeat_interval_ms.max(100)));
        if round.assigned.is_empty() {
            // Another member may be about to give some up.
            interval = interval.min(EMPTY_HANDED_INTERVAL);
        }
        let beat_due = self.parts.clock.now() + interval;
        let (mut wait, mut moves) = (Duration::ZERO, 0);
        loop {
            let wants = self.wants(round, turn);
            let got = self.read_many(&wants, poll.max_bytes, wait).await;
            if self.find_new_starts(poll, round, &wants, &got).await? && moves < MOVES_MAX {
                // At once, unless the new one is lost as quickly: then not at full speed.
                moves += 1;
                continue;
            }
            let now = self.parts.clock.now();
            let has_records =
                got.iter().any(|(_, one)| one.as_ref().is_ok_and(|one| !one.batches.is_empty()));
            if has_records || now >= wait_until {
                return Ok(Some(got));
            }
            if now >= beat_due {
                return Ok(None);
            }
            let looked = wait;
            wait = wait_until.min(beat_due).saturating_duration_since(now);
            if !looked.is_zero() || wants.is_empty() {
                // Nobody to wait at, or not for as long as was asked: not at full speed.
                let pause = Duration::from_millis(self.parts.options.retry_pause_ms);
                let until_news = self.parts.clock.now() + wait.min(pause);
                self.news(until_news).wait(self.parts.clock.now()).await;
            }
        }
    }

    /// Where positions cannot be read any more, new ones; whether there were such.
    async fn find_new_starts(
        &self,
        poll: &Poll,
        round: &mut Round,
        wants: &[Want],
        got: &[Got],
    ) -> Result<bool, GroupCallError> {
        let mut found = false;
        for (place, one) in got {
            let (Err(lost), Some(want)) = (one, wants.get(*place)) else { continue };
            let start = self.start_of(reset_of(&poll.member), &want.tp, Some(lost.clone())).await?;
            let id = TopicIdPartition::new(want.topic_id, want.tp.partition);
            round.positions.insert(id, start);
            round.moved.insert(id);
            found = true;
        }
        Ok(found)
    }

    /// What to read, beginning with the partition whose turn it is.
    fn wants(&self, round: &Round, turn: u32) -> Vec<Want> {
        let mut wants: Vec<Want> = round
            .positions
            .iter()
            .filter(|(id, _)| round.assigned.contains(id))
            .filter_map(|(id, from)| Some(Want { tp: self.name_of(id)?, topic_id: id.topic, from: *from }))
            .collect();
        if !wants.is_empty() {
            let first = usize::try_from(turn).unwrap_or(0) % wants.len();
            wants.rotate_left(first);
        }
        wants
    }

    fn told(&self, round: &Round, turn: u32, got: Vec<Got>) -> Vec<PolledPartition> {
        let wants = self.wants(round, turn);
        let one = |(place, one): Got| {
            let (fetched, want) = (one.ok()?, wants.get(place)?);
            let id = TopicIdPartition::new(want.topic_id, want.tp.partition);
            let committed = (!round.moved.contains(&id)).then_some(want.from);
            Some(PolledPartition { tp: want.tp.clone(), id, committed, fetched })
        };
        got.into_iter().filter_map(one).collect()
    }
}
