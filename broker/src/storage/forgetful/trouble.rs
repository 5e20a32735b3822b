//! Trouble from outside the process: the file `trouble` beside the data directory says what goes wrong from now on.
//!
//! One line: `<number> <bytes that still fit, or -> <yes if every fsync fails, or ->`. A line counts once, so the number
//! must differ from the one before. It is looked at before each write and each fsync.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use parking_lot::Mutex;

use super::faults::Faults;
use super::place;

/// What goes wrong with the disk of one data directory.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Trouble {
    /// How many bytes still fit, if the disk is to be full after that.
    pub room: Option<u64>,
    /// Whether every fsync fails.
    pub syncs_fail: bool,
}

/// Says what goes wrong from now on, whoever has the data directory. No trouble, the default, heals.
///
/// # Errors
/// What the file system said.
pub fn set_trouble(root: &Path, trouble: Trouble) -> io::Result<()> {
    let path = place::trouble(root);
    let before = fs::read_to_string(&path).unwrap_or_default();
    let number = before.split(' ').next().and_then(|number| number.parse().ok()).unwrap_or(0_u64);
    let room = trouble.room.map_or_else(|| "-".to_owned(), |bytes| bytes.to_string());
    let syncs = if trouble.syncs_fail { "yes" } else { "-" };
    let written = path.with_extension("new");
    fs::write(&written, format!("{} {room} {syncs}\n", number + 1))?;
    fs::rename(written, path)
}

/// Hears what [`set_trouble`] says.
#[derive(Debug)]
pub(super) struct Listener {
    path: PathBuf,
    heard: Mutex<String>,
}

impl Listener {
    pub(super) fn new(root: &Path) -> Self {
        Self { path: place::trouble(root), heard: Mutex::default() }
    }

    /// Lets the faults be as was said last.
    pub(super) fn listen(&self, faults: &Faults) -> io::Result<()> {
        let said = match fs::read_to_string(&self.path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            other => other?,
        };
        let mut heard = self.heard.lock();
        if *heard != said {
            let mut words = said.split_whitespace().skip(1);
            let room = words.next().and_then(|room| room.parse().ok());
            faults.room(room.unwrap_or(i64::MAX));
            faults.fail_syncs(words.next() == Some("yes"));
            *heard = said;
        }
        Ok(())
    }
}
