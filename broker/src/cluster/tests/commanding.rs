//! Commands: topics, settings, a leader's own writes, and the questions before a deletion.

use std::collections::BTreeSet;
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use coordinator_adapter::{
    KeyValue, Lease, LeaseId, Listing, Op, Revision, Store, StoreError, Txn, TxnOutcome, Watch,
};
use parking_lot::Mutex;

use super::bench::{Bench, Broker, spec};
use super::world::{b, name, tp};
use crate::cluster::keyspace::Key;
use crate::cluster::*;
use crate::types::*;

async fn three() -> (Bench, Vec<Broker>) {
    let bench = Bench::new();
    let brokers = bench.brokers(3).await;
    (bench, brokers)
}

fn config(pairs: &[(&str, Option<&str>)]) -> TopicPatch {
    let config = pairs.iter().map(|(name, value)| ((*name).to_owned(), value.map(str::to_owned))).collect();
    TopicPatch { config, partitions: None }
}

#[tokio::test(start_paused = true)]
async fn creating_again_is_the_same_or_a_conflict() {
    let (_bench, brokers) = three().await;
    let create = |wish: TopicSpec| brokers[0].commands.create_topic(wish);
    let CreatedTopic::New(made) = create(spec("t", None, None, &[])).await.unwrap() else {
        panic!("it is new")
    };
    assert_eq!((made.partition_count(), made.assignment[0].len()), (3, 3));
    assert_eq!(made.config["flush"], "ack", "what applies is written down");
    for wish in [
        spec("t", None, None, &[]),
        spec("t", Some(3), Some(3), &[("flush", "ack")]),
        TopicSpec { assignment: Some(made.assignment.clone()), ..spec("t", None, None, &[]) },
    ] {
        let CreatedTopic::Same(same) = create(wish).await.unwrap() else { panic!("it is there") };
        assert_eq!((same.id, same.mod_revision), (made.id, made.mod_revision));
    }
    for (wish, differs) in [
        (spec("t", Some(4), None, &[]), "partitions"),
        (spec("t", None, Some(2), &[]), "replication factor"),
        (spec("t", None, None, &[("flush", "os")]), "config"),
        (spec("t", None, None, &[("retention.ms", "1")]), "config"),
    ] {
        let error = create(wish).await.unwrap_err();
        assert!(matches!(error, ClusterError::TopicConflict { .. }));
        assert!(error.to_string().contains(differs), "{error}");
    }
}

#[tokio::test(start_paused = true)]
async fn impossible_wishes_are_refused_with_what_is_possible() {
    let (_bench, brokers) = three().await;
    for (wish, says) in [
        (spec("t", Some(0), None, &[]), "1 to 10000"),
        (spec("t", Some(-1), None, &[]), "1 to 10000"),
        (spec("t", Some(10_001), None, &[]), "1 to 10000"),
        (spec("t", None, Some(4), &[]), "at most 3"),
        (spec("t", None, Some(0), &[]), "not positive"),
        (spec("t", None, None, &[("retention.hours", "1")]), "no topic setting"),
        (spec("t", None, None, &[("flush", "never")]), "ack, interval, os"),
        (TopicSpec { assignment: Some(vec![vec![b(1), b(9)]]), ..spec("t", None, None, &[]) }, "broker 9"),
        (TopicSpec { assignment: Some(vec![vec![b(1)]]), ..spec("t", Some(2), None, &[]) }, "disagrees"),
    ] {
        let error = brokers[0].commands.create_topic(wish).await.unwrap_err();
        assert!(error.to_string().contains(says), "{error}");
        assert!(error.certainly_not_applied());
    }
    assert!(brokers[0].image().topics.is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_topic_is_altered_and_deleted() {
    let (_bench, brokers) = three().await;
    brokers[0].topic("t", 2, &[("retention.ms", "5")]).await;
    let alter = |patch: TopicPatch| {
        let commands = &brokers[1].commands;
        async move { commands.alter_topic(&name("t"), patch).await }
    };
    let topic = alter(config(&[("retention.ms", None), ("segment.ms", Some("9"))])).await.unwrap();
    assert_eq!((topic.settings.retention_ms, topic.settings.segment_ms), (Some(604_800_000), 9));
    let unchanged = alter(config(&[("segment.ms", Some("9"))])).await.unwrap();
    assert_eq!(unchanged.mod_revision, topic.mod_revision);
    let more = alter(TopicPatch { partitions: Some(5), ..TopicPatch::default() }).await.unwrap();
    assert_eq!(more.assignment[..2], topic.assignment[..]);
    assert!(more.assignment.iter().all(|replicas| replicas.len() == 3));
    brokers[2].sees_led("t", 5).await;
    let fewer = alter(TopicPatch { partitions: Some(1), ..TopicPatch::default() }).await.unwrap_err();
    assert!(fewer.to_string().contains("never taken away"));
    let fixed = alter(config(&[("flush", Some("os"))])).await.unwrap_err();
    assert!(fixed.to_string().contains("fixed when a topic is created"), "{fixed}");
    let id = brokers[2].commands.delete_topic(&name("t")).await.unwrap();
    assert_eq!(id, topic.id);
    let gone = ClusterError::UnknownTopic(name("t"));
    assert_eq!(brokers[2].commands.delete_topic(&name("t")).await, Err(gone.clone()));
    assert_eq!(alter(config(&[("segment.ms", Some("9"))])).await, Err(gone));
}

#[tokio::test(start_paused = true)]
async fn lost_answers_of_commands_are_settled() {
    let (_bench, brokers) = three().await;
    let Broker { door, commands, .. } = &brokers[0];
    door.lose_next_answer();
    let created = commands.create_topic(spec("t", Some(1), None, &[])).await.unwrap();
    assert!(matches!(created, CreatedTopic::New(_)), "it was this very wish that made it");
    door.lose_next_request();
    let topic = commands.alter_topic(&name("t"), config(&[("segment.ms", Some("9"))])).await.unwrap();
    assert_eq!(topic.settings.segment_ms, 9);
    door.lose_next_answer();
    let topic = commands.alter_topic(&name("t"), config(&[("segment.ms", Some("11"))])).await.unwrap();
    assert_eq!(topic.settings.segment_ms, 11);
    door.lose_next_answer();
    assert_eq!(commands.delete_topic(&name("t")).await.unwrap(), topic.id);
    door.delay_next_txn();
    let made = commands.create_topic(spec("u", Some(1), None, &[])).await.unwrap();
    let CreatedTopic::New(made) = made else { panic!("it is new") };
    door.release_delayed().await;
    let CreatedTopic::Same(same) = commands.create_topic(spec("u", Some(1), None, &[])).await.unwrap() else {
        panic!("it is there")
    };
    assert_eq!(same.mod_revision, made.mod_revision, "what landed late changed nothing");
    door.cut();
    let error = commands.delete_topic(&name("u")).await.unwrap_err();
    assert!(error.certainly_not_applied());
}

#[tokio::test(start_paused = true)]
async fn cluster_wide_defaults_reach_topics_that_do_not_say_otherwise() {
    let (_bench, brokers) = three().await;
    brokers[0].topic("own", 1, &[("retention.ms", "5")]).await;
    brokers[0].topic("plain", 1, &[]).await;
    let patch = config(&[("retention.ms", Some("7")), ("flush", Some("os"))]).config;
    brokers[0].commands.alter_cluster_config(patch).await.unwrap();
    let retention = |image: &Image, topic: &str| image.topic(&name(topic)).unwrap().settings.retention_ms;
    let image = brokers[0].sees("the default", |image| retention(image, "plain") == Some(7)).await;
    assert_eq!(retention(&image, "own"), Some(5));
    assert_eq!(image.topic(&name("plain")).unwrap().settings.flush, FlushMode::Ack, "as it was made");
    brokers[0].topic("later", 1, &[]).await;
    assert_eq!(brokers[0].image().topic(&name("later")).unwrap().settings.flush, FlushMode::Os);
    let wrong = brokers[0].commands.alter_cluster_config(config(&[("retention", Some("1"))]).config).await;
    assert!(wrong.unwrap_err().to_string().contains("did you mean"));
}

fn without(record: &PartitionRecord, broker: BrokerId) -> PartitionState {
    let mut state = record.state.clone();
    state.isr.retain(|member| member.broker != broker);
    state
}

#[tokio::test(start_paused = true)]
async fn a_leaders_write_is_committed_refused_or_unknown() {
    let (_bench, brokers) = three().await;
    brokers[0].topic("t", 1, &[]).await;
    let Broker { door, commands, .. } = &brokers[0];
    let record = PartitionRecord::clone(brokers[0].image().partition(&tp("t", 0)).unwrap());
    let follower = record.state.isr[2];
    let change = |guard: PartitionEpoch, state: PartitionState, joiner: Option<Incarnation>| {
        commands.propose_isr(IsrChange { tp: tp("t", 0), guard, state, joiner })
    };
    let smaller = without(&record, follower.broker);

    door.lose_next_answer();
    let unknown = change(record.partition_epoch, smaller.clone(), None).await;
    assert_eq!(unknown, IsrChangeOutcome::Unknown);
    // Rule 4: the same guard again; the record that stands in the way is what was meant.
    let refused = change(record.partition_epoch, smaller.clone(), None).await;
    let IsrChangeOutcome::Refused { current: Some(current) } = refused else { panic!("{refused:?}") };
    assert_eq!(current.state, smaller);

    let joined = change(current.partition_epoch, record.state.clone(), Some(follower)).await;
    let IsrChangeOutcome::Committed(joined) = joined else { panic!("{joined:?}") };
    assert_eq!((&joined.state, joined.partition_epoch > current.partition_epoch), (&record.state, true));

    door.cut();
    assert_eq!(change(joined.partition_epoch, smaller.clone(), None).await, IsrChangeOutcome::NotSent);
    door.heal();
    let none = IsrChange { tp: tp("t", 5), guard: joined.partition_epoch, state: smaller, joiner: None };
    assert_eq!(commands.propose_isr(none).await, IsrChangeOutcome::Refused { current: None });
    let leaderless = PartitionState { isr: vec![follower], ..joined.state };
    assert_eq!(change(joined.partition_epoch, leaderless, None).await, IsrChangeOutcome::NotSent);
}

#[tokio::test(start_paused = true)]
async fn rule_5_only_the_life_that_fetched_may_join_and_only_while_it_serves() {
    let (bench, mut brokers) = three().await;
    brokers[0].topic("t", 1, &[]).await;
    let image = brokers[0].image();
    let record = image.partition(&tp("t", 0)).unwrap();
    let leader = record.state.leader.unwrap();
    let follower =
        *record.state.isr.iter().find(|member| **member != leader && member.broker != b(1)).unwrap();
    let place = brokers.iter().position(|broker| broker.id() == follower.broker).unwrap();
    let other = brokers.remove(place);
    let commands = &brokers[0].commands;
    let shrunk = IsrChange {
        tp: tp("t", 0),
        guard: record.partition_epoch,
        state: without(record, follower.broker),
        joiner: None,
    };
    let IsrChangeOutcome::Committed(now) = commands.propose_isr(shrunk).await else { panic!("committed") };
    let join = |life: Incarnation| {
        let mut state = now.state.clone();
        state.isr.push(life);
        IsrChange { tp: tp("t", 0), guard: now.partition_epoch, state, joiner: Some(life) }
    };
    // This broker's image does not yet show that the follower has been replaced: the store knows.
    brokers[0].door.hold_watches(true);
    let lease = other.membership.lease().unwrap();
    other.kill();
    coordinator_adapter::Store::revoke(bench.memory.as_ref(), lease).await.unwrap();
    let dead = commands.propose_isr(join(follower)).await;
    assert!(matches!(dead, IsrChangeOutcome::Refused { current: Some(_) }), "{dead:?}");
    let back = bench.start(follower.broker.0).await;
    let replaced = commands.propose_isr(join(follower)).await;
    assert!(matches!(replaced, IsrChangeOutcome::Refused { current: Some(_) }), "{replaced:?}");
    brokers[0].door.hold_watches(false);
    let life = back.membership.incarnation();
    brokers[0].sees("the new life", |image| image.active_brokers().count() == 3).await;
    back.membership.set_state(LiveState::Draining).await.unwrap();
    brokers[0].sees("draining", |image| image.live[&life.broker].state == LiveState::Draining).await;
    assert_eq!(commands.propose_isr(join(life)).await, IsrChangeOutcome::NotSent);
    back.membership.set_state(LiveState::Active).await.unwrap();
    brokers[0].sees("active", |image| image.live[&life.broker].state == LiveState::Active).await;
    assert!(matches!(commands.propose_isr(join(life)).await, IsrChangeOutcome::Committed(_)));
}

#[tokio::test(start_paused = true)]
async fn local_data_may_go_only_if_the_store_says_so() {
    let (bench, brokers) = three().await;
    let commands = &brokers[0].commands;
    let wish = TopicSpec { assignment: Some(vec![vec![b(1), b(2)]]), ..spec("t", None, None, &[]) };
    commands.create_topic(wish).await.unwrap();
    let id = brokers[0].sees_led("t", 1).await.topic(&name("t")).unwrap().id;
    let belongs = |tp: TopicPartition, id: TopicId, broker: i32| async move {
        commands.replica_belongs(&tp, id, b(broker)).await.unwrap()
    };
    assert!(commands.topic_exists(&name("t"), id).await.unwrap());
    assert!(belongs(tp("t", 0), id, 1).await && belongs(tp("t", 0), id, 2).await);
    assert!(!belongs(tp("t", 0), id, 3).await);
    let other = TopicId(uuid::Uuid::new_v4());
    assert!(!commands.topic_exists(&name("t"), other).await.unwrap());
    assert!(!belongs(tp("t", 0), other, 1).await);
    assert!(
        belongs(tp("t", 7), id, 3).await,
        "a partition that the topic does not know: in doubt it belongs"
    );
    // A record that is left from an earlier topic of this name says nothing about this one.
    let key = bench.keyspace.path(&Key::Partition(tp("t", 0)));
    let (_, stored) = bench.memory.get(&key).await.unwrap();
    let record: PartitionState = crate::cluster::values::decode(&stored.unwrap().value).unwrap();
    let earlier = PartitionState { topic_id: other, replicas: vec![b(3)], ..record };
    for broker in &brokers {
        broker.door.cut();
    }
    let value = crate::cluster::values::encode(&earlier);
    let put = Op::Put { key, value, lease: None };
    bench.memory.txn(Txn { success: vec![put], ..Txn::default() }).await.unwrap();
    brokers[0].door.heal();
    assert!(belongs(tp("t", 0), id, 1).await && !belongs(tp("t", 0), id, 3).await);
    brokers[0].door.cut();
    assert!(commands.replica_belongs(&tp("t", 0), id, b(3)).await.is_err());
    brokers[0].door.heal();
    commands.delete_topic(&name("t")).await.unwrap();
    assert!(!belongs(tp("t", 0), id, 1).await);
}

#[tokio::test(start_paused = true)]
async fn producer_ids_are_never_handed_out_twice() {
    let (_bench, brokers) = three().await;
    let mut seen = BTreeSet::new();
    for round in 0..5 {
        if round == 2 {
            brokers[1].door.lose_next_answer();
        }
        let blocks =
            futures_util::future::join_all(brokers.iter().map(|broker| broker.commands.next_producer_ids()));
        for block in blocks.await {
            let block = block.unwrap();
            assert_eq!(block.end - block.start, 1_000);
            assert!(seen.insert(block.start), "{block:?}");
        }
    }
    assert_eq!(seen.len(), 15);
}

/// A store whose next write is lost, while another broker takes producer ids.
#[derive(Debug)]
struct Overtaken {
    inner: Arc<dyn Store>,
    by: Mutex<Option<Commands>>,
    block: Mutex<Option<Range<i64>>>,
}

#[async_trait]
impl Store for Overtaken {
    async fn get(&self, key: &str) -> Result<(Revision, Option<KeyValue>), StoreError> {
        self.inner.get(key).await
    }

    async fn get_at(&self, key: &str, at: Revision) -> Result<Option<KeyValue>, StoreError> {
        self.inner.get_at(key, at).await
    }

    async fn list(&self, prefix: &str) -> Result<Listing, StoreError> {
        self.inner.list(prefix).await
    }

    async fn txn(&self, txn: Txn) -> Result<TxnOutcome, StoreError> {
        let other = self.by.lock().take();
        let Some(other) = other else { return self.inner.txn(txn).await };
        let block = other.next_producer_ids().await.unwrap();
        *self.block.lock() = Some(block);
        Err(StoreError::Unknown { reason: "lost".to_owned() })
    }

    async fn watch(&self, prefix: &str, from: Revision) -> Result<Watch, StoreError> {
        self.inner.watch(prefix, from).await
    }

    async fn grant(&self, ttl: Duration) -> Result<Lease, StoreError> {
        self.inner.grant(ttl).await
    }

    async fn keep_alive(&self, lease: LeaseId) -> Result<Duration, StoreError> {
        self.inner.keep_alive(lease).await
    }

    async fn revoke(&self, lease: LeaseId) -> Result<(), StoreError> {
        self.inner.revoke(lease).await
    }
}

#[tokio::test(start_paused = true)]
async fn a_block_of_another_is_not_taken_for_ones_own_lost_write() {
    let bench = Bench::new();
    let broker = bench.start(1).await;
    let commands = |store: Arc<dyn Store>| {
        let images = broker.watcher.images();
        let options = CommandOptions::default();
        Commands::new(store, bench.keyspace.clone(), bench.clock.clone(), images, options)
    };
    let other = commands(Arc::clone(&bench.memory) as _);
    let store = Arc::new(Overtaken {
        inner: Arc::clone(&bench.memory) as _,
        by: Mutex::new(Some(other)),
        block: Mutex::default(),
    });
    let mine = commands(Arc::clone(&store) as _).next_producer_ids().await.unwrap();
    assert_eq!((store.block.lock().clone(), mine), (Some(0..1_000), 1_000..2_000));
}
