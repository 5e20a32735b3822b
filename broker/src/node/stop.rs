//! When and how a broker stops: signals, and the controlled stop that hands its leaderships over.

use std::sync::Arc;
use std::time::Duration;

use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

use crate::cluster::{Image, LiveState, Membership, Standing};
use crate::replication::{Replicas, RoleKind};
use crate::types::Incarnation;

/// How often it is looked whether everything is committed.
const SETTLE_POLL: Duration = Duration::from_millis(2);

/// Why the broker stops.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reason {
    /// Somebody asked it to.
    Asked,
    /// Another process has its id.
    Superseded,
}

/// Waits for SIGTERM, SIGINT, or the news that another process has this broker's id.
pub(super) async fn requested(mut standing: watch::Receiver<Standing>) -> Reason {
    let mut terminate = signal(SignalKind::terminate()).ok();
    let mut interrupt = signal(SignalKind::interrupt()).ok();
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
    tokio::select! {
        () = received(terminate.as_mut()) => Reason::Asked,
        () = received(interrupt.as_mut()) => Reason::Asked,
        () = superseded => Reason::Superseded,
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

/// Waits, up to `limit`, until all that was appended here is committed, so that the next leader has it and nobody who
/// waits for an answer is told "perhaps". New appends must be refused already.
pub(super) async fn settle(replicas: &Replicas, limit: Duration) {
    let is_settled = || {
        replicas
            .all()
            .iter()
            .map(|partition| partition.status())
            .all(|status| status.role != RoleKind::Leader || status.high_watermark >= status.log_end)
    };
    let settled = async {
        while !is_settled() {
            tokio::time::sleep(SETTLE_POLL).await;
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

/// How many partitions this life leads that somebody else could lead: an in-sync, live, active other exists.
fn leads(image: &Image, me: Incarnation) -> usize {
    let active: Vec<_> = image.active_brokers().collect();
    image
        .partitions()
        .filter(|(_, _, record)| record.state.is_led_by(me))
        .filter(|(_, _, record)| {
            record.state.isr.iter().any(|member| {
                member.broker != me.broker && active.contains(&member.broker) && image.is_live(*member)
            })
        })
        .count()
}
