//! Runs the model from the command line, to replay what a test found or to look further than a test does.
//!
//! ```text
//! model search [without=RULE] [states=N] [threads=N] [BOUND=VALUE ...]   all histories within bounds
//! model larger                                                           all, within bounds larger than those of the tests
//! model walk   [without=RULE] [seed=N | from=N] [steps=N]                random histories by seed
//! ```

use std::fmt::Write as _;
use std::io::Write as _;
use std::process::ExitCode;

use anyhow::{Context as _, bail};
use simulation::model::bounds::Bounds;
use simulation::model::search::Search;
use simulation::model::suite::LARGER;
use simulation::model::trace::tell;
use simulation::model::walk::walk;
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
        "larger" => larger(),
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

fn larger() -> anyhow::Result<(String, bool)> {
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let mut failed = false;
    for (name, bounds) in LARGER {
        let report = Search { bounds: *bounds, without: None, states_max: 50_000_000, threads }.run();
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
