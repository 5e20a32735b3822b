//! Random histories of a log that does nothing wrong are clean; with one wrong done to it, they are not.

use proptest::prelude::*;

use super::*;

/// What a client does to the log of one partition.
#[derive(Clone, Copy, Debug)]
enum Step {
    /// A batch of so many values, and how it ends: ok, unknown and stored, unknown and not, failed.
    Send(u64, u8),
    /// A read from so far back, of so many records.
    Read(usize, usize),
}

fn steps() -> impl Strategy<Value = Vec<(u64, Step)>> {
    let send = (1..4_u64, 0..4_u8).prop_map(|(values, end)| Step::Send(values, end));
    let read = (0..20_usize, 0..9_usize).prop_map(|(back, records)| Step::Read(back, records));
    prop::collection::vec((0..3_u64, prop_oneof![send, read]), 1..80)
}

/// The history of a good log, and the log itself.
fn told(steps: &[(u64, Step)]) -> (Story, Vec<(i64, ValueId)>) {
    let (mut story, mut log, mut next) = (story(), Vec::new(), 0);
    for &(process, step) in steps {
        match step {
            Step::Send(count, end) => {
                let (values, base): (Vec<u64>, _) = ((next..next + count).collect(), log.len() as i64);
                next += count;
                if end < 2 {
                    log.extend((base..).zip(values.iter().copied()));
                }
                story = match end {
                    0 => story.stored(process, &values, base),
                    1 | 2 => story.unknown(process, &values),
                    _ => story.failed(process, &values),
                };
            }
            Step::Read(back, records) => {
                let from = log.len().saturating_sub(back);
                let to = log.len().min(from + records);
                story = story.read_as(process, Some(from as i64), &log[from..to]);
            }
        }
    }
    (story, log)
}

proptest! {
    #[test]
    fn a_good_log_is_clean(steps in steps()) {
        let (story, log) = told(&steps);
        let report = story.read_as(9, Some(0), &log).report();
        prop_assert!(report.is_clean(), "{report}");
    }

    #[test]
    fn a_log_that_lost_forged_doubled_or_swapped_a_value_is_not(steps in steps(), which in 0..1000_usize, how in 0..4) {
        let steps: Vec<_> = [(0, Step::Send(2, 0)), (1, Step::Send(2, 0))].into_iter().chain(steps).collect();
        let (story, mut log) = told(&steps);
        // One that was acknowledged, and not the last: what was read and then cut off leaves no trace until its offset is
        // taken again.
        let at = which % 3;
        match how {
            0 => {
                log.remove(at);
            }
            1 => log[at].1 += 1_000_000,
            2 => log[at].1 = log[(at + 1) % 4].1,
            _ => {
                let other = log[(at + 1) % 4].1;
                log[(at + 1) % 4].1 = std::mem::replace(&mut log[at].1, other);
            }
        }
        let report = story.read_as(9, Some(0), &log).report();
        prop_assert!(!report.is_clean(), "{steps:?}");
    }
}
