//! Runs the model from the command line, to replay what a test found or to look further than a test does.
//!
//! ```text
//! model search [without=RULE] [states=N] [threads=N] [BOUND=VALUE ...]   all histories within bounds
//! model larger [minutes=N] [states=N]                                    all, within bounds larger than those of the tests
//! model walk   [without=RULE] [seed=N | from=N] [steps=N]                random histories by seed
//! ```

use std::fmt::Write as _;
use std::io::Write as _;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context as _, bail};
use simulation::model::bounds::Bounds;
use simulation::model::search::Search;
use simulation::model::suite::{LARGER, LARGER_STATES_MAX};
use simulation::model::trace::tell;
use simulation::model::walk::walk;
use tidemark::clock::Clock;
use tidemark::rules::Rule;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let (text, failed) = match run(&arguments) {
        Ok((text, failed)) => (text, failed),
        Err(error) => (format!("model: {error:#}\n"), true),
    };
    let _ = std::io::stdout().write_all(text.as_bytes());
    if failed { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}

/// What to print, and whether something was found.
fn run(arguments: &[String]) -> anyhow::Result<(String, bool)> {
    let Some((verb, settings)) = arguments.split_first() else {
        bail!("usage: model search|larger|walk [NAME=VALUE ...]");
    };
    let pairs = settings.iter().map(|setting| setting.split_once('=').context("use NAME=VALUE"));
    let pairs = pairs.collect::<anyhow::Result<Vec<_>>>()?;
    match verb.as_str() {
        "search" => search(&pairs),
        "larger" => larger(&pairs),
        "walk" => random(&pairs),
        other => bail!("'{other}' is none of search, larger, walk"),
    }
}

fn rule(name: &str) -> anyhow::Result<Rule> {
    Rule::named(name).with_context(|| format!("no rule is named '{name}'"))
}

fn search(settings: &[(&str, &str)]) -> anyhow::Result<(String, bool)> {
    let mut search = Search { bounds: Bounds::CALM, without: None, states_max: u64::MAX, threads: 2 };
    for (name, value) in settings {
        match *name {
            "without" => search.without = Some(rule(value)?),
            "states" => search.states_max = value.parse()?,
            "threads" => search.threads = value.parse()?,
            _ => search.bounds.set(name, value).map_err(anyhow::Error::msg)?,
        }
    }
    let report = search.run();
    let mut text = format!("{}\n{report}\n", search.bounds);
    if let Some(found) = &report.found {
        text.push_str(&tell(&search.bounds, search.without, found));
    }
    Ok((text, report.found.is_some()))
}

/// Each part gets as much of the time that is left as each of those after it.
fn larger(settings: &[(&str, &str)]) -> anyhow::Result<(String, bool)> {
    let (mut longest, mut states_max) = (None, LARGER_STATES_MAX);
    for (name, value) in settings {
        match *name {
            "minutes" => longest = Some(Duration::from_secs(value.parse::<u64>()? * 60)),
            "states" => states_max = value.parse()?,
            other => bail!("'{other}' is no setting of a larger search"),
        }
    }
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let (clock, mut failed) = (Clock::system(), false);
    let until = longest.map(|longest| clock.now() + longest);
    for (done, (name, bounds)) in LARGER.iter().enumerate() {
        let parts_left = u32::try_from(LARGER.len() - done)?;
        let share = until.map(|until| until.saturating_duration_since(clock.now()) / parts_left);
        let report = Search { bounds: *bounds, without: None, states_max, threads }.run_for(share);
        let trace = report.found.as_ref().map(|found| tell(bounds, None, found)).unwrap_or_default();
        failed |= report.found.is_some();
        writeln!(std::io::stdout(), "{name}: {report}\n{trace}")?;
    }
    Ok((String::new(), failed))
}

fn random(settings: &[(&str, &str)]) -> anyhow::Result<(String, bool)> {
    let (mut without, mut seeds, mut steps) = (None, 0..u64::MAX, u64::MAX);
    for (name, value) in settings {
        match *name {
            "without" => without = Some(rule(value)?),
            "seed" => seeds = value.parse()?..value.parse::<u64>()? + 1,
            "from" => seeds = value.parse()?..u64::MAX,
            "steps" => steps = value.parse()?,
            other => bail!("'{other}' is no setting of a walk"),
        }
    }
    let walked = walk(seeds, without, steps);
    let mut text = format!("{walked}\n");
    if let Some((seed, bounds, found)) = &walked.found {
        let _ = writeln!(text, "seed {seed}");
        text.push_str(&tell(bounds, without, found));
    }
    Ok((text, walked.found.is_some()))
}
