//! `tidemark check`: reads a history and says what must never have been.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Write};
use std::path::{Path, PathBuf};

use clap::Args;
use thiserror::Error;

use crate::checker::{Checker, FORMAT, Reader, Report, Unreadable};

/// Flags of `tidemark check`.
#[derive(Debug, Args)]
#[command(after_long_help = FORMAT)]
pub struct CheckFlags {
    /// The history, one JSON object a line; `-` is the standard input.
    #[arg(value_name = "HISTORY.ndjson")]
    pub history: PathBuf,
    /// Print the findings as JSON.
    #[arg(long)]
    pub json: bool,
}

/// Why a history could not be judged.
#[derive(Debug, Error)]
pub enum CheckError {
    /// It cannot be opened, or not read to its end.
    #[error("cannot read {}: {why}", .path.display())]
    Unread {
        /// Which file.
        path: PathBuf,
        /// What the system said.
        why: io::Error,
    },
    /// It is not a history.
    #[error("{}: {why}; see `tidemark check --help` for the format", .path.display())]
    Unreadable {
        /// Which file.
        path: PathBuf,
        /// Which line, and why.
        why: Unreadable,
    },
    /// The findings cannot be printed.
    #[error("cannot print: {0}")]
    Unprinted(#[from] io::Error),
}

/// Checks a history and prints what was found; gives whether that is nothing.
///
/// # Errors
/// If it cannot be read.
pub fn run(flags: &CheckFlags, out: &mut impl Write) -> Result<bool, CheckError> {
    let unread = |why| CheckError::Unread { path: flags.history.clone(), why };
    let report = if flags.history == Path::new("-") {
        judge(io::stdin().lock(), &flags.history)?
    } else {
        let file = File::open(&flags.history).map_err(unread)?;
        judge(BufReader::with_capacity(1 << 20, file), &flags.history)?
    };
    if flags.json {
        serde_json::to_writer_pretty(&mut *out, &report).map_err(io::Error::from)?;
        writeln!(out)?;
    } else {
        write!(out, "{report}")?;
    }
    Ok(report.is_clean())
}

fn judge(from: impl BufRead, path: &Path) -> Result<Report, CheckError> {
    let unreadable = |why| match why {
        Unreadable::Broken(why) => CheckError::Unread { path: path.to_owned(), why },
        why => CheckError::Unreadable { path: path.to_owned(), why },
    };
    let mut checker = Checker::default();
    for event in Reader::new(from) {
        let (line, event) = event.map_err(unreadable)?;
        checker.observe(line, event).map_err(unreadable)?;
    }
    checker.finish().map_err(unreadable)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(history: &Path) -> String {
        let flags = CheckFlags { history: history.to_owned(), json: false };
        run(&flags, &mut Vec::new()).unwrap_err().to_string()
    }

    #[test]
    fn a_directory_was_said_to_have_a_bad_line() {
        let dir = tempfile::tempdir().unwrap();
        let why = refused(dir.path());
        assert!(why.starts_with(&format!("cannot read {}: ", dir.path().display())), "{why}");
        assert!(!why.contains("line") && !why.contains("--help"), "{why}");
    }

    #[test]
    fn an_empty_file_is_no_history() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let why = refused(file.path());
        assert!(why.ends_with(": no event in it; see `tidemark check --help` for the format"), "{why}");
    }
}
