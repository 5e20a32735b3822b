//! What holds whatever instances and other members of their group do: nobody shares a partition, nothing is passed over,
//! a poll that lost its place moves nothing, and the log is enough.

use proptest::prelude::*;

use super::instances::{poll_of, tp};
use super::*;
use crate::groups::instances::{
    BeginPoll, Begun, InstanceAnswer, InstanceVerb, PartitionProgress, PollProgress, Subscription,
};

const INSTANCES: usize = 3;

#[derive(Clone, Debug)]
enum Step {
    Create(usize, bool),
    Subscribe(usize, u8),
    /// A new poll; whether it is a replay.
    Begin(usize, bool),
    GoOn(usize),
    /// Ends the poll before last, the last, or none at all, delivering so much of each partition.
    End(usize, usize, i64),
    Commit(usize),
    CommitExact(usize, i32),
    Delete(usize),
    Native,
    NativeLeaves,
    Pass(u64),
    Grow,
    Reload,
}

fn any_step() -> impl Strategy<Value = Step> {
    let who = 0..INSTANCES;
    prop_oneof![
        2 => (who.clone(), any::<bool>()).prop_map(|(who, auto)| Step::Create(who, auto)),
        2 => (who.clone(), 0..5_u8).prop_map(|(who, what)| Step::Subscribe(who, what)),
        6 => (who.clone(), prop::bool::weighted(0.2)).prop_map(|(who, replay)| Step::Begin(who, replay)),
        1 => who.clone().prop_map(Step::GoOn),
        8 => (who.clone(), prop::sample::select(vec![0, 0, 0, 1, 2]), 0..4_i64)
            .prop_map(|(who, back, count)| Step::End(who, back, count)),
        1 => who.clone().prop_map(Step::Commit),
        1 => (who.clone(), 0..4_i32).prop_map(|(who, partition)| Step::CommitExact(who, partition)),
        1 => who.prop_map(Step::Delete),
        3 => Just(Step::Native),
        1 => Just(Step::NativeLeaves),
        3 => prop_oneof![1..600_u64, 1_000..40_000_u64].prop_map(Step::Pass),
        1 => Just(Step::Grow),
        2 => Just(Step::Reload),
    ]
}

struct Play {
    world: World,
    /// The polls of each instance that were told to read, newest last.
    polls: Vec<Vec<(u128, Begun)>>,
    count: u128,
    partitions: i32,
    native: Option<i32>,
    waiting_from: u64,
    /// What polls that ended delivered.
    ended: BTreeMap<u128, Vec<PartitionProgress>>,
    /// Whose last answer did not arrive.
    lost: Vec<bool>,
    /// How far each partition has been delivered to anyone.
    told: BTreeMap<TopicIdPartition, i64>,
}

fn name(who: usize) -> String {
    format!("i{who}")
}

impl Play {
    fn new() -> Self {
        Self {
            world: World::new(),
            polls: vec![Vec::new(); INSTANCES],
            count: 0,
            partitions: 4,
            native: None,
            waiting_from: 1,
            ended: BTreeMap::new(),
            lost: vec![false; INSTANCES],
            told: BTreeMap::new(),
        }
    }

    fn take(&mut self, step: &Step) {
        match *step {
            Step::Create(who, auto) => drop(self.world.create(&name(who), auto)),
            Step::Subscribe(who, what) => {
                let to = match what {
                    0 => Subscription::None,
                    1 => Subscription::Pattern("a|b".to_owned()),
                    2 => Subscription::Assigned([tp("a", 0), tp("a", 1)].into()),
                    _ => super::instances::topics_of(&["a"]),
                };
                let _ = self.world.subscribe(&name(who), to);
            }
            Step::Begin(who, replay) => {
                self.count += 1;
                self.begin(who, self.count, BeginPoll { replay, ..poll_of(self.count) });
            }
            Step::GoOn(who) => {
                if let Some((poll, begun)) = self.polls[who].last().cloned() {
                    self.begin(who, poll, BeginPoll { goes_on: Some(begun.turn), ..poll_of(poll) });
                }
            }
            Step::End(who, back, count) => self.end(who, back, count),
            // Who has lost an answer polls again before it commits.
            Step::Commit(who) if self.lost[who] => {}
            Step::Commit(who) => {
                let _ = self.world.instance(&name(who), InstanceVerb::CommitDelivered);
            }
            Step::CommitExact(who, partition) => self.commit_exact(who, partition),
            Step::Delete(who) => drop(self.world.instance(&name(who), InstanceVerb::Delete)),
            Step::Native => self.native_beats(),
            Step::NativeLeaves => {
                if self.native.take().is_some() {
                    let _ = self.world.beats(beat("native", -1));
                }
            }
            Step::Pass(ms) => self.world.pass(ms),
            Step::Grow => {
                self.partitions = (self.partitions + 1).min(6);
                self.world.change_topics(&[("a", 1, self.partitions), ("b", 2, 2)]);
            }
            Step::Reload => {
                // Whoever waits is told by the shell to ask again.
                self.waiting_from = self.world.tickets + 1;
                self.world.reload();
            }
        }
    }

    fn begin(&mut self, who: usize, poll: u128, begin: BeginPoll) {
        let ticket = self.world.send_to(&name(who), InstanceVerb::Begin(begin));
        self.world.check_replay();
        if let Some(Ok(InstanceAnswer::Begun(begun))) = self.world.answer(ticket) {
            for one in &begun.partitions {
                let told = self.told.get(&one.id).copied().unwrap_or(0);
                let from = one.from.map_or(0, |from| from.0);
                assert!(from <= told, "{who} begins at {from} in {:?}, told up to {told}", one.id);
            }
            self.polls[who].push((poll, begun));
        }
    }

    fn end(&mut self, who: usize, back: usize, count: i64) {
        let Some(at) = self.polls[who].len().checked_sub(back + 1) else { return };
        let (poll, begun) = self.polls[who][at].clone();
        let partitions: Vec<_> = begun
            .partitions
            .iter()
            .map(|one| {
                let from = one.from.unwrap_or_default();
                let to = one.until.map_or(from.plus(count), |until| until.min(from.plus(count)));
                PartitionProgress { id: one.id, since: one.since, from, to }
            })
            .collect();
        // What has ended is told again as it was.
        let partitions = self.ended.get(&poll).cloned().unwrap_or(partitions);
        let before = self.durable();
        let progress =
            PollProgress { poll: Uuid::from_u128(poll), ends: true, partitions: partitions.clone() };
        match self.world.instance(&name(who), InstanceVerb::Progress(progress)) {
            Ok(_) => {
                self.ended.insert(poll, partitions.clone());
                // Now and then the answer is lost on the way: nobody was told of it.
                if count == 3 {
                    self.lost[who] = true;
                    return;
                }
                let told = InstanceVerb::Told(Uuid::from_u128(poll));
                if self.world.instance(&name(who), told).is_err() && count > 0 {
                    return;
                }
                self.lost[who] = false;
                for one in partitions {
                    let told = self.told.entry(one.id).or_insert(0);
                    *told = one.to.0.max(*told);
                }
            }
            // Only a poll that waited for its turn may have begun by this.
            Err(_) => assert_eq!(before, self.durable(), "who is refused moves nothing"),
        }
    }

    fn commit_exact(&mut self, who: usize, partition: i32) {
        // Somewhere that somebody has been told of, so that nothing may be passed over by it.
        let offset = Offset(self.told.get(&a(partition)).copied().unwrap_or(0) / 2);
        let commit = crate::groups::instances::InstanceCommit {
            tp: tp("a", partition),
            offset,
            metadata: String::new(),
        };
        let before = self.durable();
        if self.world.instance(&name(who), InstanceVerb::Commit(vec![commit])).is_err() {
            assert_eq!(before, self.durable());
        }
    }

    fn native_beats(&mut self) {
        let request = match self.native {
            None => ConsumerHeartbeat { topics: names(&["a"]), ..beat("native", 0) },
            Some(epoch) => ConsumerHeartbeat { owned: Some(BTreeSet::new()), ..beat("native", epoch) },
        };
        self.native = self.world.beats(request).ok().map(|reply| reply.epoch);
    }

    fn durable(&self) -> String {
        let group = self.world.shard.groups.get(&"g".into());
        group.map_or_else(String::new, |group| format!("{} {:?}", group.instances.durable(), group.offsets))
    }

    fn check(&mut self) {
        self.world.check_replay();
        let Some(group) = self.world.shard.groups.get(&"g".into()) else { return };
        let Kind::Consumer(group) = &group.kind else { return };
        let mut held = BTreeMap::new();
        for (partition, member) in group.claims() {
            let other = held.insert(partition, member.clone());
            assert!(other.is_none(), "{partition:?} is held by {other:?} and {member}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 150, ..ProptestConfig::default() })]

    #[test]
    fn instances_share_nothing_pass_over_nothing_and_the_log_is_enough(
        steps in prop::collection::vec(any_step(), 1..60),
    ) {
        let mut play = Play::new();
        play.world.reader("i0", true);
        play.world.reader("i1", false);
        for step in &steps {
            play.take(step);
            play.check();
        }
        // All that waits is answered in the end, and all instances are gone when nobody asks for them.
        for _ in 0..40 {
            play.world.pass(10_000);
        }
        for ticket in play.waiting_from..=play.world.tickets {
            prop_assert!(play.world.reply(Ticket(ticket)).is_some(), "{ticket} waits for ever");
        }
        prop_assert_eq!(play.world.shard.instance_count, 0);
        play.check();
    }
}
