//! A disk that fails when a test says so. Only in tests.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};

use parking_lot::Mutex;

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
    /// Changes that are still made before the process dies.
    life: AtomicI64,
    renames: Mutex<Renames>,
}

/// Renames that no fsync of a directory covers yet, if anybody asked to remember them.
#[derive(Debug, Default)]
struct Renames {
    aside: Option<PathBuf>,
    /// From, to, and where the file is that had the name `to` before.
    open: Vec<(PathBuf, PathBuf, Option<PathBuf>)>,
    count: usize,
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
            renames: Mutex::default(),
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
        self.live()?;
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
        self.live()?;
        fail_if(&self.switches.cut_fails, rustix::io::Errno::IO)
    }

    pub(super) fn before_sync(&self) -> io::Result<()> {
        self.live()?;
        self.switches.syncs.fetch_add(1, Ordering::SeqCst);
        fail_if(&self.switches.sync_fails, rustix::io::Errno::IO)
    }

    /// The directory is durable: no rename in it can be lost any more.
    pub(super) fn after_dir_sync(&self, dir: &Path) {
        self.switches.renames.lock().open.retain(|(from, ..)| from.parent() != Some(dir));
    }

    /// The process dies after so many more changes to files and names.
    pub(super) fn die_after(&self, changes: i64) {
        self.switches.life.store(changes, Ordering::SeqCst);
    }

    pub(super) fn is_dead(&self) -> bool {
        self.switches.life.load(Ordering::SeqCst) <= 0
    }

    fn live(&self) -> io::Result<()> {
        let life = &self.switches.life;
        if life.load(Ordering::SeqCst) != i64::MAX && life.fetch_sub(1, Ordering::SeqCst) <= 0 {
            return Err(io::Error::other("the process is dead"));
        }
        Ok(())
    }

    /// Remembers renames from now on; files that lose their name to another are kept in `aside`.
    pub(super) fn remember_renames(&self, aside: &Path) {
        self.switches.renames.lock().aside = Some(aside.to_path_buf());
    }

    /// The power fails: of the renames that nobody has made durable only the first `kept` have reached the disk.
    pub(super) fn cut_power(&self, kept: usize) {
        let mut renames = self.switches.renames.lock();
        while renames.open.len() > kept {
            let (from, to, before) = renames.open.pop().expect("longer than what is kept");
            std::fs::rename(&to, from).expect("nothing else has happened to it");
            if let Some(before) = before {
                std::fs::rename(before, to).expect("it was set aside");
            }
        }
    }

    pub(super) fn open_renames(&self) -> usize {
        self.switches.renames.lock().open.len()
    }

    pub(super) fn before_rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.live()?;
        let mut renames = self.switches.renames.lock();
        let Some(aside) = renames.aside.clone().filter(|_| from.exists()) else { return Ok(()) };
        renames.count += 1;
        let saved = aside.join(renames.count.to_string());
        let before = to.exists().then(|| std::fs::hard_link(to, &saved).map(|()| saved)).transpose()?;
        renames.open.push((from.to_path_buf(), to.to_path_buf(), before));
        Ok(())
    }

    pub(super) fn before_change(&self) -> io::Result<()> {
        self.live()
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
