//! The table of a run.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use crate::history::Phase;
use crate::round::Outcome;

/// All rounds together.
#[derive(Debug, Default)]
pub(crate) struct Report {
    rounds: u64,
    faults: BTreeMap<&'static str, u64>,
    ends: BTreeMap<(String, Phase), u64>,
    longest_gap: Duration,
    longest_healing: Duration,
    wrong: Vec<String>,
}

impl Report {
    pub(crate) fn add(&mut self, round: u64, outcome: &Outcome) {
        self.rounds += 1;
        for (name, count) in &outcome.faults {
            *self.faults.entry(name).or_default() += count;
        }
        for (end, count) in &outcome.tally.ends {
            *self.ends.entry(end.clone()).or_default() += count;
        }
        self.longest_gap = self.longest_gap.max(outcome.tally.longest_gap);
        self.longest_healing = self.longest_healing.max(outcome.healed_in);
        self.wrong.extend(outcome.wrong.iter().map(|what| format!("round {round}: {what}")));
    }

    pub(crate) fn is_clean(&self) -> bool {
        self.wrong.is_empty()
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "rounds: {}", self.rounds)?;
        writeln!(f, "\n{:<50} {:>8}", "what went wrong", "times")?;
        for (name, count) in &self.faults {
            writeln!(f, "{name:<50} {count:>8}")?;
        }
        let kinds: Vec<&String> = self.ends.keys().map(|(kind, _)| kind).collect();
        let kinds: std::collections::BTreeSet<_> = kinds.into_iter().collect();
        writeln!(f, "\n{:<20} {:>10} {:>10} {:>10}", "operation", "ok", "failed", "unknown")?;
        for kind in kinds {
            let count = |phase| self.ends.get(&(kind.clone(), phase)).copied().unwrap_or(0);
            let (ok, failed, unknown) = (count(Phase::Ok), count(Phase::Fail), count(Phase::Unknown));
            writeln!(f, "{kind:<20} {ok:>10} {failed:>10} {unknown:>10}")?;
        }
        writeln!(f, "\nlongest time without a stored batch in one partition: {:.1?}", self.longest_gap)?;
        writeln!(f, "longest time from the last fault to a whole cluster: {:.1?}", self.longest_healing)?;
        if self.is_clean() {
            return writeln!(f, "nothing wrong was found");
        }
        writeln!(f, "\nWRONG: {}", self.wrong.len())?;
        for what in &self.wrong {
            writeln!(f, "{what}")?;
        }
        Ok(())
    }
}
