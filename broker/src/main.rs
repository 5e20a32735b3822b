//! The binary: reads the command line, starts the log, hands over to [`tidemark::node`].
//!
//! Nothing is decided here. `anyhow` stops here: everything below names its errors.

use std::fmt::Display;
use std::io::Write as _;
use std::process::ExitCode;

use anyhow::Context as _;
use clap::Parser as _;
use tidemark::config::{Cli, Command, Config, render_settings};
use tidemark::node::{self, Coordinator};
use tidemark::tools;
use tracing_subscriber::EnvFilter;

fn main() -> ExitCode {
    match run(&Cli::parse()) {
        Ok(code) => code,
        Err(error) => {
            let _ = writeln!(std::io::stderr(), "tidemark: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(cli: &Cli) -> anyhow::Result<ExitCode> {
    match &cli.command {
        Command::Settings => {
            std::io::stdout().write_all(render_settings().as_bytes()).context("cannot print")?;
        }
        Command::Broker(flags) => serve(flags.config()?, Coordinator::Etcd)?,
        Command::Dev(flags) => serve(flags.config()?, Coordinator::Embedded)?,
        Command::Check(flags) => return Ok(verdict(tools::run_check(flags, &mut std::io::stdout().lock()))),
        Command::Drill(flags) => {
            start_log()?;
            let runtime = tokio::runtime::Runtime::new().context("cannot start the async runtime")?;
            return Ok(verdict(runtime.block_on(tools::run_drill(flags, &mut std::io::stdout().lock()))));
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// 0 if all is well, 1 if not, 2 if nobody can tell.
fn verdict(judged: Result<bool, impl Display>) -> ExitCode {
    match judged {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(1),
        Err(error) => {
            let _ = writeln!(std::io::stderr(), "tidemark: {error}");
            ExitCode::from(2)
        }
    }
}

fn serve(config: Config, coordinator: Coordinator) -> anyhow::Result<()> {
    start_log()?;
    #[cfg(feature = "mutants")]
    tell_rules_left_out()?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .thread_name("tidemark")
        .max_blocking_threads(config.node.blocking_threads_max)
        .build()
        .context("cannot start the async runtime")?;
    let outcome = runtime.block_on(node::run(config, coordinator, node::signalled()));
    runtime.shutdown_background();
    Ok(outcome?)
}

/// Says which rules this broker goes without: only a test build can.
#[cfg(feature = "mutants")]
fn tell_rules_left_out() -> anyhow::Result<()> {
    let without = tidemark::rules::left_out().map_err(anyhow::Error::msg).context("TIDEMARK_WITHOUT")?;
    if !without.is_empty() {
        tracing::warn!(?without, "a test build: rules that keep what was acknowledged are out of force");
    }
    Ok(())
}

fn start_log() -> anyhow::Result<()> {
    let filter = match std::env::var("TIDEMARK_LOG") {
        Ok(text) => {
            text.parse::<EnvFilter>().context("TIDEMARK_LOG is no filter; try 'info' or 'tidemark=debug'")?
        }
        Err(_) => EnvFilter::new("info"),
    };
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    match std::env::var("TIDEMARK_LOG_FORMAT").as_deref() {
        Ok("json") => log.json().init(),
        _ => log.with_ansi(false).init(),
    }
    Ok(())
}
