//! One lease, kept alive for as long as the process wants and its data directory answers.
//!
//! It is not a proof of anything: safety rests on guards ([`Compare`](crate::Compare)), a lease only says when others
//! may act. Renewals go on through every outage of the store, for ever, since a store that was away may well come back
//! with the lease alive; only the store's own word ([`StoreError::LeaseNotFound`]) ends a session.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

use crate::error::StoreError;
use crate::store::{LeaseId, Store};

/// How a session is kept.
#[derive(Clone, Debug)]
pub struct SessionOptions {
    /// The time to live asked for; the store may grant more.
    pub ttl_ms: u64,
    /// How often the lease is renewed.
    pub renew_every_ms: u64,
    /// How long one renewal may take before it counts as failed.
    pub attempt_timeout_ms: u64,
}

impl Default for SessionOptions {
    fn default() -> Self {
        Self { ttl_ms: 6_000, renew_every_ms: 2_000, attempt_timeout_ms: 5_000 }
    }
}

/// A lease that is being renewed. Dropping it stops the renewals; the lease then runs out by itself.
#[derive(Debug)]
pub struct Session {
    lease: LeaseId,
}

impl Session {
    /// Grants a lease and begins to renew it, but only while `gate` is true (a broker's: "the data directory answers").
    ///
    /// # Errors
    /// As [`Store::grant`].
    pub async fn open(
        _store: Arc<dyn Store>,
        _options: SessionOptions,
        _gate: watch::Receiver<bool>,
    ) -> Result<Self, StoreError> {
        unimplemented!("Session::open")
    }

    /// The lease.
    #[must_use]
    pub fn lease(&self) -> LeaseId {
        self.lease
    }

    /// The time to live that the store granted.
    #[must_use]
    pub fn ttl(&self) -> Duration {
        unimplemented!("Session::ttl")
    }

    /// Whether the store has said that the lease is gone.
    #[must_use]
    pub fn is_lost(&self) -> bool {
        unimplemented!("Session::is_lost")
    }

    /// Returns once the store has said that the lease is gone.
    pub async fn lost(&self) {
        unimplemented!("Session::lost")
    }

    /// How long ago the last renewal that was answered was *sent*: what is older than the time to live may be gone.
    #[must_use]
    pub fn since_renewed(&self) -> Duration {
        unimplemented!("Session::since_renewed")
    }

    /// Stops renewing and revokes the lease: its keys are gone when this returns `Ok`.
    ///
    /// # Errors
    /// As [`Store::revoke`]; the lease then runs out by itself.
    pub async fn close(&self) -> Result<(), StoreError> {
        unimplemented!("Session::close")
    }
}
