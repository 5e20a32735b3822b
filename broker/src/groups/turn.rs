//! One input being handled: the time, the facts, and where its effects go.

use std::time::{Duration, Instant};

use super::ids::{GroupId, InstanceName, MemberId, Ticket};
use super::options::GroupOptions;
use super::records::GroupRecord;
use super::reply::{Outcome, Reply};
use super::timers::{TimerKey, Timers};
use super::topics::Topics;

/// The time: one clock for deadlines, one for what is kept in the log.
#[derive(Clone, Copy, Debug)]
pub struct Now {
    /// For deadlines.
    pub at: Instant,
    /// Milliseconds since 1970, for commits and their retention.
    pub unix_ms: i64,
}

/// What the handler of one input has at hand.
pub(super) struct Turn<'a> {
    pub(super) group: &'a GroupId,
    pub(super) now: Now,
    pub(super) options: &'a GroupOptions,
    pub(super) topics: &'a Topics,
    pub(super) timers: &'a mut Timers,
    pub(super) out: &'a mut Outcome,
    /// How many bytes more the shard's committed offsets may take.
    pub(super) offset_room: usize,
    /// How many instances more the shard may have.
    pub(super) instances_left: usize,
    /// How many bytes more what instances read may take.
    pub(super) instance_room: usize,
}

impl Turn<'_> {
    pub(super) fn write(&mut self, record: GroupRecord) {
        self.out.records.push(record);
    }

    pub(super) fn reply(&mut self, ticket: Ticket, reply: Reply) {
        self.out.reply(ticket, reply);
    }

    pub(super) fn in_ms(&self, ms: u32) -> Instant {
        self.now.at + Duration::from_millis(u64::from(ms))
    }

    /// The member has been heard: its session begins anew.
    pub(super) fn start_session(&mut self, member: &MemberId, session_timeout_ms: u32) {
        let at = self.in_ms(session_timeout_ms);
        self.timers.set(TimerKey::Session(self.group.clone(), member.clone()), at);
    }

    /// The member has been told to give up partitions: so long it may take.
    pub(super) fn start_revocation(&mut self, member: &MemberId, rebalance_timeout_ms: u32) {
        let at = self.in_ms(rebalance_timeout_ms);
        self.timers.set(TimerKey::Revocation(self.group.clone(), member.clone()), at);
    }

    /// The consumer instance has been heard: its time begins anew.
    pub(super) fn start_instance_timeout(&mut self, instance: &InstanceName) {
        let at = self.in_ms(self.options.instance_timeout_ms);
        self.timers.set(TimerKey::Instance(self.group.clone(), instance.clone()), at);
    }

    /// The member is gone, and its deadlines with it.
    pub(super) fn forget_member(&mut self, member: &MemberId) {
        self.timers.cancel(&TimerKey::Session(self.group.clone(), member.clone()));
        self.timers.cancel(&TimerKey::Revocation(self.group.clone(), member.clone()));
    }

    pub(super) fn join_timer(&self) -> TimerKey {
        TimerKey::Join(self.group.clone())
    }

    pub(super) fn sync_timer(&self) -> TimerKey {
        TimerKey::Sync(self.group.clone())
    }
}
