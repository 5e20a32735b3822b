//! Groups as their shell and their clients see them: a shard with a log, a clock that stands still, and many tickets.

mod classic;
mod consumer;
mod instance_polls;
mod instance_properties;
mod instances;
mod offsets;
mod properties;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use uuid::Uuid;

use super::classic::State;
use super::group::Kind;
use super::*;
use crate::clock::Clock;
use crate::types::{LeaderEpoch, Offset, PartitionIndex, TopicId, TopicName};

/// A shard, and what its shell would keep.
struct World {
    clock: Clock,
    shard: Shard,
    options: Arc<GroupOptions>,
    topics: Arc<Topics>,
    /// The log, batch by batch.
    log: Vec<Vec<GroupRecord>>,
    replies: BTreeMap<Ticket, Reply>,
    tickets: u64,
}

fn topic(name: &str) -> TopicName {
    TopicName::new(name).unwrap()
}

fn topic_id(number: u128) -> TopicId {
    TopicId(Uuid::from_u128(number))
}

/// A partition of the topic `a`, which is number 1.
fn a(partition: i32) -> TopicIdPartition {
    TopicIdPartition::new(topic_id(1), PartitionIndex(partition))
}

fn topics(version: u64, all: &[(&str, u128, i32)]) -> Arc<Topics> {
    let facts = |(name, id, partitions): &(&str, u128, i32)| {
        (topic(name), TopicFacts { id: topic_id(*id), partitions: *partitions })
    };
    Arc::new(Topics::new(version, all.iter().map(facts)))
}

impl World {
    fn new() -> Self {
        Self::with(GroupOptions::default())
    }

    fn with(options: GroupOptions) -> Self {
        let topics = topics(1, &[("a", 1, 4), ("b", 2, 2)]);
        let options = Arc::new(options);
        let mut world = Self {
            clock: Clock::manual(1_000_000),
            shard: Shard::new(options.clone(), topics.clone()),
            options,
            topics,
            log: Vec::new(),
            replies: BTreeMap::new(),
            tickets: 0,
        };
        world.shard.start(world.now());
        world
    }

    fn now(&self) -> Now {
        Now { at: self.clock.now(), unix_ms: self.clock.unix_ms() }
    }

    fn take(&mut self, outcome: Outcome) {
        if !outcome.records.is_empty() {
            self.log.push(outcome.records);
        }
        for (ticket, reply) in outcome.replies {
            assert!(ticket.0 <= self.tickets, "nobody has {ticket:?}");
            let earlier = self.replies.insert(ticket, reply);
            assert!(earlier.is_none(), "{ticket:?} is answered twice: {earlier:?}");
        }
    }

    /// Sends a request; its reply may come later.
    fn send(&mut self, request: Request) -> Ticket {
        self.tickets += 1;
        let ticket = Ticket(self.tickets);
        let outcome = self.shard.handle(ticket, request, self.now());
        self.take(outcome);
        ticket
    }

    fn ask(&mut self, request: Request) -> Reply {
        let ticket = self.send(request);
        self.reply(ticket).expect("it is answered at once")
    }

    fn reply(&self, ticket: Ticket) -> Option<Reply> {
        self.replies.get(&ticket).cloned()
    }

    fn pass(&mut self, ms: u64) {
        self.clock.advance(Duration::from_millis(ms));
        let outcome = self.shard.tick(self.now());
        self.take(outcome);
    }

    fn change_topics(&mut self, all: &[(&str, u128, i32)]) {
        self.topics = topics(self.topics.version() + 1, all);
        let outcome = self.shard.topics_changed(self.topics.clone(), self.now());
        self.take(outcome);
    }

    /// The shard as another broker would load it.
    fn loaded(&self) -> Shard {
        let mut shard = Shard::new(self.options.clone(), self.topics.clone());
        for record in self.log.iter().flatten() {
            shard.replay(record.key(), record.value()).expect("our own records can be read");
        }
        shard
    }

    fn reload(&mut self) {
        self.shard = self.loaded();
        self.shard.start(self.now());
    }

    fn check_replay(&self) {
        let loaded = self.loaded();
        assert_eq!(durable(&self.shard, &self.shard), durable(&loaded, &self.shard));
        let sums = |shard: &Shard| (shard.offset_bytes, shard.instance_count, shard.instance_bytes);
        assert_eq!(sums(&loaded), sums(&self.shard));
    }
}

/// What is in the log of a shard, but for groups that are gathering in `live`.
fn durable(shard: &Shard, live: &Shard) -> Vec<String> {
    let gathers = |id: &GroupId| match live.groups.get(id).map(|group| &group.kind) {
        Some(Kind::Classic(group)) => !matches!(group.state, State::Stable | State::Empty),
        _ => false,
    };
    shard
        .groups
        .iter()
        .map(|(id, group)| {
            let kind = match &group.kind {
                _ if gathers(id) => String::new(),
                Kind::Consumer(group) => group.durable(),
                Kind::Classic(group) if !group.was_kept() => String::new(),
                Kind::Classic(group) => format!("{:?}", group.value()),
                Kind::Bare => String::new(),
            };
            (id, kind, &group.offsets, group.instances.durable())
        })
        .filter(|(_, kind, offsets, instances)| {
            !kind.is_empty() || !offsets.is_empty() || !instances.is_empty()
        })
        .map(|all| format!("{all:?}"))
        .collect()
}

/// A heartbeat of `member` in group `g` that says no more than its epoch.
fn beat(member: &str, epoch: i32) -> ConsumerHeartbeat {
    ConsumerHeartbeat {
        group: "g".into(),
        member: member.into(),
        fresh_member: "fresh".into(),
        epoch,
        instance: None,
        rack: None,
        client_id: "client".to_owned(),
        client_host: "/host".to_owned(),
        rebalance_timeout_ms: None,
        session_timeout_ms: None,
        topics: None,
        topics_regex: None,
        assignor: None,
        owned: None,
        client_metadata: None,
    }
}

fn names(all: &[&str]) -> Option<BTreeSet<TopicName>> {
    Some(all.iter().map(|name| topic(name)).collect())
}

fn commit(member: &str, epoch: i32, partition: i32, offset: i64) -> Commit {
    Commit {
        group: "g".into(),
        member: member.into(),
        instance: None,
        epoch,
        offsets: vec![CommitOffset {
            topic: topic("a"),
            topic_id: None,
            partition: PartitionIndex(partition),
            offset: Offset(offset),
            leader_epoch: LeaderEpoch::NONE,
            metadata: String::new(),
        }],
    }
}

impl World {
    fn beats(&mut self, request: ConsumerHeartbeat) -> Result<ConsumerHeartbeatReply, GroupError> {
        match self.ask(Request::ConsumerHeartbeat(request)) {
            Reply::ConsumerHeartbeat(reply) => reply,
            other => panic!("not a heartbeat's reply: {other:?}"),
        }
    }

    /// `member` joins, reading `a`.
    fn joins(&mut self, member: &str) -> ConsumerHeartbeatReply {
        self.beats(ConsumerHeartbeat { topics: names(&["a"]), ..beat(member, 0) }).unwrap()
    }

    /// `member` says exactly what it holds.
    fn holds(
        &mut self,
        member: &str,
        epoch: i32,
        owned: &[i32],
    ) -> Result<ConsumerHeartbeatReply, GroupError> {
        let owned = Some(owned.iter().copied().map(a).collect());
        self.beats(ConsumerHeartbeat { owned, ..beat(member, epoch) })
    }

    fn commits(&mut self, request: Commit) -> Result<Result<(), GroupError>, GroupError> {
        match self.ask(Request::Commit(request)) {
            Reply::Commit(reply) => reply.map(|mut each| each.remove(0)),
            other => panic!("not a commit's reply: {other:?}"),
        }
    }

    /// What is kept for partitions of `a`.
    fn kept(&mut self, partition: i32) -> Option<i64> {
        let partitions = Some(vec![(topic("a"), PartitionIndex(partition))]);
        match self.ask(Request::FetchOffsets(FetchOffsets { group: "g".into(), member: None, partitions })) {
            Reply::FetchOffsets(Ok(all)) => all[0].committed.as_ref().map(|committed| committed.offset.0),
            other => panic!("not a fetch's reply: {other:?}"),
        }
    }

    fn view(&mut self) -> Result<Box<GroupView>, GroupError> {
        match self.ask(Request::Describe("g".into())) {
            Reply::Describe(view) => view,
            other => panic!("not a view: {other:?}"),
        }
    }

    fn state(&mut self) -> &'static str {
        self.view().unwrap().listing.state
    }
}

/// The partitions of `a` in an assignment.
fn partitions(reply: &ConsumerHeartbeatReply) -> Vec<i32> {
    reply.assignment.as_ref().expect("an assignment is told").keys().map(|one| one.partition.0).collect()
}
