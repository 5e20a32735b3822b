//! Where a data directory keeps what its disk would forget: the directory `d.forgetful` beside `d`.

use std::ffi::OsString;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// Lets a data directory forget from now on; to be called before a broker opens it.
///
/// # Errors
/// What the file system said.
pub fn begin(root: &Path) -> io::Result<()> {
    fs::create_dir_all(beside(root).join(ASIDE))
}

const ASIDE: &str = "aside";

pub(super) fn beside(root: &Path) -> PathBuf {
    let mut name = OsString::from(root);
    name.push(".forgetful");
    PathBuf::from(name)
}

/// The lines that tell how to take changes back.
pub(super) fn journal(root: &Path) -> PathBuf {
    beside(root).join("journal")
}

/// Where a change keeps what it would destroy: an old file, or the bytes that were cut off.
pub(super) fn aside(root: &Path, change: u64) -> PathBuf {
    beside(root).join(ASIDE).join(change.to_string())
}

pub(super) fn all_aside(root: &Path) -> PathBuf {
    beside(root).join(ASIDE)
}

pub(super) fn trouble(root: &Path) -> PathBuf {
    beside(root).join("trouble")
}

pub(super) fn power_cut(root: &Path) -> PathBuf {
    beside(root).join("power-cut")
}
