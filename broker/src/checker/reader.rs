//! Reads a history line by line, and says which line is not one of a history.
//!
//! *Invariant:* of a history of any length one line is in memory, and none longer than [`LINE_BYTES_MAX`].

use std::io::{self, BufRead, Read as _};

use serde_json::Value;
use thiserror::Error;

use super::event::Event;

/// The longest line: a replica's batches are told in one.
const LINE_BYTES_MAX: u64 = 256 * 1024 * 1024;

/// What some editors put before a text in UTF-8.
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// Why something is not a history that can be judged.
#[derive(Debug, Error)]
pub enum Unreadable {
    /// A line that is not one of a history, or makes no sense after those before it.
    #[error("line {line}: {why}")]
    Line {
        /// Counted from 1.
        line: u64,
        /// What is wrong with it.
        why: String,
    },
    /// Nothing happened in it: whoever wrote it failed, and there is nothing to call right.
    #[error("no event in it")]
    Empty,
    /// The rest of it cannot be had.
    #[error("cannot read it to its end: {0}")]
    Broken(io::Error),
}

/// Events with the numbers of their lines.
#[derive(Debug)]
pub struct Reader<R> {
    from: R,
    line: u64,
    text: Vec<u8>,
}

impl<R: BufRead> Reader<R> {
    /// Reads from `from`, to its end.
    pub fn new(from: R) -> Self {
        Self { from, line: 0, text: Vec::new() }
    }

    fn unreadable(&self, why: impl ToString) -> Unreadable {
        Unreadable::Line { line: self.line, why: why.to_string() }
    }

    fn next_event(&mut self) -> Result<Option<(u64, Event)>, Unreadable> {
        loop {
            self.line += 1;
            self.text.clear();
            let mut bounded = (&mut self.from).take(LINE_BYTES_MAX + 1);
            let read = bounded.read_until(b'\n', &mut self.text).map_err(Unreadable::Broken)?;
            if read == 0 {
                return Ok(None);
            }
            if self.text.len() as u64 > LINE_BYTES_MAX {
                return Err(self.unreadable(format!("longer than {LINE_BYTES_MAX} bytes")));
            }
            let text = match self.text.strip_prefix(BYTE_ORDER_MARK) {
                Some(text) if self.line == 1 => text,
                _ => &self.text,
            };
            let text = text.trim_ascii_end();
            if text.is_empty() {
                continue;
            }
            let event = serde_json::from_slice(text).map_err(|error| self.unreadable(why(text, &error)))?;
            return Ok(Some((self.line, event)));
        }
    }
}

impl<R: BufRead> Iterator for Reader<R> {
    type Item = Result<(u64, Event), Unreadable>;

    fn next(&mut self) -> Option<Self::Item> {
        self.next_event().transpose()
    }
}

/// What is wrong with a line. Its number is told before; the parser has seen one line only.
fn why(text: &[u8], error: &serde_json::Error) -> String {
    let json: Value = serde_json::from_slice(text).unwrap_or_default();
    if let Some(count) = json["op"].as_object().map(serde_json::Map::len).filter(|count| *count != 1) {
        return format!("`op` holds one operation, and here {count}");
    }
    let (told, column) = (error.to_string(), error.column());
    match told.strip_suffix(&format!(" at line 1 column {column}")) {
        Some(what) => format!("{what} at column {column}"),
        None => told,
    }
}
