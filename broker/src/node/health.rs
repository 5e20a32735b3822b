//! Contact with the store, the lease and the disk become readiness, metrics, and what replication must know.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::disk::DiskState;
use crate::clock::Clock;
use crate::cluster::{Contact, Image, Membership};
use crate::metrics::Metrics;
use crate::replication::Replicas;
use crate::service::Vitals;

/// Far enough away to mean "for ever" without overflowing.
const FOR_EVER: Duration = Duration::from_secs(100 * 365 * 24 * 60 * 60);

/// What the loop is made of.
pub(super) struct Health {
    pub(super) contact: watch::Receiver<Contact>,
    pub(super) disk: watch::Receiver<DiskState>,
    pub(super) images: watch::Receiver<Arc<Image>>,
    pub(super) controller: watch::Receiver<bool>,
    pub(super) membership: Arc<Membership>,
    pub(super) replicas: Arc<Replicas>,
    pub(super) vitals: Arc<Vitals>,
    pub(super) metrics: Arc<Metrics>,
    pub(super) clock: Clock,
    pub(super) session_timeout: Duration,
}

impl Health {
    pub(super) async fn run(mut self, stop: CancellationToken) {
        loop {
            self.tell();
            tokio::select! {
                () = stop.cancelled() => return,
                Ok(()) = self.contact.changed() => {}
                Ok(()) = self.disk.changed() => {}
                Ok(()) = self.images.changed() => {}
                Ok(()) = self.controller.changed() => {}
                else => return,
            }
        }
    }

    fn tell(&mut self) {
        let away_since = self.contact.borrow_and_update().away_since;
        self.vitals.set_coordinator_contact(away_since.is_none());
        self.metrics.coordinator_contact.set(i64::from(away_since.is_none()));
        let until = match away_since {
            Some(since) => since + self.session_timeout,
            None => self.clock.now() + FOR_EVER,
        };
        self.replicas.set_session_deadline(until);

        let disk = *self.disk.borrow_and_update();
        self.vitals.set_disk_failing(!disk.answers);
        self.membership.set_disk_answers(disk.answers);
        self.membership.set_disk_full(disk.full);

        let live = self.images.borrow_and_update().live.len();
        self.metrics.live_brokers.set(i64::try_from(live).unwrap_or(i64::MAX));
        self.metrics.controller_active.set(i64::from(*self.controller.borrow_and_update()));
    }
}
