//! Groups: who owns a partition, and which offset is kept.

use super::*;

impl Story {
    fn assigned(self, member: &str, epoch: i64, partitions: &[i32]) -> Self {
        let partitions = partitions.iter().map(|partition| Place::of("t", *partition)).collect();
        self.note(Operation::Assigned(Assigned {
            group: "g".into(),
            member: member.into(),
            epoch,
            partitions,
        }))
    }

    fn revoked(self, member: &str, partitions: Option<&[i32]>) -> Self {
        let places = |all: &[i32]| all.iter().map(|partition| Place::of("t", *partition)).collect();
        let (group, member, partitions) = ("g".into(), member.into(), partitions.map(places));
        self.note(Operation::Revoked(Revoked { group, member, partitions }))
    }

    fn heartbeat(self, member: &str, epoch: i64, phase: Phase) -> Self {
        let beat = Operation::Heartbeat(Heartbeat { group: "g".into(), member: member.into(), epoch });
        self.whole(1, beat.clone(), phase, beat)
    }

    fn commit_as(self, member: Option<(&str, i64)>, offset: i64, phase: Phase) -> Self {
        let commit = Operation::Commit(Commit {
            member: member.map(|(member, _)| member.into()),
            epoch: member.map(|(_, epoch)| epoch),
            ..commit(offset)
        });
        self.whole(1, commit.clone(), phase, commit)
    }

    fn commit(self, offset: i64, phase: Phase) -> Self {
        self.commit_as(None, offset, phase)
    }

    fn reset(self, offset: i64, phase: Phase) -> Self {
        let commit = Operation::Commit(Commit { reset: true, ..commit(offset) });
        self.whole(1, commit.clone(), phase, commit)
    }

    fn finds(self, offset: Option<i64>) -> Self {
        let look =
            |offset| Operation::Committed(Committed { group: "g".into(), at: Place::of("t", 0), offset });
        self.whole(2, look(None), Phase::Ok, look(offset))
    }
}

fn commit(offset: i64) -> Commit {
    let at = Place::of("t", 0);
    Commit { group: "g".into(), at, offset, member: None, epoch: None, reset: false }
}

#[test]
fn owned_twice_if_a_replaced_member_is_taken_as_valid() {
    let replaced = || story().assigned("a", 1, &[0, 1]).assigned("b", 2, &[1]);
    let story = replaced().heartbeat("a", 1, Phase::Ok);
    assert_eq!(story.kinds(), [Kind::OwnedTwice]);
    let anomaly = &story.report().anomalies[0];
    assert_eq!((anomaly.at.partition, anomaly.lines.as_slice()), (1, [1, 2, 3, 4].as_slice()));
    replaced().heartbeat("a", 1, Phase::Fail).is_clean();
    replaced().heartbeat("a", 1, Phase::Unknown).is_clean();
    replaced().heartbeat("b", 2, Phase::Ok).is_clean();
}

#[test]
fn owned_twice_not_if_the_first_let_go() {
    story()
        .assigned("a", 1, &[0, 1])
        .revoked("a", Some(&[1]))
        .assigned("b", 2, &[1])
        .heartbeat("a", 1, Phase::Ok)
        .is_clean();
    story()
        .assigned("a", 1, &[0])
        .revoked("a", None)
        .assigned("b", 2, &[0])
        .heartbeat("a", 1, Phase::Ok)
        .is_clean();
    story()
        .assigned("a", 1, &[0])
        .assigned("a", 2, &[])
        .assigned("b", 2, &[0])
        .heartbeat("a", 2, Phase::Ok)
        .is_clean();
}

#[test]
fn owned_twice_not_in_two_groups_nor_by_a_request_that_began_before() {
    let story_of_two = story().assigned("a", 1, &[0]);
    let other =
        Assigned { group: "h".into(), member: "b".into(), epoch: 1, partitions: vec![Place::of("t", 0)] };
    story_of_two.note(Operation::Assigned(other)).heartbeat("a", 1, Phase::Ok).is_clean();

    let mut story = story().assigned("a", 1, &[0]);
    let beat = Operation::Heartbeat(Heartbeat { group: "g".into(), member: "a".into(), epoch: 1 });
    let id = story.history.begin(0, 1, beat.clone());
    story = story.assigned("b", 2, &[0]);
    story.history.end(0, 1, id, Phase::Ok, beat);
    story.is_clean();
}

#[test]
fn owned_twice_not_if_the_second_may_have_had_it_before_the_first() {
    let assigned = |member: &str, epoch, partitions: &[i32]| {
        let partitions = partitions.iter().map(|partition| Place::of("t", *partition)).collect();
        Operation::Assigned(Assigned { group: "g".into(), member: member.into(), epoch, partitions })
    };
    let slow = |before: bool| {
        let mut story = if before { story().assigned("a", 1, &[0]) } else { story() };
        let id = story.history.begin(0, 2, assigned("b", 2, &[]));
        let mut story = if before { story } else { story.assigned("a", 1, &[0]) };
        story.history.end(0, 2, id, Phase::Ok, assigned("b", 2, &[0]));
        story.heartbeat("a", 1, Phase::Ok)
    };
    slow(false).is_clean();
    assert_eq!(slow(true).kinds(), [Kind::OwnedTwice]);
}

#[test]
fn owned_twice_not_by_a_commit_of_what_the_member_has_kept() {
    let replaced = || story().assigned("a", 1, &[0, 1]).assigned("b", 2, &[1]);
    replaced().commit_as(Some(("a", 1)), 5, Phase::Ok).is_clean();
    let then = replaced().commit_as(Some(("a", 1)), 5, Phase::Ok).heartbeat("a", 1, Phase::Ok);
    assert_eq!(then.kinds(), [Kind::OwnedTwice]);
}

#[test]
fn fenced_commit_accepted_after_its_partition_went_to_another() {
    let replaced = || story().assigned("a", 1, &[0]).assigned("b", 2, &[0]);
    assert_eq!(replaced().commit_as(Some(("a", 1)), 5, Phase::Ok).kinds(), [Kind::FencedCommit]);
    replaced().commit_as(Some(("a", 1)), 5, Phase::Fail).is_clean();
    replaced().commit_as(Some(("b", 2)), 5, Phase::Ok).is_clean();
}

#[test]
fn fenced_commit_refused_and_visible() {
    let found = |phase| story().commit_as(Some(("a", 1)), 5, phase).finds(Some(5));
    assert_eq!(found(Phase::Fail).kinds(), [Kind::FencedCommit]);
    found(Phase::Unknown).is_clean();
    found(Phase::Ok).is_clean();
    found(Phase::Fail).commit(5, Phase::Unknown).is_clean();
}

#[test]
fn phantom_commit_that_nobody_made() {
    assert_eq!(story().commit(5, Phase::Ok).finds(Some(6)).kinds(), [Kind::PhantomCommit]);
    // From before the history began.
    story().finds(Some(6)).commit(7, Phase::Ok).finds(Some(7)).is_clean();
}

#[test]
fn commit_back_between_two_looks() {
    let story = story().commit(3, Phase::Ok).commit(5, Phase::Ok).finds(Some(5)).finds(Some(3));
    assert_eq!(story.kinds(), [Kind::CommitBack]);
}

#[test]
fn commit_back_to_before_an_answer_or_to_nothing() {
    let kept = || story().commit(3, Phase::Ok).commit(5, Phase::Ok);
    assert_eq!(kept().finds(Some(3)).kinds(), [Kind::CommitBack]);
    assert_eq!(kept().finds(None).kinds(), [Kind::CommitBack]);
    story().commit(3, Phase::Ok).commit(5, Phase::Unknown).finds(Some(3)).is_clean();
    story().finds(None).commit(3, Phase::Ok).is_clean();
}

#[test]
fn phantom_commit_not_after_a_reset_of_unknown_outcome() {
    let kept = || story().commit(5, Phase::Ok);
    kept().reset(3, Phase::Unknown).commit(7, Phase::Ok).finds(Some(6)).is_clean();
    assert_eq!(kept().reset(3, Phase::Ok).commit(7, Phase::Ok).finds(Some(8)).kinds(), [Kind::PhantomCommit]);
    // What one look found, the next knows.
    assert_eq!(story().finds(Some(6)).finds(Some(8)).kinds(), [Kind::PhantomCommit]);
}

#[test]
fn commit_back_not_to_a_lower_offset_that_was_committed_since() {
    let lower = || story().commit(5, Phase::Ok).commit(3, Phase::Ok);
    lower().finds(Some(3)).is_clean();
    assert_eq!(lower().finds(Some(4)).kinds(), [Kind::PhantomCommit, Kind::CommitBack]);
    assert_eq!(lower().finds(None).kinds(), [Kind::CommitBack]);
    story().commit(5, Phase::Ok).reset(3, Phase::Ok).finds(None).is_clean();
}

#[test]
fn commit_back_not_by_a_reset() {
    let kept = || story().commit(3, Phase::Ok).commit(5, Phase::Ok);
    kept().reset(3, Phase::Ok).finds(Some(3)).is_clean();
    kept().reset(3, Phase::Unknown).finds(Some(5)).finds(Some(3)).is_clean();
    assert_eq!(kept().reset(3, Phase::Ok).commit(4, Phase::Ok).finds(Some(3)).kinds(), [Kind::CommitBack]);
}

#[test]
fn fenced_commit_in_an_epoch_before_the_one_that_took_the_partition_away() {
    let told = |partitions: &[i32]| story().assigned("a", 1, &[0]).assigned("a", 2, partitions);
    assert_eq!(told(&[1]).commit_as(Some(("a", 1)), 4, Phase::Ok).kinds(), [Kind::FencedCommit]);
    told(&[1]).commit_as(Some(("a", 1)), 4, Phase::Fail).is_clean();
    told(&[0]).commit_as(Some(("a", 1)), 4, Phase::Ok).is_clean();
    told(&[0]).commit_as(Some(("a", 2)), 4, Phase::Ok).is_clean();
}

#[test]
fn commit_back_not_by_a_look_that_began_before() {
    let mut story = story().commit(3, Phase::Ok);
    let look = |offset| Operation::Committed(Committed { group: "g".into(), at: Place::of("t", 0), offset });
    let id = story.history.begin(0, 2, look(None));
    story = story.commit(5, Phase::Ok);
    story.history.end(0, 2, id, Phase::Ok, look(Some(3)));
    story.is_clean();
}

#[test]
fn commit_back_not_where_two_commits_were_under_way_at_once() {
    // 3 begins first and is told last; or 3 and 5 overlap, and are told in the order of their numbers.
    for order in [[5, 3], [3, 5]] {
        let mut story = story().commit(1, Phase::Ok);
        let ids = [3, 5]
            .map(|offset| (offset, story.history.begin(0, offset as u64, Operation::Commit(commit(offset)))));
        for ends in order {
            let (_, id) = ids.into_iter().find(|(offset, _)| *offset == ends).unwrap();
            story.history.end(0, ends as u64, id, Phase::Ok, Operation::Commit(commit(ends)));
        }
        story.finds(Some(3)).is_clean();
    }
}

#[test]
fn commit_back_not_by_a_commit_of_unknown_outcome_that_lands_late() {
    let late = || story().commit(3, Phase::Unknown).commit(5, Phase::Ok).finds(Some(5)).finds(Some(3));
    late().is_clean();
    assert_eq!(
        late().commit(6, Phase::Ok).finds(Some(5)).kinds(),
        [Kind::CommitBack],
        "5 was told long before"
    );
    let refused = story().commit(3, Phase::Ok).commit(3, Phase::Fail).commit(5, Phase::Ok).finds(Some(3));
    assert_eq!(refused.kinds(), [Kind::CommitBack]);
}

#[test]
fn commit_back_behind_what_was_kept_while_a_late_commit_was_looked_at() {
    let look = |offset| Operation::Committed(Committed { group: "g".into(), at: Place::of("t", 0), offset });
    let mut story = story().commit(5, Phase::Ok).commit(3, Phase::Unknown);
    let id = story.history.begin(0, 2, look(None));
    let mut story = story.commit(9, Phase::Ok);
    story.history.end(0, 2, id, Phase::Ok, look(Some(3)));
    assert_eq!(story.finds(Some(5)).kinds(), [Kind::CommitBack]);
}
