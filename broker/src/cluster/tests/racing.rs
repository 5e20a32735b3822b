//! What others write between a read and the write that rests on it: the guards of registrations and of commands.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use coordinator_adapter::{
    KeyValue, Lease, LeaseId, Listing, MemoryStore, Op, Revision, Store, StoreError, Txn, TxnOutcome, Watch,
};
use parking_lot::Mutex;
use tokio::sync::watch;

use super::bench::{Bench, newcomer};
use super::world::{b, registration};
use crate::cluster::keyspace::Key;
use crate::cluster::registration::register;
use crate::cluster::values::{ClusterConfig, VERSION, decode, encode};
use crate::cluster::*;
use crate::types::*;

/// A store where somebody else comes between: right before the first write that passes here.
#[derive(Debug)]
struct Meanwhile {
    memory: Arc<MemoryStore>,
    others: Mutex<Option<Txn>>,
    /// The first write itself is then lost, and its sender does not know.
    loses: bool,
}

impl Meanwhile {
    fn writes(bench: &Bench, others: Op, loses: bool) -> Arc<dyn Store> {
        let others = Mutex::new(Some(Txn { success: vec![others], ..Txn::default() }));
        Arc::new(Self { memory: Arc::clone(&bench.memory), others, loses })
    }
}

#[async_trait]
impl Store for Meanwhile {
    async fn get(&self, key: &str) -> Result<(Revision, Option<KeyValue>), StoreError> {
        self.memory.get(key).await
    }

    async fn get_at(&self, key: &str, at: Revision) -> Result<Option<KeyValue>, StoreError> {
        self.memory.get_at(key, at).await
    }

    async fn list(&self, prefix: &str) -> Result<Listing, StoreError> {
        self.memory.list(prefix).await
    }

    async fn txn(&self, txn: Txn) -> Result<TxnOutcome, StoreError> {
        let writes = txn.success.iter().any(|op| matches!(op, Op::Put { .. }));
        let others = self.others.lock().take_if(|_| writes);
        if let Some(others) = others {
            self.memory.txn(others).await?;
            if self.loses {
                return Err(StoreError::Unknown { reason: "no answer".to_owned() });
            }
        }
        self.memory.txn(txn).await
    }

    async fn watch(&self, prefix: &str, from: Revision) -> Result<Watch, StoreError> {
        self.memory.watch(prefix, from).await
    }

    async fn grant(&self, ttl: Duration) -> Result<Lease, StoreError> {
        self.memory.grant(ttl).await
    }

    async fn keep_alive(&self, lease: LeaseId) -> Result<Duration, StoreError> {
        self.memory.keep_alive(lease).await
    }

    async fn revoke(&self, lease: LeaseId) -> Result<(), StoreError> {
        self.memory.revoke(lease).await
    }
}

async fn put(bench: &Bench, op: Op) -> BrokerEpoch {
    let txn = Txn { success: vec![op], ..Txn::default() };
    BrokerEpoch(bench.memory.txn(txn).await.unwrap().revision.0)
}

/// The life sign of broker 1, written by hand under a lease that lasts.
async fn sign(bench: &Bench, epoch: BrokerEpoch) -> Op {
    let lease = bench.memory.grant(Duration::from_secs(3_600)).await.unwrap().id;
    let (state, key) = (LiveState::Active, bench.keyspace.path(&Key::Live(b(1))));
    let live = Live { v: VERSION, epoch, state, lease, disk_full: false, disk_failed: false };
    Op::Put { key, value: encode(&live), lease: Some(lease) }
}

/// A registration of broker 1.
fn registered(bench: &Bench, registration: &Registration) -> Op {
    let key = bench.keyspace.path(&Key::Broker(b(1)));
    Op::Put { key, value: encode(registration), lease: None }
}

async fn stands(bench: &Bench) -> Registration {
    let (_, stored) = bench.memory.get(&bench.keyspace.path(&Key::Broker(b(1)))).await.unwrap();
    decode(&stored.unwrap().value).unwrap()
}

#[tokio::test(start_paused = true)]
async fn nobody_registers_over_one_whose_life_sign_returns_in_that_moment() {
    let bench = Bench::new();
    // Somebody with another directory, whose lease is lost for a moment.
    let stranger = Registration { dirs: Vec::new(), ..registration(1, Recovered::NOTHING) };
    let epoch = put(&bench, registered(&bench, &stranger)).await;
    let store = Meanwhile::writes(&bench, sign(&bench, epoch).await, false);
    let refused = register(&store, &bench.keyspace, &newcomer(1, Recovered::NOTHING), Duration::ZERO).await;
    assert!(matches!(refused, Err(ClusterError::BrokerIdInUse { .. })), "{refused:?}");
    assert_eq!(stands(&bench).await.incarnation, stranger.incarnation);
}

#[tokio::test(start_paused = true)]
async fn a_registration_speaks_of_the_one_that_it_replaces_and_no_other() {
    let bench = Bench::new();
    let from =
        |epoch| Recovered { from: Some(BrokerEpoch(epoch)), how: Recovery::Fsync, earlier: Vec::new() };
    let first = put(&bench, registered(&bench, &registration(1, from(1)))).await;
    // Another process registers and is gone again; what came before it proves nothing any more.
    let store = Meanwhile::writes(&bench, registered(&bench, &registration(1, Recovered::NOTHING)), false);
    let new = newcomer(1, from(first.0));
    register(&store, &bench.keyspace, &new, Duration::ZERO).await.unwrap();
    let stands = stands(&bench).await;
    assert_eq!((stands.incarnation, stands.recovered.earlier), (new.incarnation, Vec::new()));
}

#[tokio::test(start_paused = true)]
async fn only_the_lease_of_the_life_that_held_the_directory_is_revoked() {
    let bench = Bench::new();
    let new = newcomer(1, Recovered::NOTHING);
    let same_directory = registration(1, Recovered::NOTHING);
    assert_eq!(same_directory.dirs, new.dirs);
    let epoch = put(&bench, registered(&bench, &same_directory)).await;
    // Whoever lives is not the one of that registration.
    put(&bench, sign(&bench, BrokerEpoch(epoch.0 + 100)).await).await;
    let store = Arc::clone(&bench.memory) as Arc<dyn Store>;
    let refused = register(&store, &bench.keyspace, &new, Duration::ZERO).await;
    assert!(matches!(refused, Err(ClusterError::BrokerIdInUse { .. })), "{refused:?}");
}

#[tokio::test(start_paused = true)]
async fn a_command_neither_overwrites_another_nor_takes_its_value_for_its_own() {
    for loses in [false, true] {
        let bench = Bench::new();
        let key = bench.keyspace.path(&Key::ClusterConfig);
        let set = |name: &str, value: &str| BTreeMap::from([(name.to_owned(), value.to_owned())]);
        let value = encode(&ClusterConfig { v: VERSION, config: set("retention.ms", "7") });
        put(&bench, Op::Put { key: key.clone(), value, lease: None }).await;
        let value = encode(&ClusterConfig { v: VERSION, config: set("segment.ms", "60000") });
        let store = Meanwhile::writes(&bench, Op::Put { key: key.clone(), value, lease: None }, loses);
        let (_images, image) = watch::channel(Arc::new(Image::default()));
        let options = CommandOptions::default();
        let commands = Commands::new(store, bench.keyspace.clone(), bench.clock.clone(), image, options);
        let patch = BTreeMap::from([("flush".to_owned(), Some("os".to_owned()))]);
        commands.alter_cluster_config(patch).await.unwrap();
        let stored = bench.memory.get(&key).await.unwrap().1.unwrap();
        let stands = decode::<ClusterConfig>(&stored.value).unwrap().config;
        let both = set("segment.ms", "60000").into_iter().chain(set("flush", "os")).collect();
        assert_eq!(stands, both, "the first write was lost: {loses}");
    }
}
