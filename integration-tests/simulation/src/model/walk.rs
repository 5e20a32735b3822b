//! Random histories from seeds, for what lies deeper than a search can go.
//!
//! Each seed draws its own bounds and its own mix of steps (swarm testing), so that rare things come to the fore in some
//! histories. What fails is shortened by leaving out every step that it fails without.

use std::fmt;
use std::time::Duration;

use tidemark::clock::Clock;
use tidemark::rules::{self, Rule};
use tidemark::types::FlushMode;

use super::action::Action;
use super::bounds::Bounds;
use super::search::{Found, after};
use super::world::World;

/// The longest history.
const STEPS_MAX: usize = 160;

/// splitmix64.
#[derive(Clone, Debug)]
struct Dice(u64);

impl Dice {
    fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    fn below(&mut self, bound: usize) -> usize {
        (self.roll() % bound as u64) as usize
    }

    fn up_to(&mut self, most: u8) -> u8 {
        (self.roll() % (u64::from(most) + 1)) as u8
    }
}

/// What random histories saw.
#[derive(Clone, Debug, Default)]
pub struct Walked {
    /// Histories.
    pub walks: u64,
    /// Steps in all.
    pub steps: u64,
    /// Entries committed in all.
    pub commits: u64,
    /// The seed that failed, within which bounds, and how.
    pub found: Option<(u64, Bounds, Found)>,
    /// How long it took.
    pub took: Duration,
}

impl fmt::Display for Walked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let rate = self.steps as f64 / self.took.as_secs_f64().max(0.001);
        let how = if self.found.is_some() { "a violation" } else { "clean" };
        write!(
            f,
            "{how}: {} histories, {} steps, {} commits, {:.1} s, {rate:.0} steps/s",
            self.walks,
            self.steps,
            self.commits,
            self.took.as_secs_f64()
        )
    }
}

/// Walks from seed to seed until one fails, or `steps_max` steps are done.
#[must_use]
pub fn walk(seeds: impl IntoIterator<Item = u64>, without: Option<Rule>, steps_max: u64) -> Walked {
    let clock = Clock::system();
    let began = clock.now();
    let _without = without.map(rules::without);
    let mut walked = Walked::default();
    for seed in seeds {
        let (bounds, steps, world) = one(seed);
        walked.walks += 1;
        match world {
            Ok(world) => {
                walked.steps += steps.len() as u64;
                walked.commits += world.history.committed() as u64;
            }
            Err(violation) => {
                walked.steps += steps.len() as u64;
                walked.found = Some((seed, bounds, shortened(&bounds, Found { violation, steps })));
            }
        }
        if walked.found.is_some() || walked.steps >= steps_max {
            break;
        }
    }
    walked.took = clock.now() - began;
    walked
}

fn draw_bounds(dice: &mut Dice) -> Bounds {
    let min_isr = if dice.below(5) == 0 { 1 } else { 2 };
    Bounds {
        flush: if dice.below(3) == 0 { FlushMode::Os } else { FlushMode::Ack },
        min_isr,
        in_sync: if dice.below(3) == 0 { 2 } else { 3 },
        writes: 1 + dice.up_to(4),
        epochs: 2 + dice.up_to(6),
        crashes: dice.up_to(4),
        lost_disks: if min_isr > 1 { dice.up_to(1) } else { 0 },
        expiries: dice.up_to(5),
        hand_overs: dice.up_to(4),
        proposals: 1 + dice.up_to(7),
        timeouts: dice.up_to(4),
        late_writes: dice.up_to(3),
        controllers: dice.up_to(2),
        late_fetches: dice.up_to(8),
        falling: dice.below(2) == 0,
        prefers: dice.below(2) == 0,
    }
}

/// The kind of a step, for its weight.
fn kind(action: Action) -> usize {
    match action {
        Action::Append(_) => 0,
        Action::Flush(_) => 1,
        Action::Fetch(_) => 2,
        Action::Ask(_) => 3,
        Action::Answer(_) | Action::Take(_) => 4,
        Action::SeeNext(_) => 5,
        Action::SeeNewest(_) => 6,
        Action::Shrink(..) => 7,
        Action::Expand(..) => 8,
        Action::Land(_) => 9,
        Action::TimeOut(_) | Action::Unsent(_) => 10,
        Action::Control | Action::Prefer | Action::HandOver => 11,
        Action::Decide => 12,
        Action::LandControl(_) | Action::NewController => 13,
        Action::Expire(_) => 14,
        Action::Revive(_) | Action::Restart(_) => 15,
        Action::Crash(..) | Action::Stop(_) | Action::LoseDisk(_) => 16,
    }
}

const KINDS: usize = 17;

fn one(seed: u64) -> (Bounds, Vec<Action>, Result<World, super::history::Violation>) {
    let mut dice = Dice(seed);
    let bounds = draw_bounds(&mut dice);
    let weights: [usize; KINDS] = std::array::from_fn(|_| [1, 2, 4, 8, 16, 32][dice.below(6)]);
    let mut world = World::new(&bounds);
    let (mut steps, mut actions) = (Vec::new(), Vec::new());
    for _ in 0..STEPS_MAX {
        world.actions(&bounds, &mut actions);
        let total: usize = actions.iter().map(|action| weights[kind(*action)]).sum();
        if total == 0 {
            break;
        }
        let mut roll = dice.below(total);
        let chosen = actions.iter().copied().find(|action| {
            let weight = weights[kind(*action)];
            let hit = roll < weight;
            roll = roll.wrapping_sub(weight);
            hit
        });
        let action = chosen.expect("the roll lies below the sum");
        match after(&world, action, &bounds) {
            Ok(None) => {}
            Ok(Some(next)) => {
                steps.push(action);
                world = next;
            }
            Err(violation) => {
                steps.push(action);
                return (bounds, steps, Err(violation));
            }
        }
    }
    (bounds, steps, Ok(world))
}

/// The same failure, without the steps that it does not need.
fn shortened(bounds: &Bounds, mut found: Found) -> Found {
    loop {
        let before = found.steps.len();
        let mut at = before;
        while at > 0 {
            at -= 1;
            let mut fewer = found.steps.clone();
            fewer.remove(at);
            if let Some(still) = replay(bounds, &fewer) {
                found = still;
                at = at.min(found.steps.len());
            }
        }
        if found.steps.len() == before {
            return found;
        }
    }
}

/// Takes the steps that are possible, until one fails.
fn replay(bounds: &Bounds, steps: &[Action]) -> Option<Found> {
    let mut world = World::new(bounds);
    let (mut taken, mut actions) = (Vec::new(), Vec::new());
    for action in steps {
        world.actions(bounds, &mut actions);
        if !actions.contains(action) {
            continue;
        }
        match after(&world, *action, bounds) {
            Ok(None) => {}
            Ok(Some(next)) => {
                taken.push(*action);
                world = next;
            }
            Err(violation) => {
                taken.push(*action);
                return Some(Found { violation, steps: taken });
            }
        }
    }
    None
}
