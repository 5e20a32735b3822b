//! How brokers take their places, keep them, lose them and give them back.

use std::sync::Arc;
use std::time::Duration;

use coordinator_adapter::Store;

use super::bench::{Bench, newcomer, within};
use super::world::b;
use crate::clock::Clock;
use crate::cluster::keyspace::Key;
use crate::cluster::values::decode;
use crate::cluster::*;
use crate::types::*;

async fn registration(bench: &Bench, id: i32) -> Registration {
    let (_, stored) = bench.memory.get(&bench.keyspace.path(&Key::Broker(b(id)))).await.unwrap();
    decode(&stored.unwrap().value).unwrap()
}

async fn live(bench: &Bench, id: i32) -> Option<Live> {
    let (_, stored) = bench.memory.get(&bench.keyspace.path(&Key::Live(b(id)))).await.unwrap();
    stored.map(|stored| decode(&stored.value).unwrap())
}

fn recovered(from: BrokerEpoch, how: Recovery) -> Recovered {
    Recovered { from: Some(from), how, earlier: Vec::new() }
}

#[tokio::test(start_paused = true)]
async fn the_cluster_has_one_identity_whoever_comes_first() {
    let bench = Bench::new();
    let (first, second) = (bench.door(), bench.door());
    first.lose_next_answer();
    assert!(ensure_cluster(first.as_ref(), &bench.keyspace, &Clock::system()).await.is_err());
    let one = ensure_cluster(first.as_ref(), &bench.keyspace, &Clock::system()).await.unwrap();
    let two = ensure_cluster(second.as_ref(), &bench.keyspace, &Clock::system()).await.unwrap();
    assert_eq!(one, two);
}

#[tokio::test(start_paused = true)]
async fn a_broker_starts_serves_and_leaves() {
    let bench = Bench::new();
    let membership = bench.join(&bench.door(), newcomer(1, Recovered::NOTHING)).await.unwrap();
    let sign = live(&bench, 1).await.unwrap();
    assert_eq!((sign.state, sign.epoch), (LiveState::Starting, membership.incarnation().epoch));
    assert_eq!(Some(sign.lease), membership.lease());
    membership.set_state(LiveState::Active).await.unwrap();
    assert_eq!(live(&bench, 1).await.unwrap().state, LiveState::Active);
    membership.set_disk_full(true);
    membership.set_state(LiveState::Draining).await.unwrap();
    let sign = live(&bench, 1).await.unwrap();
    assert_eq!((sign.state, sign.disk_full), (LiveState::Draining, true));
    tokio::time::sleep(Duration::from_secs(60)).await;
    assert!(live(&bench, 1).await.is_some(), "the lease is renewed");
    membership.leave().await;
    assert_eq!(live(&bench, 1).await, None);
    assert_eq!(*membership.standing().borrow(), Standing::Left);
}

#[tokio::test(start_paused = true)]
async fn a_restarted_broker_revokes_its_predecessors_lease_at_once() {
    let bench = Bench::new();
    let door = bench.door();
    let first = bench.join(&door, newcomer(1, Recovered::NOTHING)).await.unwrap();
    door.cut();
    let began = tokio::time::Instant::now();
    let second = bench.join(&bench.door(), newcomer(1, Recovered::NOTHING)).await.unwrap();
    assert!(began.elapsed() < Duration::from_millis(100), "no lease was waited for");
    assert!(second.incarnation().epoch > first.incarnation().epoch);
    assert_eq!(live(&bench, 1).await.unwrap().epoch, second.incarnation().epoch);
    // The first was not dead after all, only cut off: it learns that it is replaced, and touches nothing.
    door.heal();
    let mut standing = first.standing();
    within("superseded", standing.wait_for(|standing| *standing == Standing::Superseded)).await.unwrap();
    assert_eq!(live(&bench, 1).await.unwrap().epoch, second.incarnation().epoch);
    assert!(second.lease().is_some());
}

#[tokio::test(start_paused = true)]
async fn who_was_replaced_does_not_come_back_where_its_successor_has_left() {
    let bench = Bench::new();
    let door = bench.door();
    let first = bench.join(&door, newcomer(1, Recovered::NOTHING)).await.unwrap();
    door.cut();
    bench.join(&bench.door(), newcomer(1, Recovered::NOTHING)).await.unwrap().leave().await;
    assert_eq!(live(&bench, 1).await, None);
    door.heal();
    let mut standing = first.standing();
    within("superseded", standing.wait_for(|standing| *standing == Standing::Superseded)).await.unwrap();
    assert_eq!(live(&bench, 1).await, None);
}

#[tokio::test(start_paused = true)]
async fn another_data_directory_under_the_same_id_is_refused_while_the_first_lives() {
    let bench = Bench::new();
    let first = bench.join(&bench.door(), newcomer(1, Recovered::NOTHING)).await.unwrap();
    let mut stranger = newcomer(1, Recovered::NOTHING);
    stranger.dirs = vec![DirectoryId(uuid::Uuid::new_v4())];
    let refused = bench.join(&bench.door(), stranger.clone()).await.unwrap_err();
    let lease = first.lease().unwrap();
    assert!(
        matches!(&refused, ClusterError::BrokerIdInUse { broker: BrokerId(1), lease: held, .. } if *held == lease)
    );
    assert!(refused.to_string().contains("h1:9092"), "{refused}");
    assert_eq!(registration(&bench, 1).await.dirs, newcomer(1, Recovered::NOTHING).dirs);
    // It may come once the first has gone, within the time that it waits.
    let door = bench.door();
    let (late, _) = tokio::join!(bench.join(&door, stranger), async {
        tokio::time::sleep(Duration::from_secs(3)).await;
        first.leave().await;
    });
    assert!(late.unwrap().incarnation().epoch > first.incarnation().epoch);
}

#[tokio::test(start_paused = true)]
async fn a_lost_lease_brings_the_same_life_back_under_another() {
    let bench = Bench::new();
    let membership = bench.join(&bench.door(), newcomer(1, Recovered::NOTHING)).await.unwrap();
    membership.set_state(LiveState::Active).await.unwrap();
    let (before, lease) = (membership.incarnation(), membership.lease().unwrap());
    bench.memory.revoke(lease).await.unwrap();
    let mut standing = membership.standing();
    let back =
        standing.wait_for(|standing| matches!(standing, Standing::Member { lease: new } if *new != lease));
    within("back", back).await.unwrap();
    let sign = live(&bench, 1).await.unwrap();
    assert_eq!((sign.epoch, sign.state), (before.epoch, LiveState::Active));
    assert_eq!(membership.incarnation(), before);
    // Said while away, written on return.
    bench.memory.revoke(membership.lease().unwrap()).await.unwrap();
    membership.set_disk_full(true);
    membership.set_state(LiveState::Draining).await.ok();
    let lease = sign.lease;
    let back =
        standing.wait_for(|standing| matches!(standing, Standing::Member { lease: new } if *new != lease));
    within("back again", back).await.unwrap();
    let sign = live(&bench, 1).await.unwrap();
    assert_eq!((sign.state, sign.disk_full), (LiveState::Draining, true));
}

#[tokio::test(start_paused = true)]
async fn a_silent_disk_lets_the_lease_run_out_and_takes_no_other_until_it_answers() {
    let bench = Bench::new();
    let membership = bench.join(&bench.door(), newcomer(1, Recovered::NOTHING)).await.unwrap();
    membership.set_disk_answers(false);
    tokio::time::sleep(Duration::from_secs(30)).await;
    assert_eq!(live(&bench, 1).await, None);
    let lease = membership.lease();
    // Whoever has something to say learns that the lease is gone, and waits for the disk all the same.
    membership.set_disk_full(true);
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!((live(&bench, 1).await, membership.lease()), (None, None));
    membership.set_disk_answers(true);
    let mut standing = membership.standing();
    let back = standing
        .wait_for(|standing| matches!(standing, Standing::Member { lease: new } if Some(*new) != lease));
    within("back", back).await.unwrap();
    assert_eq!(live(&bench, 1).await.unwrap().epoch, membership.incarnation().epoch);
}

#[tokio::test(start_paused = true)]
async fn writes_of_a_life_sign_that_land_late_change_nothing() {
    let bench = Bench::new();
    let door = bench.door();
    let membership = bench.join(&door, newcomer(1, Recovered::NOTHING)).await.unwrap();
    door.delay_next_txn();
    assert!(membership.set_state(LiveState::Active).await.is_err(), "its outcome is unknown");
    let state = |state: LiveState| {
        let bench = &bench;
        async move {
            while live(bench, 1).await.unwrap().state != state {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        }
    };
    within("written again", state(LiveState::Active)).await;
    membership.set_state(LiveState::Draining).await.unwrap();
    door.release_delayed().await;
    assert_eq!(live(&bench, 1).await.unwrap().state, LiveState::Draining);
}

#[tokio::test(start_paused = true)]
async fn a_chain_of_crashes_is_proven_by_its_weakest_link() {
    let bench = Bench::new();
    let mut life = bench.join(&bench.door(), newcomer(1, Recovered::NOTHING)).await.unwrap().incarnation();
    let mut lives = vec![life.epoch];
    for how in [Recovery::Clean, Recovery::Fsync, Recovery::Clean] {
        life =
            bench.join(&bench.door(), newcomer(1, recovered(life.epoch, how))).await.unwrap().incarnation();
        lives.push(life.epoch);
    }
    let proof =
        |registered: Registration| lives.iter().map(|epoch| registered.recovered.proof_of(*epoch)).collect();
    let proofs: Vec<Recovery> = proof(registration(&bench, 1).await);
    assert_eq!(proofs, [Recovery::Fsync, Recovery::Fsync, Recovery::Clean, Recovery::None]);
    // A process that died before it wrote its life into the directory leaves the one before as the last.
    let again = newcomer(1, recovered(lives[2], Recovery::Fsync));
    let last = bench.join(&bench.door(), again).await.unwrap().incarnation();
    let proofs: Vec<Recovery> = proof(registration(&bench, 1).await);
    assert_eq!(proofs, [Recovery::Fsync, Recovery::Fsync, Recovery::Fsync, Recovery::None]);
    // One that proves nothing ends the chain.
    bench.join(&bench.door(), newcomer(1, recovered(last.epoch, Recovery::None))).await.unwrap();
    assert!(registration(&bench, 1).await.recovered.earlier.is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_chain_of_crashes_is_bounded_and_belongs_to_one_directory() {
    let bench = Bench::new();
    let mut new = newcomer(1, Recovered::NOTHING);
    for _ in 0..25 {
        let life = bench.join(&bench.door(), new).await.unwrap().incarnation();
        new = newcomer(1, recovered(life.epoch, Recovery::Fsync));
    }
    assert_eq!(registration(&bench, 1).await.recovered.earlier.len(), 16);
    // A directory that was last used in a life of which the registrations know nothing.
    let other = newcomer(1, recovered(BrokerEpoch(77_777), Recovery::Fsync));
    bench.join(&bench.door(), other).await.unwrap();
    assert!(registration(&bench, 1).await.recovered.earlier.is_empty());
}

#[tokio::test(start_paused = true)]
async fn joining_goes_on_where_an_unknown_outcome_left_it() {
    let bench = Bench::new();
    let door = bench.door();
    let new = newcomer(1, Recovered::NOTHING);
    // A registration that was written though nobody heard of it is found by the name of the process.
    let first = bench.join(&door, new.clone()).await.unwrap();
    let epoch = first.incarnation().epoch;
    drop(first);
    let second = bench.join(&door, new).await.unwrap();
    assert_eq!(second.incarnation().epoch, epoch);
    assert_eq!(live(&bench, 1).await.unwrap().lease, second.lease().unwrap());
}

#[tokio::test(start_paused = true)]
async fn dropping_a_membership_lets_its_lease_run_out() {
    let bench = Bench::new();
    let membership = bench.join(&bench.door(), newcomer(1, Recovered::NOTHING)).await.unwrap();
    drop(Arc::clone(&membership));
    tokio::time::sleep(Duration::from_secs(20)).await;
    assert!(live(&bench, 1).await.is_some());
    drop(membership);
    tokio::time::sleep(Duration::from_secs(20)).await;
    assert_eq!(live(&bench, 1).await, None);
}
