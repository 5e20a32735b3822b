//! What the command line asks for.

use std::time::Duration;

use anyhow::{Context, Result, bail};

const USAGE: &str = "usage: bench [--rounds N] [--seconds S] [--quick] [bulk] [posts] [steady] [idle]";
const PARTS: [&str; 4] = ["bulk", "posts", "steady", "idle"];

/// What to do.
#[derive(Debug)]
pub(crate) enum Command {
    /// Serve the request floor; the benchmark starts itself so.
    EmptyServer {
        /// Where.
        port: u16,
    },
    /// Measure.
    Bench(Plan),
}

/// How much to measure.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    /// How many rounds, each of which takes every figure once.
    pub(crate) rounds: usize,
    /// How long each figure is taken.
    pub(crate) span: Duration,
    /// Which parts of the table to take; none named means all.
    pub(crate) parts: Vec<String>,
}

impl Plan {
    /// Whether a part of the table is asked for.
    pub(crate) fn wants(&self, part: &str) -> bool {
        self.parts.is_empty() || self.parts.iter().any(|asked| asked == part)
    }

    /// How long a case runs before it counts.
    pub(crate) fn warm_up(&self) -> Duration {
        self.span / 4
    }
}

/// Reads the command line.
pub(crate) fn read() -> Result<Command> {
    let mut plan = Plan { rounds: 3, span: Duration::from_secs(2), parts: Vec::new() };
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        let mut value = || arguments.next().with_context(|| format!("{argument} needs a value; {USAGE}"));
        match argument.as_str() {
            "--rounds" => plan.rounds = value()?.parse::<usize>().context(USAGE)?.max(1),
            "--seconds" => plan.span = Duration::from_secs_f64(value()?.parse().context(USAGE)?),
            "--quick" => (plan.rounds, plan.span) = (1, Duration::from_secs(1)),
            "empty-server" => return Ok(Command::EmptyServer { port: value()?.parse().context(USAGE)? }),
            part if PARTS.contains(&part) => plan.parts.push(part.to_owned()),
            _ => bail!("unknown argument '{argument}'; {USAGE}"),
        }
    }
    Ok(Command::Bench(plan))
}
