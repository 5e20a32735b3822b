//! Compaction: what stays, for whom, and what a crash leaves.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::*;
use crate::record::{BatchHeader, BatchLimits, HEADER_LEN, packed_as, records};
use crate::storage::forgetful::Cut;
use crate::storage::{CompactionError, CompactionOptions, SequenceCheck};
use crate::types::BrokerEpoch;

const MEMORY: usize = 1 << 20;

/// A record as a reader sees it: its key, and its value if it is no tombstone.
type Seen = (u8, Option<u64>);

fn place(segment_bytes: u64) -> Place {
    Place::with(|options| {
        (options.segment_bytes_max, options.retention_ms) = (segment_bytes, None);
        options.compaction = Some(CompactionOptions { delete_retention_ms: 1_000, ..Default::default() });
    })
}

fn keyed(pushed: &[Seen], code: i16, producer: Option<ProducerStamp>) -> BytesMut {
    let mut builder = BatchBuilder::new();
    for (key, value) in pushed {
        let value = value.map(|value| value.to_be_bytes().repeat(4));
        builder.push(NOW_MS, Some(&[*key]), value.as_deref(), &[]);
    }
    packed_as(&builder.finish(producer), code)
}

/// Appends a record for each key, each in a batch of its own.
fn put(log: &mut Log, pushed: &[Seen]) {
    for one in pushed {
        lead(log, keyed(&[*one], 0, None));
    }
}

fn step(
    log: &mut Log,
    job: &mut super::super::CompactionJob,
    keys: &super::super::Keys,
) -> Result<bool, CompactionError> {
    let Some(rewritten) = job.rewrite_next(keys, &mut |_, _| true)? else { return Ok(false) };
    if let Some(swap) = log.swap_in(rewritten)? {
        swap.settle()?;
        log.finish_swap(&swap)?;
        swap.close()?;
    }
    Ok(true)
}

/// One run up to `upper`, as the broker makes it; how far the log is clean then.
fn try_compact(
    log: &mut Log,
    upper: Offset,
    memory: usize,
    now_ms: i64,
) -> Result<Option<Offset>, CompactionError> {
    let Some(mut job) = log.compaction_job(upper, memory, now_ms)? else { return Ok(None) };
    let keys = job.read_keys(&mut |_, _| true)?;
    while step(log, &mut job, &keys)? {}
    log.cleaned_mark(keys.end()).write()?;
    Ok(Some(keys.end()))
}

fn compact(log: &mut Log, now_ms: i64) -> Option<Offset> {
    flush(log);
    try_compact(log, ALL, MEMORY, now_ms).unwrap()
}

fn decode(bytes: &Bytes) -> BTreeMap<i64, Seen> {
    let mut seen = BTreeMap::new();
    let mut rest = bytes.clone();
    while !rest.is_empty() {
        let len = BatchHeader::read(&rest).unwrap().total_len();
        for record in records(&rest.split_to(len), &BatchLimits::default()).unwrap() {
            let value = record.value.map(|value| u64::from_be_bytes(value[..8].try_into().unwrap()));
            let earlier = seen.insert(record.offset.0, (record.key.unwrap()[0], value));
            assert_eq!((earlier, record.timestamp_ms), (None, NOW_MS));
        }
    }
    seen
}

fn seen(log: &Log) -> BTreeMap<i64, Seen> {
    decode(&read_all(log, log.start_offset(), 700).into())
}

fn reopened(place: &mut Place, data_dir: DataDir, log: Log) -> (DataDir, Log) {
    drop((data_dir, log));
    place.disk = Disk::beneath(place.path()).unwrap();
    let (data_dir, log, report) = place.open();
    assert_eq!((report.truncated_bytes, report.lost_durable), (0, false));
    (data_dir, log)
}

#[test]
fn the_last_record_of_each_key_stays_where_it_was() {
    let mut place = place(800);
    let (data_dir, mut log, _) = place.open();
    for value in 0..20 {
        put(&mut log, &[(1, Some(value)), (2, Some(value)), (3, Some(value))]);
    }
    put(&mut log, &[(4, Some(7)); 20]);
    let (before, end) = (log.size_bytes(), log.end_offset());
    let clean_to = compact(&mut log, NOW_MS).unwrap();
    let found = seen(&log);
    let expected = [(57, (1, Some(19))), (58, (2, Some(19))), (59, (3, Some(19)))];
    assert_eq!(found.iter().take(3).map(|(at, seen)| (*at, *seen)).collect::<Vec<_>>(), expected);
    assert!(found.keys().nth(3).is_some_and(|next| *next >= clean_to.0 - 1), "{found:?} to {clean_to}");
    assert!(log.size_bytes() < before / 3, "{} of {before}", log.size_bytes());
    assert_eq!((log.end_offset(), log.start_offset()), (end, Offset::ZERO));
    assert!(place.files(".cleaned").is_empty() && place.files(".swap").is_empty());
    assert_eq!(place.files(".log").len(), log.segment_count());
    let (_data_dir, mut log) = reopened(&mut place, data_dir, log);
    assert_eq!((seen(&log), log.end_offset()), (found, end));
    assert_eq!(log.dirtiness(ALL, NOW_MS).unwrap().unwrap().dirty_bytes, 0, "the mark is remembered");
}

#[test]
fn a_reader_from_anywhere_sees_the_rest() {
    let place = place(700);
    let mut log = place.log();
    for value in 0..60 {
        put(&mut log, &[((value % 7) as u8, Some(value))]);
    }
    compact(&mut log, NOW_MS).unwrap();
    let all = seen(&log);
    for from in 0..=log.end_offset().0 {
        let rest: BTreeMap<_, _> = all.range(from..).map(|(at, seen)| (*at, *seen)).collect();
        let mut found = decode(&read_all(&log, Offset(from), 1).into());
        found.retain(|at, _| *at >= from);
        assert_eq!(found, rest, "from {from}");
        for upper in from..=log.end_offset().0 {
            assert!(
                log.slice(Offset(from), Offset(upper), 200).unwrap().next_offset() <= Offset(upper.max(from))
            );
        }
    }
}

#[test]
fn neither_what_is_uncommitted_nor_the_active_segment_is_touched() {
    let place = place(800);
    let mut log = place.log();
    put(&mut log, &[(1, Some(1)); 40]);
    flush(&mut log);
    let closed = log.segments[2].base;
    try_compact(&mut log, closed.plus(1), MEMORY, NOW_MS).unwrap();
    let offsets: Vec<i64> = seen(&log).into_keys().collect();
    assert_eq!(offsets, (closed.0 - 1..40).collect::<Vec<_>>());
    put(&mut log, &[(1, Some(2)); 40]);
    let durable = log.durable_end();
    assert_eq!(durable, Offset(40), "what is not durable is not either");
    try_compact(&mut log, ALL, MEMORY, NOW_MS).unwrap();
    assert!(seen(&log).len() > 40);
}

#[test]
fn a_tombstone_lives_for_its_time_and_what_it_deletes_goes_at_once() {
    let place = place(400);
    let mut log = place.log();
    put(&mut log, &[(1, Some(1)), (2, Some(2)), (1, None)]);
    put(&mut log, &[(3, Some(3)); 20]);
    let tombstones = |log: &Log| seen(log).values().filter(|seen| seen.1.is_none()).count();
    compact(&mut log, NOW_MS).unwrap();
    assert_eq!((tombstones(&log), seen(&log).get(&0)), (1, None));
    put(&mut log, &[(3, Some(4)); 20]);
    compact(&mut log, NOW_MS + 999).unwrap();
    assert_eq!(tombstones(&log), 1, "the time that the first run set is not over");
    put(&mut log, &[(3, Some(5)); 20]);
    compact(&mut log, NOW_MS + 1_000).unwrap();
    assert_eq!(tombstones(&log), 0);
    assert_eq!(seen(&log).get(&1), Some(&(2, Some(2))));
}

#[test]
fn the_last_batch_of_a_producer_outlives_its_records() {
    let mut place = place(400);
    let (data_dir, mut log, _) = place.open();
    let stamp = |base_sequence| Some(ProducerStamp { producer_id: 5, producer_epoch: 1, base_sequence });
    lead(&mut log, keyed(&[(1, Some(1))], 0, stamp(0)));
    let last = keyed(&[(1, Some(2)), (1, Some(3))], 2, stamp(1));
    lead(&mut log, last.clone());
    put(&mut log, &[(1, Some(4)); 20]);
    compact(&mut log, NOW_MS).unwrap();
    let bytes = read_all(&log, Offset::ZERO, 1 << 20);
    let first = BatchHeader::read(&bytes).unwrap();
    assert_eq!((first.base_offset, first.total_len(), first.record_count), (Offset(1), HEADER_LEN, 0));
    // Nothing but the batches tells of the producer now.
    for snapshot in place.files(".snapshot") {
        std::fs::remove_file(place.log_dir().join(snapshot)).unwrap();
    }
    let (_data_dir, log) = reopened(&mut place, data_dir, log);
    let check = |batch: &BytesMut| log.check_sequence(&BatchHeader::read(batch).unwrap(), NOW_MS);
    assert!(matches!(check(&last), SequenceCheck::Duplicate { base_offset: Offset(1), .. }));
    assert_eq!(check(&keyed(&[(1, None)], 0, stamp(3))), SequenceCheck::Fresh);
    assert_eq!(check(&keyed(&[(1, None)], 0, stamp(4))), SequenceCheck::OutOfOrder { expected: 3 });
}

#[test]
fn small_memory_means_several_runs() {
    let place = place(2_000);
    let mut log = place.log();
    for value in 0..4 {
        put(&mut log, &(0..100).map(|key| (key, Some(value))).collect::<Vec<_>>());
    }
    put(&mut log, &[(0, None); 30]);
    flush(&mut log);
    let mut runs = 0;
    while let Some(end) = try_compact(&mut log, ALL, 0, NOW_MS).unwrap() {
        runs += 1;
        assert!(end > Offset(runs * 10), "every run gets further: {end}");
    }
    let found = seen(&log);
    assert!(runs > 20 && (100..130).contains(&found.len()), "{runs} runs left {}", found.len());
}

#[test]
fn a_log_that_was_cut_or_shortened_meanwhile_is_left_alone() {
    let place = place(800);
    let (data_dir, mut log, _) = place.open();
    put(&mut log, &[(1, Some(1)); 60]);
    flush(&mut log);
    let mut job = log.compaction_job(ALL, MEMORY, NOW_MS).unwrap().unwrap();
    let keys = job.read_keys(&mut |_, _| true).unwrap();
    let rewritten = job.rewrite_next(&keys, &mut |_, _| true).unwrap().unwrap();
    log.truncate_to(Offset(55)).unwrap();
    assert!(log.swap_in(rewritten).unwrap().is_none(), "a cut");
    assert!(place.files(".cleaned").is_empty());
    let mut job = log.compaction_job(ALL, MEMORY, NOW_MS).unwrap().unwrap();
    let keys = job.read_keys(&mut |_, _| true).unwrap();
    let rewritten = job.rewrite_next(&keys, &mut |_, _| true).unwrap().unwrap();
    log.advance_start(Offset(30)).unwrap();
    assert!(log.swap_in(rewritten).unwrap().is_none(), "a new start");
    assert_eq!(seen(&log).into_keys().collect::<Vec<_>>(), (30..55).collect::<Vec<_>>());
    data_dir.empty_trash(NOW_MS);
    put(&mut log, &[(1, Some(1)); 60]);
    flush(&mut log);
    let mut job = log.compaction_job(ALL, MEMORY, NOW_MS).unwrap().unwrap();
    let keys = job.read_keys(&mut |_, _| true).unwrap();
    let rewritten = job.rewrite_next(&keys, &mut |_, _| true).unwrap().unwrap();
    let swap = log.swap_in(rewritten).unwrap().unwrap();
    let end = log.end_offset();
    log.advance_start(end).unwrap();
    swap.settle().unwrap();
    log.finish_swap(&swap).unwrap();
    swap.close().unwrap();
    assert!(place.files(".swap").is_empty(), "the new segment went while it was put in place");
    assert_eq!((log.start_offset(), log.end_offset()), (end, end));
}

#[test]
fn a_run_that_is_told_to_stop_leaves_nothing() {
    let place = place(800);
    let mut log = place.log();
    put(&mut log, &[(1, Some(1)); 60]);
    flush(&mut log);
    let mut job = log.compaction_job(ALL, MEMORY, NOW_MS).unwrap().unwrap();
    assert!(matches!(job.read_keys(&mut |_, _| false), Err(CompactionError::Stopped)));
    let keys = job.read_keys(&mut |_, _| true).unwrap();
    let mut budget = 5;
    let stopped = job.rewrite_next(&keys, &mut |_, _| {
        budget -= 1;
        budget > 0
    });
    assert!(matches!(stopped, Err(CompactionError::Stopped)));
    assert!(place.files(".cleaned").is_empty());
    place.disk.medium.faults.room(50);
    assert!(try_compact(&mut log, ALL, MEMORY, NOW_MS).is_err(), "a full disk");
    place.disk.medium.faults.room(i64::MAX);
    assert!(place.files(".cleaned").is_empty());
    assert_eq!((seen(&log).len(), log.poisoned()), (60, None));
}

/// A log with several segments, compacted once and dirty again.
fn worn(place: &Place) -> (DataDir, Log) {
    let (data_dir, mut log, _) = place.open();
    for value in 0..30 {
        put(&mut log, &[(1, Some(value)), ((value % 9) as u8 + 10, Some(value))]);
    }
    compact(&mut log, NOW_MS).unwrap();
    for value in 30..60 {
        put(&mut log, &[(1, Some(value)), ((value % 9) as u8 + 10, (value % 4 != 0).then_some(value))]);
    }
    flush(&mut log);
    (data_dir, log)
}

/// Each record is one of those before; the last of each key is there; the end is where it was.
fn assert_old_or_new(log: &Log, before: &BTreeMap<i64, Seen>, end: Offset, what: &str) {
    let after = seen(log);
    for (at, record) in &after {
        assert_eq!(before.get(at), Some(record), "{what}: at {at}");
    }
    let last: BTreeMap<u8, i64> = before.iter().map(|(at, (key, _))| (*key, *at)).collect();
    for (key, at) in last {
        assert!(after.contains_key(&at), "{what}: key {key} at {at} is gone");
    }
    assert_eq!(log.end_offset(), end, "{what}");
    let bases: Vec<Offset> = log.segments.iter().map(|segment| segment.base).collect();
    assert!(bases.is_sorted() && bases.iter().collect::<BTreeSet<_>>().len() == bases.len(), "{what}");
}

/// Kills the process at every change of a file or name, and, with `power`, takes back every suffix of the changes of names
/// that were not durable then.
fn crash_everywhere(power: bool) {
    for life in 0_i64.. {
        let mut kept = 0;
        loop {
            let mut place = place(900);
            if power {
                forgetful::begin(place.path()).unwrap();
                place.disk = Disk::beneath(place.path()).unwrap();
            }
            let (data_dir, mut log) = worn(&place);
            let (before, end) = (seen(&log), log.end_offset());
            place.disk.sync_dir(&place.log_dir()).unwrap();
            place.disk.medium.faults.die_after(life);
            let outcome = try_compact(&mut log, ALL, MEMORY, NOW_MS + 10);
            let finished = outcome.is_ok();
            assert!(finished || place.disk.medium.faults.is_dead(), "{outcome:?}");
            let lost = forgetful::power_cut(place.path(), Cut::NamesBut(kept)).unwrap().names;
            let what = format!("dead after {life} changes, {kept} names kept, {lost} lost");
            let (data_dir, mut log) = reopened(&mut place, data_dir, log);
            assert_old_or_new(&log, &before, end, &what);
            assert!(place.files(".cleaned").is_empty() && place.files(".swap").is_empty(), "{what}");
            assert_eq!(place.files(".log").len(), log.segment_count(), "{what}");
            compact(&mut log, NOW_MS + 20);
            assert_old_or_new(&log, &before, end, &what);
            let (_data_dir, log) = reopened(&mut place, data_dir, log);
            assert_old_or_new(&log, &before, end, &what);
            kept += 1;
            if finished {
                assert!(life > 20, "a run has more changes than {life}");
                return;
            }
            if lost == 0 {
                break;
            }
        }
    }
}

#[test]
fn a_crash_at_any_point_leaves_the_old_or_the_new() {
    crash_everywhere(false);
}

#[test]
fn a_power_cut_at_any_point_leaves_the_old_or_the_new() {
    crash_everywhere(true);
}

/// Epochs of which compaction took every batch were forgotten when the log was scanned, and a follower asking for one
/// of them was sent too far back.
#[test]
fn a_scan_keeps_epochs_that_have_no_batch_left() {
    let mut place = place(600);
    let (data_dir, mut log, _) = place.open();
    for epoch in 1..6 {
        for value in 0..10 {
            log.append_as_leader(keyed(&[(1, Some(value))], 0, None), LeaderEpoch(epoch), NOW_MS).unwrap();
        }
    }
    compact(&mut log, NOW_MS).unwrap();
    let epochs = log.epochs.clone();
    assert_eq!(log.epoch_end(LeaderEpoch(2)), (LeaderEpoch(2), Offset(20)));
    let (_data_dir, log) = reopened(&mut place, data_dir, log);
    assert_eq!(log.epochs, epochs);
}

/// What may happen to a compacted log.
#[derive(Clone, Debug)]
enum Step {
    Append { pushed: Vec<(u8, bool)>, code: i16 },
    Compact { upper: f64, keys: usize, wait_ms: i64 },
    Reopen { clean: bool },
    Follow,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let pushed = || prop::collection::vec((0_u8..12, prop::bool::weighted(0.8)), 1..6);
    let step = prop_oneof![
        8 => (pushed(), 0_i16..5).prop_map(|(pushed, code)| Step::Append { pushed, code }),
        3 => (0.0_f64..=1.0, 1_usize..60, 0_i64..800)
            .prop_map(|(upper, keys, wait_ms)| Step::Compact { upper, keys, wait_ms }),
        1 => any::<bool>().prop_map(|clean| Step::Reopen { clean }),
        1 => Just(Step::Follow),
    ];
    prop::collection::vec(step, 5..60)
}

/// All that was ever appended, and how far which run has come.
#[derive(Default)]
struct Model {
    appended: BTreeMap<i64, Seen>,
    clean_to: i64,
}

impl Model {
    fn check(&self, log: &Log) {
        let found = seen(log);
        for (at, record) in &found {
            assert_eq!(self.appended.get(at), Some(record), "at {at}");
        }
        let mut last: BTreeMap<u8, i64> = BTreeMap::new();
        for (at, (key, value)) in &self.appended {
            // A tombstone may be gone; then so is all that it deletes.
            if value.is_none() && !found.contains_key(at) && *at < self.clean_to {
                let revived = found.range(..at).any(|(_, (other, _))| other == key);
                assert!(!revived, "key {key} came back after its tombstone at {at} went");
                last.remove(key);
            } else {
                last.insert(*key, *at);
            }
            assert!(*at < self.clean_to || found.contains_key(at), "{at} is beyond {}", self.clean_to);
        }
        for (key, (at, value)) in self.appended.iter().map(|(at, (key, value))| (*key, (*at, *value))) {
            if last.get(&key) == Some(&at) && value.is_some() {
                assert!(found.contains_key(&at), "the last of key {key}, at {at}, is gone");
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_compacted_log_holds_what_a_reader_needs(steps in steps()) {
        let mut place = place(1_000);
        let (mut data_dir, mut log, _) = place.open();
        let (mut model, mut now_ms, mut value) = (Model::default(), NOW_MS, 0);
        for step in steps {
            match step {
                Step::Append { pushed, code } => {
                    let base = log.end_offset().0;
                    let pushed: Vec<Seen> =
                        pushed.into_iter().map(|(key, says)| { value += 1; (key, says.then_some(value)) }).collect();
                    lead(&mut log, keyed(&pushed, code, None));
                    model.appended.extend((base..).zip(pushed));
                }
                Step::Compact { upper, keys, wait_ms } => {
                    now_ms += wait_ms;
                    flush(&mut log);
                    let upper = Offset((log.end_offset().0 as f64 * upper) as i64);
                    let memory = keys * super::super::offset_map::ENTRY_BYTES;
                    if let Some(end) = try_compact(&mut log, upper, memory, now_ms).unwrap() {
                        prop_assert!(end.0 > model.clean_to);
                        model.clean_to = end.0;
                    }
                }
                Step::Reopen { clean } => {
                    flush(&mut log);
                    if clean {
                        log.close().unwrap();
                        data_dir.mark_clean(BrokerEpoch(1)).unwrap();
                    }
                    (data_dir, log) = reopened(&mut place, data_dir, log);
                }
                Step::Follow => {
                    let other = super::compacting::place(1_000);
                    let mut follower = other.log();
                    let mut at = Offset::ZERO;
                    while at < log.end_offset() {
                        let slice = log.slice(at, ALL, 300).unwrap();
                        follower.append_as_follower(&slice.read().unwrap(), NOW_MS).unwrap();
                        // A follower goes on where its log ends, which may be before a gap.
                        prop_assert!(at < follower.end_offset() && follower.end_offset() <= slice.next_offset());
                        at = follower.end_offset();
                    }
                    prop_assert_eq!(seen(&follower), seen(&log));
                    compact(&mut follower, now_ms);
                    let mut all = Model { appended: seen(&log), clean_to: i64::MAX };
                    all.clean_to = follower.end_offset().0;
                    for (at, record) in seen(&follower) {
                        prop_assert_eq!(all.appended.get(&at), Some(&record));
                    }
                }
            }
            model.check(&log);
        }
    }
}
