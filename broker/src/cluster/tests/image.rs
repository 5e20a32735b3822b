//! The image under duplicates, gaps, listings, orphans and values that cannot be read.

use std::collections::HashSet;
use std::sync::Arc;

use coordinator_adapter::{KeyValue, Listing, Revision, WatchBatch, WatchEvent};
use uuid::Uuid;

use super::world::{World, b, name, registration, tp};
use crate::cluster::image::Image;
use crate::cluster::keyspace::{Key, Keyspace};
use crate::cluster::values::*;
use crate::types::*;

#[test]
fn duplicates_and_replays_change_nothing() {
    let mut world = World::new(2);
    let key = Key::Broker(b(1));
    let epoch = world.image.brokers[&b(1)].epoch;
    let other = encode(&registration(9, Recovered::NOTHING));
    assert_eq!(world.put_at(&key, &other, epoch.0).changed, 0, "the same revision again");
    assert_eq!(world.image.brokers[&b(1)].kafka.host, "h1");
    world.die(1);
    let live = Live {
        v: VERSION,
        epoch,
        state: LiveState::Active,
        lease: coordinator_adapter::LeaseId(1),
        disk_full: false,
        disk_failed: false,
    };
    let replay = world.image.revision.0 - 2;
    assert_eq!(world.put_at(&Key::Live(b(1)), &encode(&live), replay).changed, 0);
    assert!(!world.image.live.contains_key(&b(1)), "a replay does not bring the dead back");
    let (revision, key) = (world.image.revision, world.keyspace.path(&Key::Broker(b(2))));
    let gone_before = WatchEvent::Delete { key, mod_revision: Revision(1) };
    let replayed = WatchBatch { revision, events: vec![gone_before] };
    assert_eq!(world.image.apply(&world.keyspace, &replayed).changed, 0, "it came after that");
}

#[test]
fn unreadable_values_are_passed_over_and_the_last_readable_one_stays() {
    let mut world = World::new(3);
    world.topic("t", &[&[1, 2, 3]], &[]);
    world.reconcile();
    let good = world.state(&tp("t", 0));
    let bad = PartitionState { isr: vec![], ..good.clone() };
    for value in [&b"\xff"[..], b"{}", b"null", &encode(&bad)] {
        let revision = world.image.revision.0 + 1;
        let applied = world.put_at(&Key::Partition(tp("t", 0)), value, revision);
        assert_eq!((applied.changed, applied.malformed.len()), (0, 1));
    }
    assert_eq!(world.state(&tp("t", 0)), good);
    let empty = br#"{"v":1,"id":"7b2c5d6e-0f0a-4c7e-9a63-3f2e5f4a9b10","partitions":[],"config":{}}"#;
    let revision = world.image.revision.0 + 1;
    assert_eq!(world.put_at(&Key::Topic(name("u")), empty, revision).malformed.len(), 1);
}

#[test]
fn a_topic_made_again_does_not_inherit_records() {
    let mut world = World::new(3);
    let first = world.topic("t", &[&[1, 2, 3], &[2, 3, 1]], &[]);
    world.reconcile();
    assert_eq!(world.image.topic_by_id(first).unwrap().name, name("t"));
    world.delete(&Key::Topic(name("t")));
    assert_eq!((world.image.orphans().len(), world.image.partition(&tp("t", 0))), (2, None));
    let second = world.topic("t", &[&[3, 1, 2]], &[]);
    assert_eq!(world.image.topic_by_id(first), None);
    assert_eq!(world.image.topic(&name("t")).unwrap().partitions, [None]);
    world.reconcile();
    assert_eq!(world.state(&tp("t", 0)).topic_id, second);
    assert_eq!(world.state(&tp("t", 0)).leader_epoch, LeaderEpoch(0));
    assert!(world.image.orphans().is_empty(), "the first was written over, the second deleted");
}

#[test]
fn a_topic_that_is_altered_keeps_its_records() {
    let mut world = World::new(3);
    let id = world.topic("t", &[&[1, 2, 3]], &[]);
    world.reconcile();
    world.put_topic("t", id, &[&[1, 2, 3], &[2, 3, 1]], &[("retention.ms", "5")]);
    let topic = world.image.topic(&name("t")).unwrap();
    assert!(topic.partitions[0].is_some() && topic.partitions[1].is_none());
    assert_eq!(topic.settings.retention_ms, Some(5));
    assert_eq!(topic.partition_count(), 2);
    world.put(&Key::ClusterConfig, br#"{"v":1,"config":{"retention.ms":"7","segment.ms":"9"}}"#);
    let settings = world.image.topic(&name("t")).unwrap().settings;
    assert_eq!((settings.retention_ms, settings.segment_ms), (Some(5), 9));
    world.delete(&Key::ClusterConfig);
    assert_eq!(world.image.topic(&name("t")).unwrap().settings.segment_ms, 604_800_000);
}

#[test]
fn a_leader_is_named_only_while_it_lives_in_that_life() {
    let mut world = World::new(3);
    world.topic("t", &[&[1, 2, 3]], &[]);
    world.reconcile();
    assert_eq!(world.image.leader_of(&tp("t", 0)), Some(world.life(1)));
    world.restart(1, Recovery::Clean);
    assert_eq!(world.image.leader_of(&tp("t", 0)), None);
}

#[test]
fn a_change_shares_what_did_not_change() {
    let mut world = World::new(3);
    world.topic("t", &[&[1, 2, 3]], &[]);
    world.topic("u", &[&[1, 2, 3]], &[]);
    world.reconcile();
    let before = world.image.clone();
    world.change(&tp("u", 0), |state| state.isr.truncate(2));
    let shared = |image: &Image, topic: &str| Arc::clone(image.topic(&name(topic)).unwrap());
    assert!(Arc::ptr_eq(&shared(&before, "t"), &shared(&world.image, "t")));
    assert!(!Arc::ptr_eq(&shared(&before, "u"), &shared(&world.image, "u")));
    assert_eq!(before.partition(&tp("u", 0)).unwrap().state.isr.len(), 3, "the old snapshot stands");
}

fn entry(keyspace: &Keyspace, key: &Key, value: bytes::Bytes, revision: i64) -> KeyValue {
    KeyValue {
        key: keyspace.path(key),
        value,
        create_revision: Revision(revision),
        mod_revision: Revision(revision),
        version: 1,
        lease: None,
    }
}

#[test]
fn a_listing_brings_what_was_missed_and_takes_what_is_gone() {
    let mut world = World::new(2);
    let keyspace = world.keyspace.clone();
    let stays = encode(&registration(1, Recovered::NOTHING));
    let epoch = world.image.brokers[&b(1)].epoch.0;
    let meta = ClusterMeta { v: VERSION, id: Uuid::from_u128(1), created_unix_ms: 0 };
    let newer = world.image.revision.0 + 5;
    let entries = vec![
        entry(&keyspace, &Key::Broker(b(1)), stays, epoch),
        entry(&keyspace, &Key::Cluster, encode(&meta), newer - 1),
        entry(&keyspace, &Key::Topic(name("bad")), "x".into(), newer),
    ];
    let listing = Listing { revision: Revision(newer), entries };
    let mut lagging = world.image.clone();
    let except = HashSet::from([keyspace.path(&Key::Live(b(2))), keyspace.path(&Key::Cluster)]);
    let applied = world.image.apply_listing(&keyspace, &listing);
    // The identity came; broker 2 and both life signs went.
    assert_eq!((applied.changed, applied.malformed.len()), (4, 1));
    assert_eq!((world.image.brokers.len(), world.image.live.len()), (1, 0));
    assert_eq!((world.image.cluster.as_deref(), world.image.revision), (Some(&meta), Revision(newer)));
    assert_eq!(world.image.apply_listing(&keyspace, &listing).changed, 0);
    let applied = lagging.compare(&keyspace, &listing, &except);
    assert_eq!((applied.changed, lagging.live.len(), lagging.cluster), (2, 1, None));
    assert!(lagging.revision < listing.revision, "the watch has not got there yet");
    // What came after the listing was made is not in it, and stays.
    world.start(2, Recovered::NOTHING);
    let applied = world.image.compare(&keyspace, &listing, &HashSet::new());
    assert_eq!((applied.changed, world.image.live.len()), (0, 1));
}
