//! What a check found, in a form for people and one for programs.
//!
//! *Invariant:* every anomaly is counted; of each kind only the first [`SHOWN_MAX`] are kept, so that a log that is all
//! wrong does not fill the memory of who looks at it.

use std::collections::BTreeMap;
use std::fmt;

use serde::Serialize;

use super::event::{Operation, Phase, Place};

/// How many anomalies of one kind are kept.
const SHOWN_MAX: u64 = 200;

/// What kind of thing must never be; [`super::FORMAT`] defines each.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "format.md is the one place that defines them")]
pub enum Kind {
    Lost,
    Unseen,
    Duplicate,
    InconsistentOffset,
    ForkedEpoch,
    AbortedRead,
    Phantom,
    Reordered,
    PollBack,
    PollSkip,
    AboveWatermark,
    WatermarkBack,
    LogStartBack,
    LogStartAhead,
    OwnedTwice,
    FencedCommit,
    PhantomCommit,
    CommitBack,
    ReplicasDiffer,
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = serde_json::to_value(self).map_err(|_| fmt::Error)?;
        f.write_str(name.as_str().unwrap_or_default())
    }
}

/// Something that must never be.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Anomaly {
    /// What kind.
    pub kind: Kind,
    /// Where.
    pub at: Place,
    /// What, in a sentence.
    pub what: String,
    /// The lines that show it, counted from 1.
    pub lines: Vec<u64>,
}

impl fmt::Display for Anomaly {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lines: Vec<String> = self.lines.iter().map(ToString::to_string).collect();
        let word = if lines.len() == 1 { "line" } else { "lines" };
        write!(f, "{}: {}: {} ({word} {})", self.kind, self.at, self.what, lines.join(", "))
    }
}

/// What a history is made of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Counts {
    /// Lines.
    pub events: u64,
    /// Batches that were stored.
    pub sends_ok: u64,
    /// Batches that were certainly not stored.
    pub sends_failed: u64,
    /// Batches of which nobody knows.
    pub sends_unknown: u64,
    /// Values that were stored.
    pub values_ok: u64,
    /// Reads that succeeded.
    pub reads: u64,
    /// Records that they returned.
    pub records: u64,
    /// Commits that were kept.
    pub commits: u64,
    /// Replicas that were told.
    pub replicas: u64,
}

impl Counts {
    pub(super) fn tally(&mut self, phase: Phase, op: &Operation) {
        self.events += 1;
        match (phase, op) {
            // Unknown until it ends.
            (Phase::Invoke, Operation::Send(_)) => self.sends_unknown += 1,
            (Phase::Ok, Operation::Send(_)) => {
                self.sends_unknown -= 1;
                self.sends_ok += 1;
            }
            (Phase::Fail, Operation::Send(_)) => {
                self.sends_unknown -= 1;
                self.sends_failed += 1;
            }
            (Phase::Ok, Operation::Read(read)) => {
                self.reads += 1;
                self.records += read.records.len() as u64;
            }
            (Phase::Ok, Operation::Commit(_)) => self.commits += 1,
            (Phase::Ok, Operation::Replica(_)) => self.replicas += 1,
            _ => {}
        }
    }
}

/// What a check found.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Report {
    /// What the history is made of.
    pub counts: Counts,
    /// How many anomalies of each kind.
    pub found: BTreeMap<Kind, u64>,
    /// The anomalies, of each kind the first ones.
    pub anomalies: Vec<Anomaly>,
}

impl Report {
    /// Whether nothing was found that must not be.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        self.found.is_empty()
    }

    /// How many anomalies of these kinds.
    #[must_use]
    pub fn number_of(&self, kinds: &[Kind]) -> u64 {
        kinds.iter().filter_map(|kind| self.found.get(kind)).sum()
    }

    pub(super) fn add(&mut self, kind: Kind, at: &Place, lines: &[u64], what: String) {
        let number = self.found.entry(kind).or_default();
        *number += 1;
        if *number <= SHOWN_MAX {
            let mut lines = lines.to_vec();
            lines.sort_unstable();
            lines.dedup();
            self.anomalies.push(Anomaly { kind, at: at.clone(), what, lines });
        }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Counts {
            events,
            sends_ok,
            sends_failed,
            sends_unknown,
            values_ok,
            reads,
            records,
            commits,
            replicas,
        } = self.counts;
        writeln!(f, "{events} events")?;
        writeln!(
            f,
            "sends: {sends_ok} stored ({values_ok} values), {sends_failed} failed, {sends_unknown} unknown"
        )?;
        writeln!(f, "reads: {reads} ({records} records); commits: {commits}; replicas: {replicas}")?;
        if self.is_clean() {
            return writeln!(f, "no anomaly");
        }
        for (kind, number) in &self.found {
            writeln!(f, "{kind}: {number}")?;
        }
        for anomaly in &self.anomalies {
            writeln!(f, "{anomaly}")?;
        }
        let hidden = self.found.values().sum::<u64>() - self.anomalies.len() as u64;
        if hidden > 0 { writeln!(f, "and {hidden} more") } else { Ok(()) }
    }
}
