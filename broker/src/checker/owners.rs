//! Which member of a group owns which partition, as far as a history can prove it.
//!
//! A member that is silent may have been replaced without knowing it: that is lawful. It is not when the group then takes
//! its epoch as valid in a request that began after another member had got the partition.
//!
//! *Invariant:* only what is certain is judged: from the end of an assignment to the beginning of a request that succeeds;
//! and of whoever comes after, that it had the partition at some time between the beginning and the end of its assignment.
//! *Invariant:* a commit proves that its own partition is still the member's, and nothing about others: a group may take it in
//! an epoch that is over, as long as the member has kept the partition (KIP-1251).

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use super::event::{Assigned, Revoked};
use super::place::{PlaceId, Places};
use super::report::{Kind, Report};

type MemberKey = (Arc<str>, Arc<str>);

#[derive(Debug, Default)]
struct Member {
    epoch: i64,
    line: u64,
    owns: HashSet<PlaceId>,
    /// Partitions that others got meanwhile: who, and at which line.
    contested: HashMap<PlaceId, (Arc<str>, u64)>,
}

impl Member {
    /// It has been told a newer epoch, in which it does not own what it commits.
    fn judge_late(&self, proof: &Proof, places: &Places, report: &mut Report) {
        let lost = proof.commits.filter(|place| proof.epoch < self.epoch && !self.owns.contains(place));
        if let Some(place) = lost {
            let (group, member, epoch, now) = (&proof.group, &proof.member, proof.epoch, self.epoch);
            let what = format!(
                "group {group}: {member} lost it in epoch {now}, and its commit was accepted in epoch {epoch}"
            );
            let lines = [self.line, proof.lines[0], proof.lines[1]];
            report.add(Kind::FencedCommit, &places.known(place).at, &lines, what);
        }
    }
}

/// The members of all groups.
#[derive(Debug, Default)]
pub(super) struct Owners {
    members: HashMap<MemberKey, Member>,
    owners: HashMap<(Arc<str>, PlaceId), HashSet<Arc<str>>>,
}

/// A request that the group took as one of a valid member.
#[derive(Clone, Debug)]
pub(super) struct Proof {
    pub(super) group: Arc<str>,
    pub(super) member: Arc<str>,
    pub(super) epoch: i64,
    /// The line of its beginning and of its end.
    pub(super) lines: [u64; 2],
    /// What it committed, if it did; then it proves nothing else.
    pub(super) commits: Option<PlaceId>,
}

impl Owners {
    /// A member got its partitions, at some time between these lines.
    pub(super) fn assigned(&mut self, [began, line]: [u64; 2], assigned: Assigned, places: &mut Places) {
        let Assigned { group, member, epoch, partitions } = assigned;
        self.drop_all(&group, &member);
        let owns: HashSet<PlaceId> = partitions.iter().map(|at| places.id(at)).collect();
        for place in &owns {
            let owners = self.owners.entry((group.clone(), *place)).or_default();
            for other in owners.iter() {
                let other = self.members.get_mut(&(group.clone(), other.clone()));
                if let Some(other) = other.filter(|other| other.line <= began) {
                    other.contested.insert(*place, (member.clone(), line));
                }
            }
            owners.insert(member.clone());
        }
        self.members.insert((group, member), Member { epoch, line, owns, contested: HashMap::new() });
    }

    /// A member let go.
    pub(super) fn revoked(&mut self, revoked: Revoked, places: &mut Places) {
        let Revoked { group, member, partitions } = revoked;
        let Some(partitions) = partitions else {
            self.drop_all(&group, &member);
            return;
        };
        for at in partitions {
            let place = places.id(&at);
            self.drop_one(&group, &member, place);
            if let Some(known) = self.members.get_mut(&(group.clone(), member.clone())) {
                known.owns.remove(&place);
                known.contested.remove(&place);
            }
        }
    }

    fn drop_all(&mut self, group: &Arc<str>, member: &Arc<str>) {
        let Some(known) = self.members.remove(&(group.clone(), member.clone())) else { return };
        for place in known.owns {
            self.drop_one(group, member, place);
        }
    }

    fn drop_one(&mut self, group: &Arc<str>, member: &Arc<str>, place: PlaceId) {
        if let Some(owners) = self.owners.get_mut(&(group.clone(), place)) {
            owners.remove(member);
        }
    }

    /// The group took a member's epoch as valid.
    pub(super) fn proven(&mut self, proof: &Proof, places: &Places, report: &mut Report) {
        let Some(known) = self.members.get_mut(&(proof.group.clone(), proof.member.clone())) else { return };
        let began = proof.lines[0];
        if known.line > began {
            return;
        }
        if known.epoch != proof.epoch {
            known.judge_late(proof, places, report);
            return;
        }
        let is_proven = |place: PlaceId| proof.commits.is_none_or(|committed| committed == place);
        let proven = known.contested.extract_if(|place, (_, since)| *since < began && is_proven(*place));
        let mut proven: Vec<(PlaceId, (Arc<str>, u64))> = proven.collect();
        proven.sort_unstable();
        for (place, (rival, since)) in proven {
            let (group, member, epoch) = (&proof.group, &proof.member, proof.epoch);
            let lines = [known.line, since, began, proof.lines[1]];
            let (kind, what) = if proof.commits.is_some() {
                (Kind::FencedCommit, "its commit was accepted")
            } else {
                (Kind::OwnedTwice, "its epoch was taken as valid")
            };
            let what = format!(
                "group {group}: member {rival} got it while {member} owned it, and {what} in epoch {epoch}"
            );
            report.add(kind, &places.known(place).at, &lines, what);
        }
    }
}
