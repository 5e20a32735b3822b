//! From a seed to a verdict.

use std::cell::Cell;
use std::rc::Rc;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use futures_util::FutureExt as _;
use turmoil::Sim;

use super::cluster::Cluster;
use super::faults::{Faults, good_door};
use super::history::History;
use super::judge::{self, Findings, WHOLE_WITHIN};
use super::load::{self, Actor, Load};
use super::plan::Plan;
use super::trace;

/// How much simulated time one step is.
const STEP: Duration = Duration::from_millis(1);
/// How long clients may take to end.
const ENDING: Duration = Duration::from_secs(200);

/// The judge's number in the history.
const JUDGE: u64 = 1_000;

/// What came of a world.
#[derive(Clone, Debug)]
pub struct Verdict {
    /// What no log may show, and no healed cluster.
    pub anomalies: Vec<String>,
    /// How many steps it took.
    pub steps: u64,
    /// How much simulated time passed.
    pub simulated: Duration,
    /// How much trouble there was.
    pub troubles: u32,
    /// Sends that were stored, refused, and left unknown.
    pub sends: (usize, usize, usize),
}

/// What panicked, wherever it was caught.
static PANICS: Mutex<Vec<String>> = Mutex::new(Vec::new());

/// Runs the world of a seed to its end. The process must be seeded already, and be in a directory of the world's own.
///
/// # Errors
/// If the simulator itself fails.
pub fn run(seed: u64) -> anyhow::Result<Verdict> {
    std::panic::set_hook(Box::new(|panic| {
        tracing::error!(%panic, "panicked");
        PANICS.lock().unwrap_or_else(PoisonError::into_inner).push(panic.to_string());
    }));
    let plan = Plan::of(seed);
    tracing::info!(seed, ?plan, "a world begins");
    let mut world = World::new(seed, &plan)?;
    world.run_load(&plan)?;
    let mut anomalies = world.judge(seed)?;
    let (wrong, history) = world.load.history.judge();
    anomalies.extend(wrong);
    std::fs::write("history.ndjson", history)?;
    anomalies.extend(PANICS.lock().unwrap_or_else(PoisonError::into_inner).drain(..));
    for anomaly in &anomalies {
        tracing::error!(anomaly, "anomaly");
    }
    tracing::info!(chance = uuid::Uuid::new_v4().as_u128(), "a world ends");
    Ok(Verdict {
        anomalies,
        steps: world.steps,
        simulated: world.sim.elapsed(),
        troubles: world.faults.count,
        sends: world.load.history.tally(),
    })
}

struct World {
    sim: Sim<'static>,
    cluster: Cluster,
    load: Load,
    faults: Faults,
    steps: u64,
}

impl World {
    fn new(seed: u64, plan: &Plan) -> anyhow::Result<Self> {
        let mut sim = turmoil::Builder::new()
            .rng_seed(seed)
            .tick_duration(STEP)
            .simulation_duration(Duration::from_secs(100_000))
            .min_message_latency(Duration::from_millis(1))
            .max_message_latency(plan.latency_max)
            .tcp_capacity(1024)
            .enable_random_order()
            .build();
        let cluster = Cluster::start(&mut sim, plan, seed)?;
        for host in &cluster.hosts {
            host.door.set(|vices| *vices = good_door());
        }
        let load = Load {
            brokers: plan.brokers,
            partitions: plan.partitions,
            history: History::default(),
            over: Rc::new(Cell::new(false)),
        };
        load.history.keeps_everything(load::TOPIC);
        load::start(&mut sim, plan, seed, &load);
        let faults = Faults::new(plan, seed, Duration::from_secs(3));
        Ok(Self { sim, cluster, load, faults, steps: 0 })
    }

    /// One step of everything. Whether all clients have ended.
    fn step(&mut self) -> anyhow::Result<bool> {
        let now = self.sim.elapsed();
        trace::now_is(now);
        let now_ms = i64::try_from(now.as_millis()).unwrap_or(i64::MAX);
        self.cluster.store.tick(now_ms);
        for host in &self.cluster.hosts {
            let applied = host.door.tick(now_ms.unsigned_abs()).now_or_never();
            if applied.is_some_and(|applied| applied > 0) {
                tracing::info!(host = host.name, "a late transaction has arrived");
            }
        }
        self.faults.step(&mut self.sim, &self.cluster, now);
        self.steps += 1;
        if self.steps.is_multiple_of(1_000) {
            // Two runs that have drawn differently differ from here on.
            tracing::info!(chance = uuid::Uuid::new_v4().as_u128(), "a second has passed");
        }
        self.sim.step().map_err(|error| anyhow::anyhow!("{error}"))
    }

    fn run_load(&mut self, plan: &Plan) -> anyhow::Result<()> {
        while self.sim.elapsed() < plan.load {
            self.step()?;
        }
        self.faults.heal_all(&mut self.sim, &self.cluster);
        self.load.over.set(true);
        let end = self.sim.elapsed() + ENDING;
        while !self.step()? {
            anyhow::ensure!(self.sim.elapsed() < end, "the clients do not end");
        }
        Ok(())
    }

    fn judge(&mut self, seed: u64) -> anyhow::Result<Vec<String>> {
        let findings = Findings::default();
        let actor = Actor::new(&self.load, seed, JUDGE);
        self.sim.client("judge", judge::judges(actor, findings.clone()));
        let end = self.sim.elapsed() + WHOLE_WITHIN * 5;
        loop {
            self.step()?;
            if let Some(found) = findings.take() {
                return Ok(found);
            }
            anyhow::ensure!(self.sim.elapsed() < end, "the judge does not end");
        }
    }
}
