//! Free memory filled with clean page cache, so that no case pays for pages that the host must first hand over.
//!
//! A sparse file as large as the free memory is read once: its holes become pages without any disk.

use std::fs::File;
use std::io::Read as _;
use std::path::Path;

use anyhow::{Context, Result};

const LEFT_FREE_BYTES: u64 = 512 << 20;
const PIECE_BYTES: usize = 4 << 20;

/// Fills what is free, if much is.
pub(crate) fn fill(folder: &Path) -> Result<()> {
    let free = free_bytes()?;
    if free < 2 * LEFT_FREE_BYTES {
        return Ok(());
    }
    let path = folder.join("page-cache");
    let file = File::options().read(true).write(true).create(true).truncate(false).open(&path)?;
    let length = file.metadata()?.len();
    file.set_len(length + free - LEFT_FREE_BYTES)?;
    let mut reader = File::open(&path)?;
    let mut piece = vec![0; PIECE_BYTES];
    while reader.read(&mut piece)? > 0 {}
    Ok(())
}

fn free_bytes() -> Result<u64> {
    let text = std::fs::read_to_string("/proc/meminfo")?;
    let line = text.lines().find_map(|line| line.strip_prefix("MemFree:")).context("no MemFree")?;
    let kib: u64 = line.trim().trim_end_matches("kB").trim().parse()?;
    Ok(kib << 10)
}
