//! Fuzzes histories of clients.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| tidemark::fuzzing::histories(data));
