//! When the group's epoch rises, and when the assignor runs.
//!
//! It runs in the next heartbeat of any member after a change, not at the change: several that come together (a session
//! that ends, a topic that grows) cost one run.

use std::collections::{BTreeMap, BTreeSet};

use super::state::ConsumerGroup;
use crate::groups::assignor::{Assignor, Subscriber, assign};
use crate::groups::records::{GroupEpochs, TargetPartitions};
use crate::groups::turn::Turn;
use crate::types::TopicId;

impl ConsumerGroup {
    /// Raises the group's epoch: something has changed that assignments rest on.
    pub(super) fn bump(&mut self, turn: &mut Turn) {
        let empty_since_ms = match (self.members.is_empty(), self.epochs.empty_since_ms) {
            (false, _) => None,
            (true, since) => since.or(Some(turn.now.unix_ms)),
        };
        let epoch = self.epochs.epoch.saturating_add(1);
        self.write_epochs(turn, GroupEpochs { epoch, empty_since_ms, ..self.epochs.clone() });
    }

    /// Notes whether the topics that the group reads have changed since its targets were made.
    pub(super) fn topics_have_changed(&mut self, turn: &Turn) -> bool {
        if self.topics_seen == Some(turn.topics.version()) {
            return false;
        }
        self.topics_seen = Some(turn.topics.version());
        turn.topics.fingerprint(self.subscribed_topics()) != self.epochs.topics_fingerprint
    }

    /// Runs the assignor if the targets are of an earlier epoch, and writes the targets that differ.
    pub(super) fn retarget(&mut self, turn: &mut Turn) {
        if self.epochs.target_epoch == self.epochs.epoch {
            return;
        }
        let assignor = self.preferred_assignor();
        let (subscribers, partitions) = self.subscribers(turn);
        let targets = assign(assignor, &subscribers, &partitions);
        for (subscriber, partitions) in subscribers.iter().zip(targets) {
            if partitions != subscriber.before {
                self.write_target(turn, &subscriber.member, TargetPartitions { partitions });
            }
        }
        let epochs = GroupEpochs {
            target_epoch: self.epochs.epoch,
            assignor: assignor.name().to_owned(),
            topics_fingerprint: turn.topics.fingerprint(self.subscribed_topics()),
            ..self.epochs.clone()
        };
        self.topics_seen = Some(turn.topics.version());
        self.write_epochs(turn, epochs);
    }

    fn subscribers(&self, turn: &Turn) -> (Vec<Subscriber>, BTreeMap<TopicId, i32>) {
        let mut partitions = BTreeMap::new();
        let subscribers = self
            .members
            .iter()
            .map(|(name, member)| {
                let facts = member.profile.topics.iter().filter_map(|topic| turn.topics.get(topic));
                let topics: BTreeSet<TopicId> = facts
                    .map(|facts| {
                        partitions.insert(facts.id, facts.partitions);
                        facts.id
                    })
                    .collect();
                Subscriber {
                    member: name.clone(),
                    instance: member.profile.instance.clone(),
                    topics,
                    before: member.target.partitions.clone(),
                }
            })
            .collect();
        (subscribers, partitions)
    }

    /// The assignor that most members ask for; the default if none does or if they tie.
    fn preferred_assignor(&self) -> Assignor {
        let mut votes: BTreeMap<Assignor, usize> = BTreeMap::new();
        for member in self.members.values() {
            if let Some(wanted) = member.profile.assignor.as_deref().and_then(Assignor::named) {
                *votes.entry(wanted).or_default() += 1;
            }
        }
        let best = |(one, votes): &(Assignor, usize)| (*votes, *one == Assignor::default());
        votes.into_iter().max_by_key(best).map(|(one, _)| one).unwrap_or_default()
    }
}
