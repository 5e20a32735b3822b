//! Runs worlds: `simulate run --seeds A..B` on all cores, `simulate replay SEED` with its trace.
//!
//! Each world has a process of its own ([`simulation::world`] says why), and that is `world`, beside this program.

use std::io::{self, Write as _};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use clap::{Parser, Subcommand};
use simulation::seeds::{Program, Seeds, Sum, run_one, run_seeds};
use tidemark::rules::Rule;

/// Whole clusters under a seed.
#[derive(Debug, Parser)]
struct Cli {
    /// A rule that is out of force: does anybody notice?
    #[arg(long, global = true, value_parser = rule)]
    without: Option<Rule>,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Runs every seed of a range, and tells of each that fails.
    Run {
        /// The range, as in 1..100; its end is not run.
        #[arg(long)]
        seeds: Seeds,
        /// No new seed is begun after so many minutes.
        #[arg(long)]
        minutes: Option<u64>,
        /// Worlds at once; as many as there are processors, if left out.
        #[arg(long)]
        jobs: Option<usize>,
    },
    /// Runs one seed, and prints all that happens.
    Replay {
        /// The seed.
        seed: u64,
        /// What is told, in the syntax of tracing's filters.
        #[arg(long, default_value = "tidemark=info,coordinator_adapter=info,simulation=info,turmoil=info")]
        tell: String,
    },
}

fn rule(name: &str) -> Result<Rule, String> {
    Rule::named(name).ok_or_else(|| "there is no such rule; broker/src/rules.rs names all of them".to_owned())
}

fn main() -> anyhow::Result<ExitCode> {
    let path = std::env::current_exe()?.with_file_name("world");
    anyhow::ensure!(path.exists(), "{} is missing: build the package simulation", path.display());
    let cli = Cli::parse();
    let world = Program { path: &path, without: cli.without };
    let all_well = match cli.command {
        Command::Run { seeds, minutes, jobs } => {
            let jobs = jobs.unwrap_or_else(|| std::thread::available_parallelism().map_or(1, usize::from));
            run(world, seeds, minutes, jobs)?
        }
        Command::Replay { seed, tell } => replay(world, seed, &tell)?,
    };
    Ok(if all_well { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn run(world: Program<'_>, seeds: Seeds, minutes: Option<u64>, jobs: usize) -> anyhow::Result<bool> {
    let began = now();
    let until = minutes.map(|minutes| began + Duration::from_secs(minutes * 60));
    let mut sum = Sum::default();
    let more = || until.is_none_or(|until| now() < until);
    run_seeds(world, seeds, jobs, more, |ended| {
        sum.add(&ended);
        if let Some(complaint) = ended.complaint() {
            // Standard output may be gone; the exit code tells, too.
            let _ = writeln!(io::stdout(), "{complaint}");
        }
    })?;
    writeln!(io::stdout(), "{}", sum.told(now() - began, jobs))?;
    Ok(sum.failed == 0)
}

fn replay(world: Program<'_>, seed: u64, tell: &str) -> anyhow::Result<bool> {
    let directory = tempfile::tempdir()?;
    let trace: PathBuf = directory.path().join("trace");
    let ended = run_one(world, seed, directory.path(), Some((&trace, tell)))?;
    let mut told = std::fs::File::open(&trace).context("the world left no trace")?;
    io::copy(&mut told, &mut io::stdout())?;
    writeln!(io::stdout(), "{ended}")?;
    Ok(ended.is_well())
}

#[expect(clippy::disallowed_methods, reason = "how long simulating takes is told in real time")]
fn now() -> Instant {
    Instant::now()
}
