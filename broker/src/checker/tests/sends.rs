//! What was sent: lost, unseen, duplicate, inconsistent, aborted, phantom, out of order.

use super::*;

#[test]
fn a_good_history_has_no_anomaly() {
    let story = story()
        .stored(1, &[10, 11], 0)
        .unknown(2, &[20])
        .failed(2, &[21])
        .stored(1, &[12], 3)
        .read(0, &[(0, 10), (1, 11)])
        .read(0, &[(0, 10), (1, 11), (2, 20), (3, 12)])
        .read(2, &[(2, 20), (3, 12)]);
    story.is_clean();
    let counts = story.report().counts;
    assert_eq!((counts.sends_ok, counts.sends_failed, counts.sends_unknown), (2, 1, 1));
    assert_eq!((counts.values_ok, counts.reads, counts.records, counts.events), (3, 3, 8, 11));
}

#[test]
fn lost_a_stored_value_below_what_was_read() {
    let story = story().stored(1, &[1], 0).stored(2, &[2], 1).read(1, &[(1, 2)]);
    assert_eq!(story.kinds(), [Kind::Lost]);
    assert_eq!(story.report().anomalies[0].lines, [1, 2]);
}

#[test]
fn lost_not_what_nobody_knows() {
    story().unknown(1, &[1]).stored(1, &[2], 0).read(0, &[(0, 2)]).is_clean();
}

#[test]
fn lost_not_what_never_ended() {
    let mut story = story();
    let at = story.at();
    story.history.begin(0, 1, Operation::Send(SendBatch::of(at, vec![1])));
    story.is_clean();
    assert_eq!(story.report().counts.sends_unknown, 1);
}

#[test]
fn lost_the_rest_of_a_batch_of_which_a_part_was_read() {
    let story =
        story().unknown(1, &[1, 2, 3]).stored(2, &[4], 3).read(0, &[(0, 1)]).read(2, &[(2, 3), (3, 4)]);
    assert_eq!(story.kinds(), [Kind::Lost]);
}

#[test]
fn lost_not_what_lies_below_the_log_start() {
    let mut story = story().stored(1, &[1], 0).stored(2, &[2], 1);
    let read =
        ReadBatch { log_start: Some(1), records: vec![record(1, 2)], ..ReadBatch::of(story.at(), Some(1)) };
    story.history.note(0, 9, Operation::Read(read));
    story.is_clean();
}

fn deleting(phase: Phase) -> Story {
    let story = story().stored(1, &[1], 0).stored(2, &[2], 1);
    let delete = Operation::DeleteRecords(DeleteRecords { at: story.at(), before: 1 });
    story.whole(3, delete.clone(), phase, delete).read(1, &[(1, 2)])
}

#[test]
fn lost_not_what_may_have_been_deleted() {
    deleting(Phase::Ok).is_clean();
    deleting(Phase::Unknown).is_clean();
    assert_eq!(deleting(Phase::Fail).kinds(), [Kind::Lost]);
}

#[test]
fn lost_not_in_a_compacted_nor_in_a_deleted_topic() {
    let lost = || story().stored(1, &[1], 0).stored(2, &[2], 1).read(1, &[(1, 2)]);
    lost().fact(|facts| facts.compacted = Some(true)).is_clean();
    lost().fact(|facts| facts.deleted = Some(true)).is_clean();
    assert_eq!(lost().fact(|facts| facts.compacted = Some(false)).kinds(), [Kind::Lost]);
}

#[test]
fn unseen_a_stored_value_at_the_end_of_the_log() {
    let story = story().stored(1, &[1], 0).stored(1, &[2], 1).read(0, &[(0, 1)]);
    assert_eq!(story.kinds(), [Kind::Unseen]);
}

#[test]
fn unseen_the_second_half_of_a_batch() {
    assert_eq!(story().stored(1, &[1, 2], 0).read(0, &[(0, 1)]).kinds(), [Kind::Unseen]);
}

#[test]
fn unseen_all_of_a_partition_that_nobody_read() {
    assert_eq!(story().stored(1, &[1], 0).kinds(), [Kind::Unseen]);
}

#[test]
fn duplicate_one_value_at_two_offsets() {
    let story = story().unknown(1, &[1]).read(0, &[(0, 1), (1, 1)]).read(0, &[(0, 1), (1, 1)]);
    assert_eq!(story.kinds(), [Kind::Duplicate]);
    assert_eq!(story.report().number_of(&[Kind::Duplicate]), 1, "counted once, however often it is read");
}

#[test]
fn duplicate_a_value_found_elsewhere_than_its_answer_said() {
    assert_eq!(story().stored(1, &[1], 0).read(3, &[(3, 1)]).kinds(), [Kind::Duplicate]);
}

#[test]
fn duplicate_a_repetition_that_was_stored_again() {
    let story = story()
        .idempotent(0, &[1], Phase::Unknown, None)
        .idempotent(0, &[1], Phase::Ok, Some(1))
        .read(0, &[(0, 1), (1, 1)]);
    assert_eq!(story.kinds(), [Kind::Duplicate]);
}

#[test]
fn duplicate_not_a_repetition_that_was_known() {
    story()
        .idempotent(0, &[1], Phase::Unknown, None)
        .idempotent(1, &[2], Phase::Ok, Some(1))
        .idempotent(0, &[1], Phase::Ok, Some(0))
        .read(0, &[(0, 1), (1, 2)])
        .is_clean();
}

#[test]
fn inconsistent_two_values_at_one_offset() {
    let story = story().unknown(1, &[1]).unknown(2, &[2]).read(0, &[(0, 1)]).read(0, &[(0, 2)]);
    assert_eq!(story.kinds(), [Kind::InconsistentOffset]);
}

#[test]
fn inconsistent_two_answers_with_one_offset() {
    let story = story().stored(1, &[1], 0).stored(2, &[2], 0).read(0, &[(0, 2)]);
    assert_eq!(story.kinds(), [Kind::Lost, Kind::InconsistentOffset]);
}

#[test]
fn inconsistent_not_two_partitions_nor_two_topics_of_one_name() {
    story()
        .stored(1, &[1], 0)
        .read(0, &[(0, 1)])
        .in_partition(1)
        .stored(1, &[2], 0)
        .read(0, &[(0, 2)])
        .is_clean();
    let anew = story().in_topic("a").stored(1, &[1], 0).fact(|facts| facts.deleted = Some(true));
    anew.in_topic("b").stored(1, &[2], 0).read(0, &[(0, 2)]).is_clean();
}

fn with_epochs(records: &[(i64, ValueId, i64)]) -> Story {
    let mut story = story().unknown(1, &[1]).unknown(2, &[2]);
    for &(offset, value, epoch) in records {
        let records = vec![ReadRecord { offset, value: Some(value), epoch: Some(epoch) }];
        let read = ReadBatch { records, ..ReadBatch::of(story.at(), Some(offset)) };
        story.history.note(0, 9, Operation::Read(read));
    }
    story
}

#[test]
fn forked_two_values_at_one_offset_in_one_epoch() {
    with_epochs(&[(0, 1, 3), (0, 1, 3), (1, 2, 3)]).is_clean();
    assert_eq!(with_epochs(&[(0, 1, 3), (0, 2, 3)]).kinds(), [Kind::InconsistentOffset, Kind::ForkedEpoch]);
    assert_eq!(with_epochs(&[(0, 1, 3), (0, 2, 4)]).kinds(), [Kind::InconsistentOffset]);
}

#[test]
fn forked_one_record_in_two_epochs() {
    assert_eq!(with_epochs(&[(0, 1, 3), (0, 1, 4)]).kinds(), [Kind::ForkedEpoch]);
}

#[test]
fn aborted_a_refused_value_that_was_read() {
    let story = story().failed(1, &[1]).read(0, &[(0, 1)]);
    assert_eq!(story.kinds(), [Kind::AbortedRead]);
    assert_eq!(story.report().anomalies[0].lines, [1, 3]);
}

#[test]
fn aborted_not_if_another_attempt_may_have_done_it() {
    story()
        .idempotent(0, &[1], Phase::Unknown, None)
        .idempotent(0, &[1], Phase::Fail, None)
        .read(0, &[(0, 1)])
        .is_clean();
}

#[test]
fn phantom_a_value_that_nobody_sent() {
    assert_eq!(story().read(0, &[(0, 7)]).kinds(), [Kind::Phantom]);
}

#[test]
fn phantom_a_value_that_was_read_before_it_was_sent() {
    let story_of_one = story().read(0, &[(0, 1)]).stored(1, &[1], 0);
    assert_eq!(story_of_one.kinds(), [Kind::Phantom]);
    assert_eq!(story_of_one.report().anomalies[0].lines, [1, 2]);
    // Also if it is read again in due time, and if nobody knows how the send ended.
    assert_eq!(story_of_one.read(0, &[(0, 1)]).report().number_of(&[Kind::Phantom]), 1);
    assert_eq!(story().read(0, &[(0, 1)]).unknown(1, &[1]).kinds(), [Kind::Phantom]);
    // Of a batch, each value by itself.
    let half = story().unknown(1, &[1]).read(0, &[(0, 1), (1, 2)]).stored(1, &[2, 3], 1).read(2, &[(2, 3)]);
    assert_eq!(half.report().number_of(&[Kind::Phantom]), 1);
}

#[test]
fn phantom_not_a_value_that_was_read_before_its_send_had_ended() {
    let batch =
        |base_offset| Operation::Send(SendBatch { base_offset, ..SendBatch::of(Place::of("t", 0), vec![1]) });
    let mut between = story();
    let id = between.history.begin(0, 1, batch(None));
    between = between.read(0, &[(0, 1)]);
    between.history.end(0, 1, id, Phase::Ok, batch(Some(0)));
    between.is_clean();

    let read = |records| Operation::Read(ReadBatch { records, ..ReadBatch::of(Place::of("t", 0), Some(0)) });
    let mut around = story();
    let id = around.history.begin(0, 9, read(Vec::new()));
    around = around.stored(1, &[1], 0);
    around.history.end(0, 9, id, Phase::Ok, read(vec![record(0, 1)]));
    around.is_clean();
}

#[test]
fn phantom_not_a_value_that_was_read_between_two_attempts() {
    story()
        .idempotent(0, &[1], Phase::Unknown, None)
        .read(0, &[(0, 1)])
        .idempotent(0, &[1], Phase::Ok, Some(0))
        .is_clean();
    // Before both of them it is one.
    let before = story().read(0, &[(0, 1)]).idempotent(0, &[1], Phase::Unknown, None);
    assert_eq!(before.idempotent(0, &[1], Phase::Ok, Some(0)).report().anomalies[0].lines, [1, 2]);
}

#[test]
fn phantom_not_a_record_that_is_no_value() {
    let mut story = story().stored(1, &[1], 1);
    let records = vec![ReadRecord { offset: 0, value: None, epoch: None }, record(1, 1)];
    let read = ReadBatch { records, ..ReadBatch::of(story.at(), Some(0)) };
    story.history.note(0, 9, Operation::Read(read));
    story.is_clean();
}

#[test]
fn reordered_between_the_sends_of_one_client() {
    let of = |client| story().stored(1, &[1], 1).stored(client, &[2], 0).read(0, &[(0, 2), (1, 1)]);
    assert_eq!(of(1).kinds(), [Kind::Reordered]);
    of(2).is_clean();
}

#[test]
fn reordered_not_two_sends_that_were_under_way_at_once() {
    let mut story = story();
    let batch = |value, base_offset| {
        Operation::Send(SendBatch { base_offset, ..SendBatch::of(Place::of("t", 0), vec![value]) })
    };
    let one = story.history.begin(0, 1, batch(1, None));
    let two = story.history.begin(0, 1, batch(2, None));
    story.history.end(0, 1, one, Phase::Ok, batch(1, Some(1)));
    story.history.end(0, 1, two, Phase::Ok, batch(2, Some(0)));
    story.read(0, &[(0, 2), (1, 1)]).is_clean();
}

#[test]
fn reordered_by_sequence_number_even_if_unknown() {
    let of = |first, second| {
        story()
            .idempotent(first, &[1], Phase::Unknown, None)
            .idempotent(second, &[2], Phase::Ok, Some(0))
            .read(0, &[(0, 2), (1, 1)])
    };
    assert_eq!(of(0, 1).kinds(), [Kind::Reordered]);
    of(1, 0).is_clean();
}

#[test]
fn reordered_between_two_lives_of_a_producer() {
    let of = |first, second| {
        story()
            .in_life(first, 5, &[1], Phase::Unknown, None)
            .in_life(second, 0, &[2], Phase::Ok, Some(0))
            .read(0, &[(0, 2), (1, 1)])
    };
    assert_eq!(of(0, 1).kinds(), [Kind::Reordered]);
    of(1, 0).is_clean();
}

#[test]
fn reordered_without_the_batch_between() {
    let sent = |story: Story, sequence: i32, base: Option<i64>| {
        let phase = if base.is_some() { Phase::Ok } else { Phase::Unknown };
        story.idempotent(sequence, &[sequence.unsigned_abs().into()], phase, base)
    };
    let passed = || sent(sent(sent(story(), 1, Some(0)), 2, None), 3, Some(1));
    assert_eq!(passed().read(0, &[(0, 1), (1, 3)]).kinds(), [Kind::Reordered]);
    // The first that is known follows on nothing; something unknown stands between.
    sent(sent(sent(story(), 2, None), 2 + 1, Some(1)), 4, Some(2)).read(1, &[(1, 3), (2, 4)]).is_clean();
    let apart = sent(sent(sent(story(), 1, Some(0)), 2, None), 3, Some(2));
    apart.stored(3, &[8], 3).read(0, &[(0, 1)]).read(2, &[(2, 3), (3, 8)]).is_clean();
}

#[test]
fn reordered_not_where_a_refused_number_is_used_again() {
    let refused = story().idempotent(0, &[1], Phase::Ok, Some(0)).idempotent(1, &[2], Phase::Fail, None);
    let again = refused.idempotent(1, &[3], Phase::Ok, Some(1)).idempotent(2, &[4], Phase::Ok, Some(2));
    again.read(0, &[(0, 1), (1, 3), (2, 4)]).is_clean();
}

#[test]
fn reordered_not_where_refused_numbers_are_given_out_anew_in_one_batch() {
    let refused = story().idempotent(1, &[1], Phase::Fail, None).idempotent(2, &[2], Phase::Fail, None);
    let anew =
        refused.idempotent(1, &[3, 4, 5, 6], Phase::Ok, Some(0)).idempotent(5, &[7], Phase::Ok, Some(4));
    anew.read(0, &[(0, 3), (1, 4), (2, 5), (3, 6), (4, 7)]).is_clean();
}

#[test]
fn reordered_within_a_batch() {
    let story = story().unknown(1, &[1, 2]).read(0, &[(0, 2), (1, 1)]);
    assert_eq!(story.kinds(), [Kind::Reordered]);
}
