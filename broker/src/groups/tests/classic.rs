//! Classic groups, state by state.

use bytes::Bytes;

use super::*;

fn join(member: &str) -> Join {
    Join {
        group: "g".into(),
        member: member.into(),
        fresh_member: "fresh".into(),
        instance: None,
        client_id: "client".to_owned(),
        client_host: "/host".to_owned(),
        session_timeout_ms: 10_000,
        rebalance_timeout_ms: 60_000,
        protocol_type: "consumer".to_owned(),
        protocols: vec![
            ("range".to_owned(), Bytes::from_static(b"\0\0\0\0\0\x01\0\x01a\0\0\0\0")),
            ("sticky".to_owned(), Bytes::new()),
        ],
        requires_known_member: false,
        may_skip_assignment: true,
    }
}

pub(super) fn named(name: &str) -> Join {
    Join { fresh_member: name.into(), ..join("") }
}

fn instance(name: &str, instance: &str) -> Join {
    Join { instance: Some(instance.into()), ..named(name) }
}

impl World {
    fn joined(&self, ticket: Ticket) -> Option<Result<JoinReply, GroupError>> {
        self.reply(ticket).map(|reply| match reply {
            Reply::Join(reply) => reply,
            other => panic!("not a join's reply: {other:?}"),
        })
    }

    fn send_join(&mut self, request: Join) -> Ticket {
        self.send(Request::Join(request))
    }

    fn send_sync(&mut self, member: &str, generation: i32, assignments: &[(&str, &'static [u8])]) -> Ticket {
        self.send(Request::Sync(Sync {
            group: "g".into(),
            member: member.into(),
            instance: None,
            generation,
            protocol_type: None,
            protocol: None,
            assignments: assignments
                .iter()
                .map(|(name, bytes)| ((*name).into(), Bytes::from_static(bytes)))
                .collect(),
        }))
    }

    fn synced(&self, ticket: Ticket) -> Option<Result<Bytes, GroupError>> {
        self.reply(ticket).map(|reply| match reply {
            Reply::Sync(reply) => reply.map(|reply| reply.assignment),
            other => panic!("not a sync's reply: {other:?}"),
        })
    }

    fn heartbeats(&mut self, member: &str, generation: i32) -> Result<(), GroupError> {
        let request = Heartbeat { group: "g".into(), member: member.into(), instance: None, generation };
        match self.ask(Request::Heartbeat(request)) {
            Reply::Heartbeat(reply) => reply,
            other => panic!("not a heartbeat's reply: {other:?}"),
        }
    }

    fn leaves(&mut self, member: &str, instance: Option<&str>) -> Result<(), GroupError> {
        let members = vec![(member.into(), instance.map(InstanceId::from))];
        match self.ask(Request::Leave(Leave { group: "g".into(), members })) {
            Reply::Leave(Ok(mut left)) => left.remove(0).result,
            other => panic!("not a leave's reply: {other:?}"),
        }
    }

    /// Two members, `m1` the leader, in generation 1.
    fn stable(&mut self, first: Join, second: Join) {
        let tickets = [self.send_join(first), self.send_join(second)];
        self.pass(3_000);
        self.pass(3_000);
        for ticket in tickets {
            assert_eq!(self.joined(ticket).expect("the group has gathered").unwrap().generation, 1);
        }
        let second = self.send_sync("m2", 1, &[]);
        assert_eq!(self.synced(second), None, "it waits for the leader");
        let first = self.send_sync("m1", 1, &[("m1", b"one"), ("m2", b"two")]);
        assert_eq!(self.synced(first), Some(Ok(Bytes::from_static(b"one"))));
        assert_eq!(self.synced(second), Some(Ok(Bytes::from_static(b"two"))));
        assert_eq!(self.state(), "Stable");
        self.check_replay();
    }
}

#[test]
fn a_new_group_gathers_then_assigns_then_is_stable() {
    let mut world = World::new();
    let first = world.send_join(named("m1"));
    assert_eq!((world.joined(first), world.state()), (None, "PreparingRebalance"));
    world.pass(2_000);
    let second = world.send_join(named("m2"));
    world.pass(1_000);
    assert_eq!(world.joined(first), None, "somebody came: it waits as long again");
    world.pass(3_000);
    let (first, second) = (world.joined(first).unwrap().unwrap(), world.joined(second).unwrap().unwrap());
    assert_eq!(world.state(), "CompletingRebalance");
    assert_eq!(
        (first.generation, first.protocol.as_deref(), first.leader.as_str()),
        (1, Some("range"), "m1")
    );
    assert_eq!((first.members.len(), second.members.len()), (2, 0), "only the leader learns of all");
    assert_eq!(world.commits(commit("m1", 1, 0, 5)), Err(GroupError::RebalanceInProgress));
    assert_eq!(world.heartbeats("m1", 1), Ok(()));
    assert!(world.log.is_empty(), "a generation without an assignment is not kept");
}

#[test]
fn a_new_member_is_given_its_name_first() {
    let mut world = World::new();
    let known = |member: &str| Join { requires_known_member: true, ..join(member) };
    let ticket = world.send_join(known(""));
    assert_eq!(world.joined(ticket), Some(Err(GroupError::MemberIdRequired { member: "fresh".into() })));
    let ticket = world.send_join(known("fresh"));
    world.pass(3_000);
    assert_eq!(world.joined(ticket).unwrap().unwrap().member.as_str(), "fresh");
    let stranger = world.send_join(known("other"));
    assert_eq!(world.joined(stranger), Some(Err(GroupError::UnknownMember)));

    let mut world = World::new();
    world.send_join(known(""));
    assert_eq!(world.shard.group_count(), 1);
    world.pass(10_000);
    assert_eq!(world.shard.group_count(), 0, "it never came back");
}

#[test]
fn whoever_joins_a_stable_group_makes_all_join_again() {
    let mut world = World::new();
    world.stable(named("m1"), named("m2"));
    assert_eq!(world.commits(commit("m1", 1, 0, 5)), Ok(Ok(())));
    let third = world.send_join(named("m3"));
    assert_eq!(world.state(), "PreparingRebalance");
    assert_eq!(world.heartbeats("m1", 1), Err(GroupError::RebalanceInProgress));
    assert_eq!(
        world.commits(commit("m1", 1, 0, 6)),
        Ok(Ok(())),
        "there is time to commit before it joins again"
    );
    let sync = world.send_sync("m1", 1, &[]);
    assert_eq!(world.synced(sync), Some(Err(GroupError::RebalanceInProgress)));
    let first = world.send_join(join("m1"));
    assert_eq!(world.joined(first), None);
    let second = world.send_join(join("m2"));
    for ticket in [first, second, third] {
        assert_eq!(world.joined(ticket).unwrap().unwrap().generation, 2, "all have joined: no more waiting");
    }
    assert_eq!(world.commits(commit("m1", 1, 0, 7)), Err(GroupError::IllegalGeneration { current: 2 }));
    let early = world.send_sync("m2", 2, &[]);
    let again = world.send_join(Join { protocols: vec![("range".to_owned(), Bytes::new())], ..join("m2") });
    assert_eq!(world.synced(early), Some(Err(GroupError::RebalanceInProgress)), "it said something new");
    assert_eq!((world.joined(again), world.state()), (None, "PreparingRebalance"));
}

#[test]
fn members_that_do_not_join_again_in_time_are_out() {
    let mut world = World::new();
    world.stable(named("m1"), named("m2"));
    let first = world.send_join(join("m1"));
    for _ in 0..7 {
        world.pass(9_000);
        let _ = world.heartbeats("m2", 1);
    }
    let reply = world.joined(first).unwrap().unwrap();
    assert_eq!((reply.generation, reply.members.len()), (2, 1));
    assert_eq!(world.heartbeats("m2", 1), Err(GroupError::UnknownMember));
}

#[test]
fn members_that_do_not_ask_for_their_assignment_are_out() {
    let mut world = World::new();
    let tickets = [world.send_join(named("m1")), world.send_join(named("m2"))];
    world.pass(3_000);
    world.pass(3_000);
    assert!(tickets.iter().all(|ticket| world.joined(*ticket).is_some()));
    let first = world.send_sync("m1", 1, &[]);
    assert_eq!(world.synced(first), Some(Ok(Bytes::new())), "who is not named is given nothing");
    for _ in 0..7 {
        world.pass(9_000);
        let _ = (world.heartbeats("m1", 1), world.heartbeats("m2", 1));
    }
    assert_eq!(world.heartbeats("m2", 1), Err(GroupError::UnknownMember));
    assert_eq!(world.state(), "PreparingRebalance");
}

#[test]
fn a_group_empties_by_leaving_and_by_silence() {
    let mut world = World::new();
    world.stable(named("m1"), named("m2"));
    assert_eq!(world.leaves("m1", None), Ok(()));
    assert_eq!(world.leaves("m1", None), Err(GroupError::UnknownMember));
    assert_eq!(world.state(), "PreparingRebalance");
    world.pass(10_000);
    assert_eq!((world.state(), world.view().unwrap().epoch), ("Empty", 2));
    world.check_replay();
    assert_eq!(world.commits(commit("", -1, 0, 5)), Ok(Ok(())), "an admin may set what nobody reads");
    assert_eq!(world.commits(commit("m1", 1, 0, 6)), Err(GroupError::UnknownMember));
}

#[test]
fn a_lost_answer_is_given_again() {
    let mut world = World::new();
    let tickets = [world.send_join(named("m1")), world.send_join(named("m2"))];
    world.pass(3_000);
    world.pass(3_000);
    let again = world.send_join(join("m1"));
    assert_eq!(world.joined(again), world.joined(tickets[0]));
    world.send_sync("m1", 1, &[("m2", b"two")]);
    let again = world.send_join(join("m2"));
    assert_eq!(world.joined(again), world.joined(tickets[1]), "a follower with nothing new");
    let sync = world.send_sync("m2", 1, &[]);
    assert_eq!(world.synced(sync), Some(Ok(Bytes::from_static(b"two"))));
    let leader = world.send_join(join("m1"));
    assert_eq!(
        (world.joined(leader), world.state()),
        (None, "PreparingRebalance"),
        "the leader wants a new assignment"
    );
}

#[test]
fn a_static_member_comes_back_without_a_rebalance() {
    let mut world = World::new();
    world.stable(instance("m1", "i1"), instance("m2", "i2"));
    let back = world.send_join(instance("m3", "i1"));
    let reply = world.joined(back).unwrap().unwrap();
    assert_eq!((reply.generation, reply.leader.as_str(), reply.skip_assignment), (1, "m3", true));
    assert_eq!((world.state(), reply.members.len()), ("Stable", 2));
    world.check_replay();
    let beat = |name: &str, instance: &str| Heartbeat {
        group: "g".into(),
        member: name.into(),
        instance: Some(instance.into()),
        generation: 1,
    };
    assert_eq!(
        world.ask(Request::Heartbeat(beat("m1", "i1"))),
        Reply::Heartbeat(Err(GroupError::FencedInstance))
    );
    assert_eq!(world.ask(Request::Heartbeat(beat("m3", "i1"))), Reply::Heartbeat(Ok(())));
    let old = Join { may_skip_assignment: false, ..instance("m4", "i1") };
    let ticket = world.send_join(old);
    let reply = world.joined(ticket).unwrap().unwrap();
    assert_eq!(
        (reply.leader.as_str(), reply.members.len()),
        ("m3", 0),
        "an old client must not think it leads"
    );
    assert_eq!(world.leaves("", Some("i2")), Ok(()), "an admin removes it by its instance");
    assert_eq!(world.state(), "PreparingRebalance");
}

#[test]
fn protocols_are_those_that_all_understand() {
    let mut world = World::new();
    let only = |name: &str, protocol: &str| Join {
        protocols: vec![(protocol.to_owned(), Bytes::new())],
        ..named(name)
    };
    let first = world.send_join(named("m1"));
    let second = world.send_join(only("m2", "sticky"));
    let refused = world.send_join(only("m3", "other"));
    assert_eq!(world.joined(refused), Some(Err(GroupError::InconsistentGroupProtocol)));
    let refused = world.send_join(Join { protocol_type: "connect".to_owned(), ..named("m3") });
    assert_eq!(world.joined(refused), Some(Err(GroupError::InconsistentGroupProtocol)));
    world.pass(3_000);
    world.pass(3_000);
    for ticket in [first, second] {
        assert_eq!(world.joined(ticket).unwrap().unwrap().protocol.as_deref(), Some("sticky"));
    }
}

#[test]
fn a_group_is_of_one_kind_until_it_is_empty() {
    let mut world = World::new();
    world.stable(named("m1"), named("m2"));
    assert_eq!(world.commits(commit("m1", 1, 0, 5)), Ok(Ok(())));
    let other = ConsumerHeartbeat { topics: names(&["a"]), ..beat("c1", 0) };
    assert_eq!(world.beats(other.clone()), Err(GroupError::GroupTypeMismatch { is: "classic" }));
    world.leaves("m1", None).unwrap();
    world.leaves("m2", None).unwrap();
    assert_eq!(world.state(), "Empty");
    world.beats(other).unwrap();
    let refused = world.send_join(named("m1"));
    assert_eq!(world.joined(refused), Some(Err(GroupError::GroupTypeMismatch { is: "consumer" })));
    assert_eq!(world.kept(0), Some(5), "its offsets are the same");
    world.check_replay();
    world.beats(beat("c1", -1)).unwrap();
    let back = world.send_join(named("m1"));
    world.pass(3_000);
    assert_eq!(world.joined(back).unwrap().unwrap().generation, 1);
    world.check_replay();
}

#[test]
fn after_a_reload_members_go_on_in_the_generation_that_was_kept() {
    let mut world = World::new();
    world.stable(named("m1"), named("m2"));
    world.send_join(named("m3"));
    world.reload();
    assert_eq!((world.state(), world.heartbeats("m1", 1)), ("Stable", Ok(())));
    let sync = world.send_sync("m2", 1, &[]);
    assert_eq!(world.synced(sync), Some(Ok(Bytes::from_static(b"two"))));
    world.pass(10_000);
    assert_eq!(world.state(), "Empty", "silence counts from the reload");
}

#[test]
fn bounds_hold() {
    let mut world =
        World::with(GroupOptions { members_max: 1, group_bytes_max: 40, ..GroupOptions::default() });
    let first = world.send_join(named("m1"));
    let second = world.send_join(named("m2"));
    assert_eq!(world.joined(second), Some(Err(GroupError::GroupMaxSizeReached { max: 1 })));
    world.pass(3_000);
    assert!(world.joined(first).unwrap().is_ok());
    let sync = world.send_sync("m1", 1, &[("m1", &[0; 41])]);
    assert!(matches!(world.synced(sync), Some(Err(GroupError::TooMany { .. }))));
    for bad in [
        Join { session_timeout_ms: 1, ..named("m9") },
        Join { protocols: Vec::new(), ..named("m9") },
        Join { protocols: vec![(String::new(), Bytes::from_static(&[0; 99]))], ..named("m9") },
        Join { protocols: vec![(String::new(), Bytes::new()); 40], ..named("m9") },
        Join { client_id: "x".repeat(600), ..named("m9") },
    ] {
        let ticket = world.send_join(Join { group: "other".into(), ..bad });
        assert!(world.joined(ticket).unwrap().is_err());
    }
    assert_eq!(world.shard.group_count(), 1);
}

#[test]
fn a_static_member_that_does_not_join_again_keeps_its_place() {
    let mut world = World::new();
    world.stable(instance("m1", "i1"), instance("m2", "i2"));
    let first = world.send_join(Join { instance: Some("i1".into()), ..join("m1") });
    for _ in 0..7 {
        world.pass(9_000);
        let _ = world.heartbeats("m2", 1);
    }
    assert_eq!(world.joined(first).unwrap().unwrap().members.len(), 2, "only its silence would end it");
}

#[test]
fn who_was_given_a_name_is_waited_for() {
    let mut world = World::new();
    world.stable(named("m1"), named("m2"));
    let ticket = world.send_join(Join { requires_known_member: true, ..join("") });
    assert!(matches!(world.joined(ticket), Some(Err(GroupError::MemberIdRequired { .. }))));
    world.leaves("m1", None).unwrap();
    let second = world.send_join(join("m2"));
    assert_eq!(world.joined(second), None, "one is still expected");
    let third = world.send_join(Join { requires_known_member: true, ..join("fresh") });
    assert!(world.joined(second).unwrap().is_ok() && world.joined(third).unwrap().is_ok());
}

#[test]
fn members_that_stay_silent_after_a_reload_are_out() {
    let mut world = World::new();
    world.stable(named("m1"), named("m2"));
    world.reload();
    world.pass(10_000);
    assert_eq!(world.state(), "Empty");
}
