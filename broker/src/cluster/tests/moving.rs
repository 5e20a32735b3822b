//! Moves under arbitrary histories: crashes, catching up, orders given and taken back, writes that come late.

use proptest::prelude::*;

use super::reassignment::{cluster, ids};
use super::world::{World, b, calm, name, tp};
use crate::cluster::keyspace::Key;
use crate::cluster::reconcile::{preferred, reconcile};
use crate::cluster::values::{LiveState, Recovery};
use crate::types::*;

/// What happens between two looks of the controller.
#[derive(Clone, Debug)]
enum Event {
    Die(i32),
    Return(i32),
    Restart(i32, Recovery),
    /// A follower catches up with all that its leader has.
    CatchUp(i32),
    /// The leader takes in whoever holds all that is committed.
    Join(i32),
    Shrink(i32),
    /// The leader appends, and commits what all in sync hold.
    Append,
    /// A planned write is held back, and carried out later, if it still may.
    Plan,
    CarryOutOld,
    Look,
    Order(Vec<i32>),
    Cancel,
    ForgetOrder,
    MinIsr(u32),
    Prefer,
}

fn event() -> impl Strategy<Value = Event> {
    let id = 1..=5_i32;
    let how = prop_oneof![Just(Recovery::None), Just(Recovery::Fsync), Just(Recovery::Clean)];
    let list = proptest::sample::subsequence(vec![1, 2, 3, 4, 5], 1..=4).prop_shuffle();
    prop_oneof![
        2 => id.clone().prop_map(Event::Die),
        3 => id.clone().prop_map(Event::Return),
        2 => (id.clone(), how).prop_map(|(id, how)| Event::Restart(id, how)),
        8 => id.clone().prop_map(Event::CatchUp),
        8 => id.clone().prop_map(Event::Join),
        1 => id.prop_map(Event::Shrink),
        6 => Just(Event::Append),
        2 => Just(Event::Plan),
        2 => Just(Event::CarryOutOld),
        8 => Just(Event::Look),
        3 => list.prop_map(Event::Order),
        1 => Just(Event::Cancel),
        1 => Just(Event::ForgetOrder),
        1 => (1..=3_u32).prop_map(Event::MinIsr),
        1 => Just(Event::Prefer),
    ]
}

/// The cluster with what each broker's log holds: records are numbers, the log of a life is how far it goes in which reign.
struct Copies {
    world: World,
    /// For each broker its log: the reign and the value of each record.
    logs: std::collections::BTreeMap<i32, Vec<(i32, u64)>>,
    committed: Vec<(i32, u64)>,
    next: u64,
    held_back: Vec<crate::cluster::reconcile::PartitionWrite>,
}

impl Copies {
    fn new(min_isr: u32) -> Self {
        let world = cluster(5, &[1, 2, 3], &[("min.insync.replicas", &min_isr.to_string())]);
        let logs = (1..=5).map(|id| (id, Vec::new())).collect();
        Self { world, logs, committed: Vec::new(), next: 0, held_back: Vec::new() }
    }

    fn state(&self) -> PartitionState {
        self.world.state(&tp("t", 0))
    }

    fn leader(&self) -> Option<i32> {
        let leader = self.state().leader.filter(|leader| self.world.image.is_live(*leader))?;
        Some(leader.broker.0)
    }

    /// The leader's side: what it may write by compare-and-put on its own record (rules 5 and 12).
    fn leader_writes(&mut self, change: impl FnOnce(&mut PartitionState)) {
        let mut state = self.state();
        let before: Vec<Incarnation> = state.isr.iter().chain(&state.elr).copied().collect();
        change(&mut state);
        let eligible = before.into_iter().filter(|entry| state.isr_member(entry.broker).is_none());
        state.elr = if state.may_commit() { Vec::new() } else { eligible.collect() };
        self.world.record(&tp("t", 0), &state);
    }

    /// Commits what every member of the ISR holds, while there are enough of them (rule 3).
    fn commit(&mut self) {
        let (state, Some(leader)) = (self.state(), self.leader()) else { return };
        if !state.may_commit() {
            return;
        }
        let held = |log: &Vec<(i32, u64)>| {
            log.iter().zip(&self.logs[&leader]).take_while(|(one, other)| one == other).count()
        };
        let all = state.isr.iter().map(|member| held(&self.logs[&member.broker.0])).min().unwrap_or(0);
        // Only with a record of this reign among them.
        let own = self.logs[&leader][..all].iter().any(|(reign, _)| *reign == state.leader_epoch.0);
        if own && all > self.committed.len() {
            self.committed = self.logs[&leader][..all].to_vec();
        }
    }

    fn apply(&mut self, event: Event) {
        let (state, leader) = (self.state(), self.leader());
        let lives = |world: &World, id: i32| world.image.live.contains_key(&b(id));
        match event {
            Event::Die(id) => self.world.die(id),
            Event::Return(id) if !lives(&self.world, id) => self.world.live(id, LiveState::Active),
            Event::Restart(id, how) => {
                self.world.restart(id, how);
                if how == Recovery::None {
                    self.logs.insert(id, Vec::new());
                }
            }
            Event::CatchUp(id) if lives(&self.world, id) && state.has_replica(b(id)) => {
                if let Some(leader) = leader {
                    self.logs.insert(id, self.logs[&leader].clone());
                }
            }
            Event::Join(id) if lives(&self.world, id) && state.has_replica(b(id)) => {
                let life = self.world.life(id);
                let same = leader.is_some_and(|leader| self.logs[&id] == self.logs[&leader]);
                if same && !state.isr.contains(&life) {
                    self.leader_writes(|state| {
                        state.isr.retain(|member| member.broker != life.broker);
                        state.isr.push(life);
                    });
                }
            }
            Event::Shrink(id) if leader.is_some_and(|leader| leader != id) => {
                self.leader_writes(|state| state.isr.retain(|entry| entry.broker != b(id)));
            }
            Event::Append => {
                if let Some(leader) = leader {
                    self.next += 1;
                    let record = (state.leader_epoch.0, self.next);
                    self.logs.entry(leader).or_default().push(record);
                    for member in state.isr.iter().filter(|member| self.world.image.is_live(**member)) {
                        if member.broker.0 != leader && !self.next.is_multiple_of(3) {
                            self.logs.insert(member.broker.0, self.logs[&leader].clone());
                        }
                    }
                }
            }
            Event::Plan => self.held_back = reconcile(&self.world.image, None, &calm()),
            Event::CarryOutOld => {
                for write in std::mem::take(&mut self.held_back) {
                    self.world.carry_out(&write);
                }
            }
            Event::Look => self.look(),
            Event::Order(list) if !self.world.image.reassignments.contains_key(&tp("t", 0)) => {
                self.world.order(&tp("t", 0), &list);
            }
            Event::Cancel => self.world.cancel(&tp("t", 0)),
            Event::ForgetOrder if self.world.image.reassignments.contains_key(&tp("t", 0)) => {
                self.world.delete(&Key::Reassignment(tp("t", 0)));
            }
            Event::MinIsr(min) => {
                let assignment = self.world.image.topics[&name("t")].assignment[0].clone();
                let config = [("min.insync.replicas", min.to_string())];
                let config: Vec<_> = config.iter().map(|(key, value)| (*key, value.as_str())).collect();
                self.world.put_topic("t", state.topic_id, &[&ids(&assignment)], &config);
            }
            Event::Prefer => {
                for write in preferred(&self.world.image) {
                    assert!(self.world.carry_out(&write));
                }
            }
            _ => {}
        }
    }

    fn look(&mut self) {
        for write in reconcile(&self.world.image, None, &calm()) {
            assert!(self.world.carry_out(&write));
        }
        self.world.chores();
    }

    /// No committed record is lost: whoever may lead holds all of them.
    fn judge(&self) {
        let state = self.state();
        let holds = |id: i32| self.logs[&id].starts_with(&self.committed);
        let counts = |entry: &Incarnation| {
            let registration = &self.world.image.brokers[&entry.broker];
            registration.epoch <= entry.epoch
                || registration.recovered.proof_of(entry.epoch) >= Recovery::Fsync
        };
        for entry in state.isr.iter().chain(&state.elr) {
            assert!(state.has_replica(entry.broker), "{entry} counts and has no copy: {state:?}");
            assert!(!counts(entry) || holds(entry.broker.0), "{entry} lacks what is committed: {state:?}");
        }
        assert!(state.adding.iter().chain(&state.removing).all(|broker| state.has_replica(*broker)));
        assert!(state.leader.is_none_or(|leader| state.isr.contains(&leader)));
        assert!(state.elr.is_empty() || !state.may_commit());
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 800, ..ProptestConfig::default() })]

    #[test]
    fn no_committed_record_is_lost_whatever_comes_between(
        min_isr in 1..=3_u32,
        events in proptest::collection::vec(event(), 1..120),
    ) {
        let mut copies = Copies::new(min_isr);
        for event in events {
            copies.apply(event);
            copies.commit();
            copies.judge();
        }
    }

    #[test]
    fn once_all_serve_and_catch_up_every_move_ends(
        events in proptest::collection::vec(event(), 1..60),
        cancel in any::<bool>(),
    ) {
        let mut copies = Copies::new(2);
        for event in events {
            // Nobody loses what it held: what nobody can lead any more would stay as it is.
            let event = if let Event::Restart(id, _) = event { Event::Die(id) } else { event };
            copies.apply(event);
            copies.commit();
        }
        if cancel {
            copies.world.cancel(&tp("t", 0));
        }
        for id in 1..=5 {
            copies.apply(Event::Return(id));
        }
        for _ in 0..6 {
            copies.look();
            for id in 1..=5 {
                copies.apply(Event::CatchUp(id));
                copies.apply(Event::Join(id));
            }
            copies.judge();
        }
        let state = copies.state();
        prop_assert!(!state.is_moving(), "{:?}", state);
        prop_assert!(copies.world.image.reassignments.is_empty());
        prop_assert_eq!(&copies.world.image.topics[&name("t")].assignment[0], &state.replicas);
    }
}
