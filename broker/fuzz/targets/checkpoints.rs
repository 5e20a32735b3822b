//! Fuzzes the small files of a data directory.
#![no_main]

mod directory;

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| tidemark::fuzzing::checkpoints(&directory::DIR, data));
