//! Readiness: whether this broker should be given work, and if not, why.
//!
//! It is not liveness: a broker that is not ready still answers what it can.

use std::sync::atomic::{AtomicBool, Ordering};

use super::broker::Service;

/// What the process knows about itself; `node` keeps it up to date.
#[derive(Debug, Default)]
pub struct Vitals {
    coordinator_contact: AtomicBool,
    draining: AtomicBool,
    disk_failing: AtomicBool,
}

impl Vitals {
    /// Tells whether the coordination store answers.
    pub fn set_coordinator_contact(&self, there: bool) {
        self.coordinator_contact.store(there, Ordering::Relaxed);
    }

    /// Tells that the broker is stopping.
    pub fn set_draining(&self, draining: bool) {
        self.draining.store(draining, Ordering::Relaxed);
    }

    /// Tells whether a data directory has stopped answering.
    pub fn set_disk_failing(&self, failing: bool) {
        self.disk_failing.store(failing, Ordering::Relaxed);
    }

    pub(super) fn has_coordinator_contact(&self) -> bool {
        self.coordinator_contact.load(Ordering::Relaxed)
    }

    pub(super) fn is_draining(&self) -> bool {
        self.draining.load(Ordering::Relaxed)
    }

    pub(super) fn is_disk_failing(&self) -> bool {
        self.disk_failing.load(Ordering::Relaxed)
    }
}

/// Whether to send work here.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Readiness {
    /// Why not; empty if ready.
    pub reasons: Vec<String>,
}

impl Readiness {
    /// Whether to send work here.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        self.reasons.is_empty()
    }
}

impl Service {
    /// Whether this broker is ready, and if not, why.
    #[must_use]
    pub fn readiness(&self) -> Readiness {
        unimplemented!("readiness")
    }
}
