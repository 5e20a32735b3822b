//! Any bytes as a stream of records. Tests only.

use super::record::parse;
use super::scanner::Scanner;
use crate::http::fuzzing::is_sound;
use crate::record::BatchBuilder;

/// Reads `data`, in pieces of so many bytes, as objects one after the other.
pub(in crate::http) fn records(data: &[u8], piece: usize) {
    let mut scanner = Scanner::default();
    let mut builder = BatchBuilder::new();
    for chunk in data.chunks(piece) {
        scanner.take(chunk);
        loop {
            match scanner.next() {
                Ok(Some(object)) => {
                    if let Ok(record) = parse(&object) {
                        record.push(&mut builder, 5);
                    }
                }
                Ok(None) => break,
                Err(_) => return,
            }
        }
        assert!(scanner.held() <= data.len(), "no more is held than came");
    }
    if !builder.is_empty() {
        is_sound(&builder.finish(None));
    }
}
