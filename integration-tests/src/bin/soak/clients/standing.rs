//! What a member of a group tells the history of itself: what it is certain of, and no more.
//!
//! A broker that was the group's coordinator and has not heard that it is no more answers from memory whatever needs no
//! write: a heartbeat in an unchanged epoch, or a description of the group. So these prove nothing by themselves. A commit
//! that was kept does, for it was written.
//!
//! *Invariant:* a member is told to own what it owns only after a request that kept a commit and left its epoch as it was.
//! From its beginning on, the member was in that epoch; and an epoch, while it lasts, takes nothing away.
//! *Invariant:* whoever comes into another epoch, or is thrown out, lets go of all until it is certain again.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::{At, Shared};
use crate::history::Phase;

/// One life of a member.
#[derive(Debug)]
pub(super) struct Standing {
    pub(super) process: u64,
    pub(super) group: &'static str,
    pub(super) name: String,
    topic: String,
    /// The epoch, or the generation, that it was last told.
    pub(super) epoch: Option<i64>,
    /// Whether the history knows what it owns in that epoch.
    is_certain: bool,
    /// Where it has read, so that its next read there goes on from the last.
    read: BTreeSet<i32>,
}

/// Operations under way.
#[derive(Debug)]
pub(super) struct Begun {
    epoch: Option<i64>,
    commits: Vec<(u64, Value)>,
    beat: Option<(u64, Value)>,
    assigned: Option<u64>,
}

impl Standing {
    pub(super) fn new(shared: &Shared, group: &'static str, name: String, topic: &str) -> Self {
        Self {
            process: shared.process(),
            group,
            name,
            topic: topic.to_owned(),
            epoch: None,
            is_certain: false,
            read: BTreeSet::new(),
        }
    }

    fn at(&self, partition: i32) -> Value {
        At::of(&self.topic, partition).told()
    }

    /// A request begins that commits these offsets and does nothing else.
    pub(super) fn begin_commits(&self, shared: &Shared, offsets: &BTreeMap<i32, i64>) -> Begun {
        let commits = offsets.iter().map(|(partition, offset)| {
            let mut op = json!({"group": self.group, "at": self.at(*partition), "offset": offset});
            if let Some(epoch) = self.epoch {
                op["member"] = json!(self.name);
                op["epoch"] = json!(epoch);
            }
            (shared.history.begin(self.process, "commit", op.clone()), op)
        });
        Begun { epoch: self.epoch, commits: commits.collect(), beat: None, assigned: None }
    }

    /// A request begins that commits these offsets, and then says that the member lives.
    pub(super) fn begin_beat(&self, shared: &Shared, offsets: &BTreeMap<i32, i64>) -> Begun {
        let mut begun = self.begin_commits(shared, offsets);
        let Some(epoch) = self.epoch.filter(|_| !offsets.is_empty()) else { return begun };
        let op = json!({"group": self.group, "member": self.name, "epoch": epoch});
        begun.beat = Some((shared.history.begin(self.process, "heartbeat", op.clone()), op.clone()));
        begun.assigned = (!self.is_certain).then(|| shared.history.begin(self.process, "assigned", op));
        begun
    }

    /// The request has ended, as far as its commits and its sign of life go. What is left is certain to be the member's own
    /// epoch, if `phase` is ok: say then what it owns.
    pub(super) fn end(&self, shared: &Shared, begun: Begun, phase: Phase) -> Option<Certain> {
        for (id, op) in begun.commits {
            shared.history.end(self.process, id, phase, "commit", op);
        }
        if let Some((id, op)) = begun.beat {
            shared.history.end(self.process, id, phase, "heartbeat", op);
        }
        let certain = Certain { id: begun.assigned?, epoch: begun.epoch? };
        if phase == Phase::Ok {
            return Some(certain);
        }
        self.end_assigned(shared, &certain, Phase::Unknown, &[]);
        None
    }

    /// All that the member owns in that epoch; nothing if that could not be found out.
    pub(super) fn owns(&mut self, shared: &Shared, certain: &Certain, partitions: Option<&[i32]>) {
        self.is_certain = partitions.is_some();
        let phase = if self.is_certain { Phase::Ok } else { Phase::Unknown };
        self.end_assigned(shared, certain, phase, partitions.unwrap_or_default());
    }

    fn end_assigned(&self, shared: &Shared, certain: &Certain, phase: Phase, partitions: &[i32]) {
        let partitions: Vec<Value> = partitions.iter().map(|partition| self.at(*partition)).collect();
        let op = json!({
            "group": self.group,
            "member": self.name,
            "epoch": certain.epoch,
            "partitions": partitions,
        });
        shared.history.end(self.process, certain.id, phase, "assigned", op);
    }

    /// The member is in this epoch now, and where it goes on reading is for the group to say.
    pub(super) fn enters(&mut self, shared: &Shared, epoch: Option<i64>) {
        if self.epoch != epoch {
            self.lets_go(shared);
            self.epoch = epoch;
        }
    }

    /// It has let go of all, or must take it that others have it.
    pub(super) fn lets_go(&mut self, shared: &Shared) {
        if std::mem::take(&mut self.is_certain) {
            let op = json!({"group": self.group, "member": self.name});
            shared.history.note(self.process, "revoked", op);
        }
        for partition in std::mem::take(&mut self.read) {
            shared.history.note(self.process, "seek", json!({"at": self.at(partition)}));
        }
    }

    /// It has read these records.
    pub(super) fn has_read(&mut self, shared: &Shared, partition: i32, records: &[(i64, Option<u64>)]) {
        let op = json!({"at": self.at(partition), "records": records});
        shared.history.note(self.process, "read", op);
        self.read.insert(partition);
    }
}

/// The beginning of a time in which the member was in this epoch.
#[derive(Debug)]
pub(super) struct Certain {
    id: u64,
    pub(super) epoch: i64,
}
