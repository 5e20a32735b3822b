//! What a partition's record has been, read back from the store.

use coordinator_adapter::Revision;

use super::bench::{Bench, spec};
use super::world::tp;
use crate::cluster::*;

#[tokio::test(start_paused = true)]
async fn a_records_past_tells_who_changed_it_and_why() {
    let bench = Bench::new();
    let mut brokers = bench.brokers(3).await;
    brokers[0].commands.create_topic(spec("t", Some(1), Some(3), &[])).await.unwrap();
    let image = brokers[0].sees_led("t", 1).await;
    let first = image.partition(&tp("t", 0)).unwrap().clone();
    let leader = first.state.leader.unwrap();
    let at = brokers.iter().position(|broker| broker.id() == leader.broker).unwrap();
    brokers.remove(at).kill();
    let elected = |image: &std::sync::Arc<Image>| {
        image
            .partition(&tp("t", 0))
            .is_some_and(|record| record.state.leader_epoch > first.state.leader_epoch)
    };
    brokers[0].sees("another leader", elected).await;

    let commands = &brokers[0].commands;
    let deadline = bench.clock.now() + std::time::Duration::from_secs(60);
    let past = commands.past_of(&tp("t", 0), 10, deadline).await.unwrap();
    assert!(past.complete && past.missing.is_none(), "{past:?}");
    let causes: Vec<_> =
        past.records.iter().map(|version| version.why.as_ref().unwrap().cause.as_ref()).collect();
    assert!(causes.contains(&"election"), "{causes:?}");
    assert_eq!(causes.last(), Some(&"creation"));
    let oldest = past.records.last().unwrap();
    assert_eq!(oldest.state, first.state);
    assert_eq!(oldest.revision, Revision(first.partition_epoch.0));
    let by = oldest.why.as_ref().unwrap().by.unwrap();
    assert!((1..=3).contains(&by.broker.0), "the controller of that time: {by}");

    let short = commands.past_of(&tp("t", 0), 1, deadline).await.unwrap();
    assert_eq!((short.records.len(), short.complete), (1, false));
    bench.memory.compact(past.records[0].revision).unwrap();
    let compacted = commands.past_of(&tp("t", 0), 10, deadline).await.unwrap();
    assert!(!compacted.complete && compacted.missing.is_some(), "{compacted:?}");
    assert_eq!(compacted.records[..], past.records[..1]);
}
