//! A part of the broker that panics ends the process: the lease is given back, so that others take over at once.
//!
//! *Invariant:* nothing is flushed or closed then: nobody knows what that would do to what was left half done. The next
//! start finds out by recovery.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use super::NodeError;
use crate::cluster::Membership;
use crate::tasks::{Crash, Tasks};

/// How long the lease may take to be given back.
const LEAVE_LIMIT: Duration = Duration::from_secs(2);

/// This broker's place in the cluster, once it has one.
pub(super) type Place = OnceLock<Arc<Membership>>;

/// Does `work`, but no longer than until one of `tasks` panics.
pub(super) async fn until_a_crash(
    tasks: &Tasks,
    place: &Place,
    work: impl Future<Output = Result<(), NodeError>>,
) -> Result<(), NodeError> {
    tokio::select! {
        biased;
        crash = tasks.crashed() => Err(give_up(crash, place).await),
        ended = work => ended,
    }
}

async fn give_up(crash: Crash, place: &Place) -> NodeError {
    tracing::error!(task = crash.task, reason = crash.reason, "this broker ends, so that others take over");
    if let Some(membership) = place.get()
        && tokio::time::timeout(LEAVE_LIMIT, membership.leave()).await.is_err()
    {
        tracing::warn!("the lease could not be given back in time; it runs out by itself");
    }
    NodeError::Crashed(crash)
}

#[cfg(test)]
mod tests {
    use coordinator_adapter::{MemoryOptions, MemoryStore, Store};
    use uuid::Uuid;

    use super::*;
    use crate::clock::Clock;
    use crate::cluster::{HostPort, Key, Keyspace, MembershipOptions, NewRegistration, Recovered};
    use crate::metrics::Metrics;
    use crate::types::{BrokerId, DirectoryId};

    fn registration() -> NewRegistration {
        NewRegistration {
            broker: BrokerId(1),
            incarnation: Uuid::new_v4(),
            http: HostPort::new("h1", 8082),
            kafka: HostPort::new("h1", 9092),
            rack: None,
            dirs: vec![DirectoryId(Uuid::from_u128(1))],
            recovered: Recovered::NOTHING,
            release: "test".to_owned(),
        }
    }

    #[tokio::test]
    async fn a_task_that_panics_ends_the_broker_and_its_lease() {
        let store: Arc<dyn Store> = Arc::new(MemoryStore::new(MemoryOptions::default()));
        let (keyspace, tasks, place) = (Keyspace::new("test"), Tasks::default(), Place::new());
        let (metrics, options) = (Arc::new(Metrics::new()), MembershipOptions::default());
        let joined = Membership::join(
            Arc::clone(&store),
            keyspace.clone(),
            Clock::system(),
            metrics,
            registration(),
            options,
            &tasks,
        );
        place.set(joined.await.unwrap()).unwrap();
        let live = keyspace.path(&Key::Live(BrokerId(1)));
        assert!(store.get(&live).await.unwrap().1.is_some());

        tasks.spawn("fetcher", async { panic!("an offset went back") });
        let endless = std::future::pending::<Result<(), NodeError>>();
        let ended = tokio::time::timeout(Duration::from_secs(20), until_a_crash(&tasks, &place, endless));
        let error = ended.await.expect("it ends").unwrap_err();
        assert!(matches!(&error, NodeError::Crashed(crash) if crash.task == "fetcher"), "{error}");
        assert!(store.get(&live).await.unwrap().1.is_none(), "others need not wait for the lease");
    }
}
