//! A log of single-record batches in memory, with the part of it that would survive a power cut.

use tidemark::replication::LogView;
use tidemark::types::{FlushMode, LeaderEpoch, Offset};

/// One batch of one record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) epoch: LeaderEpoch,
    pub(crate) value: String,
}

#[derive(Clone, Debug, Default)]
pub(crate) struct SimLog {
    start: i64,
    entries: Vec<Entry>,
    durable_end: i64,
}

impl SimLog {
    pub(crate) fn start(&self) -> i64 {
        self.start
    }

    pub(crate) fn end(&self) -> i64 {
        self.start + i64::try_from(self.entries.len()).unwrap()
    }

    pub(crate) fn durable_end(&self) -> i64 {
        self.durable_end
    }

    pub(crate) fn view(&self, flush: FlushMode) -> LogView {
        let last_epoch = self.entries.last().map_or(LeaderEpoch::NONE, |entry| entry.epoch);
        let offsets = [self.start, self.end(), self.durable_end].map(Offset);
        LogView::new(offsets[0], offsets[1], offsets[2], last_epoch, flush)
    }

    pub(crate) fn get(&self, offset: i64) -> Option<&Entry> {
        usize::try_from(offset - self.start).ok().and_then(|at| self.entries.get(at))
    }

    pub(crate) fn from(&self, offset: i64) -> Vec<Entry> {
        let at = usize::try_from(offset - self.start).unwrap();
        self.entries.get(at..).unwrap_or_default().to_vec()
    }

    pub(crate) fn append(&mut self, entries: impl IntoIterator<Item = Entry>) {
        self.entries.extend(entries);
    }

    pub(crate) fn flush(&mut self) {
        self.durable_end = self.end();
    }

    pub(crate) fn truncate(&mut self, end: i64) {
        assert!(end >= self.start, "cut to {end} below the start {}", self.start);
        self.entries.truncate(usize::try_from(end - self.start).unwrap());
        self.durable_end = self.durable_end.min(end);
    }

    pub(crate) fn restart_at(&mut self, start: i64) {
        *self = Self { start, entries: Vec::new(), durable_end: start };
    }

    pub(crate) fn advance_start(&mut self, start: i64) {
        let gone = usize::try_from((start - self.start).max(0)).unwrap().min(self.entries.len());
        self.entries.drain(..gone);
        self.start += i64::try_from(gone).unwrap();
        self.durable_end = self.durable_end.max(self.start);
    }

    /// What a power cut leaves.
    pub(crate) fn lose_what_is_not_durable(&mut self) {
        self.truncate(self.durable_end.max(self.start));
    }

    /// The total lookup of rule 8.
    pub(crate) fn epoch_end(&self, asked: LeaderEpoch) -> (LeaderEpoch, Offset) {
        let next = self.entries.iter().position(|entry| entry.epoch > asked).unwrap_or(self.entries.len());
        let floor = if next == 0 { asked } else { self.entries[next - 1].epoch };
        (floor, Offset(self.start + i64::try_from(next).unwrap()))
    }

    pub(crate) fn values(&self) -> String {
        let values: Vec<_> = self.entries.iter().map(|entry| entry.value.as_str()).collect();
        values.join(" ")
    }
}
