//! Many worlds, each in a process of its own, a few at a time.
//!
//! It runs the program `world` and reads its verdict; nothing of a world is in this process.

use std::collections::BTreeMap;
use std::fmt;
use std::fs::File;
use std::io::{self, Read as _, Seek as _};
use std::ops::Range;
use std::path::Path;
use std::process::{Child, Command};
use std::str::FromStr;
use std::sync::mpsc;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use anyhow::Context as _;
use serde_json::Value;
use tidemark::rules::Rule;

/// How long a world may take, in real time; most take a second or two.
const WORLD_MAX: Duration = Duration::from_secs(300);
/// How often it is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(10);

/// A range of seeds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seeds(pub Range<u64>);

impl FromStr for Seeds {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("'{text}' is no range of seeds, as 1..100 is");
        let (from, to) = text.split_once("..").ok_or_else(wrong)?;
        let number = |text: &str| text.parse::<u64>().map_err(|_| wrong());
        Ok(Self(number(from)?..number(to)?))
    }
}

/// How one world ended.
#[derive(Clone, Debug)]
pub struct Ended {
    /// Which.
    pub seed: u64,
    /// The rule that was out of force in it.
    pub without: Option<Rule>,
    /// What it said; null if it said nothing.
    pub verdict: Value,
    /// What it said on standard error.
    pub noise: String,
}

impl Ended {
    /// Whether all was as it should be.
    #[must_use]
    pub fn is_well(&self) -> bool {
        self.verdict["anomalies"].as_array().is_some_and(Vec::is_empty)
    }

    /// What is wrong, and how to see it again.
    #[must_use]
    pub fn complaint(&self) -> Option<String> {
        if self.is_well() {
            return None;
        }
        let mut text = format!("seed {} fails; see it again with: {}\n", self.seed, self.replay());
        match self.verdict["anomalies"].as_array() {
            Some(anomalies) => {
                anomalies.iter().for_each(|anomaly| text.push_str(&format!("    {anomaly}\n")))
            }
            None => text.push_str(&format!("    the world came to no end: {}\n", self.noise.trim())),
        }
        Some(text)
    }

    /// The command that shows it again.
    fn replay(&self) -> String {
        let without = self.without.map(|rule| format!(" WITHOUT={}", rule.name())).unwrap_or_default();
        format!("make replay SEED={}{without}", self.seed)
    }

    /// How many steps it took.
    #[must_use]
    pub fn steps(&self) -> u64 {
        self.verdict["steps"].as_u64().unwrap_or(0)
    }

    /// What two runs of one seed must have in common.
    #[must_use]
    pub fn trace(&self) -> &Value {
        &self.verdict["trace"]
    }
}

impl fmt::Display for Ended {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.complaint() {
            Some(complaint) => f.write_str(&complaint),
            None => write!(f, "seed {} is well: {}", self.seed, self.verdict),
        }
    }
}

/// What many worlds came to.
#[derive(Clone, Debug, Default)]
pub struct Sum {
    /// How many ended.
    pub seeds: u64,
    /// How many of them badly.
    pub failed: u64,
    /// Sums of the numbers in the verdicts.
    numbers: BTreeMap<&'static str, u64>,
}

impl Sum {
    /// Adds one.
    pub fn add(&mut self, ended: &Ended) {
        self.seeds += 1;
        self.failed += u64::from(!ended.is_well());
        let verdict = &ended.verdict;
        for name in ["steps", "simulated_ms", "troubles"] {
            *self.numbers.entry(name).or_default() += verdict[name].as_u64().unwrap_or(0);
        }
        for name in ["stored", "refused", "unknown"] {
            *self.numbers.entry(name).or_default() += verdict["sends"][name].as_u64().unwrap_or(0);
        }
    }

    fn number(&self, name: &str) -> u64 {
        self.numbers.get(name).copied().unwrap_or(0)
    }

    /// The line at the end.
    #[must_use]
    pub fn told(&self, took: Duration, jobs: usize) -> String {
        let seconds = took.as_secs_f64().max(0.001);
        let simulated = self.number("simulated_ms") as f64 / 1_000.0;
        format!(
            "{} seeds, {} failed; {} steps, {simulated:.0} simulated seconds in {seconds:.0} s with {jobs} at once: \
             {:.0} steps and {:.1} simulated seconds per second; {} troubles; {} sends stored, {} refused, {} unknown",
            self.seeds,
            self.failed,
            self.number("steps"),
            self.number("steps") as f64 / seconds,
            simulated / seconds,
            self.number("troubles"),
            self.number("stored"),
            self.number("refused"),
            self.number("unknown"),
        )
    }
}

/// The program that runs worlds.
#[derive(Clone, Copy, Debug)]
pub struct Program<'a> {
    /// Where it is.
    pub path: &'a Path,
    /// The rule that is out of force in it.
    pub without: Option<Rule>,
}

/// Runs the world of one seed in `directory`, with a trace in a file if one is asked for: the file, and what is told.
///
/// # Errors
/// If the program cannot be run.
pub fn run_one(
    world: Program<'_>,
    seed: u64,
    directory: &Path,
    trace: Option<(&Path, &str)>,
) -> anyhow::Result<Ended> {
    let mut command = Command::new(world.path);
    command.arg(seed.to_string()).arg(directory);
    if let Some(rule) = world.without {
        command.env("TIDEMARK_WITHOUT", rule.name());
    }
    if let Some((file, tell)) = trace {
        command.arg(file).arg(tell);
    }
    let (mut said, mut noise) = (tempfile::tempfile()?, tempfile::tempfile()?);
    command.stdout(said.try_clone()?).stderr(noise.try_clone()?);
    let child = command.spawn().with_context(|| format!("running {}", world.path.display()))?;
    let in_time = ends_in_time(child)?;
    let verdict = serde_json::from_slice(&whole(&mut said)?).unwrap_or(Value::Null);
    let mut noise = String::from_utf8_lossy(&whole(&mut noise)?).into_owned();
    if !in_time {
        noise.push_str(&format!("it was still busy after {} s", WORLD_MAX.as_secs()));
    }
    Ok(Ended { seed, without: world.without, verdict, noise })
}

/// Waits for a world; one that goes round in circles is killed.
fn ends_in_time(mut child: Child) -> io::Result<bool> {
    let mut left = WORLD_MAX;
    while child.try_wait()?.is_none() {
        if left.is_zero() {
            child.kill()?;
            child.wait()?;
            return Ok(false);
        }
        std::thread::sleep(LOOK_EVERY);
        left = left.saturating_sub(LOOK_EVERY);
    }
    Ok(true)
}

fn whole(file: &mut File) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    file.rewind()?;
    file.read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Runs `seeds`, `jobs` at a time, for as long as there are `more`; hands over each that ends.
///
/// # Errors
/// If a world cannot be run at all.
pub fn run_seeds(
    world: Program<'_>,
    seeds: Seeds,
    jobs: usize,
    more: impl Fn() -> bool + Sync,
    mut each: impl FnMut(Ended),
) -> anyhow::Result<()> {
    let waiting = Mutex::new(seeds.0);
    let (ended, endings) = mpsc::sync_channel(jobs);
    std::thread::scope(|scope| {
        for _ in 0..jobs.max(1) {
            let (ended, waiting, more) = (ended.clone(), &waiting, &more);
            scope.spawn(move || {
                while more() {
                    let next = waiting.lock().unwrap_or_else(PoisonError::into_inner).next();
                    let Some(seed) = next else { return };
                    let ran = temporary().and_then(|folder| run_one(world, seed, folder.path(), None));
                    if ended.send(ran).is_err() {
                        return;
                    }
                }
            });
        }
        drop(ended);
        endings.into_iter().try_for_each(|ran| ran.map(&mut each))
    })
}

/// A directory for one world: in memory, where the machine has such a place.
///
/// # Errors
/// What the file system said.
pub fn temporary() -> anyhow::Result<tempfile::TempDir> {
    let memory = Path::new("/dev/shm");
    Ok(if memory.is_dir() { tempfile::tempdir_in(memory)? } else { tempfile::tempdir()? })
}
