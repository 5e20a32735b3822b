//! A disk that fails when it is told to.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};

/// What goes wrong, shared by all files of one disk.
#[derive(Clone, Debug, Default)]
pub(in crate::storage) struct Faults {
    switches: Arc<Switches>,
}

#[derive(Debug)]
struct Switches {
    /// Bytes that still fit on the disk.
    room: AtomicI64,
    cut_fails: AtomicBool,
    sync_fails: AtomicBool,
    descriptors_gone: AtomicBool,
    writes: AtomicI64,
    syncs: AtomicI64,
    /// Changes that are still made before the process dies.
    life: AtomicI64,
}

impl Default for Switches {
    fn default() -> Self {
        Self {
            room: AtomicI64::new(i64::MAX),
            cut_fails: AtomicBool::new(false),
            sync_fails: AtomicBool::new(false),
            descriptors_gone: AtomicBool::new(false),
            writes: AtomicI64::new(0),
            syncs: AtomicI64::new(0),
            life: AtomicI64::new(i64::MAX),
        }
    }
}

impl Faults {
    /// How many bytes still fit on the disk.
    pub(in crate::storage) fn room(&self, bytes: i64) {
        self.switches.room.store(bytes, Ordering::SeqCst);
    }

    pub(in crate::storage) fn fail_syncs(&self, fail: bool) {
        self.switches.sync_fails.store(fail, Ordering::SeqCst);
    }

    /// How many of `len` bytes still fit.
    pub(in crate::storage) fn before_write(&self, len: usize) -> io::Result<usize> {
        self.live()?;
        self.switches.writes.fetch_add(1, Ordering::SeqCst);
        let room = self.switches.room.load(Ordering::SeqCst);
        if room == i64::MAX {
            return Ok(len);
        }
        let fits = usize::try_from(room).unwrap_or(0).min(len);
        self.switches.room.store(room - i64::try_from(fits).unwrap_or(i64::MAX), Ordering::SeqCst);
        Ok(fits)
    }

    pub(in crate::storage) fn before_cut(&self) -> io::Result<()> {
        self.live()?;
        fail_if(&self.switches.cut_fails, rustix::io::Errno::IO)
    }

    pub(in crate::storage) fn before_sync(&self) -> io::Result<()> {
        self.live()?;
        self.switches.syncs.fetch_add(1, Ordering::SeqCst);
        fail_if(&self.switches.sync_fails, rustix::io::Errno::IO)
    }

    fn live(&self) -> io::Result<()> {
        let life = &self.switches.life;
        if life.load(Ordering::SeqCst) != i64::MAX && life.fetch_sub(1, Ordering::SeqCst) <= 0 {
            return Err(io::Error::other("the process is dead"));
        }
        Ok(())
    }

    pub(in crate::storage) fn before_change(&self) -> io::Result<()> {
        self.live()
    }

    pub(in crate::storage) fn before_open(&self) -> io::Result<()> {
        fail_if(&self.switches.descriptors_gone, rustix::io::Errno::MFILE)
    }
}

/// What only the tests of this folder ask for.
#[cfg(test)]
impl Faults {
    pub(in crate::storage) fn fail_cuts(&self, fail: bool) {
        self.switches.cut_fails.store(fail, Ordering::SeqCst);
    }

    pub(in crate::storage) fn take_descriptors(&self, gone: bool) {
        self.switches.descriptors_gone.store(gone, Ordering::SeqCst);
    }

    /// How many writes there were so far.
    pub(in crate::storage) fn writes(&self) -> i64 {
        self.switches.writes.load(Ordering::SeqCst)
    }

    /// How many fsyncs there were so far, of files and directories.
    pub(in crate::storage) fn syncs(&self) -> i64 {
        self.switches.syncs.load(Ordering::SeqCst)
    }

    /// The process dies after so many more changes to files and names.
    pub(in crate::storage) fn die_after(&self, changes: i64) {
        self.switches.life.store(changes, Ordering::SeqCst);
    }

    pub(in crate::storage) fn is_dead(&self) -> bool {
        self.switches.life.load(Ordering::SeqCst) <= 0
    }
}

fn fail_if(switch: &AtomicBool, errno: rustix::io::Errno) -> io::Result<()> {
    if switch.load(Ordering::SeqCst) {
        return Err(io::Error::from_raw_os_error(errno.raw_os_error()));
    }
    Ok(())
}
