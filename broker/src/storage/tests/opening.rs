//! Opening after a crash and after a clean end.

use std::fs;

use proptest::prelude::*;

use super::*;
use crate::clock::Clock;
use crate::record::BatchHeader;
use crate::storage::CheckpointEntry;
use crate::types::BrokerEpoch;

/// What one directory holds, to be laid out again and again.
struct Image {
    files: Vec<(PathBuf, Vec<u8>)>,
}

impl Image {
    fn of(root: &Path) -> Self {
        let mut files = Vec::new();
        let mut dirs = vec![root.to_path_buf()];
        while let Some(dir) = dirs.pop() {
            for entry in fs::read_dir(dir).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    dirs.push(path);
                } else {
                    files.push((path.strip_prefix(root).unwrap().to_path_buf(), fs::read(&path).unwrap()));
                }
            }
        }
        Self { files }
    }

    fn lay_out(&self, root: &Path) {
        for (path, bytes) in &self.files {
            let path = root.join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, bytes).unwrap();
        }
    }
}

fn checkpoint(data_dir: &DataDir, log: &Log) {
    let entry = CheckpointEntry {
        tp: tp(),
        topic_id: topic_id(),
        recovery_point: log.durable_end(),
        log_start: log.start_offset(),
        high_watermark: log.durable_end(),
    };
    data_dir.write_checkpoints(&[entry]).unwrap();
}

/// Ends and lengths of all batches in `bytes`.
fn batches(bytes: &[u8]) -> Vec<(Offset, usize)> {
    let (mut found, mut at) = (Vec::new(), 0);
    while at < bytes.len() {
        let header = BatchHeader::read(&bytes[at..]).unwrap();
        at += header.total_len();
        found.push((header.next_offset(), at));
    }
    found
}

/// A log of batches of these counts, each its own epoch, the first `flushed` of them durable and checkpointed.
/// With `closed`, the indexes and a snapshot are on disk, but the mark is not.
fn written(place: &Place, counts: &[usize], flushed: usize, closed: bool) -> (Image, Vec<u8>) {
    let (data_dir, mut log, _) = place.open();
    for (n, count) in counts.iter().enumerate() {
        let stamp = ProducerStamp { producer_id: 5, producer_epoch: 0, base_sequence: n as i32 };
        let sent = stamped(NOW_MS + n as i64, *count, 20, (*count == 1).then_some(stamp));
        log.append_as_leader(sent, LeaderEpoch(n as i32), NOW_MS).unwrap();
        if n + 1 == flushed {
            flush(&mut log);
            checkpoint(&data_dir, &log);
        }
    }
    let bytes = read_all(&log, Offset::ZERO, 1 << 20);
    if closed {
        log.close().unwrap();
    }
    drop((data_dir, log));
    (Image::of(place.path()), bytes)
}

/// Opens a copy whose last segment was replaced by `active`, and compares with the whole batches at its beginning.
fn recovers(place: &Place, image: &Image, all: &[u8], active: &[u8], flushed_end: Offset) {
    let copy = Place::with(|options| *options = place.options.clone());
    image.lay_out(copy.path());
    let name = place.files(".log").pop().unwrap();
    let earlier = all.len() - image.files.iter().find(|(path, _)| path.ends_with(&name)).unwrap().1.len();
    fs::write(copy.log_dir().join(&name), active).unwrap();
    let same = all[earlier..].iter().zip(active).take_while(|(one, other)| one == other).count();
    let (end, len) =
        batches(all).into_iter().take_while(|(_, len)| *len <= earlier + same).last().unwrap_or_default();

    let (data_dir, mut log, report) = copy.open();
    assert_eq!(log.end_offset(), end);
    assert_eq!(log.durable_end(), end);
    assert_eq!(read_all(&log, Offset::ZERO, 100), &all[..len]);
    assert_eq!(report.truncated_bytes as usize, earlier + active.len() - len);
    assert_eq!(report.lost_durable, end < flushed_end, "{end} of {flushed_end}");
    let last = batches(&all[..len]).len() as i32 - 1;
    assert_eq!(log.last_epoch(), LeaderEpoch(last));
    for epoch in 0..=last {
        let end = batches(all)[epoch as usize].0;
        assert_eq!(log.epoch_end(LeaderEpoch(epoch)), (LeaderEpoch(epoch), end));
    }
    if last >= 0 {
        let newest = NOW_MS + i64::from(last);
        assert_eq!(log.find_timestamp(newest, ALL).unwrap().map(|(_, time)| time), Some(newest));
        assert_eq!(log.find_timestamp(newest + 1, ALL).unwrap(), None);
    }
    let appended = log.append_as_leader(batch(2), LeaderEpoch(900), NOW_MS).unwrap();
    assert_eq!(appended.base_offset, end);
    drop((data_dir, log));
    let (_data_dir, log, report) = copy.open();
    assert_eq!((log.end_offset(), report.truncated_bytes), (end.plus(2), 0));
}

#[test]
fn every_torn_prefix_of_a_tail_recovers_to_whole_batches() {
    for closed in [false, true] {
        let place = Place::with(|options| {
            (options.segment_bytes_max, options.index_interval_bytes) = (700, 100);
        });
        let (image, all) = written(&place, &[3, 1, 1, 4, 1, 9, 1, 2, 5, 1, 6], 8, closed);
        let name = place.files(".log").pop().unwrap();
        let active = image.files.iter().find(|(path, _)| path.ends_with(&name)).unwrap().1.clone();
        let flushed_end = batches(&all)[7].0;
        for len in 0..=active.len() {
            recovers(&place, &image, &all, &active[..len], flushed_end);
        }
        for garbage in [&[0_u8; 200][..], &[0xff; 61], b"x", &active[..70]] {
            recovers(&place, &image, &all, &[&active[..], garbage].concat(), flushed_end);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_log_recovers_from_any_damage(
        counts in prop::collection::vec(1_usize..12, 1..25),
        segment_bytes_max in 300_u64..4_000,
        flushed in 0_usize..25,
        closed: bool,
        cut in 0.0_f64..=1.0,
        garbage in prop::collection::vec(any::<u8>(), 0..150),
        flip in prop::option::of(0.0_f64..1.0),
    ) {
        let place = Place::with(|options| options.segment_bytes_max = segment_bytes_max);
        let (image, all) = written(&place, &counts, flushed, closed);
        let flushed_end = match flushed {
            0 => Offset(0),
            n if n > counts.len() => Offset(0),
            n => batches(&all)[n - 1].0,
        };
        let name = place.files(".log").pop().unwrap();
        let mut active = image.files.iter().find(|(path, _)| path.ends_with(&name)).unwrap().1.clone();
        active.truncate((active.len() as f64 * cut) as usize);
        active.extend_from_slice(&garbage);
        // Base offset and epoch lie outside the CRC, and what was durable is not read again: a flip there is not seen.
        if let Some(at) = flip.map(|flip| (active.len() as f64 * flip) as usize).filter(|at| *at < active.len()) {
            let starts = batches(&all);
            let earlier = all.len() - image.files.iter().find(|(path, _)| path.ends_with(&name)).unwrap().1.len();
            let before = starts.iter().take_while(|(_, end)| *end <= earlier + at).last();
            let (offset, begin) = before.copied().unwrap_or_default();
            if earlier + at - begin >= 16 && offset >= flushed_end {
                active[at] ^= 0x10;
            }
        }
        recovers(&place, &image, &all, &active, flushed_end);
    }
}

#[test]
fn a_missing_middle_ends_the_log_there() {
    let place = Place::with(|options| options.segment_bytes_max = 500);
    let (_, all) = written(&place, &[5; 20], 4, false);
    let logs = place.files(".log");
    fs::remove_file(place.log_dir().join(&logs[logs.len() / 2])).unwrap();
    let (_data_dir, log, report) = place.open();
    let end = log.end_offset();
    assert!(Offset(20) < end && end < Offset(100), "{end}");
    assert_eq!(format!("{:020}.log", end.0), logs[logs.len() / 2]);
    assert!(report.truncated_bytes > 0 && !report.lost_durable);
    assert!(all.starts_with(&read_all(&log, Offset::ZERO, 1 << 20)));
}

#[test]
fn side_files_are_only_hints() {
    let place = Place::with(|options| {
        (options.segment_bytes_max, options.index_interval_bytes) = (2_000, 100);
    });
    let (image, all) = written(&place, &[1, 3, 5, 1].repeat(12), 40, true);
    let spoil: [&dyn Fn(&Path); 4] = [
        &|path| fs::remove_file(path).unwrap(),
        &|path| fs::write(path, b"").unwrap(),
        &|path| fs::write(path, vec![0; fs::read(path).unwrap().len()]).unwrap(),
        &|path| {
            fs::write(path, fs::read(path).unwrap().iter().map(|byte| byte ^ 5).collect::<Vec<_>>()).unwrap()
        },
    ];
    let sides = [".index", ".timeindex", ".snapshot", "leader-epoch-checkpoint"];
    for clean in [false, true] {
        for side in sides {
            for (how, spoil) in spoil.iter().enumerate() {
                let copy = Place::with(|options| *options = place.options.clone());
                image.lay_out(copy.path());
                for name in copy.files(side) {
                    spoil(&copy.log_dir().join(name));
                }
                if clean {
                    copy.data_dir().mark_clean(BrokerEpoch(1)).unwrap();
                }
                let (_data_dir, log, report) = copy.open();
                assert_eq!(report.truncated_bytes, 0, "{side} {how}");
                assert_eq!(log.end_offset(), batches(&all).last().unwrap().0, "{side} {how}");
                assert_eq!(read_all(&log, Offset::ZERO, 300), all, "{side} {how}");
                assert_eq!(log.last_epoch(), LeaderEpoch(47), "{side} {how}");
                for (epoch, (end, _)) in batches(&all).into_iter().enumerate() {
                    let epoch = LeaderEpoch(epoch as i32);
                    assert_eq!(log.epoch_end(epoch), (epoch, end), "{side} {how}");
                    let slice = log.slice(end.plus(-1), ALL, 1).unwrap();
                    assert_eq!(slice.next_offset(), end, "{side} {how}");
                }
            }
        }
    }
}

#[test]
fn a_stale_epoch_file_is_seen() {
    let place = Place::new();
    let (data_dir, mut log, _) = place.open();
    for epoch in [1, 4, 6] {
        log.append_as_leader(batch(5), LeaderEpoch(epoch), NOW_MS).unwrap();
    }
    let file = place.log_dir().join("leader-epoch-checkpoint");
    log.close().unwrap();
    data_dir.mark_clean(BrokerEpoch(1)).unwrap();
    fs::write(file, "0\n1\n1 0\n").unwrap();
    drop((data_dir, log));
    let (_data_dir, log, report) = place.open();
    assert!(!report.clean, "the last batch's epoch is not in the file");
    assert_eq!(log.epoch_end(LeaderEpoch(5)), (LeaderEpoch(4), Offset(10)));
}

#[test]
fn only_what_follows_the_recovery_point_is_read_again() {
    let place = Place::with(|options| options.segment_bytes_max = 100_000);
    let (data_dir, mut log, _) = place.open();
    for _ in 0..100 {
        lead(&mut log, batch_at(NOW_MS, 10, 500));
    }
    flush(&mut log);
    checkpoint(&data_dir, &log);
    lead(&mut log, batch(1));
    let total = log.size_bytes();
    drop((data_dir, log));
    let (_data_dir, log, report) = place.open();
    assert_eq!(log.end_offset(), Offset(1_001));
    assert!(report.scanned_bytes < 110_000 && total > 500_000, "{report:?}");
}

#[test]
fn a_cut_lowers_the_recovery_point_on_disk_first() {
    let place = Place::new();
    let (data_dir, mut log, _) = place.open();
    lead(&mut log, batch(50));
    lead(&mut log, batch(50));
    flush(&mut log);
    checkpoint(&data_dir, &log);
    log.truncate_to(Offset(50)).unwrap();
    lead(&mut log, batch(10));
    // A checkpoint that was put together before the cut must not undo it.
    let stale = CheckpointEntry {
        tp: tp(),
        topic_id: topic_id(),
        recovery_point: Offset(100),
        log_start: Offset(0),
        high_watermark: Offset(50),
    };
    data_dir.write_checkpoints(&[stale]).unwrap();
    drop((data_dir, log));
    let (data_dir, log, report) = place.open();
    assert_eq!((log.end_offset(), report.lost_durable), (Offset(60), false));
    assert!(report.scanned_bytes > 0, "the new tail was looked at");
    assert_eq!(data_dir.high_watermark(&tp()), Some(Offset(50)));
}

#[test]
fn a_start_beyond_what_is_left_begins_anew() {
    let place = Place::new();
    let (data_dir, mut log, _) = place.open();
    for _ in 0..10 {
        lead(&mut log, batch(10));
    }
    log.advance_start(Offset(90)).unwrap();
    flush(&mut log);
    checkpoint(&data_dir, &log);
    drop((data_dir, log));
    let name = place.files(".log").pop().unwrap();
    let file = fs::OpenOptions::new().write(true).open(place.log_dir().join(name)).unwrap();
    file.set_len(100).unwrap();
    let (_data_dir, log, report) = place.open();
    assert_eq!((log.start_offset(), log.end_offset()), (Offset(90), Offset(90)));
    assert!(report.lost_durable);
}

#[test]
fn a_clean_end_is_believed_once_and_in_its_order() {
    let place = Place::new();
    let (data_dir, mut log, report) = place.open();
    assert!(!report.clean);
    lead(&mut log, batch(5));
    log.close().unwrap();
    assert!(log.append_as_leader(batch(1), LeaderEpoch(1), NOW_MS).is_err(), "closed is closed");
    data_dir.mark_clean(BrokerEpoch(77)).unwrap();
    drop((data_dir, log));
    let (data_dir, log, report) = place.open();
    assert_eq!(data_dir.clean_from(), Some(BrokerEpoch(77)));
    assert_eq!((report.clean, report.scanned_bytes, log.end_offset()), (true, 0, Offset(5)));
    drop(log);
    let (_, again) = data_dir.open_log(&tp(), topic_id(), place.options.clone(), NOW_MS).unwrap();
    assert!(!again.clean, "it was opened and not closed since");
    drop(data_dir);
    let (data_dir, _, report) = place.open();
    assert_eq!((data_dir.clean_from(), report.clean), (None, false), "the mark went when it was read");
}

/// Restart time of a broker that has many partitions. The bound is generous; `RUST_LOG` shows the figure.
#[test]
fn a_thousand_clean_partitions_open_in_no_time() {
    const PARTITIONS: i32 = 1_000;
    let temporary = temporary();
    let open_all = || {
        let data_dir = DataDir::open(temporary.path(), BrokerId(1), "cluster").unwrap();
        let mut logs = Vec::new();
        for partition in 0..PARTITIONS {
            let tp = TopicPartition::new(TopicName::new("many").unwrap(), PartitionIndex(partition));
            let opened = data_dir.open_log(&tp, topic_id(), LogOptions::default(), NOW_MS).unwrap();
            logs.push(opened);
        }
        (data_dir, logs)
    };
    let (data_dir, mut logs) = open_all();
    for (log, _) in &mut logs {
        for _ in 0..10 {
            lead(log, batch_at(NOW_MS, 10, 100));
        }
        log.close().unwrap();
    }
    data_dir.mark_clean(BrokerEpoch(1)).unwrap();
    drop((data_dir, logs));
    let clock = Clock::system();
    let began = clock.now();
    let (_data_dir, logs) = open_all();
    let took = began.elapsed();
    assert!(logs.iter().all(|(log, report)| report.clean && log.end_offset() == Offset(100)));
    tracing::info!(partitions = PARTITIONS, ?took, "opened clean partitions");
    assert!(took.as_secs() < 5, "{took:?}");
}
