//! The journal of a disk that forgets: one line of JSON for each change that is not durable, and for each fsync.
//!
//! *Invariant:* a change is in the journal before it is made, so that a process may be killed between the two.
//! *Invariant:* the journal is empty when nothing is outstanding.

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::place;

/// A file or a directory, whatever its name is at the moment.
pub(super) type Inode = u64;

/// What was changed, and how it was before. Destroyed bytes and files are kept aside under the number of the change.
#[derive(Clone, Debug, Serialize, Deserialize, PartialEq, Eq)]
pub(super) enum Change {
    /// All bytes from `from` on are new.
    Grew { file: Inode, from: u64 },
    /// The bytes at `at` were others, which are kept aside; nothing was added.
    Overwrote { file: Inode, at: u64 },
    /// The file was longer; what was cut off is kept aside.
    Cut { file: Inode, to: u64 },
    /// A name that was not there before.
    Made { dir: Inode, name: String },
    /// What had the name is kept aside.
    Removed { dir: Inode, name: String },
    /// If `replaced`, what had the name `to` before is kept aside.
    Renamed { dir: Inode, from: String, to: String, replaced: bool },
}

impl Change {
    /// What an fsync must be of to settle this.
    pub(super) fn of(&self) -> Inode {
        match self {
            Self::Grew { file, .. } | Self::Overwrote { file, .. } | Self::Cut { file, .. } => *file,
            Self::Made { dir, .. } | Self::Removed { dir, .. } | Self::Renamed { dir, .. } => *dir,
        }
    }

    pub(super) fn is_of_a_name(&self) -> bool {
        matches!(self, Self::Made { .. } | Self::Removed { .. } | Self::Renamed { .. })
    }
}

#[derive(Debug, Serialize, Deserialize)]
enum Line {
    Changed(u64, Change),
    /// Changes of this below the number are durable, or of no interest any more.
    Settled(Inode, u64),
}

/// Changes that are not durable, by number.
#[derive(Debug)]
pub(super) struct Journal {
    root: PathBuf,
    file: File,
    end: u64,
    pub(super) open: BTreeMap<u64, Change>,
    pub(super) next: u64,
}

impl Journal {
    /// Reads what an earlier process left, and goes on from there.
    pub(super) fn open(root: &Path) -> io::Result<Self> {
        let path = place::journal(root);
        let file = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(&path)?;
        let bytes = fs::read(&path)?;
        // A last line may be torn; its change was not made.
        let end = bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
        let mut journal =
            Self { root: root.to_path_buf(), file, end: end as u64, open: BTreeMap::new(), next: 1 };
        for line in bytes[..end].split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
            match serde_json::from_slice(line)? {
                Line::Changed(number, change) => {
                    journal.next = journal.next.max(number + 1);
                    journal.open.insert(number, change);
                }
                Line::Settled(inode, below) => drop(journal.take(inode, below)),
            }
        }
        journal.release_orphans()?;
        Ok(journal)
    }

    /// Notes a change that is about to be made under the number [`Journal::next`].
    pub(super) fn note(&mut self, change: Change) -> io::Result<()> {
        self.write(&Line::Changed(self.next, change.clone()))?;
        self.open.insert(self.next, change);
        self.next += 1;
        Ok(())
    }

    /// An fsync that began when [`Journal::next`] was `below` has made all of this durable.
    pub(super) fn settle(&mut self, inode: Inode, below: u64) -> io::Result<()> {
        let settled = self.take(inode, below);
        if settled.is_empty() {
            return Ok(());
        }
        self.write(&Line::Settled(inode, below))?;
        for number in settled {
            self.release(number)?;
        }
        if self.open.is_empty() {
            self.file.set_len(0)?;
            self.end = 0;
        }
        Ok(())
    }

    fn take(&mut self, inode: Inode, below: u64) -> Vec<u64> {
        let settled = self.open.range(..below).filter(|(_, change)| change.of() == inode);
        let settled: Vec<u64> = settled.map(|(number, _)| *number).collect();
        for number in &settled {
            self.open.remove(number);
        }
        settled
    }

    /// A process may have been killed between keeping something aside and noting the change, or between the noting of
    /// an fsync and the throwing away.
    fn release_orphans(&mut self) -> io::Result<()> {
        for entry in fs::read_dir(place::all_aside(&self.root))? {
            let name = entry?.file_name();
            let number = name.to_str().and_then(|name| name.parse().ok());
            if let Some(number) = number.filter(|number| !self.open.contains_key(number)) {
                self.next = self.next.max(number + 1);
                self.release(number)?;
            }
        }
        Ok(())
    }

    /// Forgets all, and whatever is kept aside with it.
    pub(super) fn clear(mut self) -> io::Result<()> {
        self.open.clear();
        self.file.set_len(0)?;
        self.end = 0;
        self.release_orphans()
    }

    /// Throws away what was kept aside. The numbers of its inodes may come again, so nothing may be left about them.
    fn release(&mut self, number: u64) -> io::Result<()> {
        let aside = place::aside(&self.root, number);
        let mut going = vec![aside.clone()];
        while let Some(path) = going.pop() {
            let Ok(metadata) = fs::symlink_metadata(&path) else { continue };
            if metadata.is_dir() {
                for entry in fs::read_dir(&path)? {
                    going.push(entry?.path());
                }
            }
            if metadata.is_dir() || metadata.nlink() == 1 {
                self.settle(metadata.ino(), u64::MAX)?;
            }
        }
        match fs::remove_file(&aside) {
            Err(error) if error.kind() == io::ErrorKind::IsADirectory => fs::remove_dir_all(&aside),
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }

    fn write(&mut self, line: &Line) -> io::Result<()> {
        let mut bytes = serde_json::to_vec(line)?;
        bytes.write_all(b"\n")?;
        self.file.write_all_at(&bytes, self.end)?;
        self.end += bytes.len() as u64;
        Ok(())
    }
}
