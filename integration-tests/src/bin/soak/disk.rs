//! The disk of a broker that was built with the feature `forgetful`, ordered about by the files beside its data directory.
//!
//! What these files mean is told in the page of `storage::forgetful`.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::plan::Loss;

/// What goes wrong with a disk.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Trouble {
    /// How many bytes still fit, if it is to be full after that.
    pub(crate) room: Option<u64>,
    /// Whether every fsync fails.
    pub(crate) syncs_fail: bool,
}

/// Lets a disk forget from now on; to be called before its broker starts for the first time.
pub(crate) fn begin(data_dir: &Path) -> Result<()> {
    fs::create_dir_all(beside(data_dir).join("aside")).context("beginning to forget")
}

/// What is lost is lost when the broker starts the next time.
pub(crate) fn cut_power(data_dir: &Path, loss: Loss) -> Result<()> {
    let word = match loss {
        Loss::Nothing => return Ok(()),
        Loss::Unsynced => "all".to_owned(),
        Loss::Chosen(seed) => seed.to_string(),
    };
    fs::write(beside(data_dir).join("power-cut"), word).context("cutting the power")
}

/// Says what goes wrong from now on; nothing heals.
pub(crate) fn set_trouble(data_dir: &Path, number: u64, trouble: Trouble) -> Result<()> {
    let room = trouble.room.map_or_else(|| "-".to_owned(), |bytes| bytes.to_string());
    let syncs = if trouble.syncs_fail { "yes" } else { "-" };
    let (path, written) = (beside(data_dir).join("trouble"), beside(data_dir).join("trouble.new"));
    fs::write(&written, format!("{number} {room} {syncs}\n")).context("telling a disk its trouble")?;
    fs::rename(written, path).context("telling a disk its trouble")
}

fn beside(data_dir: &Path) -> PathBuf {
    let mut name = data_dir.as_os_str().to_owned();
    name.push(".forgetful");
    PathBuf::from(name)
}
