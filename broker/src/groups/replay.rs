//! A shard is loaded from its log: record by record, then its deadlines begin anew.
//!
//! *Invariant:* replaying changes what handling changes, by the same functions, so both end in the same state.

use std::time::Duration;

use bytes::Bytes;

use super::classic::ClassicGroup;
use super::consumer::ConsumerGroup;
use super::error::BadRecord;
use super::group::{Group, Kind};
use super::ids::GroupId;
use super::records::GroupRecord;
use super::reply::Outcome;
use super::shard::Shard;
use super::timers::TimerKey;
use super::turn::Now;

impl Shard {
    /// Takes one record of the log, in its order. Records of kinds that this version does not know are passed over.
    ///
    /// # Errors
    /// [`BadRecord`] if its bytes make no sense; the shard is as before, and may go on with the next.
    pub fn replay(&mut self, key: Bytes, value: Option<Bytes>) -> Result<(), BadRecord> {
        if let Some(record) = GroupRecord::read(key, value)? {
            self.replay_record(record);
        }
        Ok(())
    }

    /// Takes one record that has been read.
    pub fn replay_record(&mut self, record: GroupRecord) {
        let id = record.group().clone();
        let mut group = self.groups.remove(&id).unwrap_or_default();
        self.leave_out(&group);
        group.replay(record);
        self.put_back(&id, group);
    }

    /// The log has been read: members have as long as ever from now.
    pub fn start(&mut self, now: Now) {
        let mut out = Outcome::default();
        for id in self.groups.keys().cloned().collect::<Vec<GroupId>>() {
            self.on_group(&id, now, &mut out, |group, turn| {
                group.instances.names().for_each(|name| turn.start_instance_timeout(name));
                match &group.kind {
                    Kind::Bare => {}
                    Kind::Consumer(group) => group.start_timers(turn),
                    Kind::Classic(group) => group.start_timers(turn),
                }
            });
        }
        if !self.timers.is_set(&TimerKey::Sweep) {
            let pause =
                Duration::from_millis(u64::from(self.options.offsets_retention_check_interval_ms.max(1)));
            self.timers.set(TimerKey::Sweep, now.at + pause);
        }
    }
}

impl Group {
    fn replay(&mut self, record: GroupRecord) {
        match record {
            GroupRecord::Offset { topic, partition, value: Some(value), .. } => {
                self.offsets.put(&topic, partition, value);
            }
            GroupRecord::Offset { topic, partition, value: None, .. } => {
                self.offsets.remove(&topic, partition);
            }
            GroupRecord::Classic { value: Some(value), .. } => {
                self.kind = Kind::Classic(Box::new(ClassicGroup::replayed(value)));
            }
            GroupRecord::Classic { value: None, .. } => {
                if matches!(self.kind, Kind::Classic(_)) {
                    self.kind = Kind::Bare;
                }
            }
            GroupRecord::Consumer { value: None, .. } => {
                if matches!(self.kind, Kind::Consumer(_)) {
                    self.kind = Kind::Bare;
                }
            }
            GroupRecord::Consumer { value: Some(value), .. } => self.replayed_consumer().set_epochs(value),
            GroupRecord::Member { member, value: Some(value), .. } => {
                self.replayed_consumer().set_profile(&member, value);
            }
            GroupRecord::Target { member, value: Some(value), .. } => {
                self.replayed_consumer().set_target(&member, value);
            }
            GroupRecord::Current { member, value: Some(value), .. } => {
                self.replayed_consumer().set_current(&member, value);
            }
            GroupRecord::Instance { instance, value: Some(value), .. } => {
                self.instances.put(&instance, value)
            }
            GroupRecord::Instance { instance, value: None, .. } => {
                self.instances.remove(&instance);
            }
            // A tombstone takes away what is there, and makes no group of what is not.
            GroupRecord::Member { member, value: None, .. } => {
                self.if_consumer(|group| group.remove_member(&member));
            }
            GroupRecord::Target { member, value: None, .. } => {
                self.if_consumer(|group| group.remove_target(&member));
            }
            GroupRecord::Current { member, value: None, .. } => {
                self.if_consumer(|group| group.remove_current(&member));
            }
        }
    }

    fn replayed_consumer(&mut self) -> &mut ConsumerGroup {
        if !matches!(self.kind, Kind::Consumer(_)) {
            self.kind = Kind::Consumer(Box::default());
        }
        match &mut self.kind {
            Kind::Consumer(group) => group,
            _ => unreachable!("it has just become one"),
        }
    }

    fn if_consumer(&mut self, work: impl FnOnce(&mut ConsumerGroup)) {
        if let Kind::Consumer(group) = &mut self.kind {
            work(group);
        }
    }
}
