//! Every file of the corpus, in every test run: what the fuzzer once found stays found.

use std::path::Path;

use super::{batches, bodies, checkpoints, frames, histories, segments};

/// Runs `target` with each file of its corpus; tells how many there are.
fn each(name: &str, target: impl Fn(&[u8])) -> usize {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus").join(name);
    let mut files: Vec<_> = std::fs::read_dir(corpus).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    for file in &files {
        let data = std::fs::read(file).unwrap();
        let ran = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| target(&data)));
        assert!(ran.is_ok(), "{} breaks {name}", file.display());
    }
    files.len()
}

/// As [`each`], with a directory in memory where the system has one.
fn each_in_a_directory(name: &str, target: fn(&Path, &[u8])) -> usize {
    let memory = Path::new("/dev/shm");
    let dir = if memory.is_dir() { tempfile::tempdir_in(memory) } else { tempfile::tempdir() }.unwrap();
    each(name, |data| target(&dir.path().join("data"), data))
}

#[test]
fn the_whole_corpus_keeps_every_promise() {
    let counts = [
        each("frames", frames),
        each("batches", batches),
        each("bodies", bodies),
        each("histories", histories),
        each_in_a_directory("segments", segments),
        each_in_a_directory("checkpoints", checkpoints),
    ];
    assert!(counts.iter().all(|count| *count >= 5), "the corpus is gone: {counts:?}");
}
