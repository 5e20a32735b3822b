//! The checker itself: joins ends to beginnings, and hands each event to those who judge it.
//!
//! *Invariant:* an event that makes no sense is an error with its line, never an anomaly: it is the history that is wrong.

use std::collections::HashMap;

use super::commits::{Begun, Commits};
use super::event::{Event, Operation, Phase};
use super::marks::Marks;
use super::owners::{Owners, Proof};
use super::place::{PlaceId, Places};
use super::polls::Polls;
use super::reader::Unreadable;
use super::replicas::Replicas;
use super::report::Report;
use super::sends::{BegunSend, Sends};
use super::sense::{Sense, Subject};

#[derive(Debug)]
enum Memory {
    Send(BegunSend),
    Commit(Begun),
    Look(Begun),
    Delete(PlaceId, i64),
    Nothing,
}

#[derive(Debug)]
struct Open {
    line: u64,
    process: u64,
    name: &'static str,
    subject: Subject,
    memory: Memory,
}

/// Takes the events of a history one by one, and says at the end what must not have been.
#[derive(Debug, Default)]
pub struct Checker {
    open: HashMap<u64, Open>,
    sense: Sense,
    places: Places,
    sends: Sends,
    polls: Polls,
    marks: Marks,
    owners: Owners,
    commits: Commits,
    replicas: Replicas,
    report: Report,
}

/// Checks a history that is in memory; its lines are counted from 1.
///
/// # Errors
/// If an event makes no sense, or there is none.
pub fn check(events: &[Event]) -> Result<Report, Unreadable> {
    let mut checker = Checker::default();
    for (line, event) in (1..).zip(events) {
        checker.observe(line, event.clone())?;
    }
    checker.finish()
}

impl Checker {
    /// Takes the next event.
    ///
    /// # Errors
    /// If it makes no sense after those before it.
    pub fn observe(&mut self, line: u64, event: Event) -> Result<(), Unreadable> {
        self.take(line, event).map_err(|why| Unreadable::Line { line, why })
    }

    fn take(&mut self, line: u64, event: Event) -> Result<(), String> {
        let Event { process, id, phase, op, .. } = event;
        self.sense.take(line, &op)?;
        if phase == Phase::Invoke {
            if let Some(open) = self.open.get(&id) {
                return Err(format!("operation {id} began before, in line {}", open.line));
            }
            self.report.counts.tally(phase, &op);
            let (name, subject) = (op.name(), Subject::of(&op));
            let memory = self.begin(line, process, op)?;
            self.open.insert(id, Open { line, process, name, subject, memory });
            return Ok(());
        }
        let open = self.open.remove(&id);
        match &open {
            Some(open) if open.name != op.name() || open.process != process => {
                let (process, line, name) = (open.process, open.line, open.name);
                return Err(format!("operation {id} is process {process}'s {name}, as line {line} says"));
            }
            Some(open) if open.subject != Subject::of(&op) => {
                let (subject, line, end) = (&open.subject, open.line, Subject::of(&op));
                return Err(format!("operation {id} is of {subject}, as line {line} says, and not of {end}"));
            }
            None if needs_beginning(&op) => {
                return Err(format!("operation {id} ends without having begun"));
            }
            _ => {}
        }
        self.report.counts.tally(phase, &op);
        self.end(line, process, phase, op, open)
    }

    fn begin(&mut self, line: u64, process: u64, op: Operation) -> Result<Memory, String> {
        Ok(match op {
            Operation::Send(send) => {
                let place = self.places.id(&send.at);
                Memory::Send(self.sends.begin(line, process, place, send)?)
            }
            Operation::Commit(commit) => {
                let place = self.places.id(&commit.at);
                Memory::Commit(self.commits.begin_commit(line, place, &commit))
            }
            Operation::Committed(look) => {
                let place = self.places.id(&look.at);
                Memory::Look(self.commits.begin_look(line, &look.group, place))
            }
            Operation::DeleteRecords(delete) => Memory::Delete(self.places.id(&delete.at), delete.before),
            Operation::Revoked(revoked) => {
                self.owners.revoked(revoked, &mut self.places);
                Memory::Nothing
            }
            Operation::Topic(facts) => {
                self.places.note_facts(facts);
                Memory::Nothing
            }
            Operation::Read(_)
            | Operation::Seek(_)
            | Operation::Assigned(_)
            | Operation::Heartbeat(_)
            | Operation::Replica(_) => Memory::Nothing,
        })
    }

    fn end(
        &mut self,
        line: u64,
        process: u64,
        phase: Phase,
        op: Operation,
        open: Option<Open>,
    ) -> Result<(), String> {
        let began = open.as_ref().map_or(line, |open| open.line);
        let ok = phase == Phase::Ok;
        match (op, open.map(|open| open.memory)) {
            (Operation::Send(send), Some(Memory::Send(begun))) => {
                let how = (phase, self.places.id(&send.at), send.base_offset);
                self.sends.end(line, process, begun, how, &mut self.places, &mut self.report)?;
            }
            (Operation::Commit(commit), Some(Memory::Commit(begun))) => {
                self.commits.end_commit(line, &begun, phase);
                if let (true, Some(member), Some(epoch)) = (ok, commit.member, commit.epoch) {
                    let commits = Some(self.places.id(&commit.at));
                    let proof = Proof { group: commit.group, member, epoch, lines: [began, line], commits };
                    self.owners.proven(&proof, &self.places, &mut self.report);
                }
            }
            (Operation::Committed(look), Some(Memory::Look(begun))) if ok => {
                self.commits.end_look(line, &begun, look.offset);
            }
            (_, Some(Memory::Delete(place, before))) if phase != Phase::Fail => {
                self.places.known_mut(place).may_start_at(before);
            }
            (Operation::Heartbeat(beat), _) if ok => {
                let (group, member, epoch) = (beat.group, beat.member, beat.epoch);
                let proof = Proof { group, member, epoch, lines: [began, line], commits: None };
                self.owners.proven(&proof, &self.places, &mut self.report);
            }
            (Operation::Assigned(assigned), _) if ok => {
                self.polls.reassigned(process);
                self.owners.assigned([began, line], assigned, &mut self.places);
            }
            // They held from their beginning on.
            (Operation::Revoked(_) | Operation::Topic(_), Some(_)) => {}
            (op, _) if ok => self.told(line, process, op),
            _ => {}
        }
        Ok(())
    }

    /// What may be told by its end alone.
    fn told(&mut self, line: u64, process: u64, op: Operation) {
        match op {
            Operation::Read(read) => {
                let place = self.places.id(&read.at);
                self.marks.read(line, process, place, &read, &mut self.places, &mut self.report);
                let known = (&mut self.sends, &mut self.places, &mut self.report);
                self.polls.read(line, process, place, &read, known);
            }
            Operation::Seek(seek) => {
                let place = self.places.id(&seek.at);
                self.polls.seek(process, place);
            }
            Operation::Revoked(revoked) => self.owners.revoked(revoked, &mut self.places),
            Operation::Topic(facts) => self.places.note_facts(facts),
            Operation::Replica(replica) => {
                let place = self.places.id(&replica.at);
                self.replicas.told(line, place, replica, &mut self.places);
            }
            Operation::Send(_)
            | Operation::Commit(_)
            | Operation::Committed(_)
            | Operation::DeleteRecords(_)
            | Operation::Assigned(_)
            | Operation::Heartbeat(_) => {}
        }
    }

    /// Says what was found.
    ///
    /// # Errors
    /// If there was no event.
    pub fn finish(mut self) -> Result<Report, Unreadable> {
        if self.report.counts.events == 0 {
            return Err(Unreadable::Empty);
        }
        for open in self.open.values() {
            if let Memory::Delete(place, before) = open.memory {
                self.places.known_mut(place).may_start_at(before);
            }
        }
        let (places, report) = (&self.places, &mut self.report);
        self.sends.finish(places, report);
        self.polls.finish(places, report);
        self.commits.finish(places, report);
        self.replicas.finish(places, report);
        places.finish(report);
        self.report.anomalies.sort();
        Ok(self.report)
    }
}

/// Whether both ends of an operation have to be told, since something lies between them.
fn needs_beginning(op: &Operation) -> bool {
    matches!(
        op,
        Operation::Send(_)
            | Operation::Commit(_)
            | Operation::Committed(_)
            | Operation::DeleteRecords(_)
            | Operation::Heartbeat(_)
    )
}
