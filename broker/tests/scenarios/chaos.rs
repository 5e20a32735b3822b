//! Random stories: anything may happen at any moment, and nothing that was committed may be lost.
//!
//! A seed gives a story; a failure names its seed and tells the story. `TIDEMARK_CHAOS_STORIES` sets how many are told,
//! `TIDEMARK_CHAOS_SEED` tells one.

use std::time::Duration;

use tidemark::types::FlushMode;

use crate::node::Role;
use crate::world::World;

const STEPS: usize = 200;
const STORIES: u64 = 3_000;

/// splitmix64.
struct Dice(u64);

impl Dice {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        usize::try_from((z ^ (z >> 31)) % u64::try_from(bound).unwrap()).unwrap()
    }

    fn one_in(&mut self, count: usize) -> bool {
        self.below(count) == 0
    }

    fn broker(&mut self) -> i32 {
        i32::try_from(self.below(3)).unwrap() + 1
    }
}

/// How often each kind of step comes, for one story: rare things come to the fore in some.
struct Mix {
    faults: usize,
    elections: usize,
    proposals: usize,
}

fn step(world: &mut World, dice: &mut Dice, mix: &Mix, appended: &mut usize) -> String {
    let id = dice.broker();
    let kinds = [60, 10, 16, 8 + mix.proposals, 1 + mix.elections, 1 + mix.faults, 2];
    let mut roll = dice.below(kinds.iter().sum());
    let mut kind = 0;
    while roll >= kinds[kind] {
        roll -= kinds[kind];
        kind += 1;
    }
    match kind {
        0 => pull(world, dice, id),
        1 => {
            let value = format!("v{appended}");
            *appended += 1;
            // Mostly where the record says, sometimes at a zombie.
            let id =
                world.record.state.leader.filter(|_| !dice.one_in(4)).map_or(id, |leader| leader.broker.0);
            let (now, acks_all) = (world.now, !dice.one_in(4));
            format!("append {id} {value} => {}", world.node(id).append(&value, acks_all, now))
        }
        2 => {
            // The newest record, or the one after that which it has seen.
            let seen = world.node(id).record.partition_epoch;
            let next = world.versions.iter().position(|record| record.partition_epoch > seen);
            let version = next.filter(|_| dice.one_in(2));
            format!("see {id} {version:?} => {}", world.see(id, version))
        }
        3 => write(world, dice, id),
        4 => {
            if dice.one_in(3) {
                return format!("shrink {id} => {}", world.shrink(id));
            }
            format!("elect {id} => {}", world.elect(id, false))
        }
        5 => fault(world, dice, id),
        _ => {
            let time = Duration::from_millis([200, 600, 1_500, 11_000][dice.below(4)]);
            world.wait(time);
            format!("wait {time:?}")
        }
    }
}

fn pull(world: &mut World, dice: &mut Dice, id: i32) -> String {
    if !world.node(id).up {
        return String::new();
    }
    match dice.below(4) {
        0 => {
            world.node(id).flush_log();
            format!("flush {id}")
        }
        1 => format!("take {id} => {}", world.node(id).take()),
        _ => {
            let leader = match &world.node(id).role {
                Role::Follower(follower) => follower.leader().map(|leader| leader.broker.0),
                Role::Leader(_) => None,
            };
            let Some(leader) = leader else { return String::new() };
            if !dice.one_in(4) {
                world.node(id).flush_log();
                if world.node(leader).up && dice.one_in(2) {
                    world.node(leader).flush_log();
                }
            }
            let asked = world.ask(id, leader);
            if dice.one_in(3) {
                return format!("ask {id} {leader} => {asked}");
            }
            format!("fetch {id} {leader} => {asked}; {}", world.node(id).take())
        }
    }
}

fn write(world: &mut World, dice: &mut Dice, id: i32) -> String {
    if !world.node(id).up {
        return String::new();
    }
    match dice.below(8) {
        0..3 => {
            let proposal = world.propose(id);
            format!("propose {id} => {:?}", proposal.map(|proposal| proposal.state.isr))
        }
        3..5 => {
            let nth = dice.below(3);
            format!("handle {nth} => {}", world.handle(nth))
        }
        5 | 6 => format!("hear {id} => {}", world.hear(id)),
        _ if dice.one_in(3) => format!("unsend {id} => {}", world.unsend(id)),
        _ => format!("lose {id} => {}", world.lose(id)),
    }
}

fn fault(world: &mut World, dice: &mut Dice, id: i32) -> String {
    let me = world.node(id).me;
    if !world.node(id).up {
        world.restart(id);
        return format!("restart {id}");
    }
    if dice.one_in(3) {
        let dead = world.live.remove(&me);
        if !dead {
            world.live.insert(me);
        }
        world.tell_liveness();
        return format!("lease of {id}: {}", !dead);
    }
    let keep = dice.one_in(2);
    world.crash(id, keep);
    format!("crash {id} keep={keep}")
}

/// Tells the story of one seed; how much was committed in it.
fn tell(seed: u64) -> Result<usize, String> {
    let mut dice = Dice(seed);
    let flush = if dice.one_in(3) { FlushMode::Os } else { FlushMode::Ack };
    let min_isr = u32::try_from(dice.below(2)).unwrap() + 1;
    let mix = Mix { faults: dice.below(8), elections: dice.below(8), proposals: dice.below(20) };
    let isr: &[i32] = if dice.one_in(3) { &[1, 2] } else { &[1, 2, 3] };
    let mut world = World::new(&[1, 2, 3], isr, min_isr, flush);
    let mut trace = vec![format!("partition isr={isr:?} min_isr={min_isr} flush={flush}")];
    let mut appended = 0;
    for _ in 0..STEPS {
        trace.push(step(&mut world, &mut dice, &mix, &mut appended));
        if let Err(fault) = world.check() {
            return Err(format!("seed {seed}: {fault}\n{}", trace.join("\n")));
        }
    }
    Ok(world.committed_count())
}

fn from_env(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

#[test]
fn nothing_committed_is_lost_in_any_story() {
    if let Some(seed) = from_env("TIDEMARK_CHAOS_SEED") {
        tell(seed).unwrap_or_else(|story| panic!("{story}"));
        return;
    }
    let stories = from_env("TIDEMARK_CHAOS_STORIES").unwrap_or(STORIES);
    let committed: usize =
        (0..stories).map(|seed| tell(seed).unwrap_or_else(|story| panic!("{story}"))).sum();
    let stories = usize::try_from(stories).unwrap();
    assert!(
        committed > stories,
        "only {committed} entries were committed in {stories} stories: nothing was tried"
    );
}
