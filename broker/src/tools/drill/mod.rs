//! `tidemark drill`: a small load on a cluster, one broker hurt, and what became of what was acknowledged.
//!
//! *Invariant:* only a broker that the operator named is touched, and nothing is touched before it is sure how.
//! *Invariant:* a paused broker is resumed, whatever ends the drill but SIGKILL; only a topic that the drill made is
//! deleted.
//! *Invariant:* that a broker was hurt is told only if it was seen.

mod options;
mod client;
mod cluster;
mod means;
mod load;
mod outcome;
mod process;
mod steps;

use std::io::{self, Write};
use std::path::PathBuf;

use thiserror::Error;

pub use options::DrillFlags;

/// Why a drill could not be held.
#[derive(Debug, Error)]
pub enum DrillError {
    /// A flag makes no sense.
    #[error("{0}")]
    Flags(String),
    /// It would hurt a broker that it may not hurt, or does not know how.
    #[error("{0}")]
    NotAllowed(String),
    /// The cluster does not answer as it must for a drill.
    #[error("{0}")]
    Cluster(String),
    /// The operator's command, or a signal, failed.
    #[error("{0}")]
    Means(String),
    /// Somebody pressed Ctrl-C, or sent a signal that ends programs.
    #[error("interrupted; what happened so far is in the history, if a file was named for it")]
    Interrupted,
    /// The history cannot be written.
    #[error("cannot write {}: {why}", .path.display())]
    History {
        /// Where to.
        path: PathBuf,
        /// What the system said.
        why: io::Error,
    },
    /// The outcome cannot be printed.
    #[error("cannot print: {0}")]
    Unprinted(#[from] io::Error),
}

/// Holds a drill and prints its outcome; gives whether nothing was found that must not be.
///
/// # Errors
/// If it cannot be held, or not to its end.
pub async fn run(flags: &DrillFlags, out: &mut impl Write) -> Result<bool, DrillError> {
    let outcome = steps::Drill::prepare(flags)?.hold().await?;
    if flags.json {
        serde_json::to_writer_pretty(&mut *out, &outcome).map_err(io::Error::from)?;
        writeln!(out)?;
    } else {
        write!(out, "{outcome}")?;
    }
    Ok(outcome.report.is_clean())
}
