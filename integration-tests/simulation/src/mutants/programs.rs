//! Judges that are programs: the stories of `broker/tests`, the unit tests of the broker, and whole worlds. Each honours
//! `TIDEMARK_WITHOUT`, as every build with switches does.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::Context as _;
use tidemark::rules::Rule;

use super::Noticed;
use super::judges::witness_of;
use crate::seeds::{Ended, Program, Seeds, run_one, run_seeds, temporary};

/// A program that hangs without a rule has noticed as well.
const SECONDS_MAX: &str = "300";

/// Where the programs are; one that is missing is not asked.
#[derive(Clone, Debug, Default)]
pub struct Programs {
    /// The test binary of the stories.
    pub stories: Option<PathBuf>,
    /// The binary of the broker's unit tests.
    pub units: Option<PathBuf>,
    /// The program of one world, and how many seeds of it are tried.
    pub world: Option<(PathBuf, u64)>,
}

fn run(program: &Path, without: Option<Rule>, arguments: &[&str]) -> anyhow::Result<Output> {
    let mut command = Command::new("timeout");
    command.arg(SECONDS_MAX).arg(program).args(arguments);
    command.env("TIDEMARK_WITHOUT", without.map_or("", Rule::name));
    command.output().with_context(|| format!("running {}", program.display()))
}

fn words(output: &Output) -> String {
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    format!("{out}\n{err}")
}

impl Programs {
    /// The stories that do not go as told without the rule, and the random ones.
    ///
    /// # Errors
    /// If the program cannot be run.
    pub fn stories(&self, rule: Rule) -> anyhow::Result<Option<Noticed>> {
        let Some(program) = &self.stories else { return Ok(None) };
        let output = run(program, Some(rule), &[])?;
        if output.status.success() {
            return Ok(None);
        }
        let text = words(&output);
        let ends = |c: char| !(c.is_ascii_alphanumeric() || c == '-' || c == '.');
        let told: BTreeSet<&str> = text.split(ends).filter_map(|word| word.strip_suffix(".txt")).collect();
        let random = text.split("seed ").nth(1).and_then(|rest| rest.split(':').next());
        let mut by = match told.first() {
            Some(first) if told.len() == 1 => format!("story {first}"),
            Some(first) => format!("{} stories, as {first}", told.len()),
            None => String::new(),
        };
        if let Some(seed) = random.filter(|seed| seed.parse::<u64>().is_ok()) {
            by = format!("{by}{}random story {seed}", if by.is_empty() { "" } else { "; " });
        }
        Ok(Some(Noticed { by: if by.is_empty() { "the stories".to_owned() } else { by }, trace: None }))
    }

    /// The first world that does not end well without the rule, and does with it.
    ///
    /// # Errors
    /// If the program cannot be run.
    pub fn seeds(&self, rule: Rule) -> anyhow::Result<Option<Noticed>> {
        let Some((path, seeds)) = &self.world else { return Ok(None) };
        if let Some(seed) = witness_of(rule)
            && let Some(noticed) = first_of(path, rule, Seeds(seed..seed + 1))?
        {
            return Ok(Some(noticed));
        }
        first_of(path, rule, Seeds(1..seeds + 1))
    }

    /// The unit tests below `filter` that fail without the rule.
    ///
    /// # Errors
    /// If the program cannot be run.
    pub fn units(&self, rule: Rule, filter: &str) -> anyhow::Result<Option<Noticed>> {
        let Some(program) = &self.units else { return Ok(None) };
        let output = run(program, Some(rule), &[filter])?;
        if output.status.success() {
            return Ok(None);
        }
        let text = words(&output);
        let failed: BTreeSet<&str> =
            text.lines().filter_map(|line| line.strip_prefix("test ")?.strip_suffix(" ... FAILED")).collect();
        let by = match failed.first() {
            Some(first) => format!("{} unit tests, as {first}", failed.len()),
            None => format!("unit tests of {filter}: they do not come to an end"),
        };
        Ok(Some(Noticed { by, trace: None }))
    }
}

/// The first of these worlds that does not end well without the rule, and does with it.
fn first_of(path: &Path, rule: Rule, seeds: Seeds) -> anyhow::Result<Option<Noticed>> {
    let jobs = std::thread::available_parallelism().map_or(1, usize::from);
    let is_found = AtomicBool::new(false);
    let mut found: Vec<Ended> = Vec::new();
    let world = Program { path, without: Some(rule) };
    let more = || !is_found.load(Ordering::Relaxed);
    run_seeds(world, seeds, jobs, more, |ended| {
        if !ended.is_well() {
            is_found.store(true, Ordering::Relaxed);
            found.push(ended);
        }
    })?;
    found.sort_unstable_by_key(|ended| ended.seed);
    for ended in found {
        let folder = temporary()?;
        if run_one(Program { path, without: None }, ended.seed, folder.path(), None)?.is_well() {
            let by = format!("whole cluster: seed {}, {} steps", ended.seed, ended.steps());
            return Ok(Some(Noticed { by, trace: ended.complaint() }));
        }
    }
    Ok(None)
}
