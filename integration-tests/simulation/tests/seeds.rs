//! A few seeds, and one of them twice: what `make test` asks of the simulation.

use std::path::Path;

use simulation::seeds::{Program, Seeds, run_one, run_seeds, temporary};

fn world() -> Program<'static> {
    Program { path: Path::new(env!("CARGO_BIN_EXE_world")), without: None }
}

const TELL: &str = "tidemark=debug,coordinator_adapter=debug,simulation=debug,turmoil=info";

/// One seed in which all kinds of clients are at work.
const BUSY: u64 = 20;

/// One seed in two processes, compared line by line.
#[test]
fn the_same_seed_gives_the_same_trace() {
    let run = |name: &str| {
        let folder = temporary().unwrap();
        let trace = folder.path().join(name);
        let ended = run_one(world(), BUSY, &folder.path().join("world"), Some((&trace, TELL))).unwrap();
        (ended, std::fs::read_to_string(trace).unwrap())
    };
    let ((one, first), (other, second)) = (run("first"), run("second-time"));
    for (number, (a, b)) in first.lines().zip(second.lines()).enumerate() {
        assert_eq!(a, b, "the traces part at line {}", number + 1);
    }
    assert_eq!(first.lines().count(), second.lines().count());
    assert_eq!(one.trace(), other.trace());
    assert!(first.lines().count() > 1_000, "a world in which nothing happens shows nothing");
}

#[test]
fn a_fixed_set_of_seeds_is_well() {
    let jobs = std::thread::available_parallelism().map_or(1, usize::from);
    let mut complaints = Vec::new();
    // A range, and the seeds that once found something.
    for seeds in [1..25, 25..26, 113..114] {
        run_seeds(world(), Seeds(seeds), jobs, || true, |ended| complaints.extend(ended.complaint()))
            .unwrap();
    }
    assert!(complaints.is_empty(), "\n{}", complaints.join("\n"));
}
