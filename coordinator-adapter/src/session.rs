//! One lease, kept alive for as long as the process wants and its data directory answers.
//!
//! It is not a proof of anything: safety rests on guards ([`Compare`](crate::Compare)), a lease only says when others
//! may act. Renewals go on through every outage of the store, for ever, since a store that was away may well come back
//! with the lease alive; only the store's own word ([`StoreError::LeaseNotFound`]) ends a session.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep_until, timeout};

use crate::error::StoreError;
use crate::store::{LeaseId, Store};

/// A renewal that failed is tried again after this part of the usual time.
const RETRY_PART: u32 = 8;

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
    store: Arc<dyn Store>,
    lease: LeaseId,
    ttl: Duration,
    status: watch::Receiver<Status>,
    renewing: JoinHandle<()>,
}

#[derive(Clone, Copy, Debug)]
struct Status {
    /// When the last renewal that was answered was sent.
    renewed: Instant,
    /// Whether the last attempt failed.
    away: bool,
    lost: bool,
}

impl Session {
    /// Grants a lease and begins to renew it, but only while `gate` is true (a broker's: "the data directory answers").
    ///
    /// # Errors
    /// As [`Store::grant`].
    pub async fn open(
        store: Arc<dyn Store>,
        options: SessionOptions,
        gate: watch::Receiver<bool>,
    ) -> Result<Self, StoreError> {
        let granting = Instant::now();
        let lease = store.grant(Duration::from_millis(options.ttl_ms)).await?;
        let (sender, status) = watch::channel(Status { renewed: granting, away: false, lost: false });
        let renewing = tokio::spawn(renew(Arc::clone(&store), lease.id, options, gate, sender));
        Ok(Self { store, lease: lease.id, ttl: lease.ttl, status, renewing })
    }

    /// The lease.
    #[must_use]
    pub fn lease(&self) -> LeaseId {
        self.lease
    }

    /// The time to live that the store granted.
    #[must_use]
    pub fn ttl(&self) -> Duration {
        self.ttl
    }

    /// Whether the store has said that the lease is gone.
    #[must_use]
    pub fn is_lost(&self) -> bool {
        self.status.borrow().lost
    }

    /// Returns once the store has said that the lease is gone, or nobody renews it any more, so that it soon will be.
    pub async fn lost(&self) {
        // An error says that the renewals have ended without that word: close(), or a panic.
        let _ = self.status.clone().wait_for(|status| status.lost).await;
    }

    /// How long ago the last renewal that was answered was *sent*: what is older than the time to live may be gone.
    #[must_use]
    pub fn since_renewed(&self) -> Duration {
        self.status.borrow().renewed.elapsed()
    }

    /// While renewals fail: how long ago the last good one was sent.
    #[must_use]
    pub fn away_for(&self) -> Option<Duration> {
        let status = *self.status.borrow();
        status.away.then(|| status.renewed.elapsed())
    }

    /// Stops renewing and revokes the lease: its keys are gone when this returns `Ok`.
    ///
    /// # Errors
    /// As [`Store::revoke`]; the lease then runs out by itself.
    pub async fn close(&self) -> Result<(), StoreError> {
        self.renewing.abort();
        self.store.revoke(self.lease).await
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        self.renewing.abort();
    }
}

/// Renews until the lease is gone, or for ever.
async fn renew(
    store: Arc<dyn Store>,
    lease: LeaseId,
    options: SessionOptions,
    mut gate: watch::Receiver<bool>,
    status: watch::Sender<Status>,
) {
    let every = Duration::from_millis(options.renew_every_ms);
    let attempt_timeout = Duration::from_millis(options.attempt_timeout_ms);
    let mut next = status.borrow().renewed + every;
    loop {
        sleep_until(next).await;
        if gate.wait_for(|open| *open).await.is_err() {
            return; // whoever held the gate left it shut
        }
        let sent = Instant::now();
        let away = status.borrow().away;
        let failure = match timeout(attempt_timeout, store.keep_alive(lease)).await {
            Ok(Ok(_)) => {
                if away {
                    let away_ms = millis(status.borrow().renewed.elapsed());
                    tracing::info!(%lease, away_ms, "the coordination store answers again");
                }
                status.send_replace(Status { renewed: sent, away: false, lost: false });
                next = sent + every;
                continue;
            }
            Ok(Err(StoreError::LeaseNotFound(_))) => {
                let since_renewed_ms = millis(status.borrow().renewed.elapsed());
                tracing::warn!(%lease, since_renewed_ms, "the session is lost: its lease is gone");
                status.send_modify(|status| status.lost = true);
                return;
            }
            Ok(Err(error)) => error.to_string(),
            Err(_) => format!("no answer within {} ms", options.attempt_timeout_ms),
        };
        if !away {
            tracing::warn!(%lease, failure, "the lease cannot be renewed; trying on");
            status.send_modify(|status| status.away = true);
        }
        next = Instant::now() + every / RETRY_PART;
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{FaultyStore, MemoryOptions, MemoryStore};

    struct Bench {
        memory: Arc<MemoryStore>,
        door: Arc<FaultyStore>,
        gate: watch::Sender<bool>,
        session: Session,
    }

    async fn bench() -> Bench {
        let memory = Arc::new(MemoryStore::new(MemoryOptions::default()));
        let door = Arc::new(FaultyStore::new(Arc::clone(&memory) as Arc<dyn Store>));
        let (gate, open) = watch::channel(true);
        let options = SessionOptions { ttl_ms: 6_000, renew_every_ms: 2_000, attempt_timeout_ms: 1_000 };
        let session = Session::open(Arc::clone(&door) as Arc<dyn Store>, options, open).await.unwrap();
        Bench { memory, door, gate, session }
    }

    impl Bench {
        /// Lets tokio's paused time and the store's time pass together.
        async fn pass(&self, seconds: i64, from_second: i64) {
            for second in 1..=seconds {
                tokio::time::sleep(Duration::from_secs(1)).await;
                self.memory.tick((from_second + second) * 1_000);
            }
        }
    }

    #[tokio::test(start_paused = true)]
    async fn renewals_keep_a_lease_alive_and_close_ends_it() {
        let bench = bench().await;
        bench.pass(60, 0).await;
        assert!(!bench.session.is_lost());
        assert!(bench.session.since_renewed() <= Duration::from_secs(2));
        bench.session.close().await.unwrap();
        let gone = bench.memory.keep_alive(bench.session.lease()).await;
        assert_eq!(gone, Err(StoreError::LeaseNotFound(bench.session.lease())));
    }

    #[tokio::test(start_paused = true)]
    async fn an_outage_shorter_than_the_lease_loses_nothing() {
        let bench = bench().await;
        bench.pass(10, 0).await;
        bench.door.cut();
        bench.pass(2, 10).await;
        assert!(bench.session.away_for().is_some());
        bench.door.heal();
        bench.pass(20, 12).await;
        assert_eq!(bench.session.away_for(), None);
        assert!(!bench.session.is_lost());
    }

    #[tokio::test(start_paused = true)]
    async fn an_outage_is_sat_out_for_ever_and_only_the_store_says_that_the_lease_is_gone() {
        let bench = bench().await;
        bench.door.cut();
        bench.pass(600, 0).await;
        assert!(!bench.session.is_lost(), "nobody has said so");
        assert!(bench.session.since_renewed() >= Duration::from_secs(599));
        bench.door.heal();
        timeout(Duration::from_secs(5), bench.session.lost()).await.unwrap();
        assert!(bench.session.is_lost());
    }

    #[tokio::test(start_paused = true)]
    async fn a_store_that_froze_with_the_lease_gives_it_back() {
        let bench = bench().await;
        bench.door.cut();
        tokio::time::sleep(Duration::from_secs(300)).await; // the store's own time stands still
        bench.door.heal();
        bench.pass(10, 0).await;
        assert!(!bench.session.is_lost());
        assert_eq!(bench.session.away_for(), None);
    }

    #[tokio::test(start_paused = true)]
    async fn a_shut_gate_lets_the_lease_run_out() {
        let bench = bench().await;
        bench.gate.send_replace(false);
        bench.pass(20, 0).await;
        assert!(bench.memory.keep_alive(bench.session.lease()).await.is_err());
        bench.gate.send_replace(true);
        timeout(Duration::from_secs(5), bench.session.lost()).await.unwrap();
    }

    #[tokio::test(start_paused = true)]
    async fn dropping_a_session_stops_the_renewals() {
        let bench = bench().await;
        let Bench { memory, session, gate, .. } = bench;
        let lease = session.lease();
        drop(session);
        tokio::time::sleep(Duration::from_secs(10)).await;
        memory.tick(10_000);
        assert_eq!(memory.keep_alive(lease).await, Err(StoreError::LeaseNotFound(lease)));
        drop(gate);
    }
}
