//! Consumer instances over HTTP: they come and go, subscribe, share their group, and commit. Their polls:
//! `instance_polls`.

use super::*;
use crate::groups::instances::{
    BeginPoll, Begun, Bounded, InstanceAnswer, InstanceCall, InstanceCommit, InstanceRefusal, InstanceSpec,
    InstanceVerb, Mode, PartitionProgress, PollProgress, Subscription,
};
use crate::types::TopicPartition;

pub(super) type Answer = Result<InstanceAnswer, InstanceRefusal>;

pub(super) fn tp(name: &str, partition: i32) -> TopicPartition {
    TopicPartition::new(topic(name), PartitionIndex(partition))
}

pub(super) fn topics_of(names: &[&str]) -> Subscription {
    Subscription::Topics(names.iter().map(|name| topic(name)).collect())
}

pub(super) fn poll_of(number: u128) -> BeginPoll {
    BeginPoll {
        poll: Uuid::from_u128(number),
        goes_on: None,
        replay: false,
        wants: None,
        wait_ms: 10_000,
        fresh_member: format!("member-{number}").into(),
    }
}

impl World {
    pub(super) fn send_to(&mut self, instance: &str, verb: InstanceVerb) -> Ticket {
        let call = InstanceCall { group: "g".into(), instance: instance.into(), verb };
        self.send(Request::Instance(Box::new(call)))
    }

    pub(super) fn answer(&self, ticket: Ticket) -> Option<Answer> {
        match self.reply(ticket)? {
            Reply::Instance(answer) => Some(answer),
            other => panic!("not an instance's answer: {other:?}"),
        }
    }

    pub(super) fn instance(&mut self, instance: &str, verb: InstanceVerb) -> Answer {
        let ticket = self.send_to(instance, verb);
        let answer = self.answer(ticket).expect("it is answered at once");
        self.check_replay();
        answer
    }

    pub(super) fn create(&mut self, instance: &str, auto_commit: bool) -> Answer {
        let spec = InstanceSpec { auto_commit, ..InstanceSpec::default() };
        self.instance(instance, InstanceVerb::Create { spec, resume: false, call: Uuid::new_v4() })
    }

    /// An instance that reads `a`.
    pub(super) fn reader(&mut self, instance: &str, auto_commit: bool) {
        self.create(instance, auto_commit).unwrap();
        self.subscribe(instance, topics_of(&["a"])).unwrap();
    }

    pub(super) fn subscribe(&mut self, instance: &str, to: Subscription) -> Answer {
        self.instance(instance, InstanceVerb::Subscribe(to))
    }

    pub(super) fn begin(&mut self, instance: &str, poll: u128) -> Begun {
        begun(self.instance(instance, InstanceVerb::Begin(poll_of(poll))))
    }

    /// A poll that delivers `to` of some partitions of `a`.
    pub(super) fn delivers(&mut self, instance: &str, poll: u128, to: &[(i32, i64, i64)]) -> Answer {
        let begun = self.begin(instance, poll);
        self.ends(instance, poll, &begun, to)
    }

    pub(super) fn ends(
        &mut self,
        instance: &str,
        poll: u128,
        begun: &Begun,
        to: &[(i32, i64, i64)],
    ) -> Answer {
        let partitions = to.iter().map(|(partition, from, to)| {
            let known = begun.partitions.iter().find(|one| one.id == a(*partition));
            PartitionProgress {
                id: a(*partition),
                since: known.map_or(-7, |one| one.since),
                from: Offset(*from),
                to: Offset(*to),
            }
        });
        let progress =
            PollProgress { poll: Uuid::from_u128(poll), ends: true, partitions: partitions.collect() };
        let ended = self.instance(instance, InstanceVerb::Progress(progress));
        if ended.is_ok() && !to.is_empty() {
            self.instance(instance, InstanceVerb::Told(Uuid::from_u128(poll))).unwrap();
        }
        ended
    }

    pub(super) fn assignment(&mut self, instance: &str) -> Vec<TopicPartition> {
        match self.instance(instance, InstanceVerb::View) {
            Ok(InstanceAnswer::View { assignment, .. }) => assignment,
            other => panic!("not a view: {other:?}"),
        }
    }

    /// Until the group has settled, as clients that poll again and again see it.
    pub(super) fn settle(&mut self, instances: &[&str]) {
        for round in 0..4 {
            for (place, instance) in instances.iter().enumerate() {
                let poll = 1_000_000 + round * 100 + place as u128;
                self.delivers(instance, poll, &[]).unwrap();
            }
        }
    }
}

pub(super) fn begun(answer: Answer) -> Begun {
    match answer {
        Ok(InstanceAnswer::Begun(begun)) => begun,
        other => panic!("no poll has begun: {other:?}"),
    }
}

/// Where a poll begins in the partitions of `a`.
pub(super) fn starts(begun: &Begun) -> Vec<(i32, Option<i64>)> {
    begun.partitions.iter().map(|one| (one.id.partition.0, one.from.map(|from| from.0))).collect()
}

#[test]
fn an_instance_is_created_once_and_found_again() {
    let mut world = World::new();
    let (first, second) = (Uuid::from_u128(1), Uuid::from_u128(2));
    let spec = InstanceSpec { auto_commit: false, ..InstanceSpec::default() };
    let create = |resume, call| InstanceVerb::Create { spec: spec.clone(), resume, call };
    let created = |created| Ok(InstanceAnswer::Created { spec: spec.clone(), created });
    assert_eq!(world.instance("i", create(false, first)), created(true));
    assert_eq!(world.instance("i", create(false, first)), created(true), "the answer was lost");
    assert_eq!(world.instance("i", create(false, second)), Err(InstanceRefusal::Exists));
    assert_eq!(world.instance("i", create(true, second)), created(false));
    world.reload();
    assert_eq!(world.instance("i", create(true, second)), created(false));
    assert!(matches!(world.instance("", create(true, second)), Err(InstanceRefusal::BadName { .. })));
    assert_eq!(
        world.ask(Request::DeleteGroup("g".into())),
        Reply::DeleteGroup(Err(GroupError::NonEmptyGroup))
    );
    assert_eq!(world.instance("i", InstanceVerb::Delete), Ok(InstanceAnswer::Done));
    assert_eq!(world.instance("i", InstanceVerb::Delete), Err(InstanceRefusal::NoInstance));
    assert_eq!(world.shard.group_count(), 0, "nothing of it is left");
}

#[test]
fn an_instance_that_is_not_heard_of_goes_and_any_call_keeps_it() {
    let mut world = World::new();
    world.reader("i", true);
    world.begin("i", 1);
    for _ in 0..5 {
        world.pass(200_000);
        assert!(world.instance("i", InstanceVerb::View).is_ok());
    }
    world.reload();
    world.pass(299_000);
    assert_eq!(world.shard.instance_count, 1, "after a failover it has all its time");
    world.pass(2_000);
    assert_eq!(world.shard.instance_count, 0);
    assert_eq!(world.instance("i", InstanceVerb::View), Err(InstanceRefusal::NoInstance));
    world.check_replay();
}

#[test]
fn there_are_only_so_many_and_only_so_large() {
    let mut world = World::with(GroupOptions {
        instances_per_group_max: 2,
        instances_max: 3,
        topics_per_member_max: 1,
        instance_bytes_max: 3_000,
        ..GroupOptions::default()
    });
    world.create("a", true).unwrap();
    world.create("b", true).unwrap();
    let too_many = |what, max| Err(InstanceRefusal::TooMany { what, max });
    assert_eq!(world.create("c", true), too_many(Bounded::InstancesOfGroup, 2));
    let mut elsewhere = |group: &str| {
        let verb =
            InstanceVerb::Create { spec: InstanceSpec::default(), resume: false, call: Uuid::new_v4() };
        let call = InstanceCall { group: group.into(), instance: "i".into(), verb };
        world.ask(Request::Instance(Box::new(call)))
    };
    assert!(matches!(elsewhere("h"), Reply::Instance(Ok(_))));
    assert_eq!(elsewhere("k"), Reply::Instance(too_many(Bounded::Instances, 3)));
    assert_eq!(world.subscribe("a", topics_of(&["a", "b"])), too_many(Bounded::Topics, 1));
    let many = (0..20).map(|partition| tp("a", partition)).collect();
    assert_eq!(world.subscribe("a", Subscription::Assigned(many)), too_many(Bounded::Bytes, 3_000));
    let everything = Subscription::Pattern(".*".to_owned());
    world.subscribe("a", everything).unwrap();
    let refused = world.instance("a", InstanceVerb::Begin(poll_of(1)));
    assert_eq!(refused, too_many(Bounded::Topics, 1));
}

#[test]
fn one_way_to_read_at_a_time() {
    let mut world = World::new();
    world.create("i", true).unwrap();
    let assigned = || Subscription::Assigned([tp("a", 1)].into());
    assert_eq!(world.instance("i", InstanceVerb::Begin(poll_of(1))), Err(InstanceRefusal::NotSubscribed));
    world.subscribe("i", topics_of(&["a"])).unwrap();
    world.subscribe("i", topics_of(&["a", "b"])).unwrap();
    for other in [assigned(), Subscription::Pattern("a".to_owned())] {
        assert_eq!(world.subscribe("i", other), Err(InstanceRefusal::OtherMode { is: Mode::Topics }));
    }
    world.begin("i", 2);
    assert_eq!(world.state(), "Stable");
    world.subscribe("i", Subscription::None).unwrap();
    assert_eq!(world.state(), "Empty", "who unsubscribes leaves");
    world.subscribe("i", assigned()).unwrap();
    assert_eq!(world.assignment("i"), [tp("a", 1)]);
    let refused = world.subscribe("i", topics_of(&["a"]));
    assert_eq!(refused, Err(InstanceRefusal::OtherMode { is: Mode::Assigned }));
    let bad = Subscription::Pattern("(".to_owned());
    world.subscribe("i", Subscription::None).unwrap();
    assert!(matches!(world.subscribe("i", bad), Err(InstanceRefusal::BadPattern { .. })));
}

#[test]
fn a_pattern_is_looked_at_again_when_topics_change() {
    let mut world = World::new();
    world.create("i", true).unwrap();
    world.subscribe("i", Subscription::Pattern("a.*".to_owned())).unwrap();
    assert_eq!(world.begin("i", 1).partitions.len(), 4);
    world.change_topics(&[("a", 1, 4), ("b", 2, 2), ("ab", 3, 3)]);
    let Ok(InstanceAnswer::View { topics, .. }) = world.instance("i", InstanceVerb::View) else { panic!() };
    assert_eq!(topics, [topic("a"), topic("ab")].into());
    assert_eq!(world.begin("i", 1).partitions.len(), 7);
    world.change_topics(&[("b", 2, 2), ("ab", 3, 3)]);
    assert_eq!(world.begin("i", 1).partitions.len(), 3);
    world.check_replay();
}

#[test]
fn instances_share_a_group_with_other_members_and_nobody_shares_a_partition() {
    let mut world = World::new();
    world.reader("i", true);
    world.delivers("i", 1, &[]).unwrap();
    assert_eq!(world.assignment("i").len(), 4);
    let native = world.joins("native");
    assert_eq!(partitions(&native), Vec::<i32>::new(), "all is still held");
    world.settle(&["i"]);
    let native = world.holds("native", native.epoch, &[]).unwrap();
    let mut all: Vec<i32> = world.assignment("i").iter().map(|tp| tp.partition.0).collect();
    assert_eq!((all.len(), partitions(&native).len()), (2, 2));
    all.extend(partitions(&native));
    all.sort_unstable();
    assert_eq!(all, [0, 1, 2, 3]);
    world.instance("i", InstanceVerb::Delete).unwrap();
    let native = world.holds("native", native.epoch, &[]).unwrap();
    assert_eq!(partitions(&native), [0, 1, 2, 3], "who is deleted leaves at once");
}

#[test]
fn a_classic_group_with_members_takes_no_instance_and_the_other_way_round() {
    let mut world = World::new();
    world.reader("i", true);
    let join = |world: &mut World| world.send(Request::Join(super::classic::named("c")));
    let ticket = join(&mut world);
    world.pass(3_000);
    assert!(
        matches!(world.reply(ticket), Some(Reply::Join(Ok(_)))),
        "an instance that has not polled is no member"
    );
    assert_eq!(world.instance("i", InstanceVerb::Begin(poll_of(1))), Err(InstanceRefusal::OtherProtocol));
    let mut world = World::new();
    world.reader("i", true);
    world.begin("i", 1);
    let ticket = join(&mut world);
    let mismatch = GroupError::GroupTypeMismatch { is: "consumer" };
    assert_eq!(world.reply(ticket), Some(Reply::Join(Err(mismatch))));
}

#[test]
fn who_assigns_partitions_itself_commits_like_a_simple_consumer() {
    let mut world = World::new();
    world.create("i", false).unwrap();
    world.subscribe("i", Subscription::Assigned([tp("a", 1)].into())).unwrap();
    let commit = |partition, offset| {
        let metadata = "note".to_owned();
        InstanceVerb::Commit(vec![InstanceCommit {
            tp: tp("a", partition),
            offset: Offset(offset),
            metadata,
        }])
    };
    world.instance("i", commit(1, 7)).unwrap();
    assert_eq!(world.kept(1), Some(7));
    assert_eq!(starts(&world.begin("i", 1)), [(1, Some(7))]);
    assert_eq!(world.instance("i", commit(1, -1)), Err(InstanceRefusal::NegativeOffset));
    assert_eq!(world.instance("i", commit(9, 1)), Err(InstanceRefusal::Unknown { tp: tp("a", 9) }));
    let asked = InstanceVerb::Committed(vec![tp("a", 0), tp("a", 1)]);
    let Ok(InstanceAnswer::Committed(kept)) = world.instance("i", asked) else { panic!() };
    assert_eq!(kept, [InstanceCommit { tp: tp("a", 1), offset: Offset(7), metadata: "note".to_owned() }]);
    world.joins("m");
    assert_eq!(world.instance("i", commit(1, 9)), Err(InstanceRefusal::NotAMember));
    assert_eq!(world.kept(1), Some(7));
}
