//! Fuzzes Kafka's frames and messages.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| tidemark::fuzzing::frames(data));
