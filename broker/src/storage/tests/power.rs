//! A log on a disk that forgets: whatever a power cut takes, it is nothing that was called durable.

use super::*;
use crate::storage::CheckpointEntry;
use crate::storage::forgetful::Cut;

/// One life of a process: appends, flushes, cuts and checkpoints as the numbers say, on a disk that is full at times, and
/// may fail for good. What the log held at its end, and how far it was durable.
fn live(place: &Place, numbers: &mut impl Iterator<Item = u64>) -> (Vec<u8>, Offset) {
    let (data_dir, mut log, report) = place.open();
    assert!(!report.lost_durable, "{report:?}");
    let faults = &place.disk.medium.faults;
    let (mut full, mut fails, mut held) = (false, false, None);
    for _ in 0..numbers.next().unwrap() % 40 {
        let number = numbers.next().unwrap();
        match (number >> 8) % 64 {
            0..=3 => (full, _) = (!full, faults.room(if full { i64::MAX } else { 0 })),
            4 => (fails, _) = (true, faults.fail_syncs(true)),
            _ => {}
        }
        let done = match number % 8 {
            0 | 1 => log.flush_job().run().map(|end| log.flushed(end)).map_err(|error| error.to_string()),
            2 if log.end_offset() > Offset(20) => {
                let to = log.end_offset().plus(-i64::try_from(number % 11).unwrap());
                let before = log.poisoned().is_none().then(|| read_all(&log, Offset::ZERO, 1 << 20));
                let cut = log.truncate_to(to);
                if log.poisoned().is_some() {
                    // Who knows what a log holds of which a cut has failed; but nothing that was not in it before.
                    held = held.or(before);
                }
                cut.map_err(|error| error.to_string())
            }
            3 => {
                let entry = CheckpointEntry {
                    tp: tp(),
                    topic_id: topic_id(),
                    recovery_point: log.durable_end(),
                    log_start: log.start_offset(),
                    high_watermark: Offset::ZERO,
                };
                data_dir.write_checkpoints(&[entry]).map_err(|error| error.to_string())
            }
            _ => {
                let batch = batch(usize::try_from(number % 5).unwrap() + 1);
                let appended = log.append_as_leader(batch, LeaderEpoch(1), NOW_MS);
                appended.map(drop).map_err(|error| error.to_string())
            }
        };
        assert!(full || fails || done.is_ok(), "{done:?} on a good disk");
    }
    let held = held.unwrap_or_else(|| read_all(&log, Offset::ZERO, 1 << 20));
    if log.poisoned().is_some() {
        // As a broker does that ends since its disk fails.
        let _ = log.cut_to_durable();
    }
    (held, log.durable_end())
}

fn numbers(seed: u64) -> impl Iterator<Item = u64> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    std::iter::repeat_with(move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state >> 8
    })
}

#[test]
fn a_power_cut_takes_nothing_that_was_durable() {
    let mut lost = 0;
    for seed in 0..60 {
        let mut place = Place::with(|options| options.segment_bytes_max = 1_500);
        forgetful::begin(place.path()).unwrap();
        let mut numbers = numbers(seed);
        for life in 0..6 {
            place.disk = Disk::beneath(place.path()).unwrap();
            let (held, durable) = live(&place, &mut numbers);
            let cut = if life % 3 == 2 { Cut::All } else { Cut::Some(numbers.next().unwrap()) };
            forgetful::power_cut(place.path(), cut).unwrap();
            place.disk = Disk::beneath(place.path()).unwrap();
            let (_data_dir, log, report) = place.open();
            let what = format!("seed {seed}, life {life}, {cut:?}, {report:?}");
            assert!(log.end_offset() >= durable, "{what}: {:?} of {durable:?} are left", log.end_offset());
            let left = read_all(&log, Offset::ZERO, 1 << 20);
            // A cut that failed may have been taken back with the rest.
            let common = left.len().min(held.len());
            assert!(left[..common] == held[..common], "{what}: another content");
            lost += held.len() - common;
        }
    }
    assert!(lost > 0, "the power cuts took nothing");
}
