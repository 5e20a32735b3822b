//! When and how a broker stops: signals, and the controlled stop that hands its leaderships over.

use std::sync::Arc;
use std::time::Duration;

use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

use crate::cluster::{Image, LiveState, Membership, Standing};
use crate::replication::{LogFailure, Replicas};
use crate::types::Incarnation;

/// Why the broker stops.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Reason {
    /// Somebody asked it to.
    Asked,
    /// Another process has its id.
    Superseded,
    /// An operator has removed it from the cluster.
    Removed,
    /// Its disk has failed a log.
    LogFailed(LogFailure),
}

/// Waits for SIGTERM or SIGINT.
pub async fn signalled() {
    let mut terminate = signal(SignalKind::terminate()).ok();
    let mut interrupt = signal(SignalKind::interrupt()).ok();
    tokio::select! {
        () = received(terminate.as_mut()) => {}
        () = received(interrupt.as_mut()) => {}
    }
}

/// Waits until it is `asked` for, the news that another process has this broker's id, or that the cluster has forgotten it, or
/// a log that the disk has failed.
pub(super) async fn requested(
    asked: impl Future<Output = ()>,
    mut standing: watch::Receiver<Standing>,
    mut log_failure: watch::Receiver<Option<LogFailure>>,
    mut images: watch::Receiver<Arc<Image>>,
    me: Incarnation,
) -> Reason {
    let superseded = async {
        loop {
            if matches!(*standing.borrow_and_update(), Standing::Superseded) {
                return;
            }
            if standing.changed().await.is_err() {
                std::future::pending::<()>().await;
            }
        }
    };
    let log_failed = async {
        let failed = log_failure.wait_for(Option::is_some).await.ok().and_then(|failure| failure.clone());
        match failed {
            Some(failure) => failure,
            None => std::future::pending().await,
        }
    };
    // The revision of a registration is the life's epoch: an image that is younger and does not know it has lost it.
    let removed = async {
        let forgotten =
            |image: &Arc<Image>| image.revision.0 >= me.epoch.0 && image.endpoint(me.broker).is_none();
        if images.wait_for(forgotten).await.is_err() {
            std::future::pending::<()>().await;
        }
    };
    tokio::select! {
        () = asked => Reason::Asked,
        () = superseded => Reason::Superseded,
        () = removed => Reason::Removed,
        failure = log_failed => Reason::LogFailed(failure),
    }
}

async fn received(signal: Option<&mut tokio::signal::unix::Signal>) {
    match signal {
        Some(signal) => {
            signal.recv().await;
        }
        None => std::future::pending().await,
    }
}

/// Waits, up to `limit`, until all that was appended to partitions that others can lead is committed, so that the next
/// leader has it and nobody who waits for an answer is told "perhaps". New appends to these must be refused already.
pub(super) async fn settle(replicas: &Replicas, images: &watch::Receiver<Arc<Image>>, limit: Duration) {
    let settled = async {
        loop {
            let image = Arc::clone(&images.borrow());
            let mut leaving = replicas.all();
            leaving.retain(|partition| image.has_successor(&partition.record().state));
            let waits = leaving.iter().map(|partition| partition.settled());
            let waited = futures_util::future::join_all(waits).await;
            // What was let in just before the refusals began may have come meanwhile.
            if !waited.contains(&true) {
                return;
            }
        }
    };
    // Late is no harm: the answer is then that the outcome is unknown, as in a crash.
    let _ = tokio::time::timeout(limit, settled).await;
}

/// Tells the cluster that this broker leaves and waits, up to `limit`, until it leads nothing that another could lead.
pub(super) async fn hand_over(
    me: Incarnation,
    membership: &Arc<Membership>,
    mut images: watch::Receiver<Arc<Image>>,
    limit: Duration,
) {
    let handed_over = async {
        if let Err(error) = membership.set_state(LiveState::Draining).await {
            tracing::warn!(%error, "the cluster cannot be told that this broker stops; leaderships move when its lease ends");
            return;
        }
        loop {
            let left = leads(&images.borrow_and_update(), me);
            if left == 0 {
                return;
            }
            if images.changed().await.is_err() {
                return;
            }
        }
    };
    if tokio::time::timeout(limit, handed_over).await.is_err() {
        let left = leads(&images.borrow(), me);
        tracing::warn!(left, "some leaderships could not be handed over in time");
    }
}

/// How many partitions this life leads that somebody else could lead.
fn leads(image: &Image, me: Incarnation) -> usize {
    let led = image.partitions().filter(|(_, _, record)| record.state.is_led_by(me));
    led.filter(|(_, _, record)| image.has_successor(&record.state)).count()
}
