//! Groups with server-side assignment, call by call.

use super::*;

#[test]
fn partitions_move_only_after_they_are_given_up() {
    let mut world = World::new();
    let first = world.joins("m1");
    assert_eq!((first.epoch, partitions(&first)), (1, vec![0, 1, 2, 3]));
    assert_eq!(world.state(), "Stable");

    let second = world.joins("m2");
    assert_eq!((second.epoch, partitions(&second)), (2, vec![]), "all is still held by m1");
    assert_eq!(world.state(), "Reconciling");

    let asked = world.beats(beat("m1", 1)).unwrap();
    assert_eq!(
        (asked.epoch, partitions(&asked)),
        (1, vec![0, 1]),
        "m1 is to give up two, and stays in its epoch"
    );
    assert_eq!(world.beats(beat("m2", 2)).unwrap().assignment, None);
    assert_eq!(world.holds("m1", 1, &[0, 1, 3]).unwrap().epoch, 1, "not all given up");

    let done = world.holds("m1", 1, &[0, 1]).unwrap();
    assert_eq!((done.epoch, partitions(&done)), (2, vec![0, 1]));
    let second = world.beats(beat("m2", 2)).unwrap();
    assert_eq!((second.epoch, partitions(&second)), (2, vec![2, 3]));
    assert_eq!(world.state(), "Stable");
    world.check_replay();
}

#[test]
fn a_member_that_holds_nothing_between_calls_moves_in_one() {
    let mut world = World::new();
    world.joins("m1");
    world.joins("m2");
    let polled = world.holds("m1", 1, &[]).unwrap();
    assert_eq!((polled.epoch, partitions(&polled)), (2, vec![0, 1]));
    let polled = world.holds("m2", 2, &[]).unwrap();
    assert_eq!(partitions(&polled), vec![2, 3]);
}

#[test]
fn a_lost_answer_is_forgiven_once_and_an_old_epoch_is_not() {
    let mut world = World::new();
    world.joins("m1");
    world.joins("m2");
    world.holds("m1", 1, &[]).unwrap();
    let again = world.holds("m1", 1, &[0]).unwrap();
    assert_eq!((again.epoch, partitions(&again)), (2, vec![0, 1]), "epoch 1 is the one before");
    let fenced = Err(GroupError::FencedEpoch { current: 2 });
    assert_eq!(world.holds("m1", 1, &[3]), fenced, "3 is not its own any more");
    assert_eq!(world.beats(beat("m1", 1)), fenced, "it does not say what it holds");
    assert_eq!(world.holds("m1", 3, &[]), fenced);
    assert_eq!(world.beats(beat("m9", 1)), Err(GroupError::UnknownMember));
    let back = world.joins("m1");
    assert_eq!(partitions(&back), vec![0, 1], "it may begin anew");
}

#[test]
fn silence_ends_a_session_and_the_rest_take_over() {
    let mut world = World::new();
    world.joins("m1");
    world.joins("m2");
    world.holds("m1", 1, &[]).unwrap();
    world.pass(30_000);
    world.holds("m1", 2, &[0, 1]).unwrap();
    world.pass(15_000);
    let rest = world.holds("m1", 2, &[0, 1]).unwrap();
    assert_eq!((rest.epoch, partitions(&rest)), (3, vec![0, 1, 2, 3]));
    assert_eq!(world.beats(beat("m2", 2)), Err(GroupError::UnknownMember));
    world.pass(45_000);
    assert_eq!(world.state(), "Empty");
    world.check_replay();
}

#[test]
fn a_member_that_gives_nothing_up_is_put_out() {
    let mut world = World::new();
    let join = |member: &str| ConsumerHeartbeat {
        topics: names(&["a"]),
        rebalance_timeout_ms: Some(10_000),
        ..beat(member, 0)
    };
    world.beats(join("m1")).unwrap();
    world.beats(join("m2")).unwrap();
    world.beats(beat("m1", 1)).unwrap();
    world.pass(9_999);
    assert!(world.beats(beat("m1", 1)).is_ok());
    world.pass(1);
    assert_eq!(world.beats(beat("m1", 1)), Err(GroupError::UnknownMember));
    let second = world.beats(beat("m2", 2)).unwrap();
    assert_eq!(partitions(&second), vec![0, 1, 2, 3]);
}

#[test]
fn a_static_member_comes_back_to_what_it_had() {
    let mut world = World::new();
    let join = |member: &str, instance: &str| ConsumerHeartbeat {
        topics: names(&["a"]),
        instance: Some(instance.into()),
        ..beat(member, 0)
    };
    let at = |member: &str, instance: &str, epoch| ConsumerHeartbeat {
        instance: Some(instance.into()),
        ..beat(member, epoch)
    };
    world.beats(join("m1", "i1")).unwrap();
    world.beats(join("m2", "i2")).unwrap();
    world.holds("m1", 1, &[]).unwrap();
    assert_eq!(world.beats(join("m3", "i1")), Err(GroupError::UnreleasedInstance), "m1 is still there");
    world.beats(at("m1", "i1", -2)).unwrap();
    world.check_replay();
    assert!(matches!(world.beats(at("m1", "i1", 2)), Err(GroupError::FencedEpoch { .. })));
    let back = world.beats(join("m3", "i1")).unwrap();
    assert_eq!((back.epoch, partitions(&back)), (2, vec![0, 1]), "no rebalance");
    assert_eq!(world.beats(at("m1", "i1", 2)), Err(GroupError::FencedInstance));
    assert!(world.beats(at("m3", "i1", 2)).is_ok(), "it is there again");
    world.beats(at("m3", "i1", -2)).unwrap();
    world.pass(44_999);
    world.beats(beat("m2", 2)).unwrap();
    world.pass(1);
    let rest = world.beats(beat("m2", 2)).unwrap();
    assert_eq!(partitions(&rest).len(), 4, "it stayed away for too long");
    world.check_replay();
}

#[test]
fn topics_that_grow_or_are_made_anew_are_assigned_anew() {
    let mut world = World::new();
    world.joins("m1");
    world.change_topics(&[("a", 1, 5), ("b", 2, 2)]);
    let grown = world.beats(beat("m1", 1)).unwrap();
    assert_eq!((grown.epoch, partitions(&grown).len()), (2, 5));
    world.change_topics(&[("a", 9, 1), ("b", 2, 2)]);
    world.reload();
    let told = world.beats(beat("m1", 2)).unwrap();
    assert_eq!(
        (told.epoch, partitions(&told).len()),
        (2, 0),
        "the old partitions go first; a reload knows it too"
    );
    let anew = world.holds("m1", 2, &[]).unwrap();
    assert_eq!(anew.assignment.unwrap().keys().next().unwrap().topic, topic_id(9));
}

#[test]
fn only_the_possessor_of_a_partition_commits_it() {
    let mut world = World::new();
    world.joins("m1");
    world.joins("m2");
    world.beats(beat("m1", 1)).unwrap();
    assert_eq!(world.commits(commit("m1", 1, 3, 7)), Ok(Ok(())), "it has not given it up yet");
    world.holds("m1", 1, &[0, 1]).unwrap();
    world.beats(beat("m2", 2)).unwrap();
    assert_eq!(world.commits(commit("m2", 2, 3, 8)), Ok(Ok(())));
    assert_eq!(world.commits(commit("m1", 1, 0, 5)), Ok(Ok(())), "an old epoch, but it has had it all along");
    assert_eq!(world.commits(commit("m1", 1, 3, 9)), Ok(Err(GroupError::StaleEpoch { current: 2 })));
    assert_eq!(world.commits(commit("m1", 2, 3, 9)), Ok(Err(GroupError::NotAssigned { epoch: 2 })));
    assert_eq!(world.commits(commit("m1", 3, 0, 9)), Err(GroupError::StaleEpoch { current: 2 }));
    assert_eq!(world.commits(commit("m9", 2, 0, 9)), Err(GroupError::UnknownMember));
    assert_eq!(
        world.commits(commit("", -1, 0, 9)),
        Err(GroupError::UnknownMember),
        "an admin waits until it is empty"
    );
    assert_eq!((world.kept(0), world.kept(3)), (Some(5), Some(8)));

    // The partition comes back: what was sent in its first possession must not count in its second.
    world.beats(beat("m2", -1)).unwrap();
    world.holds("m1", 2, &[0, 1]).unwrap();
    assert_eq!(world.commits(commit("m1", 2, 3, 6)), Ok(Err(GroupError::StaleEpoch { current: 3 })));
    assert_eq!(world.commits(commit("m1", 3, 3, 9)), Ok(Ok(())));
    world.check_replay();
}

#[test]
fn requests_that_make_no_sense_or_are_too_much_are_refused() {
    let mut world = World::with(GroupOptions { members_max: 1, ..GroupOptions::default() });
    let join = ConsumerHeartbeat { topics: names(&["a"]), ..beat("m1", 0) };
    let with = |change: &dyn Fn(&mut ConsumerHeartbeat)| {
        let mut request = join.clone();
        change(&mut request);
        request
    };
    let long = "x".repeat(600);
    for bad in [
        with(&|join| join.group = "".into()),
        with(&|join| join.group = long.as_str().into()),
        with(&|join| join.member = long.as_str().into()),
        with(&|join| join.epoch = -3),
        with(&|join| join.epoch = -2),
        with(&|join| join.assignor = Some("sticky".to_owned())),
        with(&|join| join.topics_regex = Some("a.*".to_owned())),
        with(&|join| join.session_timeout_ms = Some(5)),
        with(&|join| join.owned = Some([a(0)].into())),
        with(&|join| join.client_metadata = Some("x".repeat(5_000))),
    ] {
        assert!(world.beats(bad.clone()).is_err(), "{bad:?}");
    }
    assert_eq!((world.shard.group_count(), world.log.len()), (0, 0), "nothing of it is left");
    world.beats(join.clone()).unwrap();
    let refused = world.beats(ConsumerHeartbeat { member: "m2".into(), ..join });
    assert_eq!(refused, Err(GroupError::GroupMaxSizeReached { max: 1 }));
}

#[test]
fn a_view_shows_who_has_what() {
    let mut world = World::new();
    let note = Some("{\"format\":\"json\"}".to_owned());
    let join = ConsumerHeartbeat {
        topics: names(&["a", "b"]),
        assignor: Some("range".to_owned()),
        session_timeout_ms: Some(30_000),
        client_metadata: note.clone(),
        ..beat("", 0)
    };
    let joined = world.beats(join).unwrap();
    assert_eq!((joined.member.as_str(), joined.heartbeat_interval_ms), ("fresh", 5_000));
    world.reload();
    let view = world.view().unwrap();
    assert_eq!((view.protocol.as_str(), view.epoch, view.listing.kind), ("range", 1, "consumer"));
    let MemberDetail::Consumer { assigned, target, client_metadata, .. } = &view.members[0].detail else {
        panic!("a member of this kind");
    };
    assert_eq!((assigned.len(), target.len(), Some(client_metadata)), (6, 6, note.as_ref()));
    assert_eq!(world.ask(Request::List), Reply::List(vec![view.listing.clone()]));
    world.pass(30_000);
    assert_eq!(world.state(), "Empty", "its own session time outlasts a reload");
}

#[test]
fn who_joins_again_or_leaves_for_a_while_holds_nothing_that_it_was_to_give_up() {
    let mut world = World::new();
    world.joins("m1");
    world.joins("m2");
    assert_eq!(world.beats(beat("m1", 1)).unwrap().epoch, 1);
    let again = world.joins("m1");
    assert_eq!((again.epoch, partitions(&again)), (2, vec![0, 1]));

    let mut world = World::new();
    let join = ConsumerHeartbeat { topics: names(&["a"]), instance: Some("i1".into()), ..beat("m1", 0) };
    world.beats(join).unwrap();
    world.joins("m2");
    assert_eq!(world.beats(beat("m1", 1)).unwrap().epoch, 1);
    world.beats(ConsumerHeartbeat { instance: Some("i1".into()), ..beat("m1", -2) }).unwrap();
    assert_eq!(partitions(&world.beats(beat("m2", 2)).unwrap()), vec![2, 3]);
    world.check_replay();
}

#[test]
fn the_time_to_give_up_counts_after_a_reload_too() {
    let mut world = World::new();
    let limit = Some(10_000);
    let join = ConsumerHeartbeat { topics: names(&["a"]), rebalance_timeout_ms: limit, ..beat("m1", 0) };
    world.beats(join).unwrap();
    world.joins("m2");
    world.beats(beat("m1", 1)).unwrap();
    world.reload();
    world.pass(10_000);
    assert_eq!(world.beats(beat("m1", 1)), Err(GroupError::UnknownMember));
}
