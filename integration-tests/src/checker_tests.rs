//! Each anomaly caught in the smallest history that shows it, and none seen in a good one.

use super::*;

fn sent(client: u32, values: &[ValueId], outcome: Outcome) -> Operation {
    Operation::Send { client, partition: 0, values: values.to_vec(), outcome }
}

fn read(from: i64, records: &[(i64, ValueId)]) -> Operation {
    Operation::Read { client: 9, partition: 0, from, records: records.to_vec(), watermark: None }
}

#[test]
fn a_good_history_has_no_anomaly() {
    let history = [
        sent(1, &[10, 11], Outcome::Stored(0)),
        sent(2, &[20], Outcome::Unknown),
        sent(2, &[21], Outcome::Refused),
        sent(1, &[12], Outcome::Stored(3)),
        read(0, &[(0, 10), (1, 11)]),
        read(0, &[(0, 10), (1, 11), (2, 20), (3, 12)]),
        read(2, &[(2, 20), (3, 12)]),
    ];
    assert_eq!(check(&history), []);
}

#[test]
fn an_unknown_send_may_be_missing() {
    let history = [sent(1, &[1], Outcome::Unknown), sent(1, &[2], Outcome::Stored(0)), read(0, &[(0, 2)])];
    assert_eq!(check(&history), []);
}

#[test]
fn lost_a_stored_value_below_what_was_read() {
    let history = [sent(1, &[1], Outcome::Stored(0)), sent(2, &[2], Outcome::Stored(1)), read(1, &[(1, 2)])];
    assert_eq!(check(&history), [Anomaly::Lost { partition: 0, offset: 0, value: 1 }]);
}

#[test]
fn unseen_a_stored_value_at_the_end_of_the_log() {
    let history = [sent(1, &[1], Outcome::Stored(0)), sent(1, &[2], Outcome::Stored(1)), read(0, &[(0, 1)])];
    assert_eq!(check(&history), [Anomaly::Unseen { partition: 0, offset: 1, value: 2 }]);
}

#[test]
fn unseen_the_second_half_of_a_batch() {
    let history = [sent(1, &[1, 2], Outcome::Stored(0)), read(0, &[(0, 1)])];
    assert_eq!(check(&history), [Anomaly::Unseen { partition: 0, offset: 1, value: 2 }]);
}

#[test]
fn duplicate_one_value_at_two_offsets() {
    let history = [sent(1, &[1], Outcome::Unknown), read(0, &[(0, 1), (1, 1)])];
    assert_eq!(check(&history), [Anomaly::Duplicate { value: 1, places: vec![(0, 0), (0, 1)] }]);
}

#[test]
fn duplicate_a_value_found_elsewhere_than_its_answer_said() {
    let history = [sent(1, &[1], Outcome::Stored(0)), read(0, &[(3, 1)])];
    assert!(check(&history).contains(&Anomaly::Duplicate { value: 1, places: vec![(0, 0), (0, 3)] }));
}

#[test]
fn inconsistent_two_values_at_one_offset() {
    let history = [
        sent(1, &[1], Outcome::Unknown),
        sent(2, &[2], Outcome::Unknown),
        read(0, &[(0, 1)]),
        read(0, &[(0, 2)]),
    ];
    assert_eq!(
        check(&history),
        [Anomaly::InconsistentOffset { partition: 0, offset: 0, values: vec![1, 2] }]
    );
}

#[test]
fn inconsistent_two_answers_with_one_offset() {
    let history = [sent(1, &[1], Outcome::Stored(0)), sent(2, &[2], Outcome::Stored(0)), read(0, &[(0, 2)])];
    let found = check(&history);
    assert!(found.contains(&Anomaly::InconsistentOffset { partition: 0, offset: 0, values: vec![1, 2] }));
    assert!(found.contains(&Anomaly::Lost { partition: 0, offset: 0, value: 1 }));
}

#[test]
fn aborted_a_refused_value_that_was_read() {
    let history = [sent(1, &[1], Outcome::Refused), read(0, &[(0, 1)])];
    assert_eq!(check(&history), [Anomaly::AbortedRead { partition: 0, offset: 0, value: 1 }]);
}

#[test]
fn phantom_a_value_that_nobody_sent() {
    assert_eq!(check(&[read(0, &[(0, 7)])]), [Anomaly::Phantom { partition: 0, offset: 0, value: 7 }]);
}

#[test]
fn disorder_within_a_read() {
    let history = [sent(1, &[1, 2], Outcome::Stored(0)), read(0, &[(1, 2), (0, 1)])];
    assert!(check(&history).contains(&Anomaly::Disorder { client: 9, partition: 0, before: 1, after: 0 }));
}

#[test]
fn disorder_between_the_sends_of_one_client() {
    let history =
        [sent(1, &[1], Outcome::Stored(1)), sent(1, &[2], Outcome::Stored(0)), read(0, &[(0, 2), (1, 1)])];
    assert_eq!(check(&history), [Anomaly::Disorder { client: 1, partition: 0, before: 1, after: 0 }]);
}

#[test]
fn skipped_an_offset_that_others_have_seen() {
    let history = [
        sent(1, &[1, 2, 3], Outcome::Stored(0)),
        read(0, &[(0, 1), (1, 2), (2, 3)]),
        read(0, &[(0, 1), (2, 3)]),
    ];
    assert_eq!(check(&history), [Anomaly::Skipped { client: 9, partition: 0, offset: 1 }]);
}

#[test]
fn watermark_back_within_an_epoch_only() {
    let told = |epoch, high| Operation::Read {
        client: 9,
        partition: 0,
        from: 0,
        records: vec![],
        watermark: Some((epoch, high)),
    };
    assert_eq!(check(&[told(1, 5), told(2, 4)]), []);
    let anomaly = Anomaly::WatermarkBack { client: 9, partition: 0, before: 5, after: 4 };
    assert_eq!(check(&[told(1, 5), told(1, 4)]), [anomaly]);
}
