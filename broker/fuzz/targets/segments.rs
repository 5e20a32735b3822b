//! Fuzzes the recovery of a log from any files.
#![no_main]

mod directory;

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| tidemark::fuzzing::segments(&directory::DIR, data));
