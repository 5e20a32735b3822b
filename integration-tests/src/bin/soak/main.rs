//! Torture of real processes, behind `make soak`: three brokers and their etcd on this machine, clients at both doors, and
//! things that go wrong at random; after each round a judge.
//!
//! ```text
//! arguments   what the command line asks for
//! chance      chance by seed
//! plan        what goes wrong, and when (pure)
//! strike      does it to a cluster, and takes it back
//! disk        a broker's disk that fails and forgets
//! clients     who writes and reads meanwhile
//! history     what they did and saw
//! round       one cluster from its start to the judgement
//! bite        proof that the disk forgets, and that the judge would see it
//! report      the table
//! ```
//!
//! The broker is built with the feature `forgetful`: after a kill -9, what it had not fsynced can be lost. And with the
//! feature `mutants`, so that `--without durable_before_counted` and its like can show that a broker without a rule is
//! found out: rules of replication by the log, `member_epoch_fences` and `generation_fences` by the members of groups.
//!
//! *Invariant:* the choice of faults repeats with the seed. What the machine does with it does not: processes, disks and
//! sockets have no seed.

#![expect(clippy::print_stdout, reason = "it is there to print a report")]

mod arguments;
mod bite;
mod chance;
mod clients;
mod disk;
mod history;
mod plan;
mod report;
mod round;
mod strike;

use std::process::ExitCode;

use anyhow::Result;
use tokio::signal::unix::{SignalKind, signal};
use tokio::time::Instant;

use crate::arguments::Wish;
use crate::chance::Chance;
use crate::report::Report;
use crate::round::RoundPlan;

/// How much of what the checker says is shown; `tidemark check` says all of it.
const LINES_SHOWN: usize = 40;
/// How shells say that somebody pressed Ctrl-C.
const INTERRUPTED: u8 = 130;

#[tokio::main]
async fn main() -> Result<ExitCode> {
    let wish = arguments::read()?;
    println!("seed {}; histories of rounds that went wrong are kept in {}", wish.seed, wish.folder.display());
    let mut report = Report::default();
    // Whatever a round has started ends with it, also if it is given up.
    let was_stopped = tokio::select! {
        ended = torture(&wish, &mut report) => ended.map(|()| false)?,
        stopped = told_to_stop() => stopped.map(|()| true)?,
    };
    if was_stopped {
        println!("stopped: the round under way is not judged");
    }
    println!("\n{report}");
    Ok(match (was_stopped, report.is_clean()) {
        (true, _) => ExitCode::from(INTERRUPTED),
        (false, true) => ExitCode::SUCCESS,
        (false, false) => ExitCode::FAILURE,
    })
}

/// Round after round, for as long as was asked for.
async fn torture(wish: &Wish, report: &mut Report) -> Result<()> {
    if wish.bite {
        bite::prove().await?;
    }
    let (began, mut seeds) = (Instant::now(), Chance::new(wish.seed));
    let mut number = 0;
    while number == 0 || began.elapsed() < wish.length {
        number += 1;
        let plan = RoundPlan {
            seed: seeds.next(),
            length: wish.round.min(wish.length),
            etcd_members: wish.etcd_members.unwrap_or(if number % 2 == 1 { 1 } else { 3 }),
            folder: wish.folder.join(format!("round-{number}")),
            without: wish.without.clone(),
        };
        println!("round {number}: seed {}, etcd with {} member(s)", plan.seed, plan.etcd_members);
        let outcome = round::run(&plan).await?;
        for line in outcome.checked.lines().take(LINES_SHOWN) {
            println!("{line}");
        }
        println!("whole after {:.1?}; longest gap {:.1?}", outcome.healed_in, outcome.tally.longest_gap);
        for what in &outcome.wrong {
            println!("WRONG: {what}");
        }
        report.add(number, &outcome);
    }
    Ok(())
}

/// Waits for Ctrl-C, or SIGTERM.
async fn told_to_stop() -> Result<()> {
    let mut terminate = signal(SignalKind::terminate())?;
    tokio::select! {
        interrupted = tokio::signal::ctrl_c() => interrupted?,
        _ = terminate.recv() => {}
    }
    Ok(())
}
