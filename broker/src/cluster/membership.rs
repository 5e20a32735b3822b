//! One broker's place in the cluster: its life, and its life sign under its one lease.
//!
//! *Invariant:* one registration per process ([`super::registration`]); its mod revision is the broker epoch for as
//! long as the process lives.
//! *Invariant:* a lease that is lost costs the process nothing but its life sign, which returns under a new lease with
//! the same epoch: a leader goes on until it sees a newer record (rule 1).
//! *Invariant:* while the data directory is silent no lease is renewed and none is taken.

use std::sync::Arc;
use std::time::{Duration, Instant};

use coordinator_adapter::{LeaseId, Session, SessionOptions, Store, StoreError};
use parking_lot::Mutex;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::clock::Clock;
use crate::metrics::Metrics;
use crate::tasks::Tasks;
use crate::types::{BrokerId, DirectoryId, Incarnation};

use super::error::ClusterError;
use super::keyspace::Keyspace;
use super::life_sign::{Condition, LifeSign, Outcome};
use super::pause::Pause;
use super::registration::register;
use super::values::{HostPort, LiveState, Recovered};

/// The first and the longest pause between attempts to write the life sign.
const RETRY_MS: (u64, u64) = (20, 1_000);

/// How a broker keeps its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MembershipOptions {
    /// How long a silent broker counts as alive.
    pub session_timeout_ms: u64,
    /// How long joining waits for a stranger under the same id to disappear.
    pub stranger_wait_ms: u64,
}

impl Default for MembershipOptions {
    fn default() -> Self {
        Self { session_timeout_ms: 6_000, stranger_wait_ms: 20_000 }
    }
}

/// What a broker says of itself when it joins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewRegistration {
    /// Its id.
    pub broker: BrokerId,
    /// The process, by a name of its own.
    pub incarnation: Uuid,
    /// Where its HTTP door is reached.
    pub http: HostPort,
    /// Where its Kafka door is reached.
    pub kafka: HostPort,
    /// The rack or zone that it stands in.
    pub rack: Option<String>,
    /// Its data directories, whose locks it holds.
    pub dirs: Vec<DirectoryId>,
    /// How its data came through the restart; `earlier` is filled in here.
    pub recovered: Recovered,
    /// The version of its program.
    pub release: String,
}

/// How a broker stands in the cluster.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It holds a lease and its life sign is written.
    Member {
        /// The lease.
        lease: LeaseId,
    },
    /// Its lease is lost; it tries to get another.
    Away {
        /// Since when.
        since: Instant,
    },
    /// A newer process has taken its id: this one must stop.
    Superseded,
    /// It has left.
    Left,
}

/// What the life sign shall say, and the number of that wish.
#[derive(Clone, Copy, Debug, Default)]
struct Wish {
    number: u64,
    condition: Condition,
}

/// What became of a wish; the last attempt.
#[derive(Clone, Debug)]
struct Attempt {
    number: u64,
    result: Result<(), ClusterError>,
}

/// A broker's place, kept until [`Membership::leave`]; dropping it lets the lease run out.
#[derive(Debug)]
pub struct Membership {
    incarnation: Incarnation,
    standing: watch::Receiver<Standing>,
    wish: watch::Sender<Wish>,
    attempts: watch::Receiver<Attempt>,
    gate: watch::Sender<bool>,
    stop: CancellationToken,
    task: Mutex<Option<JoinHandle<()>>>,
}

impl Membership {
    /// Registers this process and writes its life sign, in state `starting`.
    ///
    /// May be called again with the same registration after an error.
    ///
    /// # Errors
    /// [`ClusterError::BrokerIdInUse`] if another process keeps the id, or what the store said.
    pub async fn join(
        store: Arc<dyn Store>,
        keyspace: Keyspace,
        clock: Clock,
        metrics: Arc<Metrics>,
        registration: NewRegistration,
        options: MembershipOptions,
        tasks: &Tasks,
    ) -> Result<Arc<Self>, ClusterError> {
        let stranger_wait = Duration::from_millis(options.stranger_wait_ms);
        let incarnation = register(&store, &keyspace, &registration, stranger_wait).await?;
        let (gate, gate_out) = watch::channel(true);
        let (wish, wish_out) = watch::channel(Wish::default());
        let session_options = SessionOptions {
            ttl_ms: options.session_timeout_ms,
            renew_every_ms: (options.session_timeout_ms / 3).max(1),
            attempt_timeout_ms: (options.session_timeout_ms / 2).max(1),
        };
        let session = Session::open(Arc::clone(&store), session_options.clone(), gate_out.clone()).await?;
        let mut sign = LifeSign::new(Arc::clone(&store), &keyspace, incarnation);
        match sign.appear(session.lease(), Condition::default()).await? {
            Outcome::Written => {}
            Outcome::LeaseLost => {
                let reason = "the lease was gone before the life sign was written".to_owned();
                return Err(StoreError::Unavailable { reason }.into());
            }
            Outcome::Superseded => return Err(ClusterError::Superseded { broker: registration.broker }),
        }
        let (standing, standing_out) = watch::channel(Standing::Member { lease: session.lease() });
        let (attempts, attempts_out) = watch::channel(Attempt { number: 0, result: Ok(()) });
        let stop = CancellationToken::new();
        let keeper = Keeper {
            store,
            clock,
            metrics,
            session_options,
            gate: gate_out,
            wish: wish_out,
            standing,
            attempts,
            sign,
        };
        let task = tasks.spawn("membership", keeper.run(session, stop.clone()));
        Ok(Arc::new(Self {
            incarnation,
            standing: standing_out,
            wish,
            attempts: attempts_out,
            gate,
            stop,
            task: Mutex::new(Some(task)),
        }))
    }

    /// Which life this is.
    #[must_use]
    pub fn incarnation(&self) -> Incarnation {
        self.incarnation
    }

    /// How this broker stands, and news of changes.
    #[must_use]
    pub fn standing(&self) -> watch::Receiver<Standing> {
        self.standing.clone()
    }

    /// The lease that it holds, if it does.
    #[must_use]
    pub fn lease(&self) -> Option<LeaseId> {
        match *self.standing.borrow() {
            Standing::Member { lease } => Some(lease),
            _ => None,
        }
    }

    /// Says what this broker is doing; returns once it stands in the store, or with why not yet: it is written as
    /// soon as it can be in any case.
    ///
    /// # Errors
    /// What the store said.
    pub async fn set_state(&self, state: LiveState) -> Result<(), ClusterError> {
        let mut number = 0;
        self.wish.send_modify(|wish| {
            wish.number += 1;
            wish.condition.state = state;
            number = wish.number;
        });
        let gone = ClusterError::Superseded { broker: self.incarnation.broker };
        match self.attempts.clone().wait_for(|attempt| attempt.number >= number).await {
            Ok(attempt) => attempt.result.clone(),
            Err(_) => Err(gone),
        }
    }

    /// Says whether a data directory refuses writes for lack of space; written soon.
    pub fn set_disk_full(&self, full: bool) {
        self.wish(|condition| condition.disk_full = full);
    }

    /// Says that a data directory has failed; written soon.
    pub fn set_disk_failed(&self) {
        self.wish(|condition| condition.disk_failed = true);
    }

    fn wish(&self, change: impl FnOnce(&mut Condition)) {
        self.wish.send_if_modified(|wish| {
            let before = wish.condition;
            change(&mut wish.condition);
            let news = wish.condition != before;
            wish.number += u64::from(news);
            news
        });
    }

    /// Says whether the data directory answers. While it does not, the lease is not renewed.
    pub fn set_disk_answers(&self, answers: bool) {
        self.gate.send_if_modified(|open| std::mem::replace(open, answers) != answers);
    }

    /// Gives the lease back and stops.
    pub async fn leave(&self) {
        self.stop.cancel();
        let task = self.task.lock().take();
        if let Some(task) = task
            && task.await.is_err()
        {
            tracing::error!(
                "the task that kept this broker's place was stopped; its lease runs out by itself"
            );
        }
    }
}

impl Drop for Membership {
    fn drop(&mut self) {
        if let Some(task) = self.task.get_mut() {
            task.abort();
        }
    }
}

/// The task that keeps the place.
struct Keeper {
    store: Arc<dyn Store>,
    clock: Clock,
    metrics: Arc<Metrics>,
    session_options: SessionOptions,
    gate: watch::Receiver<bool>,
    wish: watch::Receiver<Wish>,
    standing: watch::Sender<Standing>,
    attempts: watch::Sender<Attempt>,
    sign: LifeSign,
}

/// Why a session is held no longer.
enum Ended {
    LeaseLost,
    Superseded,
}

impl Keeper {
    async fn run(mut self, mut session: Session, stop: CancellationToken) {
        loop {
            let ended = tokio::select! {
                () = stop.cancelled() => break,
                ended = self.hold(&session) => ended,
            };
            if let Ended::LeaseLost = ended {
                self.metrics.lease_losses.inc();
                self.standing.send_replace(Standing::Away { since: self.clock.now() });
                let found = tokio::select! {
                    () = stop.cancelled() => break,
                    found = self.find_back(session.lease()) => found,
                };
                if let Some(found) = found {
                    session = found;
                    continue;
                }
            }
            tracing::error!(broker = %self.sign.incarnation(), "another process has taken this broker's id");
            self.standing.send_replace(Standing::Superseded);
            self.close(&session).await;
            return;
        }
        self.close(&session).await;
        self.standing.send_replace(Standing::Left);
    }

    async fn close(&self, session: &Session) {
        if let Err(error) = session.close().await {
            tracing::warn!(%error, lease = %session.lease(), "the lease could not be revoked; it runs out by itself");
        }
    }

    /// Writes what is wished under the lease, until that is lost.
    async fn hold(&mut self, session: &Session) -> Ended {
        let mut pause = Pause::new(RETRY_MS.0, RETRY_MS.1);
        let mut done = self.attempts.borrow().number;
        loop {
            let wish = *self.wish.borrow_and_update();
            if wish.number != done {
                let outcome = self.sign.change(session.lease(), wish.condition).await;
                let result = outcome.as_ref().map(|_| ()).map_err(Clone::clone);
                match outcome {
                    Ok(Outcome::Written) => {
                        done = wish.number;
                        pause.reset();
                    }
                    Ok(Outcome::LeaseLost) => return Ended::LeaseLost,
                    Ok(Outcome::Superseded) => return Ended::Superseded,
                    Err(_) => {}
                }
                self.attempts.send_replace(Attempt { number: wish.number, result });
            }
            tokio::select! {
                () = session.lost() => return Ended::LeaseLost,
                changed = self.wish.changed() => if changed.is_err() {
                    std::future::pending::<()>().await;
                },
                () = pause.wait(), if done != wish.number => {}
            }
        }
    }

    /// Takes a new lease and writes the life sign under it. `None` if another process has this id.
    async fn find_back(&mut self, lost: LeaseId) -> Option<Session> {
        let mut pause = Pause::new(RETRY_MS.0, RETRY_MS.1);
        loop {
            if self.gate.wait_for(|open| *open).await.is_err() {
                std::future::pending::<()>().await;
            }
            match self.try_find_back(lost).await {
                Ok(Some((session, Outcome::Written))) => return Some(session),
                Ok(Some((_, Outcome::LeaseLost))) => {}
                Ok(Some((_, Outcome::Superseded)) | None) => return None,
                Err(error) => {
                    tracing::debug!(%error, "cannot take a new lease yet");
                    let number = self.wish.borrow().number;
                    self.attempts.send_replace(Attempt { number, result: Err(error) });
                }
            }
            pause.wait().await;
        }
    }

    async fn try_find_back(&mut self, lost: LeaseId) -> Result<Option<(Session, Outcome)>, ClusterError> {
        // What is left of the old lease, if its loss was only half true, must not outlive it. (The life sign would clear it
        // away, too.)
        self.store.revoke(lost).await?;
        let session =
            Session::open(Arc::clone(&self.store), self.session_options.clone(), self.gate.clone()).await?;
        let wish = *self.wish.borrow();
        let outcome = match self.sign.appear(session.lease(), wish.condition).await {
            Ok(outcome) => outcome,
            Err(error) => {
                // Nobody will renew it: it must not hold the id any longer than need be.
                let _ = session.close().await;
                return Err(error);
            }
        };
        if outcome == Outcome::Written {
            tracing::info!(broker = %self.sign.incarnation(), lease = %session.lease(), "back under a new lease");
            self.attempts.send_replace(Attempt { number: wish.number, result: Ok(()) });
            self.standing.send_replace(Standing::Member { lease: session.lease() });
        }
        Ok(Some((session, outcome)))
    }
}
