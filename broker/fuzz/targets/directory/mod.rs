//! A directory for files of any bytes: in memory, where the machine has such a place.

use std::path::PathBuf;
use std::sync::LazyLock;

/// Kept for the life of the process, and emptied by each run.
pub static DIR: LazyLock<PathBuf> = LazyLock::new(|| {
    let memory = PathBuf::from("/dev/shm");
    let parent = if memory.is_dir() { memory } else { std::env::temp_dir() };
    let made = tempfile::Builder::new().prefix("tidemark-fuzz-").tempdir_in(parent);
    made.expect("a directory").keep().join("data")
});
