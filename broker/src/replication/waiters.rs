//! Waking at an offset: producers that wait for their records to be committed, and long polls that wait for records.
//!
//! Both wait in lists that live under their partition's one lock, so that nothing can slip between looking and waiting;
//! they are rung after the lock is let go, all in one pass.
//!
//! *Invariant:* a wait that is dropped leaves nothing behind.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicUsize, Ordering};
use std::sync::{Arc, Weak};
use std::task::Poll;

use futures_util::task::AtomicWaker;
use parking_lot::Mutex;

use super::partition::Partition;
use crate::types::Offset;

/// When a long poll wants to be woken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WakeAt {
    /// Once the record at this offset is committed: the high watermark lies beyond it. For consumers.
    HighWatermark(Offset),
    /// Once the record at this offset is in the log. For followers.
    LogEnd(Offset),
    /// Once there were so many appends: for followers, whose fetch gathers what is written at the same time.
    Appends(u64),
}

/// How a wait ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ended {
    /// The offset was reached.
    Reached,
    /// The leadership was lost before.
    Lost,
    /// The log failed before.
    Failed,
}

const WAITING: u8 = 0;

impl Ended {
    fn code(self) -> u8 {
        match self {
            Self::Reached => 1,
            Self::Lost => 2,
            Self::Failed => 3,
        }
    }

    fn from_code(code: u8) -> Option<Self> {
        [Self::Reached, Self::Lost, Self::Failed].into_iter().find(|ended| ended.code() == code)
    }
}

/// One waiting task.
#[derive(Debug, Default)]
pub(super) struct Slot {
    state: AtomicU8,
    waker: AtomicWaker,
}

impl Slot {
    /// Waits until it is rung.
    pub(super) async fn ended(&self) -> Ended {
        std::future::poll_fn(|context| {
            if let Some(ended) = self.peek() {
                return Poll::Ready(ended);
            }
            self.waker.register(context.waker());
            self.peek().map_or(Poll::Pending, Poll::Ready)
        })
        .await
    }

    /// How it ended, if it did.
    pub(super) fn peek(&self) -> Option<Ended> {
        Ended::from_code(self.state.load(Ordering::Acquire))
    }

    fn ring(&self, ended: Ended) {
        if self.state.compare_exchange(WAITING, ended.code(), Ordering::AcqRel, Ordering::Acquire).is_ok() {
            self.waker.wake();
        }
    }
}

/// Tasks that wait for an end to reach their offset, in the order of the offsets.
#[derive(Debug, Default)]
pub(super) struct WaitQueue {
    waiting: VecDeque<(Offset, Arc<Slot>)>,
}

impl WaitQueue {
    /// Waits for the end to reach `at`. Appends come in order, so this is a push at the back but for repeats.
    pub(super) fn push(&mut self, at: Offset) -> Arc<Slot> {
        let slot = Arc::new(Slot::default());
        let place = match self.waiting.back() {
            Some((last, _)) if *last > at => self.waiting.partition_point(|(other, _)| *other <= at),
            _ => self.waiting.len(),
        };
        self.waiting.insert(place, (at, Arc::clone(&slot)));
        slot
    }

    /// Takes out everyone whose offset `end` has reached; how many that were.
    pub(super) fn reached(&mut self, end: Offset, bells: &mut Bells) -> usize {
        let count = self.waiting.partition_point(|(at, _)| *at <= end);
        bells.slots.extend(self.waiting.drain(..count).map(|(_, slot)| (slot, Ended::Reached)));
        count
    }

    /// How many wait for more than `end`.
    pub(super) fn beyond(&self, end: Offset) -> usize {
        self.waiting.len() - self.waiting.partition_point(|(at, _)| *at <= end)
    }

    /// Takes out everyone.
    pub(super) fn end_all(&mut self, ended: Ended, bells: &mut Bells) {
        bells.slots.extend(self.waiting.drain(..).map(|(_, slot)| (slot, ended)));
    }

    /// Takes out one that waits no more.
    pub(super) fn remove(&mut self, at: Offset, slot: &Arc<Slot>) {
        let first = self.waiting.partition_point(|(other, _)| *other < at);
        let found = self.waiting.iter().skip(first).take_while(|(other, _)| *other == at);
        if let Some(step) = found.map(|(_, other)| other).position(|other| Arc::ptr_eq(other, slot)) {
            self.waiting.remove(first + step);
        }
    }

    pub(super) fn len(&self) -> usize {
        self.waiting.len()
    }
}

/// The long polls that hang on one partition.
#[derive(Debug, Default)]
pub(super) struct Polls {
    committed: Vec<(Offset, Arc<Bell>)>,
    appended: Vec<(Offset, Arc<Bell>)>,
    gathering: Vec<(u64, Arc<Bell>)>,
}

impl Polls {
    pub(super) fn hang(&mut self, at: WakeAt, bell: Arc<Bell>) {
        match at {
            WakeAt::HighWatermark(offset) => self.committed.push((offset, bell)),
            WakeAt::LogEnd(offset) => self.appended.push((offset, bell)),
            WakeAt::Appends(count) => self.gathering.push((count, bell)),
        }
    }

    /// Takes down those that wait for a record below `high_watermark`.
    pub(super) fn committed(&mut self, high_watermark: Offset, bells: &mut Bells) {
        take_below(&mut self.committed, high_watermark, bells);
    }

    /// Takes down those that wait for a record below `log_end`.
    pub(super) fn appended(&mut self, log_end: Offset, bells: &mut Bells) {
        take_below(&mut self.appended, log_end, bells);
    }

    /// Takes down those that wait for no more than so many appends.
    pub(super) fn gathered(&mut self, appends: u64, bells: &mut Bells) {
        let done = self.gathering.extract_if(.., |(at, _)| *at <= appends);
        bells.polls.extend(done.map(|(_, bell)| bell));
    }

    /// Takes down all: the role has changed.
    pub(super) fn all(&mut self, bells: &mut Bells) {
        let by_offset = self.committed.drain(..).chain(self.appended.drain(..)).map(|(_, bell)| bell);
        bells.polls.extend(by_offset.chain(self.gathering.drain(..).map(|(_, bell)| bell)));
    }

    fn remove(&mut self, bell: &Arc<Bell>) {
        self.committed.retain(|(_, other)| !Arc::ptr_eq(other, bell));
        self.appended.retain(|(_, other)| !Arc::ptr_eq(other, bell));
        self.gathering.retain(|(_, other)| !Arc::ptr_eq(other, bell));
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.committed.len() + self.appended.len() + self.gathering.len()
    }
}

fn take_below(polls: &mut Vec<(Offset, Arc<Bell>)>, end: Offset, bells: &mut Bells) {
    if polls.iter().any(|(at, _)| *at < end) {
        bells.polls.extend(polls.extract_if(.., |(at, _)| *at < end).map(|(_, bell)| bell));
    }
}

/// Those to ring once the partition's lock is let go.
#[derive(Debug, Default)]
#[must_use = "whoever was taken out of a list must be rung"]
pub(super) struct Bells {
    slots: Vec<(Arc<Slot>, Ended)>,
    polls: Vec<Arc<Bell>>,
}

impl Bells {
    /// Rings all, in one pass.
    pub(super) fn ring(self) {
        for (slot, ended) in self.slots {
            slot.ring(ended);
        }
        for bell in self.polls {
            bell.ring();
        }
    }
}

/// What hangs on a partition for a long poll.
#[derive(Debug, Default)]
pub(super) struct Bell {
    rung: AtomicBool,
    waker: AtomicWaker,
}

impl Bell {
    pub(super) fn ring(&self) {
        if !self.rung.swap(true, Ordering::AcqRel) {
            self.waker.wake();
        }
    }
}

/// A long poll's bell; it may hang on many partitions at once and is rung by the first that has something to say
/// (records, or a change of role). Rings once.
///
/// Dropping it takes it down everywhere.
#[derive(Debug, Default)]
pub struct WakeHandle {
    bell: Arc<Bell>,
    hangs_on: Mutex<Vec<(Weak<Partition>, Ticket)>>,
}

impl WakeHandle {
    /// A bell that hangs nowhere yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Waits until it rings. Returns at once if it has rung already. One task at a time may wait.
    pub async fn woken(&self) {
        std::future::poll_fn(|context| {
            if self.is_woken() {
                return Poll::Ready(());
            }
            self.bell.waker.register(context.waker());
            if self.is_woken() { Poll::Ready(()) } else { Poll::Pending }
        })
        .await;
    }

    /// Whether it has rung.
    #[must_use]
    pub fn is_woken(&self) -> bool {
        self.bell.rung.load(Ordering::Acquire)
    }

    pub(super) fn bell(&self) -> Arc<Bell> {
        Arc::clone(&self.bell)
    }

    /// Remembers where to take it down.
    pub(super) fn hung_on(&self, partition: &Arc<Partition>, ticket: Ticket) {
        self.hangs_on.lock().push((Arc::downgrade(partition), ticket));
    }
}

impl Drop for WakeHandle {
    fn drop(&mut self) {
        for (partition, _ticket) in self.hangs_on.get_mut().drain(..) {
            if let Some(partition) = partition.upgrade() {
                partition.lock().polls.remove(&self.bell);
            }
        }
    }
}

/// Counts everyone who waits on this broker, against one bound.
#[derive(Debug)]
pub(super) struct WaitBound {
    waiting: AtomicUsize,
    max: usize,
}

impl WaitBound {
    pub(super) fn new(max: usize) -> Arc<Self> {
        Arc::new(Self { waiting: AtomicUsize::new(0), max })
    }

    pub(super) fn max(&self) -> usize {
        self.max
    }

    #[cfg(test)]
    pub(super) fn waiting(&self) -> usize {
        self.waiting.load(Ordering::Relaxed)
    }

    /// A place among those who wait; `None` if there is none left.
    pub(super) fn enter(self: &Arc<Self>) -> Option<Ticket> {
        let before = self.waiting.fetch_add(1, Ordering::Relaxed);
        let ticket = Ticket { bound: Arc::clone(self) };
        (before < self.max).then_some(ticket)
    }
}

/// A place among those who wait; given back when dropped.
#[derive(Debug)]
pub(super) struct Ticket {
    bound: Arc<WaitBound>,
}

impl Drop for Ticket {
    fn drop(&mut self) {
        self.bound.waiting.fetch_sub(1, Ordering::Relaxed);
    }
}
