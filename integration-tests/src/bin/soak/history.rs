//! The history of a round: a file of lines in the form that `tidemark check` documents, and a count of what it holds.
//!
//! Written by hand, as anybody would whose clients are not in Rust.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufWriter, Write as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result};
use parking_lot::Mutex;
use serde_json::{Value, json};
use tokio::time::Instant;

/// How an operation ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Phase {
    Ok,
    /// Certainly not done.
    Fail,
    Unknown,
}

impl Phase {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Fail => "fail",
            Self::Unknown => "unknown",
        }
    }
}

/// A history under way.
#[derive(Debug)]
pub(crate) struct History {
    began: Instant,
    path: PathBuf,
    lines: Mutex<Lines>,
}

#[derive(Debug)]
struct Lines {
    file: BufWriter<File>,
    next_id: u64,
    tally: Tally,
    last_stored: BTreeMap<String, Instant>,
}

/// What a history holds.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tally {
    /// By kind of operation and end.
    pub(crate) ends: BTreeMap<(String, Phase), u64>,
    /// The longest time between two stored batches of one partition.
    pub(crate) longest_gap: Duration,
}

impl History {
    pub(crate) fn create(path: &Path) -> Result<Self> {
        let file = File::create(path).with_context(|| format!("creating {}", path.display()))?;
        let lines = Lines {
            file: BufWriter::new(file),
            next_id: 0,
            tally: Tally::default(),
            last_stored: BTreeMap::new(),
        };
        Ok(Self { began: Instant::now(), path: path.to_owned(), lines: Mutex::new(lines) })
    }

    /// Where it is.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// An operation begins; gives its number. `kind` is its name in the format.
    pub(crate) fn begin(&self, process: u64, kind: &str, op: Value) -> u64 {
        let mut lines = self.lines.lock();
        let id = lines.new_id();
        self.line(&mut lines, process, id, "invoke", kind, op);
        id
    }

    /// An operation ends.
    pub(crate) fn end(&self, process: u64, id: u64, phase: Phase, kind: &str, op: Value) {
        let mut lines = self.lines.lock();
        lines.tally(kind, phase, &op);
        self.line(&mut lines, process, id, phase.name(), kind, op);
    }

    /// Something of which only the end is worth telling.
    pub(crate) fn note(&self, process: u64, kind: &str, op: Value) {
        let mut lines = self.lines.lock();
        let id = lines.new_id();
        lines.tally(kind, Phase::Ok, &op);
        self.line(&mut lines, process, id, Phase::Ok.name(), kind, op);
    }

    fn line(&self, lines: &mut Lines, process: u64, id: u64, phase: &str, kind: &str, op: Value) {
        let time_us = u64::try_from(self.began.elapsed().as_micros()).unwrap_or(u64::MAX);
        let event =
            json!({"time_us": time_us, "process": process, "id": id, "phase": phase, "op": {kind: op}});
        // A full disk shows when the history is flushed.
        let _ = writeln!(lines.file, "{event}");
    }

    /// Brings all lines to the file, and tells what they hold.
    pub(crate) fn flush(&self) -> Result<Tally> {
        let mut lines = self.lines.lock();
        lines.file.flush().context("writing the history")?;
        Ok(lines.tally.clone())
    }
}

impl Lines {
    fn new_id(&mut self) -> u64 {
        self.next_id += 1;
        self.next_id
    }

    fn tally(&mut self, kind: &str, phase: Phase, op: &Value) {
        *self.tally.ends.entry((kind.to_owned(), phase)).or_default() += 1;
        if (kind, phase) == ("send", Phase::Ok) {
            let now = Instant::now();
            let before = self.last_stored.insert(op["at"].to_string(), now).unwrap_or(now);
            self.tally.longest_gap = self.tally.longest_gap.max(now - before);
        }
    }
}
