//! Every history within the bounds, the shortest first, so that what is found is the shortest way to it.
//!
//! Level by level over states known by their fingerprints, on several threads. By hand rather than by a library
//! (stateright): states are shared where they are alike and known by 64 bits, the assertions of production are caught
//! as violations, a rule can be taken out on the searching threads, and a trace is told in this model's words; what a
//! library would bring beside that is a loop of sixty lines.
//!
//! Kept of a state are its fingerprint, the one before it, and the step between: some fifty bytes. The state itself is made
//! again from the beginning when its turn comes; since neighbours come one after the other, that is hardly more than a
//! step each.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::fmt;
use std::hash::{BuildHasherDefault, Hasher};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use tidemark::clock::Clock;
use tidemark::rules::{self, Rule};

use super::action::Action;
use super::bounds::Bounds;
use super::history::Violation;
use super::panics::caught;
use super::world::World;

/// A way to a violation.
#[derive(Clone, Debug)]
pub struct Found {
    /// What went wrong after the last step.
    pub violation: Violation,
    /// From the beginning.
    pub steps: Vec<Action>,
}

/// What a search saw.
#[derive(Clone, Debug)]
pub struct Report {
    /// Different states.
    pub states: u64,
    /// Steps from one to another, or back.
    pub steps: u64,
    /// The longest of all shortest histories.
    pub depth: usize,
    /// Whether every state within the bounds was seen.
    pub complete: bool,
    /// The first violation.
    pub found: Option<Found>,
    /// How long it took.
    pub took: Duration,
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let how = match (&self.found, self.complete) {
            (Some(_), _) => "a violation",
            (None, true) => "clean, and complete",
            (None, false) => "clean as far as it went",
        };
        let rate = self.steps as f64 / self.took.as_secs_f64().max(0.001);
        write!(
            f,
            "{how}: {} states, {} steps, depth {}, {:.1} s, {rate:.0} steps/s",
            self.states,
            self.steps,
            self.depth,
            self.took.as_secs_f64()
        )
    }
}

/// How to search.
#[derive(Clone, Copy, Debug)]
pub struct Search {
    /// What may happen.
    pub bounds: Bounds,
    /// The rule that is out of force.
    pub without: Option<Rule>,
    /// Give up after so many states.
    pub states_max: u64,
    /// How many threads.
    pub threads: usize,
}

const SHARDS: usize = 256;
const CHUNK: usize = 64;

/// A fingerprint is as good as its own hash.
#[derive(Default)]
struct AsItIs(u64);

impl Hasher for AsItIs {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, _: &[u8]) {
        unreachable!("only fingerprints are kept here");
    }

    fn write_u64(&mut self, print: u64) {
        self.0 = print;
    }
}

/// Each state that was seen: the state before it, and the step between.
type Shard = HashMap<u64, (u64, Option<Action>), BuildHasherDefault<AsItIs>>;

struct Seen(Vec<Mutex<Shard>>);

impl Seen {
    fn new() -> Self {
        Self((0..SHARDS).map(|_| Mutex::default()).collect())
    }

    fn shard(&self, print: u64) -> std::sync::MutexGuard<'_, Shard> {
        let shard = &self.0[(print >> 56) as usize % SHARDS];
        shard.lock().expect("nobody panics while holding it")
    }

    fn is_new(&self, print: u64, before: u64, step: Option<Action>) -> bool {
        match self.shard(print).entry(print) {
            Entry::Occupied(_) => false,
            Entry::Vacant(place) => {
                place.insert((before, step));
                true
            }
        }
    }

    fn steps_to(&self, mut print: u64) -> Vec<Action> {
        let mut steps = Vec::new();
        while let (before, Some(step)) = self.shard(print)[&print] {
            steps.push(step);
            print = before;
        }
        steps.reverse();
        steps
    }
}

/// How long it may go on.
struct Time {
    clock: Clock,
    until: Option<Instant>,
}

impl Time {
    fn is_over(&self) -> bool {
        self.until.is_some_and(|until| self.clock.now() >= until)
    }
}

/// The states from the beginning to the one that was last asked for.
struct Path<'a> {
    level: &'a Level<'a>,
    worlds: Vec<(u64, World)>,
}

impl<'a> Path<'a> {
    fn new(level: &'a Level<'a>) -> Self {
        let beginning = World::new(&level.search.bounds);
        Self { level, worlds: vec![(beginning.fingerprint(), beginning)] }
    }

    /// The state of this fingerprint, which is one of the level.
    fn lead_to(&mut self, print: u64) -> &World {
        let (mut place, mut at, mut steps) = (self.level.depth, print, Vec::new());
        while self.worlds.get(place).is_none_or(|(known, _)| *known != at) {
            let (before, step) = self.level.seen.shard(at)[&at];
            steps.push((at, step.expect("the beginning is on every path")));
            (place, at) = (place - 1, before);
        }
        self.worlds.truncate(place + 1);
        for (print, step) in steps.into_iter().rev() {
            let (_, last) = self.worlds.last().expect("the beginning stays");
            let next = after(last, step, &self.level.search.bounds);
            let next = next.ok().flatten().expect("a step that was taken before can be taken again");
            self.worlds.push((print, next));
        }
        &self.worlds[self.level.depth].1
    }
}

/// All states at one distance from the beginning.
struct Level<'a> {
    search: &'a Search,
    seen: &'a Seen,
    depth: usize,
    rest: Mutex<std::vec::IntoIter<u64>>,
    next: Mutex<Vec<u64>>,
    states: &'a AtomicU64,
    steps: &'a AtomicU64,
    time: &'a Time,
    stop: AtomicBool,
    found: Mutex<Option<Found>>,
}

impl Search {
    /// Searches until all is seen, something is found, or there are enough states.
    #[must_use]
    pub fn run(&self) -> Report {
        self.run_for(None)
    }

    /// The same, for so long at most.
    #[must_use]
    pub fn run_for(&self, longest: Option<Duration>) -> Report {
        let clock = Clock::system();
        let began = clock.now();
        let time = Time { clock, until: longest.map(|longest| began + longest) };
        let seen = Seen::new();
        let (states, steps) = (AtomicU64::new(1), AtomicU64::new(0));
        let mut frontier = {
            let _without = self.without.map(rules::without);
            vec![World::new(&self.bounds).fingerprint()]
        };
        seen.is_new(frontier[0], 0, None);
        let mut depth = 0;
        let report = |depth, complete, found, now: Instant| Report {
            states: states.load(Ordering::Relaxed),
            steps: steps.load(Ordering::Relaxed),
            depth,
            complete,
            found,
            took: now - began,
        };
        while !frontier.is_empty() {
            let level = Level {
                search: self,
                seen: &seen,
                depth,
                rest: Mutex::new(frontier.into_iter()),
                next: Mutex::default(),
                states: &states,
                steps: &steps,
                time: &time,
                stop: AtomicBool::new(false),
                found: Mutex::default(),
            };
            std::thread::scope(|scope| {
                (0..self.threads).for_each(|_| drop(scope.spawn(|| level.work())));
            });
            let found = level.found.into_inner().expect("the threads have ended");
            if found.is_some() || level.stop.into_inner() {
                return report(depth + 1, false, found, time.clock.now());
            }
            frontier = level.next.into_inner().expect("the threads have ended");
            depth += usize::from(!frontier.is_empty());
        }
        report(depth, true, None, time.clock.now())
    }
}

impl Level<'_> {
    fn work(&self) {
        let _without = self.search.without.map(rules::without);
        let (mut path, mut actions) = (Path::new(self), Vec::new());
        loop {
            let some: Vec<u64> = self.rest.lock().expect("nobody panics here").by_ref().take(CHUNK).collect();
            self.stop.fetch_or(!some.is_empty() && self.time.is_over(), Ordering::Relaxed);
            if some.is_empty() || self.stop.load(Ordering::Relaxed) {
                return;
            }
            let mut next = Vec::new();
            for print in some {
                self.successors(path.lead_to(print), print, &mut actions, &mut next);
            }
            self.next.lock().expect("nobody panics here").append(&mut next);
        }
    }

    fn successors(&self, world: &World, print: u64, actions: &mut Vec<Action>, out: &mut Vec<u64>) {
        let bounds = &self.search.bounds;
        assert_eq!(world.fingerprint(), print, "a state made again is another");
        world.actions(bounds, actions);
        self.steps.fetch_add(actions.len() as u64, Ordering::Relaxed);
        for action in actions.iter().copied() {
            match after(world, action, bounds) {
                Ok(None) => {}
                Ok(Some(next)) => {
                    let next_print = next.fingerprint();
                    if self.seen.is_new(next_print, print, Some(action)) {
                        out.push(next_print);
                        let states = self.states.fetch_add(1, Ordering::Relaxed) + 1;
                        self.stop.fetch_or(states >= self.search.states_max, Ordering::Relaxed);
                    }
                }
                Err(violation) => {
                    let mut steps = self.seen.steps_to(print);
                    steps.push(action);
                    *self.found.lock().expect("nobody panics here") = Some(Found { violation, steps });
                    self.stop.store(true, Ordering::Relaxed);
                    return;
                }
            }
        }
    }
}

/// The judged state after a step; `None` if the step changes nothing.
pub(super) fn after(world: &World, action: Action, bounds: &Bounds) -> Result<Option<World>, Violation> {
    caught(|| {
        let Some(mut next) = world.after(action, bounds) else { return Ok(None) };
        next.judge()?;
        Ok(Some(next))
    })
    .unwrap_or_else(|message| Err(Violation::Panicked(message)))
}
