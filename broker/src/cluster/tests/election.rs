//! Properties of elections under arbitrary histories, and the cases of draining and full disks.

use proptest::prelude::*;

use super::world::{World, awaiting, b, calm, tp};
use crate::cluster::election::{Cause, Census, Fitness, next_state, prefer};
use crate::cluster::reconcile::reconcile;
use crate::cluster::values::{LiveState, Recovery};
use crate::types::{Incarnation, LeaderEpoch, PartitionState};

fn cluster(brokers: i32, replicas: &[i32]) -> World {
    let mut world = World::new(brokers);
    world.topic("t", &[replicas], &[]);
    world.reconcile();
    world
}

#[test]
fn a_draining_leader_hands_over_and_leaves_in_one_write() {
    let mut world = cluster(3, &[1, 2, 3]);
    world.live(1, LiveState::Draining);
    let done = world.reconcile();
    assert_eq!((done.len(), done[0].cause), (1, Cause::HandOver(Fitness::Draining)));
    let state = world.state(&tp("t", 0));
    assert_eq!((state.leader, state.leader_epoch), (Some(world.life(2)), LeaderEpoch(1)));
    assert_eq!(state.isr, [world.life(2), world.life(3)]);
}

#[test]
fn a_draining_member_stays_in_an_isr_that_needs_it() {
    let mut world = cluster(2, &[1, 2]);
    world.live(1, LiveState::Draining);
    world.reconcile();
    let state = world.state(&tp("t", 0));
    assert_eq!((state.leader, state.isr.len()), (Some(world.life(2)), 2));
    let first = world.life(1);
    world.die(1);
    world.reconcile();
    let state = world.state(&tp("t", 0));
    assert_eq!((state.isr.as_slice(), state.elr.as_slice()), (&[world.life(2)][..], &[first][..]));
}

#[test]
fn a_draining_leader_without_a_peer_leads_to_the_end() {
    let mut world = cluster(1, &[1]);
    world.live(1, LiveState::Draining);
    assert_eq!(world.reconcile(), []);
}

#[test]
fn a_full_disk_gives_leadership_to_room_but_not_to_another_full_disk() {
    let mut world = cluster(3, &[1, 2, 3]);
    world.set_live(1, LiveState::Active, true);
    world.set_live(2, LiveState::Active, true);
    world.reconcile();
    let state = world.state(&tp("t", 0));
    assert_eq!((state.leader, state.isr.len()), (Some(world.life(3)), 3));
    world.set_live(3, LiveState::Active, true);
    assert_eq!(world.reconcile(), [], "no better one");
    assert_eq!(prefer(&state, Census::of(&world.image)), None, "the preferred leader is not fit");
}

#[test]
fn a_failed_disk_leads_nothing_that_another_can_lead_and_leaves_the_isr_at_once() {
    let mut world = cluster(2, &[1, 2]);
    let first = world.life(1);
    world.live(2, LiveState::Draining);
    world.fail_disk(1);
    let done = world.reconcile();
    assert_eq!(
        (done.len(), done[0].cause),
        (1, Cause::HandOver(Fitness::DiskFailed)),
        "rather to one that stops in good order"
    );
    let state = world.state(&tp("t", 0));
    assert_eq!((state.leader, state.isr.as_slice()), (Some(world.life(2)), &[world.life(2)][..]));
    assert_eq!(state.elr, [first], "it acknowledges nothing more, but holds what was committed");

    let mut world = cluster(1, &[1]);
    world.fail_disk(1);
    assert_eq!(world.reconcile(), [], "nobody else can lead");
    world.topic("u", &[&[1]], &[]);
    assert_eq!(world.reconcile(), [], "nothing new is begun there");
}

#[test]
fn a_restarted_leader_never_resumes() {
    let mut world = cluster(3, &[1, 2, 3]);
    let first = world.life(1);
    world.restart(1, Recovery::Clean);
    world.reconcile();
    let state = world.state(&tp("t", 0));
    assert_ne!(state.leader, Some(first));
    assert_eq!(
        (state.leader, state.leader_epoch),
        (Some(world.life(2)), LeaderEpoch(1)),
        "who stayed comes first"
    );
}

#[test]
fn after_a_power_cut_of_all_the_proven_ones_go_on() {
    let mut world = cluster(3, &[1, 2, 3]);
    for id in 1..=3 {
        world.die(id);
    }
    assert_eq!(world.reconcile(), []);
    world.restart(3, Recovery::Fsync);
    world.reconcile();
    let state = world.state(&tp("t", 0));
    assert_eq!((state.leader, state.isr.len()), (Some(world.life(3)), 1));
    assert_eq!(state.elr.iter().map(|entry| entry.broker).collect::<Vec<_>>(), [b(1), b(2)]);
    world.restart(1, Recovery::Fsync);
    world.reconcile();
    assert_eq!(world.state(&tp("t", 0)).elr, [world.life(1), world.life(2)], "translated to its new life");
}

/// What happens to the cluster between two looks of the controller.
#[derive(Clone, Copy, Debug)]
enum Event {
    Die(i32),
    Return(i32),
    Restart(i32, Recovery),
    State(i32, LiveState, bool),
    /// The leader takes a live replica into its ISR.
    Expand(i32),
    /// The leader takes a member out of its ISR.
    Shrink(i32),
    MinIsr(u32),
    Look {
        braked: bool,
    },
    Rebalance,
}

fn event() -> impl Strategy<Value = Event> {
    let id = 1..=4_i32;
    let how = prop_oneof![Just(Recovery::None), Just(Recovery::Fsync), Just(Recovery::Clean)];
    let state = prop_oneof![Just(LiveState::Active), Just(LiveState::Starting), Just(LiveState::Draining)];
    prop_oneof![
        3 => id.clone().prop_map(Event::Die),
        2 => id.clone().prop_map(Event::Return),
        3 => (id.clone(), how).prop_map(|(id, how)| Event::Restart(id, how)),
        2 => (id.clone(), state, any::<bool>()).prop_map(|(id, state, full)| Event::State(id, state, full)),
        3 => id.clone().prop_map(Event::Expand),
        1 => id.prop_map(Event::Shrink),
        1 => (1..=4_u32).prop_map(Event::MinIsr),
        6 => any::<bool>().prop_map(|braked| Event::Look { braked }),
        1 => Just(Event::Rebalance),
    ]
}

/// The leader's side: what it may write by compare-and-put on its own record (rules 5 and 12).
fn leader_writes(world: &mut World, change: impl FnOnce(&mut PartitionState)) {
    let mut state = world.state(&tp("t", 0));
    let before: Vec<Incarnation> = state.isr.iter().chain(&state.elr).copied().collect();
    change(&mut state);
    state.elr = if state.may_commit() {
        Vec::new()
    } else {
        before.into_iter().filter(|entry| state.isr_member(entry.broker).is_none()).collect()
    };
    world.record(&tp("t", 0), &state);
}

fn apply(world: &mut World, event: Event) {
    let state = world.state(&tp("t", 0));
    match event {
        Event::Die(id) => world.die(id),
        Event::Return(id) if !world.image.live.contains_key(&b(id)) => world.live(id, LiveState::Active),
        Event::Restart(id, how) => drop(world.restart(id, how)),
        Event::State(id, state, full) if world.image.live.contains_key(&b(id)) => {
            world.set_live(id, state, full)
        }
        Event::Expand(id) => {
            let life = world.life(id);
            if state.isr_member(b(id)).is_none() && world.image.is_live(life) {
                leader_writes(world, |state| state.isr.push(life));
            }
        }
        Event::Shrink(id) if state.leader.is_some_and(|leader| leader.broker != b(id)) => {
            leader_writes(world, |state| state.isr.retain(|entry| entry.broker != b(id)));
        }
        Event::MinIsr(min) => {
            world.put_topic(
                "t",
                state.topic_id,
                &[&[1, 2, 3, 4]],
                &[("min.insync.replicas", &min.to_string())],
            );
        }
        _ => {}
    }
}

/// What must hold of every record that a controller writes over another.
fn judge(world: &World, old: &PartitionState, new: &PartitionState) {
    let leader = new.leader.expect("there is a leader");
    assert!(new.isr.contains(&leader), "the leader is in sync");
    assert!(new.elr.is_empty() || new.isr.len() < new.min_isr as usize, "eligible only below min_isr");
    assert!(world.image.is_live(leader), "nobody dead is elected");
    let proven = |life: Incarnation, named: &Incarnation| {
        let recovered = &world.image.brokers[&life.broker].recovered;
        life == *named
            || (life == world.life(life.broker.0) && recovered.proof_of(named.epoch) >= Recovery::Fsync)
    };
    let named = |life: Incarnation, entries: &[Incarnation]| {
        entries.iter().any(|named| named.broker == life.broker && proven(life, named))
    };
    assert!(
        named(leader, &old.isr) || named(leader, &old.elr),
        "a leader from ISR or ELR, in a life that counts"
    );
    for entry in new.isr.iter().chain(&new.elr) {
        assert!(named(*entry, &old.isr) || named(*entry, &old.elr), "{entry} came from nowhere");
    }
    if !new.isr.iter().all(|entry| named(*entry, &old.isr)) {
        assert_eq!(new.isr, [leader], "out of the ELR comes one leader, alone");
    }
    let steps = new.leader_epoch.0 - old.leader_epoch.0;
    assert_eq!(steps, i32::from(new.leader != old.leader), "each reign has an epoch of its own");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn whatever_happens_the_record_keeps_its_promises(events in proptest::collection::vec(event(), 1..60)) {
        let mut world = cluster(4, &[1, 2, 3, 4]);
        for event in events {
            apply(&mut world, event);
            let old = world.state(&tp("t", 0));
            let writes = match event {
                Event::Look { braked: false } => reconcile(&world.image, None, &calm()),
                Event::Look { braked: true } => {
                    let named = old.isr.iter().chain(&old.elr).copied();
                    let dead: Vec<_> = named.filter(|life| !world.image.is_live(*life)).collect();
                    reconcile(&world.image, None, &awaiting(&dead))
                }
                Event::Rebalance => crate::cluster::reconcile::preferred(&world.image),
                _ => Vec::new(),
            };
            for write in &writes {
                assert!(world.carry_out(write));
                judge(&world, &old, write.new.as_ref().expect("the topic is there"));
                let min_isr = write.new.as_ref().unwrap().min_isr;
                let again = next_state(write.new.as_ref().unwrap(), Census::of(&world.image), min_isr, &calm().waited_for);
                if let Event::Look { braked: false } = event {
                    prop_assert!(again.is_none(), "one look settles it: {:?}", again);
                }
            }
        }
    }
}

#[test]
fn a_successor_is_in_sync_live_serving_and_has_a_disk_that_works() {
    let mut world = cluster(3, &[1, 2]);
    let has_successor = |world: &World| world.image.has_successor(&world.state(&tp("t", 0)));
    assert!(has_successor(&world));
    world.live(2, LiveState::Draining);
    assert!(!has_successor(&world));
    world.live(2, LiveState::Active);
    assert!(has_successor(&world));
    world.fail_disk(2);
    assert!(!has_successor(&world));
    world.restart(2, Recovery::Clean);
    assert!(!has_successor(&world), "a later life than the one in sync");
    world.die(2);
    assert!(!has_successor(&world));
}
