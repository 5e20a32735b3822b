//! The log of one broker: entries in memory, the broker's own table of epochs, and how much a power cut would leave.

use tidemark::replication::LogView;
use tidemark::storage::Epochs;
use tidemark::types::{FlushMode, LeaderEpoch, Offset};

/// One batch of one record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Entry {
    /// The reign in which it was appended.
    pub epoch: LeaderEpoch,
    /// Its content: the number of the append.
    pub value: u8,
}

/// One broker's log; it starts at offset 0.
#[derive(Clone, Debug, Default)]
pub(super) struct ModelLog {
    entries: Vec<Entry>,
    epochs: Epochs,
    durable: usize,
}

impl std::hash::Hash for ModelLog {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        // The table of epochs follows from the entries.
        self.entries.hash(state);
        self.durable.hash(state);
    }
}

fn offset(at: usize) -> Offset {
    Offset(at as i64)
}

impl ModelLog {
    /// One past the last entry.
    pub(super) fn end(&self) -> usize {
        self.entries.len()
    }

    /// All entries.
    pub(super) fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// Whether all of it would survive a power cut.
    pub(super) fn is_durable(&self) -> bool {
        self.durable == self.entries.len()
    }

    /// How much would.
    pub(super) fn durable(&self) -> usize {
        self.durable
    }

    /// As the decisions see it.
    pub(super) fn view(&self, flush: FlushMode) -> LogView {
        LogView::new(Offset(0), offset(self.end()), offset(self.durable), self.epochs.last(), flush)
    }

    /// The total lookup of rule 8.
    pub(super) fn epoch_end(&self, asked: LeaderEpoch) -> (LeaderEpoch, Offset) {
        self.epochs.end_of(asked, offset(self.end()))
    }

    pub(super) fn append(&mut self, entry: Entry) {
        self.epochs.assign(entry.epoch, offset(self.end()));
        self.entries.push(entry);
    }

    pub(super) fn flush(&mut self) {
        self.durable = self.entries.len();
    }

    /// Cuts, durably, as the real log does.
    pub(super) fn truncate(&mut self, end: usize) {
        self.epochs.truncate_to(offset(end));
        if end < self.end() {
            self.entries.truncate(end);
            self.flush();
        }
    }

    /// Drops all, to start anew where it started.
    pub(super) fn restart(&mut self) {
        *self = Self::default();
    }
}
