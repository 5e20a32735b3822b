//! Polls of consumer instances: delivered and acknowledged, once more, one at a time, and after a silence.

use super::instances::{begun, poll_of, starts, topics_of, tp};
use super::*;
use crate::groups::instances::{
    BeginPoll, Begun, EmbeddedFormat, InstanceAnswer, InstanceRefusal, InstanceVerb, PartitionProgress,
    PollProgress, Subscription,
};

fn replay(number: u128) -> InstanceVerb {
    InstanceVerb::Begin(BeginPoll { replay: true, ..poll_of(number) })
}

/// Where a replay begins and ends.
fn ranges(begun: &Begun) -> Vec<(i32, i64, Option<i64>)> {
    let each = begun.partitions.iter();
    each.map(|one| (one.id.partition.0, one.from.unwrap().0, one.until.map(|until| until.0))).collect()
}

#[test]
fn what_was_delivered_is_acknowledged_by_the_next_poll() {
    let mut world = World::new();
    world.reader("i", true);
    assert_eq!(starts(&world.begin("i", 1)), [(0, None), (1, None), (2, None), (3, None)]);
    world.delivers("i", 1, &[(0, 5, 8)]).unwrap();
    assert_eq!(world.kept(0), None, "what was given to the client may not have reached it");
    assert_eq!(starts(&world.begin("i", 2))[0], (0, Some(8)));
    assert_eq!(world.kept(0), Some(8));
    world.reload();
    assert_eq!(ranges(&world.begin("i", 3)), [(0, 5, Some(8))], "after a failover at worst a repeat");
}

#[test]
fn without_auto_commit_only_a_commit_commits() {
    let mut world = World::new();
    world.reader("i", false);
    world.delivers("i", 1, &[(0, 5, 8), (1, 0, 2)]).unwrap();
    world.delivers("i", 2, &[(0, 8, 9)]).unwrap();
    assert_eq!((world.kept(0), world.kept(1)), (None, None));
    world.instance("i", InstanceVerb::CommitDelivered).unwrap();
    assert_eq!((world.kept(0), world.kept(1)), (Some(9), Some(2)));
    let again = begun(world.instance("i", replay(3)));
    assert_eq!(again.partitions.len(), 4, "a commit acknowledges, so there is nothing to deliver again");
}

#[test]
fn a_replay_delivers_the_last_batch_again_until_it_is_acknowledged() {
    let mut world = World::new();
    world.reader("i", false);
    world.delivers("i", 1, &[(0, 0, 5)]).unwrap();
    world.delivers("i", 2, &[(0, 5, 9), (1, 3, 4)]).unwrap();
    for poll in [3, 4] {
        let again = begun(world.instance("i", replay(poll)));
        assert_eq!(ranges(&again), [(0, 5, Some(9)), (1, 3, Some(4))]);
        world.ends("i", poll, &again, &[(0, 5, 9), (1, 3, 4)]).unwrap();
        world.reload();
    }
    // Less fits than before: the rest comes later.
    let again = begun(world.instance("i", replay(5)));
    world.ends("i", 5, &again, &[(0, 5, 7)]).unwrap();
    assert_eq!(starts(&world.begin("i", 6))[..2], [(0, Some(7)), (1, Some(3))]);
}

#[test]
fn what_was_not_told_is_delivered_again_and_not_committed() {
    let mut world = World::new();
    world.reader("i", true);
    world.delivers("i", 1, &[(0, 5, 8)]).unwrap();
    let second = world.begin("i", 2);
    assert_eq!(world.kept(0), Some(8));
    let to =
        PartitionProgress { id: a(0), since: second.partitions[0].since, from: Offset(8), to: Offset(9) };
    let ended = PollProgress { poll: Uuid::from_u128(2), ends: true, partitions: vec![to] };
    world.instance("i", InstanceVerb::Progress(ended)).unwrap();
    // Its broker died, or its client went: nobody has had offset 8.
    world.instance("i", InstanceVerb::CommitDelivered).unwrap();
    assert_eq!(world.kept(0), Some(8), "nobody can mean what nobody was given");
    let third = world.send_to("i", InstanceVerb::Begin(poll_of(3)));
    assert_eq!(world.answer(third), None, "it may be told yet");
    world.pass(500);
    let third = begun(world.answer(third).expect("it has had its time"));
    assert_eq!(ranges(&third), [(0, 8, Some(9))]);
    let late = world.instance("i", InstanceVerb::Told(Uuid::from_u128(2)));
    assert_eq!(late, Err(InstanceRefusal::Superseded));
    world.ends("i", 3, &third, &[(0, 8, 9)]).unwrap();
    assert_eq!(starts(&world.begin("i", 4))[0], (0, Some(9)));
    assert_eq!(world.kept(0), Some(9));
}

#[test]
fn an_end_whose_answer_was_lost_is_told_again_and_moves_nothing() {
    let mut world = World::new();
    world.reader("i", true);
    let first = world.begin("i", 1);
    for _ in 0..2 {
        world.ends("i", 1, &first, &[(0, 0, 5)]).unwrap();
    }
    world.reload();
    world.ends("i", 1, &first, &[(0, 0, 5)]).unwrap();
    assert_eq!(ranges(&begun(world.instance("i", replay(2)))), [(0, 0, Some(5))]);
}

#[test]
fn a_poll_that_lost_its_place_moves_nothing() {
    let mut world = World::new();
    world.reader("i", true);
    let first = world.begin("i", 1);
    world.pass(500);
    let second = world.begin("i", 2);
    assert_eq!(world.ends("i", 1, &first, &[(0, 0, 5)]), Err(InstanceRefusal::Superseded));
    world.ends("i", 2, &second, &[(0, 0, 3)]).unwrap();
    assert_eq!(world.ends("i", 1, &first, &[(0, 0, 5)]), Err(InstanceRefusal::Superseded));
    let goes_on = BeginPoll { goes_on: Some(first.turn), ..poll_of(1) };
    for reload in [false, true] {
        if reload {
            world.reload();
        }
        let refused = world.instance("i", InstanceVerb::Begin(goes_on.clone()));
        assert_eq!(refused, Err(InstanceRefusal::Superseded), "it would acknowledge what it has not seen");
    }
    assert_eq!(ranges(&world.begin("i", 3)), [(0, 0, Some(3))]);
}

#[test]
fn what_changes_under_a_poll_has_it_begin_anew() {
    let mut world = World::new();
    world.reader("i", true);
    let poll = world.begin("i", 1);
    world.instance("i", InstanceVerb::Seek(vec![(tp("a", 0), Offset(40))])).unwrap();
    assert_eq!(world.ends("i", 1, &poll, &[(0, 0, 5)]), Err(InstanceRefusal::Fenced));
    let goes_on = BeginPoll { goes_on: Some(poll.turn), ..poll_of(1) };
    let poll = begun(world.instance("i", InstanceVerb::Begin(goes_on)));
    assert_eq!(starts(&poll)[0], (0, Some(40)));
    // Of a partition that the instance never had, and of one that it had in another life.
    assert_eq!(world.ends("i", 1, &poll, &[(7, 0, 5)]), Err(InstanceRefusal::Fenced));
    let poll = world.begin("i", 2);
    world.pass(31_000);
    assert_eq!(world.ends("i", 2, &poll, &[(0, 40, 45)]), Err(InstanceRefusal::Fenced));
    let refused = world.instance("i", InstanceVerb::Seek(vec![(tp("b", 0), Offset(1))]));
    assert_eq!(refused, Err(InstanceRefusal::NotAssigned { tp: tp("b", 0), is_member: true }));
}

#[test]
fn polls_follow_each_other_and_the_later_waits_for_a_while() {
    let mut world = World::new();
    world.reader("i", true);
    let first = world.begin("i", 1);
    let second = world.send_to("i", InstanceVerb::Begin(poll_of(2)));
    let third = world.send_to("i", InstanceVerb::Begin(BeginPoll { wait_ms: 100, ..poll_of(3) }));
    assert_eq!((world.answer(second), world.answer(third)), (None, None));
    world.pass(100);
    assert_eq!(world.answer(third), Some(Err(InstanceRefusal::Superseded)), "its time is over");
    world.ends("i", 1, &first, &[(0, 0, 5)]).unwrap();
    assert_eq!(starts(&begun(world.answer(second).expect("it is its turn")))[0], (0, Some(5)));

    // Nobody ends this one; it gives its place to the next.
    let fourth = world.send_to("i", InstanceVerb::Begin(poll_of(4)));
    world.pass(499);
    assert_eq!(world.answer(fourth), None);
    world.pass(1);
    assert!(world.answer(fourth).is_some());
    let waiting = world.send_to("i", InstanceVerb::Begin(poll_of(5)));
    world.instance("i", InstanceVerb::Delete).unwrap();
    assert_eq!(world.answer(waiting), Some(Err(InstanceRefusal::NoInstance)));
}

#[test]
fn a_silent_instance_loses_its_partitions_and_goes_on_where_it_was() {
    let mut world = World::new();
    world.reader("i", false);
    world.delivers("i", 1, &[(0, 5, 8)]).unwrap();
    world.pass(31_000);
    assert_eq!(world.state(), "Empty");
    assert_eq!(world.assignment("i"), []);
    world.instance("i", InstanceVerb::CommitDelivered).unwrap();
    assert_eq!(world.kept(0), Some(8), "while nobody else has joined it may still commit");
    let second = world.begin("i", 2);
    assert_eq!(starts(&second)[0], (0, Some(8)));
    world.ends("i", 2, &second, &[(0, 8, 9)]).unwrap();
    world.pass(31_000);
    let other = world.joins("m");
    assert_eq!(partitions(&other), [0, 1, 2, 3], "others take over");
    assert_eq!(world.instance("i", InstanceVerb::CommitDelivered), Err(InstanceRefusal::Lapsed));
    assert_eq!(world.commits(commit("m", other.epoch, 0, 20)), Ok(Ok(())));
    world.beats(beat("m", -1)).unwrap();
    assert_eq!(starts(&world.begin("i", 4))[0], (0, Some(20)), "somebody else has read on meanwhile");
}

#[test]
fn a_group_that_was_another_in_between_counts_its_epochs_anew() {
    let mut world = World::new();
    world.reader("i", false);
    world.delivers("i", 1, &[(0, 5, 8)]).unwrap();
    world.pass(31_000);
    let ticket = world.send(Request::Join(super::classic::named("c")));
    world.pass(3_000);
    assert!(matches!(world.reply(ticket), Some(Reply::Join(Ok(_)))));
    let leave = Leave { group: "g".into(), members: vec![("c".into(), None)] };
    world.ask(Request::Leave(leave));
    assert_eq!(world.commits(commit("", -1, 0, 20)), Ok(Ok(())));
    assert_eq!(starts(&world.begin("i", 2))[0], (0, Some(20)), "the same epoch is not the same possession");
}

#[test]
fn a_position_that_was_found_is_kept_before_anything_is_delivered() {
    let mut world = World::new();
    world.reader("i", false);
    let poll = world.begin("i", 1);
    let found =
        PartitionProgress { id: a(2), since: poll.partitions[2].since, from: Offset(70), to: Offset(70) };
    let progress = PollProgress { poll: Uuid::from_u128(1), ends: false, partitions: vec![found] };
    world.instance("i", InstanceVerb::Progress(progress)).unwrap();
    world.reload();
    assert_eq!(starts(&world.begin("i", 2))[2], (2, Some(70)));
    assert_eq!(world.kept(2), None);
}

#[test]
fn another_format_is_refused_before_anything_is_moved() {
    let mut world = World::new();
    world.reader("i", true);
    world.delivers("i", 1, &[(0, 5, 8)]).unwrap();
    let wants = BeginPoll { wants: Some(EmbeddedFormat::Json), ..poll_of(2) };
    let refused = world.instance("i", InstanceVerb::Begin(wants));
    assert_eq!(refused, Err(InstanceRefusal::WrongFormat { is: EmbeddedFormat::Binary }));
    assert_eq!(world.kept(0), None);
}

#[test]
fn what_is_idle_writes_nothing() {
    let mut world = World::new();
    world.reader("i", true);
    world.delivers("i", 1, &[(0, 5, 8)]).unwrap();
    world.settle(&["i"]);
    let before = world.log.len();
    world.settle(&["i"]);
    assert_eq!(world.log.len(), before);
}

#[test]
fn a_topic_made_anew_is_read_from_its_own_beginning() {
    let mut world = World::new();
    world.create("i", true).unwrap();
    let own = Subscription::Assigned([tp("a", 0)].into());
    world.subscribe("i", own).unwrap();
    world.delivers("i", 1, &[(0, 5, 8)]).unwrap();
    world.delivers("i", 2, &[(0, 8, 9)]).unwrap();
    world.change_topics(&[("a", 9, 4)]);
    let begun = world.begin("i", 3);
    assert_eq!(begun.partitions[0].from, None);
    assert_eq!(begun.partitions[0].id.topic, topic_id(9));
    world.subscribe("i", Subscription::None).unwrap();
    world.subscribe("i", topics_of(&["a"])).unwrap();
    let Ok(InstanceAnswer::Begun(begun)) = world.instance("i", InstanceVerb::Begin(poll_of(4))) else {
        panic!()
    };
    assert!(begun.partitions.iter().all(|one| one.from.is_none()));
}

/// After a failover nobody knew whether an answer had left, and a commit of everything passed its records over.
#[test]
fn a_commit_of_everything_after_a_failover_leaves_out_what_may_not_have_been_given() {
    let mut world = World::new();
    world.reader("i", false);
    world.settle(&["i"]);
    world.delivers("i", 1, &[(0, 0, 5)]).unwrap();
    world.delivers("i", 2, &[(0, 5, 9)]).unwrap();
    world.reload();
    world.instance("i", InstanceVerb::CommitDelivered).unwrap();
    assert_eq!(world.kept(0), Some(5));
    assert_eq!(starts(&world.begin("i", 3))[0], (0, Some(5)), "it is given again");
}
