//! Reads: going back, skipping, and the marks told with them.

use super::*;

fn three() -> Story {
    story().stored(1, &[1, 2, 3], 0).read_as(8, Some(0), &[(0, 1), (1, 2), (2, 3)])
}

#[test]
fn poll_back_within_a_read() {
    assert_eq!(three().read(0, &[(0, 1), (0, 1), (1, 2)]).kinds(), [Kind::PollBack]);
    assert_eq!(three().read(0, &[(1, 2), (0, 1)]).kinds(), [Kind::PollBack, Kind::PollSkip]);
}

#[test]
fn poll_back_below_what_was_asked_for() {
    assert_eq!(three().read(1, &[(0, 1)]).kinds(), [Kind::PollBack]);
}

#[test]
fn poll_back_between_two_reads() {
    let story = three().poll(&[(0, 1), (1, 2)]).poll(&[(1, 2), (2, 3)]);
    assert_eq!(story.kinds(), [Kind::PollBack]);
    assert_eq!(story.report().anomalies[0].lines, [4, 5]);
    three().poll(&[(0, 1), (1, 2)]).poll(&[]).poll(&[(2, 3)]).is_clean();
}

#[test]
fn poll_back_not_after_a_seek_nor_an_assignment() {
    let seek = Operation::Seek(Seek { at: Place::of("t", 0) });
    three().poll(&[(2, 3)]).note(seek).poll(&[(0, 1)]).is_clean();
    let (group, member) = ("g".into(), "m".into());
    let assigned = Operation::Assigned(Assigned { group, member, epoch: 1, partitions: vec![] });
    three().poll(&[(2, 3)]).note(assigned).poll(&[(0, 1)]).is_clean();
}

#[test]
fn poll_back_not_of_another_client() {
    three().poll(&[(2, 3)]).read_as(7, None, &[(0, 1)]).is_clean();
}

#[test]
fn poll_skip_within_a_read() {
    assert_eq!(three().read(0, &[(0, 1), (2, 3)]).kinds(), [Kind::PollSkip]);
    assert_eq!(three().read(0, &[(2, 3)]).kinds(), [Kind::PollSkip]);
}

#[test]
fn poll_skip_between_two_reads() {
    assert_eq!(three().poll(&[(0, 1)]).poll(&[(2, 3)]).kinds(), [Kind::PollSkip]);
}

#[test]
fn poll_skip_is_seen_even_if_the_value_becomes_known_later() {
    let story = story().unknown(1, &[1]).unknown(1, &[2]).unknown(1, &[3]).read(0, &[(0, 1), (2, 3)]);
    story.is_clean();
    assert_eq!(story.read(1, &[(1, 2)]).kinds(), [Kind::PollSkip]);
}

#[test]
fn poll_skip_not_over_offsets_that_hold_no_value() {
    story().stored(1, &[1], 0).stored(1, &[2], 2).read(0, &[(0, 1), (2, 2)]).is_clean();
}

#[test]
fn poll_skip_not_in_a_compacted_log_nor_below_the_log_start() {
    three().read(0, &[(2, 3)]).fact(|facts| facts.compacted = Some(true)).is_clean();
    let told = |log_start| {
        let story = three();
        let records = vec![record(2, 3)];
        let read = ReadBatch { records, log_start: Some(log_start), ..ReadBatch::of(story.at(), Some(0)) };
        story.note(Operation::Read(read))
    };
    told(2).is_clean();
    assert_eq!(told(1).kinds(), [Kind::PollSkip]);
}

fn marks(told: &[(u64, i64, i64, i64)]) -> Story {
    let mut story = story();
    for &(process, epoch, high, start) in told {
        let (leader_epoch, high_watermark, log_start) = (Some(epoch), Some(high), Some(start));
        let read =
            ReadBatch { leader_epoch, high_watermark, log_start, ..ReadBatch::of(story.at(), Some(0)) };
        story.history.note(0, process, Operation::Read(read));
    }
    story
}

#[test]
fn watermark_back_within_an_epoch_and_a_client_only() {
    marks(&[(9, 1, 5, 0), (9, 2, 4, 0), (8, 1, 4, 0), (9, 1, 5, 0), (9, 1, 6, 0)]).is_clean();
    assert_eq!(marks(&[(9, 1, 5, 0), (9, 2, 4, 0), (9, 1, 4, 0)]).kinds(), [Kind::WatermarkBack]);
}

#[test]
fn log_start_back_within_an_epoch_and_a_client_only() {
    marks(&[(9, 1, 5, 2), (9, 2, 5, 1), (8, 1, 5, 1), (9, 1, 5, 3)]).is_clean();
    assert_eq!(marks(&[(9, 1, 5, 2), (9, 1, 5, 1)]).kinds(), [Kind::LogStartBack]);
}

#[test]
fn log_start_ahead_of_what_was_asked_to_go() {
    let keeping = |before| {
        let story = marks(&[(9, 1, 5, 2)]).fact(|facts| facts.retention = Some(false));
        let delete = Operation::DeleteRecords(DeleteRecords { at: story.at(), before });
        story.whole(1, delete.clone(), Phase::Unknown, delete)
    };
    keeping(2).is_clean();
    assert_eq!(keeping(1).kinds(), [Kind::LogStartAhead]);
    marks(&[(9, 1, 5, 2)]).is_clean();
}

#[test]
fn above_the_watermark_a_record_that_was_not_committed() {
    let told = |high| {
        let story = story().stored(1, &[1], 0);
        let read = ReadBatch {
            records: vec![record(0, 1)],
            high_watermark: Some(high),
            ..ReadBatch::of(story.at(), Some(0))
        };
        story.note(Operation::Read(read))
    };
    told(1).is_clean();
    assert_eq!(told(0).kinds(), [Kind::AboveWatermark]);
}
