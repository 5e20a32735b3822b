//! Committed offsets: what was asked to be kept, and what was found kept.
//!
//! *Invariant:* a reset opens a time in which nothing is certain; it ends with the first commit, or look, that begins after
//! its end. A reset of unknown outcome never ends.
//! *Invariant:* offsets go back lawfully where two commits were under way at once, or one of unknown outcome lands late: which
//! of them was the last is nobody's to say.

use std::collections::HashMap;
use std::sync::Arc;

use super::event::{Commit, Phase};
use super::place::{PlaceId, Places};
use super::report::{Kind, Report};

type Key = (Arc<str>, PlaceId);

#[derive(Debug, Default)]
struct Attempts {
    line: u64,
    /// Under way, or of unknown outcome: they may still be kept.
    open: u32,
    /// The line in which the last one ended that was kept.
    kept_until: u64,
    failed: u32,
    all: u32,
}

/// What is certainly kept, or was overtaken by something higher.
#[derive(Clone, Copy, Debug)]
struct Floor {
    offset: i64,
    /// Where that was told.
    line: u64,
    /// Where the operation began that says so: nothing that ended before can have come after it.
    since: u64,
}

impl Floor {
    /// The higher of two; of equal ones the later.
    fn or(self, other: Option<Self>) -> Self {
        other.filter(|other| other.offset > self.offset).unwrap_or(self)
    }
}

#[derive(Debug, Default)]
struct Kept {
    /// The highest offset that is certainly kept.
    floor: Option<Floor>,
    /// Counts the beginnings and ends of resets: what spans one of them proves nothing.
    resets: u32,
    /// Resets that are under way, or of which nobody knows: they may still come to pass.
    hanging: u32,
    attempts: HashMap<i64, Attempts>,
    /// Offsets that were found, the first line that did, and whether a commit had been kept by then.
    found: HashMap<i64, (u64, bool)>,
    backs: Vec<([u64; 2], String)>,
}

impl Kept {
    /// Whether a commit of `offset` may have come after what is kept.
    fn may_follow(&self, floor: Floor, offset: Option<i64>) -> bool {
        let attempts = offset.and_then(|offset| self.attempts.get(&offset));
        attempts.is_some_and(|attempts| attempts.open > 0 || attempts.kept_until > floor.since)
    }
}

/// The beginning of a commit, or of a look at one.
#[derive(Clone, Debug)]
pub(super) struct Begun {
    key: Key,
    line: u64,
    floor: Option<Floor>,
    resets: u32,
    /// What is to be kept, and whether it may go back; as the beginning told it.
    commit: Option<(i64, bool)>,
}

/// The committed offsets of all groups.
#[derive(Debug, Default)]
pub(super) struct Commits {
    kept: HashMap<Key, Kept>,
}

impl Commits {
    /// A commit begins.
    pub(super) fn begin_commit(&mut self, line: u64, place: PlaceId, commit: &Commit) -> Begun {
        let key = (commit.group.clone(), place);
        let kept = self.kept.entry(key.clone()).or_default();
        let attempts = kept.attempts.entry(commit.offset).or_default();
        attempts.all += 1;
        attempts.open += 1;
        attempts.line = line;
        if commit.reset {
            kept.resets += 1;
            kept.hanging += 1;
            kept.floor = None;
        }
        let commit = Some((commit.offset, commit.reset));
        Begun { key, line, floor: kept.floor, resets: kept.resets, commit }
    }

    /// A commit ends.
    pub(super) fn end_commit(&mut self, line: u64, begun: &Begun, phase: Phase) {
        let Some((offset, reset)) = begun.commit else { return };
        let kept = self.kept.entry(begun.key.clone()).or_default();
        if reset && phase != Phase::Unknown {
            kept.hanging -= 1;
        }
        if phase != Phase::Unknown {
            let attempts = kept.attempts.entry(offset).or_default();
            attempts.open = attempts.open.saturating_sub(1);
            attempts.failed += u32::from(phase == Phase::Fail);
            if phase == Phase::Ok {
                attempts.kept_until = line;
            }
        }
        match phase {
            Phase::Ok if reset => {
                kept.resets += 1;
                kept.floor = None;
            }
            Phase::Ok if begun.resets == kept.resets && kept.hanging == 0 => {
                kept.floor = Some(Floor { offset, line, since: begun.line }.or(kept.floor));
            }
            _ => {}
        }
    }

    /// A look at a committed offset begins.
    pub(super) fn begin_look(&mut self, line: u64, group: &Arc<str>, place: PlaceId) -> Begun {
        let key = (group.clone(), place);
        let kept = self.kept.entry(key.clone()).or_default();
        Begun { key, line, floor: kept.floor, resets: kept.resets, commit: None }
    }

    /// A look at a committed offset has succeeded.
    pub(super) fn end_look(&mut self, line: u64, begun: &Begun, offset: Option<i64>) {
        let kept = self.kept.entry(begun.key.clone()).or_default();
        if let Some(offset) = offset {
            let found = kept.found.entry(offset).or_insert((line, false));
            found.1 |= begun.floor.is_some();
        }
        if begun.resets != kept.resets || kept.hanging > 0 {
            return;
        }
        let found = offset.map(|offset| Floor { offset, line, since: begun.line });
        match begun.floor.filter(|floor| offset.is_none_or(|offset| offset < floor.offset)) {
            Some(floor) if kept.may_follow(floor, offset) => {
                // What was told as kept meanwhile stands above it.
                if kept.floor.is_some_and(|now| now.line == floor.line) {
                    kept.floor = found;
                }
            }
            Some(floor) => {
                let now = offset.map_or_else(|| "nothing".to_owned(), |offset| offset.to_string());
                let what = format!("group {}: {} was kept, then {now} was found", begun.key.0, floor.offset);
                kept.backs.push(([floor.line, line], what));
            }
            None => kept.floor = found.map(|found| found.or(kept.floor)).or(kept.floor),
        }
    }

    /// Judges what only the whole history tells.
    pub(super) fn finish(&self, places: &Places, report: &mut Report) {
        let mut all: Vec<_> = self.kept.iter().collect();
        all.sort_unstable_by_key(|(key, _)| *key);
        for ((group, place), kept) in all {
            if places.lawful(*place).deleted {
                continue;
            }
            let at = &places.known(*place).at;
            for (lines, what) in &kept.backs {
                report.add(Kind::CommitBack, at, lines, what.clone());
            }
            let mut found: Vec<_> = kept.found.iter().collect();
            found.sort_unstable();
            for (offset, (line, after_one)) in found {
                match kept.attempts.get(offset) {
                    Some(attempts) if attempts.failed == attempts.all => {
                        let what = format!("group {group}: {offset} was found, but its commit had failed");
                        report.add(Kind::FencedCommit, at, &[attempts.line, *line], what);
                    }
                    None if *after_one => {
                        let what = format!("group {group}: {offset} was found, and nobody committed it");
                        report.add(Kind::PhantomCommit, at, &[*line], what);
                    }
                    _ => {}
                }
            }
        }
    }
}
