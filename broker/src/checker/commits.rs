//! Committed offsets: what was asked to be kept, and what was found kept.
//!
//! *Invariant:* a reset opens a time in which nothing is certain; it ends with the first commit that begins after its end.
//! A reset of unknown outcome never ends.

use std::collections::HashMap;
use std::sync::Arc;

use super::event::{Commit, Phase};
use super::place::{PlaceId, Places};
use super::report::{Kind, Report};

type Key = (Arc<str>, PlaceId);

#[derive(Debug, Default)]
struct Attempts {
    line: u64,
    failed: u32,
    all: u32,
}

#[derive(Debug, Default)]
struct Kept {
    /// The highest offset that is certainly kept, and the line that says so.
    floor: Option<(i64, u64)>,
    /// Counts the beginnings and ends of resets: what spans one of them proves nothing.
    resets: u32,
    /// Resets that are under way, or of which nobody knows: they may still come to pass.
    hanging: u32,
    attempts: HashMap<i64, Attempts>,
    /// Offsets that were found, the first line that did, and whether a commit had been kept by then.
    found: HashMap<i64, (u64, bool)>,
    backs: Vec<([u64; 2], String)>,
}

/// The beginning of a commit, or of a look at one.
#[derive(Clone, Debug)]
pub(super) struct Begun {
    key: Key,
    floor: Option<(i64, u64)>,
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
        attempts.line = line;
        if commit.reset {
            kept.resets += 1;
            kept.hanging += 1;
            kept.floor = None;
        }
        let commit = Some((commit.offset, commit.reset));
        Begun { key, floor: kept.floor, resets: kept.resets, commit }
    }

    /// A commit ends.
    pub(super) fn end_commit(&mut self, line: u64, begun: &Begun, phase: Phase) {
        let Some((offset, reset)) = begun.commit else { return };
        let kept = self.kept.entry(begun.key.clone()).or_default();
        if reset && phase != Phase::Unknown {
            kept.hanging -= 1;
        }
        match phase {
            Phase::Ok if reset => {
                kept.resets += 1;
                kept.floor = None;
            }
            Phase::Ok if begun.resets == kept.resets && kept.hanging == 0 => {
                kept.floor = kept.floor.max(Some((offset, line)));
            }
            Phase::Fail => kept.attempts.entry(offset).or_default().failed += 1,
            _ => {}
        }
    }

    /// A look at a committed offset begins.
    pub(super) fn begin_look(&mut self, group: &Arc<str>, place: PlaceId) -> Begun {
        let key = (group.clone(), place);
        let kept = self.kept.entry(key.clone()).or_default();
        Begun { key, floor: kept.floor, resets: kept.resets, commit: None }
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
        match begun.floor.filter(|(floor, _)| offset.is_none_or(|offset| offset < *floor)) {
            Some((floor, first)) => {
                let now = offset.map_or_else(|| "nothing".to_owned(), |offset| offset.to_string());
                let what = format!("group {}: {floor} was kept, then {now} was found", begun.key.0);
                kept.backs.push(([first, line], what));
            }
            None => kept.floor = kept.floor.max(offset.map(|offset| (offset, line))),
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
