//! One seed in one process: `world SEED DIRECTORY [TRACE FILTER]`, begun by `simulate` and by the tests.
//!
//! The only program that is linked with `mad-turmoil`: from here on the operating system's chance is the seed's, and its
//! clocks are the simulation's. Prints one line of JSON, the verdict; ends with 1 if there are anomalies.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context as _;
use rand::SeedableRng as _;
use rand::rngs::StdRng;
use simulation::world::{self, Trace};

const FILTER: &str = "tidemark=debug,coordinator_adapter=debug,simulation=debug,turmoil=info";

fn main() -> anyhow::Result<ExitCode> {
    let mut arguments = std::env::args().skip(1);
    let seed: u64 = arguments.next().context("usage: world SEED DIRECTORY [TRACE]")?.parse()?;
    let directory = PathBuf::from(arguments.next().context("usage: world SEED DIRECTORY [TRACE]")?);
    let trace = arguments.next().map(std::path::absolute).transpose()?;
    std::fs::create_dir_all(&directory)?;
    std::env::set_current_dir(&directory)?;

    mad_turmoil::rand::set_rng(StdRng::seed_from_u64(seed));
    let _clocks = mad_turmoil::time::SimClocksGuard::init();
    let filter = arguments.next();
    let trace = Trace::begin(trace.as_deref().map(Path::new), filter.as_deref().unwrap_or(FILTER))?;
    let verdict = world::run(seed)?;
    trace.flush()?;
    let (hash, lines) = trace.sum();
    let told = serde_json::json!({
        "seed": seed,
        "anomalies": verdict.anomalies,
        "steps": verdict.steps,
        "simulated_ms": u64::try_from(verdict.simulated.as_millis())?,
        "troubles": verdict.troubles,
        "sends": { "stored": verdict.sends.0, "refused": verdict.sends.1, "unknown": verdict.sends.2 },
        "trace": { "hash": format!("{hash:016x}"), "lines": lines },
    });
    writeln!(std::io::stdout(), "{told}")?;
    Ok(if verdict.anomalies.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
