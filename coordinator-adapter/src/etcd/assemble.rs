//! Whole revisions out of a watch's answers: pure.
//!
//! etcd sends a large answer in fragments, all marked but the last, and may cut within a revision. etcd 3.4 may also
//! send what it has sent before. *Invariant:* what comes out is in order of revision, each revision whole and once.

use crate::store::{Revision, WatchBatch, WatchEvent};

/// Collects events until their revision is whole.
#[derive(Debug)]
pub(super) struct Assembler {
    /// Everything below is delivered, or was not asked for.
    next: Revision,
    /// In order; all of the last fragment's.
    pending: Vec<WatchEvent>,
}

impl Assembler {
    /// For a watch from `from`.
    pub(super) fn new(from: Revision) -> Self {
        Self { next: from, pending: Vec::new() }
    }

    /// Takes one answer; `fragment` says that more of it follows. Gives what is whole.
    pub(super) fn push(
        &mut self,
        events: impl Iterator<Item = WatchEvent>,
        fragment: bool,
    ) -> Option<WatchBatch> {
        for event in events {
            let lowest = self.pending.last().map_or(self.next, revision_of);
            if revision_of(&event) >= lowest {
                self.pending.push(event);
            }
        }
        let last = self.pending.last().map(revision_of)?;
        let whole = if fragment {
            self.pending.partition_point(|event| revision_of(event) < last)
        } else {
            self.pending.len()
        };
        let rest = self.pending.split_off(whole);
        let events = std::mem::replace(&mut self.pending, rest);
        let revision = events.last().map(revision_of)?;
        self.next = revision.next();
        Some(WatchBatch { revision, events })
    }
}

fn revision_of(event: &WatchEvent) -> Revision {
    match event {
        WatchEvent::Put(entry) => entry.mod_revision,
        WatchEvent::Delete { mod_revision, .. } => *mod_revision,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn deleted(key: usize, revision: i64) -> WatchEvent {
        WatchEvent::Delete { key: key.to_string(), mod_revision: Revision(revision) }
    }

    fn push(assembler: &mut Assembler, revisions: &[i64], fragment: bool) -> Vec<i64> {
        let events = revisions.iter().enumerate().map(|(key, revision)| deleted(key, *revision));
        let batch = assembler.push(events, fragment);
        batch.map_or(Vec::new(), |batch| {
            assert_eq!(batch.events.last().map(revision_of), Some(batch.revision));
            batch.events.iter().map(|event| revision_of(event).0).collect()
        })
    }

    #[test]
    fn a_revision_is_held_back_until_its_last_fragment() {
        let mut assembler = Assembler::new(Revision(5));
        assert_eq!(push(&mut assembler, &[5, 6, 7, 7], true), [5, 6]);
        assert_eq!(push(&mut assembler, &[7, 7], true), [0_i64; 0]);
        assert_eq!(push(&mut assembler, &[7, 8], true), [7, 7, 7, 7, 7]);
        assert_eq!(push(&mut assembler, &[8], false), [8, 8]);
        assert_eq!(push(&mut assembler, &[], false), [0_i64; 0]);
    }

    #[test]
    fn what_was_seen_before_is_dropped() {
        let mut assembler = Assembler::new(Revision(5));
        assert_eq!(push(&mut assembler, &[3, 4, 5], false), [5]);
        assert_eq!(push(&mut assembler, &[5, 4, 5], false), [0_i64; 0]);
        assert_eq!(push(&mut assembler, &[4, 6, 5, 7], false), [6, 7]);
    }

    proptest! {
        #[test]
        fn any_cut_gives_the_same_revisions(sizes in prop::collection::vec(1_usize..5, 1..20), cuts in prop::collection::vec(any::<bool>(), 100)) {
            let sent: Vec<i64> = sizes.iter().zip(1..).flat_map(|(size, revision)| vec![revision; *size]).collect();
            let mut assembler = Assembler::new(Revision(1));
            let mut got = Vec::new();
            let mut piece = Vec::new();
            for (at, revision) in sent.iter().enumerate() {
                piece.push(*revision);
                let last = at + 1 == sent.len();
                if last || cuts[at] {
                    let batch = push(&mut assembler, &std::mem::take(&mut piece), !last);
                    prop_assert!(batch.first().is_none_or(|first| got.last().is_none_or(|last| last < first)));
                    got.extend(batch);
                }
            }
            prop_assert_eq!(got, sent);
        }
    }
}
