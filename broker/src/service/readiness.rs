//! Readiness: whether this broker should be given work, and if not, why.
//!
//! It is not liveness: a broker that is not ready still answers what it can.

use std::sync::atomic::{AtomicBool, Ordering};

use super::broker::{Service, ServiceParts};
use crate::cluster::{Image, LiveState};
use crate::replication::RoleKind;
use crate::types::{LeaderEpoch, TopicPartition};

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
        let ServiceParts { me, vitals, .. } = &self.parts;
        let image = self.image();
        let mut reasons = Vec::new();
        if !vitals.has_coordinator_contact() {
            reasons.push("the coordination store does not answer: elections and changes wait".to_owned());
        }
        match image.live.get(&me.broker) {
            Some(live) if live.epoch != me.epoch => {
                reasons.push("another process is registered under this broker's id".to_owned());
            }
            Some(live) if live.disk_failed => {
                reasons.push("the disk has failed a log: the broker ends, see its log".to_owned());
            }
            Some(live) if live.state != LiveState::Active => {
                reasons.push(format!("the broker is {}", live.state))
            }
            Some(live) if live.disk_full => reasons.push("the disk is full: writes are refused".to_owned()),
            Some(_) => {}
            None => reasons.push(
                "the broker's registration is not active: its lease is lost or not granted yet".to_owned(),
            ),
        }
        if vitals.is_draining() {
            reasons.push("the broker is stopping".to_owned());
        }
        if vitals.is_disk_failing() {
            reasons.push("a data directory does not answer".to_owned());
        }
        let unsettled = self.unsettled_leaderships(&image);
        if unsettled > 0 {
            reasons.push(format!("{unsettled} partitions that this broker should lead are not open yet"));
        }
        Readiness { reasons }
    }

    /// How many partitions name this broker as leader and are not led here yet.
    fn unsettled_leaderships(&self, image: &Image) -> usize {
        let mine = image.partitions().filter(|(_, _, record)| record.state.leader == Some(self.parts.me));
        let settled = |tp: &TopicPartition, epoch: LeaderEpoch| {
            let partition = self.parts.replicas.get(tp);
            partition.is_some_and(|partition| {
                let status = partition.status();
                status.role == RoleKind::Leader && status.leader_epoch >= epoch
            })
        };
        mine.filter(|(tp, _, record)| !settled(tp, record.state.leader_epoch)).count()
    }
}
