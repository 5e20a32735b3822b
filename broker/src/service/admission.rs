//! Bounds on what is in memory and on who waits.
//!
//! A [`ByteBudget`] admits bytes before they are read; a number of [`ReaderSeats`] keeps waiting readers from
//! starving producers. Neither queues: what does not fit is refused at once, so that the sender can go elsewhere.
//!
//! *Invariant:* what was admitted is given back exactly once, when its guard is dropped.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use prometheus_client::metrics::gauge::Gauge;

/// A bound was reached: nothing was taken, try again shortly.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{wanted} more would exceed the bound of {limit}: try again shortly, or at another broker")]
pub struct Overloaded {
    /// How much was asked for.
    pub wanted: usize,
    /// The bound.
    pub limit: usize,
}

/// A bound on the bytes held at once, shared by all that hold some.
#[derive(Debug)]
pub struct ByteBudget {
    limit: usize,
    used: AtomicUsize,
    gauge: Gauge,
}

impl ByteBudget {
    /// A budget of `limit` bytes; what is in use shows in `gauge`.
    #[must_use]
    pub fn new(limit: usize, gauge: Gauge) -> Arc<Self> {
        Arc::new(Self { limit, used: AtomicUsize::new(0), gauge })
    }

    /// Takes `bytes` out of the budget.
    ///
    /// # Errors
    /// [`Overloaded`] if they do not fit; nothing is taken then.
    pub fn admit(self: &Arc<Self>, bytes: usize) -> Result<Admitted, Overloaded> {
        let mut admitted = Admitted { budget: Arc::clone(self), bytes: 0 };
        admitted.grow(bytes)?;
        Ok(admitted)
    }

    /// The bytes in use.
    #[must_use]
    pub fn used(&self) -> usize {
        self.used.load(Ordering::Relaxed)
    }

    fn take(&self, bytes: usize) -> Result<(), Overloaded> {
        let fits = |used: usize| used.checked_add(bytes).filter(|sum| *sum <= self.limit);
        self.used
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, fits)
            .map_err(|_| Overloaded { wanted: bytes, limit: self.limit })?;
        self.gauge.inc_by(i64::try_from(bytes).unwrap_or(i64::MAX));
        Ok(())
    }

    fn give_back(&self, bytes: usize) {
        let before = self.used.fetch_sub(bytes, Ordering::Relaxed);
        assert!(before >= bytes, "gave back {bytes} bytes of {before} in use");
        self.gauge.dec_by(i64::try_from(bytes).unwrap_or(i64::MAX));
    }
}

/// Bytes that were admitted; dropping it gives them back.
#[derive(Debug)]
pub struct Admitted {
    budget: Arc<ByteBudget>,
    bytes: usize,
}

impl Admitted {
    /// Takes `more` bytes.
    ///
    /// # Errors
    /// [`Overloaded`] if they do not fit; what was held before is still held.
    pub fn grow(&mut self, more: usize) -> Result<(), Overloaded> {
        self.budget.take(more)?;
        self.bytes += more;
        Ok(())
    }

    /// Gives back what is held above `bytes`.
    pub fn shrink_to(&mut self, bytes: usize) {
        let surplus = self.bytes.saturating_sub(bytes);
        self.budget.give_back(surplus);
        self.bytes -= surplus;
    }

    /// The bytes held.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.bytes
    }
}

impl Drop for Admitted {
    fn drop(&mut self) {
        self.budget.give_back(self.bytes);
    }
}

/// A bound on how many readers wait at once.
#[derive(Debug)]
pub struct ReaderSeats {
    limit: usize,
    taken: AtomicUsize,
    gauge: Gauge,
}

impl ReaderSeats {
    /// Seats for `limit` readers; those taken show in `gauge`.
    #[must_use]
    pub fn new(limit: usize, gauge: Gauge) -> Arc<Self> {
        Arc::new(Self { limit, taken: AtomicUsize::new(0), gauge })
    }

    /// Takes a seat.
    ///
    /// # Errors
    /// [`Overloaded`] if all are taken.
    pub fn sit(self: &Arc<Self>) -> Result<Seat, Overloaded> {
        let free = |taken: usize| (taken < self.limit).then_some(taken + 1);
        self.taken
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, free)
            .map_err(|_| Overloaded { wanted: 1, limit: self.limit })?;
        self.gauge.inc();
        Ok(Seat { seats: Arc::clone(self) })
    }
}

/// The right to wait; dropping it frees the seat.
#[derive(Debug)]
pub struct Seat {
    seats: Arc<ReaderSeats>,
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.seats.taken.fetch_sub(1, Ordering::Relaxed);
        self.seats.gauge.dec();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_come_back_when_their_guard_goes() {
        let gauge = Gauge::default();
        let budget = ByteBudget::new(100, gauge.clone());
        let mut first = budget.admit(60).unwrap();
        assert_eq!(budget.admit(41).unwrap_err(), Overloaded { wanted: 41, limit: 100 });
        assert!(first.grow(41).is_err());
        first.grow(40).unwrap();
        first.shrink_to(10);
        assert_eq!((budget.used(), gauge.get()), (10, 10));
        drop(first);
        assert_eq!((budget.used(), gauge.get()), (0, 0));
        assert!(budget.admit(usize::MAX).is_err(), "a huge wish is refused, not wrapped around");
    }

    #[test]
    fn a_seat_is_free_again_when_its_reader_leaves() {
        let seats = ReaderSeats::new(1, Gauge::default());
        let seat = seats.sit().unwrap();
        assert!(seats.sit().is_err());
        drop(seat);
        assert!(seats.sit().is_ok());
    }
}
