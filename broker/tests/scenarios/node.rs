//! One broker of a story: the real decisions, and around them what its shell would do.

use std::time::Instant;

use tidemark::replication::{
    Asked, Duty, FetchAnswer, FetchRefusal, FollowerState, IsrOutcome, IsrProposal, LeaderLimits,
    LeaderState, Liveness, NextFetch, Settled, Step, duty_of, is_set_back,
};
use tidemark::types::{
    FlushMode, Incarnation, LeaderEpoch, Offset, PartitionEpoch, PartitionIndex, PartitionRecord, TopicName,
    TopicPartition,
};
use tidemark::wire::{ErrorCode, FetchedPartition};

use crate::log::{Entry, SimLog};

pub(crate) enum Role {
    Leader(Box<LeaderState>),
    Follower(FollowerState),
}

/// An answer that is under way to its follower.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    pub(crate) asked: Asked,
    pub(crate) part: FetchedPartition,
    pub(crate) entries: Vec<Entry>,
}

pub(crate) struct Node {
    pub(crate) me: Incarnation,
    pub(crate) up: bool,
    pub(crate) log: SimLog,
    pub(crate) role: Role,
    pub(crate) record: PartitionRecord,
    pub(crate) answer: Option<Answer>,
    pub(crate) live: Liveness,
    pub(crate) has_lease: bool,
    /// The watermark in the checkpoint that it left behind; the log may have lost more.
    known_hw: Offset,
    flush: FlushMode,
}

pub(crate) fn tp() -> TopicPartition {
    TopicPartition::new(TopicName::new("t").unwrap(), PartitionIndex(0))
}

impl Node {
    pub(crate) fn new(me: Incarnation, record: &PartitionRecord, now: Instant) -> Self {
        let flush = record.state.flush;
        let log = SimLog::default();
        let unseen = PartitionRecord { partition_epoch: PartitionEpoch(0), ..record.clone() };
        let role = Role::Follower(FollowerState::new(None, LeaderEpoch::NONE, Offset::ZERO, log.view(flush)));
        let live = Liveness::unknown();
        let mut node = Self {
            me,
            up: true,
            log,
            role,
            record: unseen,
            answer: None,
            live,
            has_lease: true,
            known_hw: Offset::ZERO,
            flush,
        };
        node.see(record, now);
        node
    }

    pub(crate) fn high_watermark(&self) -> i64 {
        match &self.role {
            Role::Leader(leader) => leader.high_watermark().0,
            Role::Follower(follower) => follower.high_watermark().0,
        }
    }

    pub(crate) fn leader(&mut self) -> Option<&mut LeaderState> {
        match &mut self.role {
            Role::Leader(leader) if self.up => Some(leader),
            _ => None,
        }
    }

    /// Converges to a record, as the shell does.
    pub(crate) fn see(&mut self, record: &PartitionRecord, now: Instant) -> String {
        if record.partition_epoch <= self.record.partition_epoch {
            return "unchanged".to_owned();
        }
        let epoch = record.state.leader_epoch;
        let view = self.log.view(self.flush);
        let seen = if self.record.partition_epoch.0 == 0 {
            LeaderEpoch::NONE
        } else {
            self.record.state.leader_epoch
        };
        if is_set_back(epoch, view.last_epoch, seen) {
            return "refused".to_owned();
        }
        let known_hw = Offset(self.high_watermark());
        let said = match (&mut self.role, duty_of(self.me, &record.state)) {
            (Role::Leader(leader), Duty::Lead) if leader.epoch() == epoch => {
                leader.adopt(record.clone(), now);
                "adopts"
            }
            (_, Duty::Lead) => {
                let leader =
                    LeaderState::new(self.me, record.clone(), view.end, view.counted_end, known_hw, now);
                self.role = Role::Leader(Box::new(leader));
                "leads"
            }
            (role, duty) => {
                let leader = if let Duty::Follow(leader) = duty { Some(leader) } else { None };
                match role {
                    Role::Follower(follower) if follower.epoch() == epoch && follower.leader() == leader => {}
                    _ => self.role = Role::Follower(FollowerState::new(leader, epoch, known_hw, view)),
                }
                if leader.is_some() { "follows" } else { "waits" }
            }
        };
        self.record = record.clone();
        format!("{said} in epoch {epoch}")
    }

    pub(crate) fn append(&mut self, value: &str, acks_all: bool, now: Instant) -> String {
        let has_lease = self.has_lease;
        let Some(leader) = self.leader() else {
            return "refused NotLeader".to_owned();
        };
        if let Err(refusal) = leader.may_append(acks_all, has_lease, now, &LeaderLimits::default()) {
            let text = format!("{refusal:?}");
            return format!("refused {}", text.split([' ', '{']).next().unwrap());
        }
        let epoch = leader.epoch();
        let at = self.log.end();
        self.log.append([Entry { epoch, value: value.to_owned() }]);
        self.note_log();
        format!("at {at}")
    }

    pub(crate) fn flush_log(&mut self) {
        self.log.flush();
        self.note_log();
    }

    fn note_log(&mut self) {
        let view = self.log.view(self.flush);
        if let Role::Leader(leader) = &mut self.role {
            leader.note_log(view.end, view.counted_end);
        }
    }

    /// The question that this follower would ask now.
    pub(crate) fn next_fetch(&self) -> NextFetch {
        match &self.role {
            Role::Follower(follower) => follower.next_fetch(self.log.view(self.flush)),
            Role::Leader(_) => NextFetch::NoLeader,
        }
    }

    /// Answers a question, as leader or not.
    pub(crate) fn answer(&mut self, from: Incarnation, asked: Asked, now: Instant) -> (String, Answer) {
        let log = self.log.clone();
        let own = (self.record.state.leader, self.record.state.leader_epoch);
        let mut part = FetchedPartition {
            index: 0,
            error: ErrorCode::None,
            high_watermark: Offset(self.high_watermark()),
            log_start_offset: Offset(log.start()),
            diverging: None,
            leader: None,
            records: vec![],
        };
        let Some(leader) = self.leader() else {
            part.error = ErrorCode::NotLeaderOrFollower;
            return ("refused NotLeader".to_owned(), Answer { asked, part, entries: vec![] });
        };
        let verdict =
            leader.answer_fetch(from, asked, Offset(log.start()), |epoch| log.epoch_end(epoch), now);
        part.high_watermark = leader.high_watermark();
        let mut entries = Vec::new();
        let said = match verdict {
            FetchAnswer::Records => {
                entries = log.from(asked.offset.0);
                format!("{} records", entries.len())
            }
            FetchAnswer::OutOfRange => {
                part.error = ErrorCode::OffsetOutOfRange;
                "out of range".to_owned()
            }
            FetchAnswer::Diverging(epoch, end) => {
                part.diverging = Some((epoch, end));
                format!("diverges after epoch {epoch} at {end}")
            }
            FetchAnswer::Refused(refusal) => {
                part.error = match refusal {
                    FetchRefusal::Fenced => ErrorCode::FencedLeaderEpoch,
                    FetchRefusal::UnknownEpoch => ErrorCode::UnknownLeaderEpoch,
                    FetchRefusal::NotAReplica => ErrorCode::ReplicaNotAvailable,
                    FetchRefusal::StaleIncarnation => ErrorCode::StaleBrokerEpoch,
                };
                part.leader = own.0.map(|leader| (leader.broker, own.1));
                format!("refused {refusal:?}")
            }
        };
        (said, Answer { asked, part, entries })
    }

    /// Takes the answer that is under way, as the shell does.
    pub(crate) fn take(&mut self) -> String {
        let Some(Answer { asked, part, entries }) = self.answer.take() else {
            return "nothing".to_owned();
        };
        let flush = self.flush;
        let view = self.log.view(flush);
        let Role::Follower(follower) = &mut self.role else {
            return "stale".to_owned();
        };
        match follower.judge(asked, &part, view, |epoch| self.log.epoch_end(epoch)) {
            Step::Stale => "stale".to_owned(),
            Step::Retry { refresh } => {
                if refresh { "looks for a newer record" } else { "tries again" }.to_owned()
            }
            Step::Cut(end) => {
                self.log.truncate(end.0);
                follower.note_cut(end);
                format!("cut to {end}")
            }
            Step::StartAnew(start) => {
                self.log.restart_at(start.0);
                follower.note_started_anew(start);
                format!("starts anew at {start}")
            }
            Step::Append => {
                let count = entries.len();
                self.log.append(entries);
                let start =
                    follower.note_marks(part.high_watermark, part.log_start_offset, self.log.view(flush));
                if let Some(start) = start {
                    self.log.advance_start(start.0);
                }
                format!("appended {count}")
            }
        }
    }

    pub(crate) fn propose(&mut self, now: Instant) -> Option<IsrProposal> {
        let live = self.live.clone();
        self.leader()?.propose(&tp(), &live, &LeaderLimits::default(), now)
    }

    /// Learns what became of a proposal; what is to be sent again comes back.
    pub(crate) fn settle(
        &mut self,
        guard: PartitionEpoch,
        outcome: IsrOutcome,
        now: Instant,
    ) -> (String, Option<IsrProposal>) {
        let Some(leader) = self.leader() else {
            return ("closed".to_owned(), None);
        };
        let settled = leader.settle(guard, outcome, now);
        let record = leader.record().clone();
        self.record = record;
        match settled {
            Settled::Closed => ("closed".to_owned(), None),
            Settled::Again(again) => ("again".to_owned(), Some(again)),
            Settled::Superseded(record) => (self.see(&record, now), None),
        }
    }

    /// Dies. With `flush=ack` what was not fsynced may be gone; without, everything may be.
    pub(crate) fn crash(&mut self, keeps_unsynced: bool) {
        self.known_hw = Offset(self.high_watermark());
        self.up = false;
        self.answer = None;
        if !keeps_unsynced {
            self.log.lose_what_is_not_durable();
        }
    }

    /// Comes back as another life, which has seen no record.
    pub(crate) fn restart(&mut self, me: Incarnation) {
        let view = self.log.view(self.flush);
        self.me = me;
        self.up = true;
        self.role = Role::Follower(FollowerState::new(None, LeaderEpoch::NONE, self.known_hw, view));
        self.record.partition_epoch = PartitionEpoch(0);
    }
}
