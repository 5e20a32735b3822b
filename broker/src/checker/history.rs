//! A history in memory, written while it happens.
//!
//! *Invariant:* the number of an operation is given out here, once.

use std::io;

use super::event::{Event, Operation, Phase};

/// Events in the order in which they were told.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct History {
    events: Vec<Event>,
    next_id: u64,
}

impl History {
    /// An operation begins; gives its number.
    pub fn begin(&mut self, time_us: u64, process: u64, op: Operation) -> u64 {
        let id = self.next_id;
        self.next_id += 1;
        self.events.push(Event { time_us, process, id, phase: Phase::Invoke, op });
        id
    }

    /// An operation ends.
    pub fn end(&mut self, time_us: u64, process: u64, id: u64, phase: Phase, op: Operation) {
        assert!(id < self.next_id, "operation {id} was never begun");
        self.events.push(Event { time_us, process, id, phase, op });
    }

    /// Something of which only the end is worth telling.
    pub fn note(&mut self, time_us: u64, process: u64, op: Operation) {
        let id = self.next_id;
        self.next_id += 1;
        self.events.push(Event { time_us, process, id, phase: Phase::Ok, op });
    }

    /// Everything so far.
    #[must_use]
    pub fn events(&self) -> &[Event] {
        &self.events
    }

    /// Writes it as lines.
    ///
    /// # Errors
    /// If writing fails.
    pub fn write_to(&self, to: &mut impl io::Write) -> io::Result<()> {
        for event in &self.events {
            serde_json::to_writer(&mut *to, event)?;
            to.write_all(b"\n")?;
        }
        to.flush()
    }
}
