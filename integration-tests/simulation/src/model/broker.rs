//! One broker of the model: the decisions of production, and around them what the shell of a replica does.
//!
//! The shell's part is kept as small as it goes: it holds the log, hands facts in and carries decisions out, in the order
//! of `replication::{converge, follow, read}`.

use std::hash::{Hash, Hasher};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use tidemark::clock::Clock;
use tidemark::cluster::Recovery;
use tidemark::replication::{
    Asked, Duty, FetchAnswer, FetchRefusal, FollowerState, IsrOutcome, IsrProposal, LeaderLimits,
    LeaderState, Liveness, LogView, NextFetch, Settled, Step, duty_of, fits_reign, is_set_back,
};
use tidemark::types::{
    BrokerEpoch, BrokerId, FlushMode, Incarnation, LeaderEpoch, Offset, PartitionEpoch, PartitionRecord,
};
use tidemark::wire::{ErrorCode, FetchedPartition};

use super::log::{Entry, ModelLog};
use super::store::partition;

/// Long after everything else: whoever is given up has been silent for longer than the leader's grace.
const LATER: Duration = Duration::from_secs(60);

/// Who lags is for the model to say, by naming who is gone; nobody lags by the clock.
fn limits() -> LeaderLimits {
    LeaderLimits { lag_max: Duration::from_secs(86_400), ..LeaderLimits::default() }
}

/// The one moment at which everything happens: safety rests on no clock.
fn now() -> Instant {
    static NOW: OnceLock<Instant> = OnceLock::new();
    *NOW.get_or_init(|| Clock::manual(0).now())
}

/// One life of one broker.
pub(super) fn life(broker: i32, epoch: i64) -> Incarnation {
    Incarnation { broker: BrokerId(broker), epoch: BrokerEpoch(epoch) }
}

#[derive(Clone, Debug)]
pub(super) enum Role {
    Leader(Box<LeaderState>),
    Follower(FollowerState),
}

/// A question on its way to a leader.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Question {
    pub(super) from: Incarnation,
    pub(super) to: BrokerId,
    pub(super) asked: Asked,
}

/// An answer on its way to a follower.
#[derive(Clone, Debug)]
pub(super) struct Answer {
    pub(super) asked: Asked,
    pub(super) part: FetchedPartition,
    pub(super) entries: Vec<Entry>,
}

/// One broker.
#[derive(Clone, Debug)]
pub(super) struct Broker {
    pub(super) me: Incarnation,
    pub(super) up: bool,
    /// While it is down: what its files will prove.
    pub(super) proof: Recovery,
    pub(super) log: ModelLog,
    pub(super) role: Role,
    /// The newest record that it has taken; none in a new life.
    pub(super) record: Option<Arc<PartitionRecord>>,
    /// Versions up to this are not shown to it (any more).
    pub(super) seen: PartitionEpoch,
    pub(super) answer: Option<Answer>,
    flush: FlushMode,
}

impl Hash for Broker {
    fn hash<H: Hasher>(&self, state: &mut H) {
        (self.me, self.up, self.proof as u8, &self.log, self.seen).hash(state);
        self.record.as_ref().map(|record| record.partition_epoch).hash(state);
        match &self.role {
            Role::Leader(leader) => leader.essence().hash(state),
            Role::Follower(follower) => follower.hash(state),
        }
        if let Some(Answer { asked, part, entries }) = &self.answer {
            (asked, part.error.code(), part.high_watermark, part.diverging, entries).hash(state);
        }
    }
}

impl Broker {
    pub(super) fn new(me: Incarnation, record: &Arc<PartitionRecord>) -> Self {
        let flush = record.state.flush;
        let log = ModelLog::default();
        let role = Role::Follower(FollowerState::new(None, LeaderEpoch::NONE, Offset::ZERO, log.view(flush)));
        let seen = PartitionEpoch(record.partition_epoch.0 - 1);
        let mut broker =
            Self { me, up: true, proof: Recovery::Fsync, log, role, record: None, seen, answer: None, flush };
        broker.see(record);
        broker
    }

    fn view(&self) -> LogView {
        self.log.view(self.flush)
    }

    pub(super) fn high_watermark(&self) -> usize {
        let mark = match &self.role {
            Role::Leader(leader) => leader.high_watermark(),
            Role::Follower(follower) => follower.high_watermark(),
        };
        usize::try_from(mark.0).unwrap_or_default()
    }

    /// The leader's state, if it leads, or believes so.
    pub(super) fn leading(&self) -> Option<&LeaderState> {
        match &self.role {
            Role::Leader(leader) if self.up => Some(leader),
            _ => None,
        }
    }

    fn leading_mut(&mut self) -> Option<&mut LeaderState> {
        match &mut self.role {
            Role::Leader(leader) if self.up => Some(leader),
            _ => None,
        }
    }

    /// Takes a version of the record, as `replication::converge` does.
    pub(super) fn see(&mut self, record: &Arc<PartitionRecord>) {
        self.seen = self.seen.max(record.partition_epoch);
        if self.record.as_ref().is_some_and(|before| record.partition_epoch <= before.partition_epoch) {
            return;
        }
        let (epoch, view) = (record.state.leader_epoch, self.view());
        let in_records = self.record.as_ref().map_or(LeaderEpoch::NONE, |before| before.state.leader_epoch);
        if is_set_back(epoch, view.last_epoch, in_records) {
            return;
        }
        let known_hw = Offset(self.high_watermark() as i64);
        match (&mut self.role, duty_of(self.me, &record.state)) {
            (Role::Leader(leader), Duty::Lead) if leader.epoch() == epoch => {
                leader.adopt(PartitionRecord::clone(record), now());
            }
            (_, Duty::Lead) => {
                let record = PartitionRecord::clone(record);
                let leader = LeaderState::new(self.me, record, view.end, view.counted_end, known_hw, now());
                self.role = Role::Leader(Box::new(leader));
            }
            (role, duty) => {
                let leader = if let Duty::Follow(leader) = duty { Some(leader) } else { None };
                match role {
                    Role::Follower(follower) if follower.epoch() == epoch && follower.leader() == leader => {}
                    _ => self.role = Role::Follower(FollowerState::new(leader, epoch, known_hw, view)),
                }
            }
        }
        self.record = Some(Arc::clone(record));
    }

    /// Whether a producer that waits for the leader alone could append here. (Who waits for all is refused more often.)
    pub(super) fn may_append(&self) -> bool {
        self.leading().is_some_and(|leader| leader.may_append(false, true, now(), &limits()).is_ok())
    }

    pub(super) fn append(&mut self, value: u8) {
        let Some(epoch) = self.leading().map(LeaderState::epoch) else { return };
        self.log.append(Entry { epoch, value });
        self.note_log();
    }

    pub(super) fn flush(&mut self) {
        self.log.flush();
        self.note_log();
    }

    fn note_log(&mut self) {
        let view = self.view();
        if let Role::Leader(leader) = &mut self.role {
            leader.note_log(view.end, view.counted_end);
        }
    }

    /// What it would ask, and whom. It makes its log durable first if it must.
    pub(super) fn ask(&mut self) -> Option<Question> {
        let Role::Follower(follower) = &self.role else { return None };
        let to = follower.leader()?.broker;
        if follower.next_fetch(self.view()) == NextFetch::FlushFirst {
            self.log.flush();
        }
        let Role::Follower(follower) = &self.role else { return None };
        match follower.next_fetch(self.view()) {
            NextFetch::Fetch(asked) => Some(Question { from: self.me, to, asked }),
            NextFetch::FlushFirst | NextFetch::NoLeader => None,
        }
    }

    /// Answers a question, as leader or not, as `replication::read` does.
    pub(super) fn answer(&mut self, Question { from, asked, .. }: Question) -> Answer {
        let mark = Offset(self.high_watermark() as i64);
        let own = self.record.as_ref().map(|record| (record.state.leader, record.state.leader_epoch));
        let Self { log, role, .. } = self;
        let Role::Leader(leader) = role else {
            return refusal(asked, ErrorCode::NotLeaderOrFollower, mark);
        };
        let verdict = leader.answer_fetch(from, asked, Offset::ZERO, |epoch| log.epoch_end(epoch), now());
        let mark = leader.high_watermark();
        match verdict {
            FetchAnswer::Records => {
                let from = usize::try_from(asked.offset.0).unwrap_or_default();
                // One at a time: a fetch is bounded, and may end anywhere.
                let entries = log.entries().get(from..).unwrap_or_default();
                let entries = entries.iter().take(1).copied().collect();
                Answer { entries, ..refusal(asked, ErrorCode::None, mark) }
            }
            FetchAnswer::OutOfRange => refusal(asked, ErrorCode::OffsetOutOfRange, mark),
            FetchAnswer::Diverging(epoch, end) => {
                let mut answer = refusal(asked, ErrorCode::None, mark);
                answer.part.diverging = Some((epoch, end));
                answer
            }
            FetchAnswer::Refused(reason) => {
                let error = match reason {
                    FetchRefusal::Fenced => ErrorCode::FencedLeaderEpoch,
                    FetchRefusal::UnknownEpoch => ErrorCode::UnknownLeaderEpoch,
                    FetchRefusal::NotAReplica => ErrorCode::ReplicaNotAvailable,
                    FetchRefusal::StaleIncarnation => ErrorCode::StaleBrokerEpoch,
                };
                let mut answer = refusal(asked, error, mark);
                answer.part.leader = own.and_then(|(leader, epoch)| Some((leader?.broker, epoch)));
                answer
            }
        }
    }

    /// Takes an answer, as `replication::follow` does.
    pub(super) fn take(&mut self, Answer { asked, part, entries }: Answer) {
        let view = self.view();
        let Role::Follower(follower) = &mut self.role else { return };
        if !fits_reign(asked, entries.iter().map(|entry| entry.epoch)) {
            return;
        }
        match follower.judge(asked, &part, view, |epoch| self.log.epoch_end(epoch)) {
            Step::Stale | Step::Retry { .. } => {}
            Step::Cut(end) => {
                self.log.truncate(usize::try_from(end.0).unwrap_or_default());
                follower.note_cut(end);
            }
            Step::StartAnew(start) => {
                self.log.restart();
                follower.note_started_anew(start);
            }
            Step::Append => {
                // The real log refuses batches that do not continue it.
                if asked.offset == view.end {
                    entries.into_iter().for_each(|entry| self.log.append(entry));
                }
                follower.note_marks(part.high_watermark, part.log_start_offset, self.log.view(self.flush));
            }
        }
    }

    /// Proposes to put a member out that it takes for dead.
    pub(super) fn propose_without(&mut self, member: BrokerId) -> Option<IsrProposal> {
        let leader = self.leading_mut()?;
        let stays = |entry: &Incarnation| entry.broker != member;
        let live = leader.record().state.isr.iter().copied().filter(stays).collect();
        leader.propose(&partition(), &Liveness::known(live), &limits(), now() + LATER)
    }

    /// Proposes to take a follower in that it believes live.
    pub(super) fn propose_with(&mut self, joiner: BrokerId) -> Option<IsrProposal> {
        let leader = self.leading_mut()?;
        let known = leader.followers().iter().map(|known| known.incarnation);
        let mut live: std::collections::BTreeSet<_> = leader.record().state.isr.iter().copied().collect();
        live.extend(known.filter(|known| known.broker == joiner));
        leader.propose(&partition(), &Liveness::known(live), &limits(), now() + LATER)
    }

    /// Learns what became of a proposal; what is to be sent again comes back.
    pub(super) fn settle(&mut self, guard: PartitionEpoch, outcome: IsrOutcome) -> Option<IsrProposal> {
        let leader = self.leading_mut()?;
        let settled = leader.settle(guard, outcome, now());
        if self.record.as_ref().is_none_or(|known| known.partition_epoch < leader_version(&self.role)) {
            let Role::Leader(leader) = &self.role else { return None };
            self.record = Some(Arc::new(leader.record().clone()));
            self.seen = self.seen.max(leader.record().partition_epoch);
        }
        match settled {
            Settled::Closed => None,
            Settled::Again(again) => Some(again),
            Settled::Superseded(record) => {
                self.see(&Arc::new(record));
                None
            }
        }
    }

    /// Stops with everything durable, and says so on its disk.
    pub(super) fn stop(&mut self) {
        self.log.flush();
        self.crash(self.log.end());
        self.proof = Recovery::Clean;
    }

    /// Has an empty disk instead of its own.
    pub(super) fn lose_disk(&mut self) {
        self.log.restart();
        self.crash(0);
        self.proof = Recovery::None;
    }

    /// Dies; its log keeps `kept` entries.
    pub(super) fn crash(&mut self, kept: usize) {
        // What it knew of the high watermark stands in its checkpoint.
        let known = Offset(self.high_watermark() as i64);
        if kept < self.log.end() {
            self.log.truncate(kept);
        }
        self.role = Role::Follower(FollowerState::new(None, LeaderEpoch::NONE, known, self.view()));
        self.up = false;
        self.proof = Recovery::Fsync;
        self.answer = None;
        self.record = None;
        self.seen = PartitionEpoch(0);
    }

    /// Comes back as another life, which is shown nothing older than `newest`.
    pub(super) fn restart(&mut self, me: Incarnation, newest: PartitionEpoch) {
        self.me = me;
        self.up = true;
        self.log.flush();
        self.seen = PartitionEpoch(newest.0 - 1);
    }
}

fn leader_version(role: &Role) -> PartitionEpoch {
    match role {
        Role::Leader(leader) => leader.record().partition_epoch,
        Role::Follower(_) => PartitionEpoch(0),
    }
}

fn refusal(asked: Asked, error: ErrorCode, high_watermark: Offset) -> Answer {
    let part = FetchedPartition {
        index: 0,
        error,
        high_watermark,
        log_start_offset: Offset::ZERO,
        diverging: None,
        leader: None,
        records: Vec::new(),
    };
    Answer { asked, part, entries: Vec::new() }
}
