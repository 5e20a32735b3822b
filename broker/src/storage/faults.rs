//! A disk that fails when a test says so. Only in tests.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};

/// What goes wrong, shared by all files of one [`super::disk::Disk`].
#[derive(Clone, Debug, Default)]
pub(super) struct Faults {
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
        }
    }
}

impl Faults {
    pub(super) fn room(&self, bytes: i64) {
        self.switches.room.store(bytes, Ordering::SeqCst);
    }

    pub(super) fn fail_cuts(&self, fail: bool) {
        self.switches.cut_fails.store(fail, Ordering::SeqCst);
    }

    pub(super) fn fail_syncs(&self, fail: bool) {
        self.switches.sync_fails.store(fail, Ordering::SeqCst);
    }

    pub(super) fn take_descriptors(&self, gone: bool) {
        self.switches.descriptors_gone.store(gone, Ordering::SeqCst);
    }

    /// How many writes there were so far.
    pub(super) fn writes(&self) -> i64 {
        self.switches.writes.load(Ordering::SeqCst)
    }

    /// How many fsyncs there were so far, of files and directories.
    pub(super) fn syncs(&self) -> i64 {
        self.switches.syncs.load(Ordering::SeqCst)
    }

    /// A full disk takes the first part of a write, as a real one does.
    pub(super) fn before_write(&self, file: &File, bytes: &[u8], position: u64) -> io::Result<()> {
        self.switches.writes.fetch_add(1, Ordering::SeqCst);
        let wanted = i64::try_from(bytes.len()).unwrap_or(i64::MAX);
        let room = self.switches.room.load(Ordering::SeqCst);
        if room == i64::MAX {
            return Ok(());
        }
        self.switches.room.store((room - wanted).max(0), Ordering::SeqCst);
        if wanted <= room {
            return Ok(());
        }
        file.write_all_at(&bytes[..usize::try_from(room).unwrap_or(0)], position)?;
        Err(io::Error::from_raw_os_error(rustix::io::Errno::NOSPC.raw_os_error()))
    }

    pub(super) fn before_cut(&self) -> io::Result<()> {
        fail_if(&self.switches.cut_fails, rustix::io::Errno::IO)
    }

    pub(super) fn before_sync(&self) -> io::Result<()> {
        self.switches.syncs.fetch_add(1, Ordering::SeqCst);
        fail_if(&self.switches.sync_fails, rustix::io::Errno::IO)
    }

    pub(super) fn before_open(&self) -> io::Result<()> {
        fail_if(&self.switches.descriptors_gone, rustix::io::Errno::MFILE)
    }
}

fn fail_if(switch: &AtomicBool, errno: rustix::io::Errno) -> io::Result<()> {
    if switch.load(Ordering::SeqCst) {
        return Err(io::Error::from_raw_os_error(errno.raw_os_error()));
    }
    Ok(())
}
