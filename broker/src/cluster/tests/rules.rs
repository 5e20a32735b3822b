//! One scenario for each of the controller's rules (DESIGN 4, rules 10 to 14), named after it.

use std::time::{Duration, Instant};

use super::world::{World, awaiting, b, calm, tp};
use crate::cluster::election::Cause;
use crate::cluster::image::Image;
use crate::cluster::observed::{Observed, Patience};
use crate::cluster::reconcile::{TopicGuard, reconcile};
use crate::cluster::values::{Inherited, LiveState, Recovered, Recovery};
use crate::cluster::watcher::Gap;
use crate::types::{BrokerEpoch, Incarnation, LeaderEpoch};

/// Three brokers, one partition on all of them, led by 1.
fn three() -> World {
    let mut world = World::new(3);
    world.topic("t", &[&[1, 2, 3]], &[]);
    world.reconcile();
    let state = world.state(&tp("t", 0));
    assert_eq!((state.leader, state.isr.len(), state.min_isr), (Some(world.life(1)), 3, 2));
    world
}

#[test]
fn rule_10_a_write_based_on_an_old_record_changes_nothing() {
    let mut world = three();
    world.die(1);
    let stale = reconcile(&world.image, None, &calm());
    // The old leader, not yet aware, shrinks its ISR first.
    let lives = [world.life(1), world.life(2)];
    world.change(&tp("t", 0), |state| state.isr = lives.to_vec());
    assert!(!world.carry_out(&stale[0]), "the record has moved on");
    let done = world.reconcile();
    assert_eq!(done[0].new.as_ref().unwrap().leader, Some(world.life(2)));
}

#[test]
fn rule_10_a_record_is_deleted_only_if_the_topic_is_gone_in_the_store_too() {
    let mut world = three();
    let full = world.image.clone();
    // An image that has missed the topic: its write asks the store whether that is so.
    world.delete(&crate::cluster::keyspace::Key::Topic(super::world::name("t")));
    let writes = reconcile(&world.image, None, &calm());
    assert_eq!((writes.len(), writes[0].topic, &writes[0].new), (1, TopicGuard::Gone, &None));
    world.image = full;
    assert!(!world.carry_out(&writes[0]), "the topic is there");
}

#[test]
fn rule_11_the_isr_leads_before_the_elr_and_if_nobody_can_nothing_is_written() {
    let mut world = three();
    world.die(1);
    let done = world.reconcile();
    assert_eq!((done.len(), done[0].cause), (1, Cause::Election));
    let state = world.state(&tp("t", 0));
    assert_eq!((state.leader, state.leader_epoch), (Some(world.life(2)), LeaderEpoch(1)));
    assert_eq!(state.isr, [world.life(2), world.life(3)], "leader and shrink in one write");

    world.die(3);
    world.reconcile();
    let state = world.state(&tp("t", 0));
    assert_eq!((state.isr.as_slice(), state.elr.as_slice()), (&[world.life(2)][..], &[world.life(3)][..]));

    let third = world.life(3);
    world.die(2);
    assert_eq!(world.reconcile(), []);
    // 3 comes back as it was (it had lost only its lease): eligible, and the only one.
    world.live(3, LiveState::Active);
    world.reconcile();
    let state = world.state(&tp("t", 0));
    assert_eq!((state.leader, state.isr.as_slice()), (Some(third), &[third][..]));
    assert_eq!(state.elr, [world.life(2)], "2 still holds all that is committed");
    assert!(!state.may_commit());
}

#[test]
fn rule_11_the_first_of_the_list_leads() {
    let mut world = World::new(3);
    world.topic("t", &[&[1, 3, 2]], &[]);
    world.reconcile();
    world.die(1);
    world.reconcile();
    assert_eq!(world.state(&tp("t", 0)).leader, Some(world.life(3)));
}

#[test]
fn rule_11_an_eligible_replica_does_not_lead_while_a_member_lives() {
    let mut world = World::new(3);
    world.topic("t", &[&[3, 1, 2]], &[("min.insync.replicas", "3")]);
    world.reconcile();
    world.die(1);
    world.reconcile();
    let first = world.life(1);
    assert_eq!(world.state(&tp("t", 0)).elr, [first]);
    // 1 is back, and stands before 2 in the list; 2 has what was appended meanwhile, too.
    world.live(1, LiveState::Active);
    world.die(3);
    world.reconcile();
    let state = world.state(&tp("t", 0));
    assert_eq!((state.leader, state.isr.as_slice()), (Some(world.life(2)), &[world.life(2)][..]));
    assert_eq!(state.elr.len(), 2, "{:?}", state.elr);
}

#[test]
fn rule_11_nobody_outside_isr_and_elr_leads_however_alive() {
    let mut world = three();
    let first = world.life(1);
    world.change(&tp("t", 0), |state| {
        state.isr = vec![first];
        state.min_isr = 1;
    });
    world.put_topic("t", world.state(&tp("t", 0)).topic_id, &[&[1, 2, 3]], &[("min.insync.replicas", "1")]);
    world.die(1);
    assert_eq!(world.reconcile(), []);
}

#[test]
fn rule_12_members_that_leave_below_min_isr_stay_eligible_until_it_is_whole_again() {
    let mut world = three();
    world.die(2);
    world.reconcile();
    assert_eq!(world.state(&tp("t", 0)).elr, [], "two of two needed are in sync");
    world.die(3);
    world.reconcile();
    let state = world.state(&tp("t", 0));
    assert_eq!((state.isr.len(), state.elr.as_slice()), (1, &[world.life(3)][..]));
    // min_isr falls: the ISR may commit alone, so nobody else may be eligible, in the same write.
    world.put_topic("t", state.topic_id, &[&[1, 2, 3]], &[("min.insync.replicas", "1")]);
    let done = world.reconcile();
    assert_eq!((done.len(), done[0].cause), (1, Cause::Settings));
    let state = world.state(&tp("t", 0));
    assert_eq!((state.min_isr, state.elr.len(), state.leader_epoch), (1, 0, LeaderEpoch(0)));
}

#[test]
fn rule_13_a_restarted_member_counts_only_by_proof_of_exactly_that_life() {
    let outcome = |flush: &str, recovered: &dyn Fn(Incarnation) -> Recovered| {
        let mut world = World::new(1);
        world.topic("t", &[&[1]], &[("flush", flush)]);
        world.reconcile();
        let old = world.life(1);
        let new = world.start(1, recovered(old));
        world.reconcile();
        let state = world.state(&tp("t", 0));
        assert!(state.leader == Some(old) || state.leader == Some(new));
        assert_eq!(state.leader_epoch.0, i32::from(state.leader == Some(new)));
        state.leader == Some(new)
    };
    let from = |how: Recovery, shift: i64| {
        move |old: Incarnation| Recovered {
            from: Some(BrokerEpoch(old.epoch.0 + shift)),
            how,
            earlier: Vec::new(),
        }
    };
    assert!(outcome("ack", &from(Recovery::Clean, 0)));
    assert!(outcome("ack", &from(Recovery::Fsync, 0)), "what was acknowledged was fsynced");
    assert!(!outcome("ack", &from(Recovery::None, 0)));
    assert!(outcome("os", &from(Recovery::Clean, 0)));
    assert!(!outcome("os", &from(Recovery::Fsync, 0)), "acknowledged from the page cache, now lost");
    assert!(!outcome("ack", &from(Recovery::Clean, -1)), "another life's data");
    assert!(!outcome("ack", &|_| Recovered::NOTHING), "a replaced disk");
    let inherited = |how| {
        move |old: Incarnation| Recovered {
            from: Some(BrokerEpoch(old.epoch.0 + 1)),
            how: Recovery::Clean,
            earlier: vec![Inherited { from: old.epoch, how }],
        }
    };
    assert!(outcome("ack", &inherited(Recovery::Fsync)), "two crashes in a row, both proven");
    assert!(!outcome("os", &inherited(Recovery::Fsync)), "the weakest link counts");
}

#[test]
fn rule_13_a_starting_broker_is_no_candidate_yet() {
    let mut world = World::new(1);
    world.topic("t", &[&[1]], &[]);
    world.reconcile();
    let from = Some(world.life(1).epoch);
    let life = world.register(1, Recovered { from, how: Recovery::Fsync, earlier: Vec::new() });
    world.live(1, LiveState::Starting);
    assert_eq!(world.reconcile(), []);
    world.live(1, LiveState::Active);
    world.reconcile();
    assert_eq!(world.state(&tp("t", 0)).leader, Some(life));
}

#[test]
fn rule_13_proven_lives_stay_in_sync_once_they_serve() {
    let mut world = three();
    for id in 1..=3 {
        world.die(id);
    }
    let starting = Recovered { from: Some(world.life(1).epoch), how: Recovery::Fsync, earlier: Vec::new() };
    let starting = world.register(1, starting);
    world.live(1, LiveState::Starting);
    let proven = [world.restart(2, Recovery::Fsync), world.restart(3, Recovery::Fsync)];
    world.reconcile();
    let state = world.state(&tp("t", 0));
    assert_eq!((state.leader, state.isr.as_slice()), (Some(proven[0]), &proven[..]));
    assert_eq!(state.isr_member(b(1)), None, "{starting} does not follow yet, and would hold up commits");
}

#[test]
fn rule_13_unproven_lives_leave_the_eligible_ones() {
    let mut world = three();
    world.die(2);
    world.reconcile();
    world.die(3);
    world.reconcile();
    assert_eq!(world.state(&tp("t", 0)).elr, [world.life(3)]);
    let proven = world.restart(3, Recovery::Fsync);
    let done = world.reconcile();
    assert_eq!((done.len(), done[0].cause), (1, Cause::Upkeep));
    assert_eq!(world.state(&tp("t", 0)).elr, [proven]);
    world.restart(3, Recovery::None);
    world.reconcile();
    assert_eq!(world.state(&tp("t", 0)).elr, []);
}

const PATIENCE: Patience = Patience {
    brake: Duration::from_secs(6),
    rebalance_after: Duration::from_secs(60),
    rebalance_pause: Duration::from_secs(1),
    rebalance_moves_max: 2,
    imbalance_percentage_max: 0,
};

/// Lets `victims` of `brokers` vanish at once; whether elections wait, and for how long.
fn brake(brokers: i32, victims: &[i32], refused: bool) -> (World, Observed, Option<Duration>) {
    brake_with(brokers, victims, refused.then_some((0, 0)))
}

/// The same with reports that are about a life and a lease so many numbers earlier.
fn brake_with(
    brokers: i32,
    victims: &[i32],
    refused: Option<(i64, i64)>,
) -> (World, Observed, Option<Duration>) {
    let start = moment();
    let (mut world, mut observed) = (World::new(brokers), Observed::default());
    observed.note(&Image::default(), &world.image, None, start, &PATIENCE);
    for victim in victims {
        let before = world.image.clone();
        if let Some((lives, leases)) = refused {
            let epoch = BrokerEpoch(world.life(*victim).epoch.0 - lives);
            let suspicion = crate::cluster::values::Suspicion {
                v: 1,
                epoch,
                lease: coordinator_adapter::LeaseId(i64::from(*victim) - leases),
                reason: "refused".to_owned(),
            };
            let key = crate::cluster::keyspace::Key::Suspect { suspect: b(*victim), reporter: b(brokers) };
            world.put(&key, &crate::cluster::values::encode(&suspicion));
        }
        world.die(*victim);
        observed.note(&before, &world.image, None, start, &PATIENCE);
    }
    let wait = observed.braked_until(start).map(|until| until - start);
    (world, observed, wait)
}

#[test]
fn rule_14_a_mass_death_without_a_trace_is_waited_out_once() {
    assert_eq!(brake(3, &[1], false).2, None, "one of three fails over at once");
    assert_eq!(brake(2, &[1], false).2, None, "and one of two");
    assert_eq!(brake(3, &[1, 2], true).2, None, "two of three crashed, as their ports tell");
    assert_eq!(
        brake(3, &[1, 2], false).2,
        Some(Duration::from_secs(6)),
        "two of three in silence are cut off"
    );
    assert_eq!(brake(3, &[1, 2, 3], false).2, Some(Duration::from_secs(6)), "the store has ended all leases");
    assert_eq!(brake(6, &[1, 2], false).2, None, "a third is not over a third");
    assert_eq!(brake(5, &[1, 2], true).2, None, "their ports refuse: they are gone for certain");
    for earlier in [(1, 0), (0, 1)] {
        let wait = brake_with(5, &[1, 2], Some(earlier)).2;
        assert_eq!(wait, Some(Duration::from_secs(6)), "what refused then was not this life, or this lease");
    }
    let (world, mut observed, wait) = brake(5, &[1, 2], false);
    assert_eq!(wait, Some(Duration::from_secs(6)));
    let until = observed.braked_until(moment()).unwrap();
    let meanwhile = until - Duration::from_secs(3);
    observed.note(&world.image, &world.image, None, meanwhile, &PATIENCE);
    assert_eq!(observed.braked_until(meanwhile), Some(until), "once, whatever is noted meanwhile");
    let later = moment() + Duration::from_secs(7);
    observed.note(&world.image, &world.image, None, later, &PATIENCE);
    assert_eq!(observed.braked_until(later), None);
}

#[test]
fn rule_14_deaths_apart_in_time_or_with_a_goodbye_are_no_mass_death() {
    let start = moment();
    let (mut world, mut observed) = (World::new(3), Observed::default());
    observed.note(&Image::default(), &world.image, None, start, &PATIENCE);
    for (victim, at) in [(1, start), (2, start + Duration::from_secs(7))] {
        let before = world.image.clone();
        world.die(victim);
        observed.note(&before, &world.image, None, at, &PATIENCE);
        assert_eq!(observed.braked_until(at), None, "broker {victim}");
    }

    let (mut world, mut observed) = (World::new(3), Observed::default());
    for id in [1, 2] {
        world.live(id, LiveState::Draining);
    }
    observed.note(&Image::default(), &world.image, None, start, &PATIENCE);
    let before = world.image.clone();
    world.die(1);
    world.die(2);
    observed.note(&before, &world.image, None, start, &PATIENCE);
    assert_eq!(observed.braked_until(start), None, "they had said that they go");
}

#[test]
fn rule_14_the_brake_ends_when_they_are_back_and_holds_elections_and_shrinks_meanwhile() {
    let (mut world, mut observed, _) = brake(5, &[1, 2], false);
    world.live(1, LiveState::Active);
    world.live(2, LiveState::Active);
    world.topic("t", &[&[1, 2, 3], &[3, 4, 1]], &[]);
    world.reconcile();
    let first = world.life(1);
    world.die(1);
    assert_eq!(reconcile(&world.image, None, &awaiting(&[first])), []);
    assert_eq!(reconcile(&world.image, None, &calm()).len(), 2);
    world.live(1, LiveState::Active);
    let before = world.image.clone();
    observed.note(&before, &world.image, None, moment(), &PATIENCE);
    assert_eq!(observed.braked_until(moment()), None);
}

#[test]
fn rule_14_after_a_gap_of_ones_own_even_one_silent_death_is_waited_out() {
    let start = moment();
    let gap = |seconds: u64| Some(Gap { began: start - Duration::from_secs(seconds), ended: start });
    for (gap, refused, awaited) in [(gap(4), false, true), (gap(2), false, false), (gap(4), true, false)] {
        let (mut world, mut observed) = (World::new(3), Observed::default());
        let life = world.life(1);
        observed.note(&Image::default(), &world.image, None, start, &PATIENCE);
        if refused {
            world.live(1, LiveState::Draining);
            observed.note(&Image::default(), &world.image, None, start, &PATIENCE);
        }
        let before = world.image.clone();
        world.die(1);
        observed.note(&before, &world.image, gap, start, &PATIENCE);
        assert_eq!(observed.awaited(start).contains(&life), awaited);
        assert!(observed.awaited(start + Duration::from_secs(6)).is_empty(), "for one lease after it");
    }
}

#[test]
fn leadership_stays_while_few_partitions_are_led_by_others() {
    let mut world = World::new(2);
    world.topic("t", &[&[1, 2], &[1, 2], &[1, 2], &[1, 2]], &[]);
    world.reconcile();
    let second = world.life(2);
    world.change(&tp("t", 3), |state| state.leader = Some(second));
    let due = |percentage: u32| {
        let patience =
            Patience { imbalance_percentage_max: percentage, rebalance_after: Duration::ZERO, ..PATIENCE };
        let candidates = crate::cluster::reconcile::preferred(&world.image);
        Observed::default().due(candidates, &world.image, moment(), &patience).len()
    };
    assert_eq!((due(0), due(24), due(25)), (1, 1, 0), "one of four is a quarter");
}

#[test]
fn leadership_returns_gently_once_the_preferred_leader_was_able_for_a_while() {
    let mut world = three();
    for topic in ["u", "v"] {
        world.topic(topic, &[&[1, 2, 3]], &[]);
    }
    world.reconcile();
    world.die(1);
    world.reconcile();
    world.restart(1, Recovery::Fsync);
    let start = moment();
    let mut observed = Observed::default();
    let candidates = |world: &World| crate::cluster::reconcile::preferred(&world.image);
    assert_eq!(candidates(&world), [], "1 is not in sync");
    let first = world.life(1);
    for topic in ["t", "u", "v"] {
        world.change(&tp(topic, 0), |state| state.isr.push(first));
    }
    let at = |seconds: u64| start + Duration::from_secs(seconds);
    assert_eq!(observed.due(candidates(&world), &world.image, at(0), &PATIENCE), []);
    assert_eq!(observed.due(candidates(&world), &world.image, at(59), &PATIENCE), []);
    let round = observed.due(candidates(&world), &world.image, at(60), &PATIENCE);
    assert_eq!(round.len(), 2, "bounded moves in one round");
    for write in &round {
        assert!(world.carry_out(write));
    }
    assert_eq!(
        observed.due(candidates(&world), &world.image, at(60), &PATIENCE),
        [],
        "a pause between rounds"
    );
    assert_eq!(observed.due(candidates(&world), &world.image, at(61), &PATIENCE).len(), 1);
    let state = world.state(&round[0].tp);
    assert_eq!((state.leader, state.isr.len()), (Some(first), 3));
}

/// Some moment.
fn moment() -> Instant {
    crate::clock::Clock::system().now()
}
