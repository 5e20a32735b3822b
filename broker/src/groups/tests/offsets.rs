//! Committed offsets: kept, read, forgotten, expired.

use super::*;

const DAY_MS: u64 = 24 * 3_600_000;

fn simple(partition: i32, offset: i64) -> Commit {
    commit("", -1, partition, offset)
}

#[test]
fn an_offset_is_kept_with_what_belongs_to_it() {
    let mut world = World::new();
    let mut request = simple(0, 5);
    request.offsets[0].leader_epoch = LeaderEpoch(3);
    request.offsets[0].metadata = "note".to_owned();
    assert_eq!(world.commits(request), Ok(Ok(())));
    world.reload();
    let all = FetchOffsets { group: "g".into(), member: None, partitions: None };
    let Reply::FetchOffsets(Ok(all)) = world.ask(Request::FetchOffsets(all)) else { panic!("offsets") };
    let kept = all[0].committed.clone().unwrap();
    assert_eq!((kept.offset, kept.leader_epoch, kept.metadata.as_str()), (Offset(5), LeaderEpoch(3), "note"));
    assert_eq!((kept.commit_timestamp_ms, kept.topic_id), (1_000_000, Some(topic_id(1))));
    assert_eq!(world.kept(1), None);
}

#[test]
fn each_offset_is_judged_for_itself() {
    let options =
        GroupOptions { offset_bytes_max: 400, offsets_per_commit_max: 5, ..GroupOptions::default() };
    let mut world = World::with(options);
    let one = simple(0, 5).offsets.remove(0);
    let offsets = vec![
        one.clone(),
        CommitOffset { topic: topic("none"), ..one.clone() },
        CommitOffset { partition: PartitionIndex(4), ..one.clone() },
        CommitOffset { topic_id: Some(topic_id(9)), ..one.clone() },
        CommitOffset { metadata: "x".repeat(4_097), ..one.clone() },
    ];
    let Reply::Commit(Ok(results)) = world.ask(Request::Commit(Commit { offsets, ..simple(0, 5) })) else {
        panic!("a commit's reply")
    };
    let unknown = Err(GroupError::UnknownTopicOrPartition);
    assert_eq!(results[..4], [Ok(()), unknown.clone(), unknown.clone(), unknown]);
    assert_eq!(results[4], Err(GroupError::OffsetMetadataTooLarge { max: 4_096 }));
    assert_eq!(world.commits(simple(1, -5)), Ok(Err(GroupError::InvalidOffset)));
    assert_eq!(world.commits(simple(1, 5)), Ok(Ok(())));
    assert!(matches!(world.commits(simple(2, 5)), Ok(Err(GroupError::TooMany { .. }))), "no room is left");
    assert_eq!(world.commits(simple(1, 6)), Ok(Ok(())), "what is there may change");
    let offsets = vec![one; 6];
    assert!(world.commits(Commit { offsets, ..simple(0, 5) }).is_err());
    world.check_replay();
}

#[test]
fn a_topic_made_anew_inherits_nothing() {
    let mut world = World::new();
    world.commits(simple(0, 5)).unwrap().unwrap();
    // This shard sees the deletion: the offset goes.
    let kept = world.log.len();
    world.change_topics(&[("a", 9, 4), ("b", 2, 2)]);
    assert_eq!(world.kept(0), None);
    assert_eq!(world.log.len(), kept + 1, "a tombstone");
    world.check_replay();
    // One that did not see it knows the offset for another topic's all the same.
    world.log.truncate(kept);
    world.reload();
    assert_eq!(world.kept(0), None);
    world.commits(simple(0, 1)).unwrap().unwrap();
    assert_eq!(world.kept(0), Some(1));
}

#[test]
fn offsets_in_use_are_not_deleted_and_groups_with_members_neither() {
    let mut world = World::new();
    world.joins("m1");
    world.commits(commit("m1", 1, 0, 5)).unwrap().unwrap();
    let delete = || {
        let partitions = vec![(topic("a"), PartitionIndex(0)), (topic("b"), PartitionIndex(0))];
        Request::DeleteOffsets(DeleteOffsets { group: "g".into(), partitions })
    };
    let subscribed = Err(GroupError::GroupSubscribedToTopic);
    assert_eq!(world.ask(delete()), Reply::DeleteOffsets(Ok(vec![subscribed, Ok(())])));
    let delete_group = || Request::DeleteGroup("g".into());
    assert_eq!(world.ask(delete_group()), Reply::DeleteGroup(Err(GroupError::NonEmptyGroup)));
    world.beats(beat("m1", -1)).unwrap();
    assert_eq!(world.kept(0), Some(5));
    assert_eq!(world.ask(delete_group()), Reply::DeleteGroup(Ok(())));
    assert_eq!(world.ask(delete_group()), Reply::DeleteGroup(Err(GroupError::GroupIdNotFound)));
    assert_eq!(world.ask(delete()), Reply::DeleteOffsets(Err(GroupError::GroupIdNotFound)));
    assert_eq!(world.loaded().group_count(), 0);
    let last = world.log.last().unwrap().last().unwrap();
    assert!(matches!(last, GroupRecord::Consumer { value: None, .. }), "the group itself goes last");
}

#[test]
fn offsets_expire_a_week_after_the_group_emptied() {
    let mut world = World::new();
    let join = |epoch| ConsumerHeartbeat {
        session_timeout_ms: Some(1_800_000),
        topics: names(&["a"]),
        ..beat("m1", epoch)
    };
    world.beats(join(0)).unwrap();
    world.commits(commit("m1", 1, 0, 5)).unwrap().unwrap();
    for _ in 0..8 * 24 * 4 {
        world.pass(DAY_MS / 96);
        world.beats(beat("m1", 1)).unwrap();
    }
    assert_eq!(world.kept(0), Some(5), "eight days old, and in use");
    world.beats(beat("m1", -1)).unwrap();
    world.reload();
    world.pass(7 * DAY_MS - 1);
    assert_eq!(world.kept(0), Some(5), "a reload knows since when it is empty");
    world.pass(600_001);
    assert_eq!(world.kept(0), None);
    assert_eq!((world.shard.group_count(), world.loaded().group_count()), (0, 0), "the group went with it");
}

#[test]
fn offsets_of_consumers_that_are_no_members_expire_by_their_commit_and_in_parts() {
    let mut world = World::with(GroupOptions { expired_per_sweep_max: 1, ..GroupOptions::default() });
    world.commits(simple(0, 5)).unwrap().unwrap();
    world.commits(simple(1, 5)).unwrap().unwrap();
    world.pass(3 * DAY_MS);
    world.commits(simple(2, 5)).unwrap().unwrap();
    world.pass(4 * DAY_MS);
    world.pass(600_000);
    let longest = world.log.iter().map(Vec::len).max();
    assert_eq!(longest, Some(1), "one tombstone a batch");
    world.pass(1);
    world.pass(1);
    assert_eq!((world.kept(0), world.kept(1), world.kept(2)), (None, None, Some(5)));
    world.check_replay();
}

#[test]
fn a_member_reads_in_its_own_epoch_only() {
    let mut world = World::new();
    world.joins("m1");
    let fetch = |epoch| {
        let member = Some(("m1".into(), epoch));
        Request::FetchOffsets(FetchOffsets { group: "g".into(), member, partitions: None })
    };
    assert_eq!(world.ask(fetch(1)), Reply::FetchOffsets(Ok(vec![])));
    assert_eq!(world.ask(fetch(0)), Reply::FetchOffsets(Err(GroupError::StaleEpoch { current: 1 })));
}

#[test]
fn a_group_without_epochs_shows_its_offsets_to_whoever_asks() {
    let mut world = World::new();
    world.commits(simple(0, 5)).unwrap().unwrap();
    let member = Some(("whoever".into(), 3));
    let told = world.ask(Request::FetchOffsets(FetchOffsets { group: "g".into(), member, partitions: None }));
    assert!(matches!(&told, Reply::FetchOffsets(Ok(all)) if all.len() == 1), "{told:?}");
}

#[test]
fn groups_are_bounded() {
    let mut world = World::with(GroupOptions { groups_max: 1, ..GroupOptions::default() });
    world.commits(simple(0, 5)).unwrap().unwrap();
    let other = Commit { group: "other".into(), ..simple(0, 5) };
    assert_eq!(world.commits(other), Err(GroupError::TooMany { what: "groups of one shard", max: 1 }));
}

#[test]
fn one_commit_may_not_take_more_than_is_left() {
    let mut world = World::with(GroupOptions { offset_bytes_max: 200, ..GroupOptions::default() });
    let offsets = vec![simple(0, 5).offsets.remove(0), simple(1, 5).offsets.remove(0)];
    let full = Err(GroupError::TooMany { what: "bytes of offsets", max: 200 });
    assert_eq!(
        world.ask(Request::Commit(Commit { offsets, ..simple(0, 5) })),
        Reply::Commit(Ok(vec![Ok(()), full]))
    );
}
