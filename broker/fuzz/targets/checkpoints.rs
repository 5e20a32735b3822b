//! Fuzzes the small files of a data directory.
#![no_main]

use std::path::PathBuf;
use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;

static DIR: LazyLock<PathBuf> = LazyLock::new(|| {
    let memory = PathBuf::from("/dev/shm");
    let parent = if memory.is_dir() { memory } else { std::env::temp_dir() };
    // Kept for the life of the process, and emptied by each run.
    tempfile::Builder::new()
        .prefix("tidemark-fuzz-")
        .tempdir_in(parent)
        .expect("a directory")
        .keep()
        .join("data")
});

fuzz_target!(|data: &[u8]| tidemark::fuzzing::checkpoints(&DIR, data));
