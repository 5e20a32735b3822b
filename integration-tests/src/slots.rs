//! How many clusters run at once on this machine, over all test processes: a semaphore of file locks.
//!
//! A test takes a slot for each cluster; a test that measures time takes all of them and so runs alone.
//! `TIDEMARK_TEST_SLOTS` changes the number (default 2: a cluster is four processes, a small machine has two cores).
//!
//! *Invariant:* the kernel gives a lock back when its holder dies, however it dies.

use std::fs::{File, OpenOptions};
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result};
use rustix::fs::{FlockOperation, flock};

/// Held for as long as a cluster runs.
#[derive(Debug)]
pub struct Slot {
    _locks: Vec<File>,
}

/// The folder in which test processes of this user meet.
///
/// # Errors
/// If it cannot be created.
pub fn meeting_place() -> Result<PathBuf> {
    let folder = std::env::temp_dir().join(format!("tidemark-tests-{}", rustix::process::getuid().as_raw()));
    std::fs::create_dir_all(&folder).with_context(|| format!("creating {}", folder.display()))?;
    Ok(folder)
}

/// Opens (or creates) a lock file in the meeting place, and takes its lock if nobody has it.
pub(crate) fn try_lock(name: &str) -> Result<Option<File>> {
    let path = meeting_place()?.join(name);
    let open = OpenOptions::new().create(true).truncate(false).write(true).open(&path);
    let file = open.with_context(|| format!("opening {}", path.display()))?;
    match flock(&file, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok(Some(file)),
        Err(rustix::io::Errno::WOULDBLOCK) => Ok(None),
        Err(error) => Err(error).with_context(|| format!("locking {}", path.display())),
    }
}

fn total() -> usize {
    std::env::var("TIDEMARK_TEST_SLOTS").ok().and_then(|n| n.parse().ok()).unwrap_or(2).max(1)
}

/// Waits for a free slot.
///
/// # Errors
/// If the lock files cannot be used.
pub async fn one() -> Result<Slot> {
    loop {
        let Some(door) = wait_turn().await? else { continue };
        for n in 0..total() {
            if let Some(lock) = try_lock(&format!("slot-{n}"))? {
                return Ok(Slot { _locks: vec![lock] });
            }
        }
        drop(door);
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// Waits until this is the only cluster on the machine.
///
/// # Errors
/// If the lock files cannot be used.
pub async fn all() -> Result<Slot> {
    // Whoever waits for all keeps the door, so that newcomers do not starve it.
    let door = loop {
        if let Some(door) = wait_turn().await? {
            break door;
        }
    };
    let mut locks = Vec::new();
    for n in 0..total() {
        let lock = loop {
            if let Some(lock) = try_lock(&format!("slot-{n}"))? {
                break lock;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        };
        locks.push(lock);
    }
    drop(door);
    Ok(Slot { _locks: locks })
}

async fn wait_turn() -> Result<Option<File>> {
    let door = try_lock("door")?;
    if door.is_none() {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    Ok(door)
}
