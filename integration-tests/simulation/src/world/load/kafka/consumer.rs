//! Members of a group of the newer kind: they say what they own with every heartbeat, and are told what to own.

use std::collections::BTreeMap;

use tidemark::types::TopicId;
use tidemark::wire::{
    ConsumerGroupHeartbeatRequest, ConsumerGroupHeartbeatResponse, ErrorCode, GroupRequest, TopicPartitions,
};

use super::super::{Actor, TOPIC};
use super::group::{CONSUMER, Group, Me, Next, is_silent_at_times};
use super::topic::Topic;

/// The epoch of one that leaves.
const LEAVES: i32 = -1;

/// A member's life.
#[derive(Default)]
struct Member {
    me: Me,
    topic_id: Option<TopicId>,
    /// What it owns, with the next offset of each as far as it is known.
    owns: BTreeMap<i32, Option<i64>>,
    /// What it has lost: who it was, the partition, where it stood.
    lost: Vec<(Me, i32, i64)>,
}

/// Heartbeats, reads, commits, and joins again.
pub(in crate::world::load) async fn heartbeats(mut actor: Actor) -> turmoil::Result {
    let mut group = Group::of(CONSUMER);
    let mut member = Member::begin();
    while !actor.is_over() {
        let next = match beat(&mut actor, &mut group, &mut member).await {
            Next::Stay => read_on(&mut actor, &mut group, &mut member).await,
            next => next,
        };
        match next {
            Next::Stay => {}
            Next::Rejoin => member.loses_all(&actor, &group),
            Next::Begin => {
                member.loses_all(&actor, &group);
                member = Member::begin();
            }
        }
        if actor.chance.happens(15_000) {
            group.note_revoked(&actor, &member.me, None);
            if actor.chance.happens(500_000) {
                leave(&mut actor, &mut group, &member).await;
            }
            member = Member::begin();
        }
        actor.rest(800).await;
    }
    Ok(())
}

impl Member {
    fn begin() -> Self {
        let name = uuid::Uuid::new_v4().to_string();
        Self { me: Me { name, epoch: 0 }, ..Self::default() }
    }

    fn loses_all(&mut self, actor: &Actor, group: &Group) {
        group.note_revoked(actor, &self.me, None);
        self.forget(|_| true);
        self.me.epoch = 0;
    }

    /// What it loses it may yet commit for, too late.
    fn forget(&mut self, is_lost: impl Fn(i32) -> bool) -> Vec<i32> {
        let mut lost = Vec::new();
        self.owns.retain(|partition, position| {
            let goes = is_lost(*partition);
            if goes {
                lost.push(*partition);
                self.lost.extend(position.map(|position| (self.me.clone(), *partition, position)));
            }
            !goes
        });
        lost
    }

    fn request(&self, group: &str, epoch: i32) -> GroupRequest {
        let joins = epoch == 0;
        let topic_id = self.topic_id.filter(|_| !self.owns.is_empty());
        let owned = topic_id.map(|topic_id| {
            vec![TopicPartitions { topic_id, partitions: self.owns.keys().copied().collect() }]
        });
        GroupRequest::ConsumerGroupHeartbeat(ConsumerGroupHeartbeatRequest {
            group_id: group.to_owned(),
            member_id: self.me.name.clone(),
            member_epoch: epoch,
            instance_id: None,
            rack: None,
            rebalance_timeout_ms: joins.then_some(5_000),
            topics: joins.then(|| vec![TOPIC.to_owned()]),
            topics_regex: None,
            assignor: None,
            owned: Some(owned.unwrap_or_default()),
            note: None,
        })
    }

    /// Takes what it is told to own; tells first what it lets go of. What is only said again is not told again: a
    /// coordinator that was replaced may say it from memory.
    fn takes(&mut self, actor: &Actor, group: &Group, told: ConsumerGroupHeartbeatResponse) {
        let before = self.me.epoch;
        let Some(assignment) = told.assignment else {
            self.me.epoch = told.member_epoch;
            if before != told.member_epoch {
                group.note_assigned(actor, &self.me, self.owns.keys().copied());
            }
            return;
        };
        self.topic_id = assignment.first().map(|one| one.topic_id).or(self.topic_id);
        let now: Vec<i32> = assignment.into_iter().flat_map(|one| one.partitions).collect();
        let lost = self.forget(|partition| !now.contains(&partition));
        if !lost.is_empty() {
            group.note_revoked(actor, &self.me, Some(lost));
        }
        let is_new = before != told.member_epoch || now.iter().any(|one| !self.owns.contains_key(one));
        for partition in now {
            self.owns.entry(partition).or_insert(None);
        }
        self.me.epoch = told.member_epoch;
        if is_new {
            group.note_assigned(actor, &self.me, self.owns.keys().copied());
        }
    }
}

async fn beat(actor: &mut Actor, group: &mut Group, member: &mut Member) -> Next {
    let request = member.request(group.name, member.me.epoch);
    let Some(told) = group.beat(actor, &member.me, request).await else { return Next::Stay };
    match group.heard(told.error) {
        ErrorCode::None => {
            member.takes(actor, group, told);
            Next::Stay
        }
        error => Next::after(error),
    }
}

async fn read_on(actor: &mut Actor, group: &mut Group, member: &mut Member) -> Next {
    is_silent_at_times(actor).await;
    for (was, partition, position) in std::mem::take(&mut member.lost) {
        // As a thread does that has not heard of the loss yet.
        if actor.chance.happens(300_000) {
            group.commit(actor, &was, partition, position).await;
        }
    }
    let Some(topic) = Topic::ask(actor).await else { return Next::Stay };
    for (partition, position) in &mut member.owns {
        if position.is_none() {
            *position = group.committed(actor, *partition).await;
        }
        let Some(from) = *position else { continue };
        let Some(next) = topic.read(actor, *partition, from).await.filter(|next| *next > from) else {
            continue;
        };
        *position = Some(next);
        match group.commit(actor, &member.me, *partition, next).await {
            Next::Stay => {}
            next => return next,
        }
    }
    Next::Stay
}

async fn leave(actor: &mut Actor, group: &mut Group, member: &Member) {
    // Whether it is heard is all the same: its session ends by itself.
    let _ = group.ask(actor, member.request(group.name, LEAVES)).await;
}
