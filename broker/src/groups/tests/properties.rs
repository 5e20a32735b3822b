//! What holds whatever members do: nobody shares a partition, all converge, the fenced change nothing, the log is enough.

use bytes::Bytes;
use proptest::prelude::*;

use super::*;

/// What may happen in a group.
#[derive(Clone, Debug)]
enum Step {
    Join(usize, bool),
    /// As a well-behaved client: it gives up what it is told to, perhaps later.
    Beat(usize, bool),
    /// As an HTTP client, which holds nothing between its calls.
    Poll(usize),
    Leave(usize),
    /// With an epoch this much older than its own.
    Commit(usize, i32, i32),
    LoseAnswer(usize),
    Pass(u64),
    Grow,
    Reload,
}

fn any_step() -> impl Strategy<Value = Step> {
    let who = 0..4_usize;
    prop_oneof![
        3 => (who.clone(), any::<bool>()).prop_map(|(who, both)| Step::Join(who, both)),
        6 => (who.clone(), any::<bool>()).prop_map(|(who, obeys)| Step::Beat(who, obeys)),
        2 => who.clone().prop_map(Step::Poll),
        1 => who.clone().prop_map(Step::Leave),
        3 => (who.clone(), 0..3_i32, 0..4_i32).prop_map(|(who, back, partition)| Step::Commit(who, back, partition)),
        1 => who.prop_map(Step::LoseAnswer),
        1 => (1..30_000_u64).prop_map(Step::Pass),
        1 => Just(Step::Grow),
        1 => Just(Step::Reload),
    ]
}

/// What a client believes.
#[derive(Clone, Debug, Default)]
struct Client {
    epoch: i32,
    owned: BTreeSet<TopicIdPartition>,
    assigned: BTreeSet<TopicIdPartition>,
}

struct Play {
    world: World,
    clients: Vec<Client>,
    offset: i64,
    partitions: i32,
}

fn member(who: usize) -> String {
    format!("m{who}")
}

impl Play {
    fn new() -> Self {
        Self { world: World::new(), clients: vec![Client::default(); 4], offset: 0, partitions: 4 }
    }

    fn send(&mut self, who: usize, request: ConsumerHeartbeat, hears: bool) {
        let reply = self.world.beats(request);
        let client = &mut self.clients[who];
        match reply {
            Ok(_) if !hears => {}
            Ok(reply) => {
                client.epoch = reply.epoch;
                if let Some(assignment) = reply.assignment {
                    client.assigned = assignment.into_keys().collect();
                }
            }
            Err(_) => *client = Client::default(),
        }
    }

    fn beat(&mut self, who: usize, obeys: bool, hears: bool) {
        let client = &mut self.clients[who];
        if client.epoch == 0 {
            return;
        }
        if obeys {
            client.owned.clone_from(&client.assigned);
        }
        let request =
            ConsumerHeartbeat { owned: Some(client.owned.clone()), ..beat(&member(who), client.epoch) };
        self.send(who, request, hears);
        if obeys && hears {
            // It takes what it is given at once; what it is to lose it gives up in its next call.
            let client = &mut self.clients[who];
            client.owned.extend(client.assigned.iter().copied());
        }
    }

    fn take(&mut self, step: &Step) {
        match *step {
            Step::Join(who, both) => {
                self.clients[who] = Client::default();
                let topics = if both { names(&["a", "b"]) } else { names(&["a"]) };
                self.send(who, ConsumerHeartbeat { topics, ..beat(&member(who), 0) }, true);
                self.clients[who].owned = self.clients[who].assigned.clone();
            }
            Step::Beat(who, obeys) => self.beat(who, obeys, true),
            Step::Poll(who) => {
                let client = &mut self.clients[who];
                client.owned.clear();
                if client.epoch > 0 {
                    let request = ConsumerHeartbeat {
                        owned: Some(BTreeSet::new()),
                        ..beat(&member(who), client.epoch)
                    };
                    self.send(who, request, true);
                }
            }
            Step::Leave(who) => {
                if self.clients[who].epoch > 0 {
                    self.send(who, beat(&member(who), -1), false);
                }
                self.clients[who] = Client::default();
            }
            Step::Commit(who, back, partition) => self.commit(who, back, partition),
            Step::LoseAnswer(who) => self.beat(who, true, false),
            Step::Pass(ms) => self.world.pass(ms),
            Step::Grow => {
                self.partitions = (self.partitions + 1).min(8);
                self.world.change_topics(&[("a", 1, self.partitions), ("b", 2, 2)]);
            }
            Step::Reload => self.world.reload(),
        }
    }

    /// A commit counts only if the coordinator gave the partition to this member, at this epoch or before.
    fn commit(&mut self, who: usize, back: i32, partition: i32) {
        self.offset += 1;
        let (name, epoch) = (member(who), (self.clients[who].epoch - back).max(0));
        let before = self.world.kept(partition);
        let has_it = self.world.view().ok().is_some_and(|view| {
            view.members.iter().any(|one| match &one.detail {
                MemberDetail::Consumer { assigned, .. } => {
                    one.member.as_str() == name
                        && assigned.get(&a(partition)).is_some_and(|since| *since <= epoch)
                }
                MemberDetail::Classic { .. } => false,
            })
        });
        let gives_up = self.clients[who].owned.contains(&a(partition));
        let taken = self.world.commits(commit(&name, epoch, partition, self.offset)) == Ok(Ok(()));
        assert!(!taken || has_it || gives_up, "{name} commits what is not its own");
        let after = self.world.kept(partition);
        assert_eq!(
            after,
            if taken { Some(self.offset) } else { before },
            "what is refused is not to be seen"
        );
    }

    fn check(&mut self) {
        let mut held = BTreeMap::new();
        if let Some(Kind::Consumer(group)) = self.world.shard.groups.get(&"g".into()).map(|group| &group.kind)
        {
            for (partition, name) in group.claims() {
                let other = held.insert(partition, name.clone());
                assert!(other.is_none(), "{partition:?} is held by {other:?} and {name}");
            }
        }
        let Ok(view) = self.world.view() else { return self.world.check_replay() };
        for (who, client) in self.clients.iter().enumerate() {
            // What a client has whose epoch is the coordinator's, the coordinator knows to be its own.
            let Some(known) = view.members.iter().find(|one| one.member.as_str() == member(who)) else {
                continue;
            };
            let MemberDetail::Consumer { epoch, .. } = known.detail else { continue };
            if epoch == client.epoch {
                let own = client.owned.iter().all(|one| held.get(one) == Some(&known.member));
                assert!(own, "{who} has {:?}, of which some is not its own", client.owned);
            }
        }
        self.world.check_replay();
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, ..ProptestConfig::default() })]

    #[test]
    fn nobody_shares_and_all_converge_and_the_log_is_enough(steps in prop::collection::vec(any_step(), 1..40)) {
        let mut play = Play::new();
        for step in &steps {
            play.take(step);
            play.check();
        }
        // Whoever is still in does as it is told: a round to hear, one to give up, one to take.
        for _ in 0..4 {
            for who in 0..4 {
                play.beat(who, true, true);
            }
            play.check();
        }
        // Members of clients that have forgotten them go by silence; the others stay and beat.
        for _ in 0..10 {
            play.world.pass(9_000);
            for who in 0..4 {
                play.beat(who, true, true);
            }
        }
        for _ in 0..5 {
            for who in 0..4 {
                play.beat(who, true, true);
            }
        }
        if let Some(Kind::Consumer(group)) = play.world.shard.groups.get(&"g".into()).map(|group| &group.kind) {
            prop_assert!(group.is_empty() || group.has_converged(), "{}", group.durable());
        }
        play.check();
    }

    #[test]
    fn classic_groups_answer_everyone_once_and_the_log_is_enough(
        steps in prop::collection::vec((0..7_u8, 0..4_usize, any::<bool>()), 1..60),
    ) {
        let mut world = World::with(GroupOptions { members_max: 3, ..GroupOptions::default() });
        let mut asked = Vec::new();
        let mut generation = 0;
        for (what, who, flag) in steps {
            let name = member(who);
            let ticket = match what {
                0 | 1 => world.send(Request::Join(classic_join(&name, who, flag, asked.len()))),
                2 => world.send(Request::Sync(Sync {
                    group: "g".into(),
                    member: name.as_str().into(),
                    instance: None,
                    generation,
                    protocol_type: None,
                    protocol: None,
                    assignments: vec![(name.as_str().into(), Bytes::from_static(b"x"))],
                })),
                3 => world.send(Request::Heartbeat(Heartbeat {
                    group: "g".into(), member: name.as_str().into(), instance: None, generation,
                })),
                4 => world.send(Request::Leave(Leave { group: "g".into(), members: vec![(name.as_str().into(), None)] })),
                5 => world.send(Request::Commit(commit(&name, generation, 0, 5))),
                _ => {
                    world.pass(if flag { 3_000 } else { 11_000 });
                    world.send(Request::List)
                }
            };
            asked.push(ticket);
            for reply in world.replies.values() {
                if let Reply::Join(Ok(joined)) = reply {
                    generation = generation.max(joined.generation);
                }
            }
            world.check_replay();
        }
        // All who wait are answered in the end: by a generation, or by being put out.
        for _ in 0..200 {
            world.pass(5_000);
        }
        for ticket in asked {
            prop_assert!(world.reply(ticket).is_some(), "{ticket:?} waits for ever");
        }
        world.check_replay();
    }
}

fn classic_join(name: &str, who: usize, flag: bool, nonce: usize) -> Join {
    Join {
        group: "g".into(),
        member: if flag { "".into() } else { name.into() },
        fresh_member: if who == 3 { format!("{name}-{nonce}").into() } else { name.into() },
        instance: (who == 3).then(|| "i".into()),
        client_id: "client".to_owned(),
        client_host: "/host".to_owned(),
        session_timeout_ms: 10_000,
        rebalance_timeout_ms: 20_000,
        protocol_type: "consumer".to_owned(),
        protocols: vec![("range".to_owned(), Bytes::from_static(b"\0\0\0\0\0\0"))],
        requires_known_member: false,
        may_skip_assignment: flag,
    }
}
