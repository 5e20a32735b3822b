//! Instances come, are looked at, and go: by request, or because nothing is heard of them.

use std::collections::BTreeSet;

use uuid::Uuid;

use super::call::{InstanceAnswer, InstanceCall, InstanceVerb};
use super::refusal::{Bounded, InstanceRefusal};
use super::spec::InstanceSpec;
use super::subscription::Subscription;
use crate::groups::group::Group;
use crate::groups::ids::{InstanceName, Ticket};
use crate::groups::records::{GroupRecord, InstanceValue};
use crate::groups::reply::Reply;
use crate::groups::timers::TimerKey;
use crate::groups::turn::Turn;
use crate::types::TopicPartition;

/// The answer to a request about an instance.
pub(super) type Answer = Result<InstanceAnswer, InstanceRefusal>;

impl Group {
    /// Handles a request about one instance. A poll may have to wait for its turn: its reply comes later.
    pub(in crate::groups) fn on_instance(&mut self, turn: &mut Turn, ticket: Ticket, call: InstanceCall) {
        let name = &call.instance;
        if self.instances.get(name).is_some() {
            turn.start_instance_timeout(name);
        }
        let answer = match call.verb {
            InstanceVerb::Create { spec, resume, call } => {
                self.create_instance(turn, name, spec, resume, call)
            }
            _ if self.instances.get(name).is_none() => Err(InstanceRefusal::NoInstance),
            InstanceVerb::Delete => {
                self.end_instance(turn, name);
                Ok(InstanceAnswer::Done)
            }
            InstanceVerb::View => self.view_instance(turn, name),
            InstanceVerb::Subscribe(to) => self.subscribe_instance(turn, name, to),
            InstanceVerb::Seek(seeks) => self.seek_instance(turn, name, &seeks),
            InstanceVerb::Begin(begin) => return self.begin_or_park(turn, ticket, name, begin),
            InstanceVerb::Progress(progress) => self.poll_progress(turn, name, &progress),
            InstanceVerb::Told(poll) => self.poll_told(name, poll),
            InstanceVerb::Abandon(poll) => {
                if let Some(instance) = self.instances.transient(name) {
                    instance.open.take_if(|open| open.poll == poll);
                }
                Ok(InstanceAnswer::Done)
            }
            InstanceVerb::CommitDelivered => self.commit_delivered(turn, name),
            InstanceVerb::Commit(commits) => self.commit_for_instance(turn, name, &commits),
            InstanceVerb::Committed(partitions) => self.committed_for_instance(turn, partitions),
        };
        turn.reply(ticket, Reply::Instance(answer));
        self.give_turns(turn, name);
    }

    fn create_instance(
        &mut self,
        turn: &mut Turn,
        name: &InstanceName,
        spec: InstanceSpec,
        resume: bool,
        call: Uuid,
    ) -> Answer {
        if name.is_empty() {
            return Err(InstanceRefusal::BadName { len: 0, max: turn.options.id_bytes_max });
        }
        turn.options.check_text("instance name", name.as_str())?;
        if let Some(there) = self.instances.get(name) {
            let (spec, created) = (there.kept.spec.clone(), there.kept.created_by == call);
            return if created || resume {
                Ok(InstanceAnswer::Created { spec, created })
            } else {
                Err(InstanceRefusal::Exists)
            };
        }
        let too_many = |what, max| Err(InstanceRefusal::TooMany { what, max });
        if self.instances.len() >= turn.options.instances_per_group_max {
            return too_many(Bounded::InstancesOfGroup, turn.options.instances_per_group_max);
        }
        if turn.instances_left == 0 {
            return too_many(Bounded::Instances, turn.options.instances_max);
        }
        let kept = InstanceValue {
            created_by: call,
            spec: spec.clone(),
            subscription: Subscription::None,
            member: None,
            turn: 0,
            last_poll: None,
            positions: Default::default(),
        };
        self.instances.write(turn, name, kept);
        turn.start_instance_timeout(name);
        Ok(InstanceAnswer::Created { spec, created: true })
    }

    fn view_instance(&mut self, turn: &Turn, name: &InstanceName) -> Answer {
        let topics = match self.topics_of(turn, name) {
            // What is too much to join with can still be looked at.
            Err(InstanceRefusal::TooMany { .. }) => BTreeSet::new(),
            topics => topics?,
        };
        let kept = &self.instances.get(name).ok_or(InstanceRefusal::NoInstance)?.kept;
        let assignment = match &kept.subscription {
            Subscription::Assigned(partitions) => partitions.iter().cloned().collect(),
            _ => {
                let name_of = |id: &crate::groups::TopicIdPartition| {
                    Some(TopicPartition::new(turn.topics.name(id.topic)?.clone(), id.partition))
                };
                self.owned_by(turn, name).keys().filter_map(name_of).collect()
            }
        };
        Ok(InstanceAnswer::View {
            spec: kept.spec.clone(),
            subscription: kept.subscription.clone(),
            topics,
            assignment,
        })
    }

    /// Nothing was heard of the instance for too long.
    pub(in crate::groups) fn instance_timed_out(&mut self, turn: &mut Turn, name: &InstanceName) {
        if self.instances.get(name).is_some() {
            self.end_instance(turn, name);
        }
    }

    /// The instance goes: its member first.
    fn end_instance(&mut self, turn: &mut Turn, name: &InstanceName) {
        self.leave_with_instance(turn, name);
        let Some(removed) = self.instances.remove(name) else { return };
        let (group, instance) = (turn.group.clone(), name.clone());
        turn.write(GroupRecord::Instance { group, instance, value: None });
        for parked in removed.parked {
            turn.reply(parked.ticket, Reply::Instance(Err(InstanceRefusal::NoInstance)));
        }
        for key in [
            TimerKey::Instance(turn.group.clone(), name.clone()),
            TimerKey::InstancePolls(turn.group.clone(), name.clone()),
        ] {
            turn.timers.cancel(&key);
        }
    }
}
