//! The model run to its ends within the bounds of [`super::suite`], random histories, and the search itself tried.

use tidemark::rules::Rule;

use super::bounds::Bounds;
use super::search::{Report, Search};
use super::suite::SUITE;
use super::trace::tell;
use super::walk::walk;

fn threads() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

fn search(bounds: Bounds, without: Option<Rule>, threads: usize) -> Report {
    Search { bounds, without, states_max: 3_000_000, threads }.run()
}

#[test]
fn every_history_within_the_bounds_keeps_what_was_committed() {
    let mut all = String::new();
    for (name, bounds) in SUITE {
        let report = search(*bounds, None, threads());
        if let Some(found) = &report.found {
            panic!("{name}\n{}", tell(bounds, None, found));
        }
        assert!(report.complete, "{name}: there are more states than {}", report.states);
        all.push_str(&format!("{name}: {report}\n"));
    }
    assert!(!all.is_empty(), "nothing was tried");
    let mut shown = std::io::stderr().lock();
    std::io::Write::write_all(&mut shown, all.as_bytes()).expect("a test may speak");
}

#[test]
fn random_histories_keep_what_was_committed() {
    let walked = walk(0..u64::MAX, None, 3_000_000);
    if let Some((seed, bounds, found)) = &walked.found {
        panic!("seed {seed}: model walk seed={seed}\n{}", tell(bounds, None, found));
    }
    assert!(walked.commits > walked.walks, "hardly anything was committed: {walked}");
}

#[test]
fn a_search_sees_the_same_states_on_any_number_of_threads() {
    let bounds = Bounds { epochs: 2, expiries: 1, ..Bounds::CALM };
    let (one, three) = (search(bounds, None, 1), search(bounds, None, 3));
    assert!(one.complete && one.states > 1_000, "{one}");
    assert_eq!((one.states, one.steps, one.depth), (three.states, three.steps, three.depth));
}

#[test]
fn a_seed_gives_one_history() {
    let story = |rule| {
        let walked = walk(0..u64::MAX, Some(rule), 1_000_000);
        let (seed, bounds, found) = walked.found.expect("it falls");
        (seed, tell(&bounds, Some(rule), &found))
    };
    let (seed, text) = story(Rule::MinIsrGate);
    assert_eq!((seed, text.clone()), story(Rule::MinIsrGate));
    assert!(text.lines().count() > 5 && text.contains("=>"), "{text}");
}
