//! Replicas laid beside one another.

use super::*;

fn replica(broker: i32, high_watermark: i64, entries: &[(i64, i64, i64, &str)]) -> Replica {
    let entries: Vec<ReplicaEntry> = entries
        .iter()
        .map(|(base, end, epoch, digest)| (*base, *end, *epoch, (*digest).to_owned()).into())
        .collect();
    let log_end = entries.last().map_or(0, |entry| entry.end);
    Replica { at: Place::of("t", 0), broker, high_watermark, log_end, log_start: 0, in_sync: true, entries }
}

fn beside(replicas: [Replica; 2]) -> Story {
    replicas.into_iter().fold(story(), |story, replica| story.note(Operation::Replica(replica)))
}

const A: (i64, i64, i64, &str) = (0, 2, 1, "a");
const B: (i64, i64, i64, &str) = (2, 5, 1, "b");

#[test]
fn replicas_that_are_the_same_below_the_high_watermark() {
    beside([replica(1, 5, &[A, B]), replica(2, 5, &[A, B])]).is_clean();
    // The follower has not heard yet that B is committed; above its high watermark it may differ.
    beside([replica(1, 5, &[A, B]), replica(2, 2, &[A, (2, 5, 0, "x")])]).is_clean();
}

#[test]
fn replicas_that_differ_in_content_epoch_or_shape() {
    for other in [(2, 5, 1, "x"), (2, 5, 2, "b"), (2, 6, 1, "b")] {
        let (one, two) = (replica(1, 5, &[A, B]), replica(2, 5, &[A, other]));
        let both_ways = [[one.clone(), two.clone()], [two, one]];
        for told in both_ways {
            assert_eq!(beside(told).kinds(), [Kind::ReplicasDiffer], "{other:?}");
        }
    }
    let split = [A, (2, 3, 1, "b"), (3, 5, 1, "c")];
    assert_eq!(beside([replica(1, 5, &[A, B]), replica(2, 5, &split)]).kinds(), [Kind::ReplicasDiffer]);
}

#[test]
fn replicas_of_which_one_in_sync_ends_too_early() {
    let short = || replica(2, 2, &[A]);
    assert_eq!(beside([replica(1, 5, &[A, B]), short()]).kinds(), [Kind::ReplicasDiffer]);
    beside([replica(1, 5, &[A, B]), Replica { in_sync: false, ..short() }]).is_clean();
}

#[test]
fn replicas_with_a_hole() {
    let holed = replica(2, 5, &[B]);
    assert_eq!(beside([replica(1, 5, &[A, B]), holed.clone()]).kinds(), [Kind::ReplicasDiffer]);
    beside([replica(1, 5, &[A, B]), Replica { log_start: 2, ..holed.clone() }]).is_clean();
    beside([replica(1, 5, &[A, B]), Replica { log_start: 3, ..holed.clone() }]).is_clean();
    beside([replica(1, 5, &[A, B]), holed]).fact(|facts| facts.compacted = Some(true)).is_clean();
}

#[test]
fn replicas_of_which_only_the_ends_are_told() {
    let told = |broker, log_end| Replica { log_end, ..replica(broker, 5, &[]) };
    beside([told(1, 5), told(2, 6)]).is_clean();
    assert_eq!(beside([told(1, 5), told(2, 4)]).kinds(), [Kind::ReplicasDiffer]);
}

#[test]
fn lost_what_was_read_once_and_lies_behind_the_end_of_every_replica() {
    let told = |story: Story| story.note(Operation::Replica(replica(1, 2, &[A])));
    let read = |last| story().unknown(1, &[7]).read(last, &[(last, 7)]);
    assert_eq!(told(read(2)).kinds(), [Kind::Lost]);
    told(read(1)).is_clean();
    let behind = Replica { in_sync: false, ..replica(1, 2, &[A]) };
    read(2).note(Operation::Replica(behind)).is_clean();
    // What comes after the replica was told is not its fault.
    told(story()).unknown(1, &[7]).read(2, &[(2, 7)]).is_clean();
}
