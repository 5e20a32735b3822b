//! Remembers, for each change beneath one data directory, how to take it back until it is durable; then does it.
//!
//! Changes of one data directory wait for each other here; fsyncs do not.

use std::collections::HashMap;
use std::fs::{self, File};
use std::io;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};

use parking_lot::Mutex;

use super::super::medium::Medium as Plain;
use super::journal::{Change, Inode, Journal};
use super::place;

/// The memory of one data directory.
#[derive(Debug)]
pub(super) struct Memory {
    root: PathBuf,
    notes: Mutex<Notes>,
}

#[derive(Debug)]
struct Notes {
    journal: Journal,
    /// Files of which all bytes from some place on are known to be new, and no fsync has begun since.
    growing: HashMap<Inode, u64>,
}

impl Memory {
    pub(super) fn open(root: &Path) -> io::Result<Self> {
        let notes = Notes { journal: Journal::open(root)?, growing: HashMap::new() };
        Ok(Self { root: root.to_path_buf(), notes: Mutex::new(notes) })
    }

    pub(super) fn open_or_create(&self, path: &Path) -> io::Result<File> {
        let mut notes = self.notes.lock();
        if !path.exists() {
            notes.made(path)?;
        }
        Plain.open_or_create(path)
    }

    pub(super) fn create(&self, path: &Path) -> io::Result<File> {
        let file = self.open_or_create(path)?;
        if file.metadata()?.len() > 0 {
            self.set_len(&file, 0)?;
        }
        Ok(file)
    }

    pub(super) fn write_all_at(&self, file: &File, bytes: &[u8], position: u64) -> io::Result<()> {
        let mut notes = self.notes.lock();
        let metadata = file.metadata()?;
        // Nobody will find a file that has no name.
        if metadata.nlink() > 0 {
            let (inode, len) = (metadata.ino(), metadata.len());
            let over = len.saturating_sub(position).min(bytes.len() as u64);
            if over > 0 && notes.growing.get(&inode).is_none_or(|from| *from > position) {
                self.keep(&notes, file, position, over)?;
                notes.journal.note(Change::Overwrote { file: inode, at: position })?;
            }
            if position + bytes.len() as u64 > len && !notes.growing.contains_key(&inode) {
                notes.journal.note(Change::Grew { file: inode, from: len })?;
                notes.growing.insert(inode, len);
            }
        }
        Plain.write_all_at(file, bytes, position)
    }

    pub(super) fn set_len(&self, file: &File, to: u64) -> io::Result<()> {
        let mut notes = self.notes.lock();
        let metadata = file.metadata()?;
        if metadata.nlink() > 0 {
            let (inode, len) = (metadata.ino(), metadata.len());
            if to < len {
                self.keep(&notes, file, to, len - to)?;
                notes.journal.note(Change::Cut { file: inode, to })?;
            } else if to > len {
                notes.journal.note(Change::Grew { file: inode, from: len })?;
            }
            notes.growing.remove(&inode);
        }
        Plain.set_len(file, to)
    }

    /// Keeps bytes aside that the next change destroys.
    fn keep(&self, notes: &Notes, file: &File, at: u64, len: u64) -> io::Result<()> {
        let mut bytes = vec![0; usize::try_from(len).map_err(io::Error::other)?];
        file.read_exact_at(&mut bytes, at)?;
        fs::write(place::aside(&self.root, notes.journal.next), bytes)
    }

    /// Fsyncs a file or a directory: what was changed in it before this began is durable.
    pub(super) fn sync(&self, file: &File, sync: impl FnOnce() -> io::Result<()>) -> io::Result<()> {
        let inode = file.metadata()?.ino();
        let below = {
            let mut notes = self.notes.lock();
            notes.growing.remove(&inode);
            notes.journal.next
        };
        sync()?;
        self.notes.lock().journal.settle(inode, below)
    }

    pub(super) fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        let mut notes = self.notes.lock();
        let (dir, from_name) = place_of(from)?;
        let (to_dir, to_name) = place_of(to)?;
        assert_eq!(dir, to_dir, "names move within a directory only: {} to {}", from.display(), to.display());
        if from.exists() {
            let replaced = to.is_file();
            if replaced {
                fs::hard_link(to, place::aside(&self.root, notes.journal.next))?;
            }
            notes.journal.note(Change::Renamed { dir, from: from_name, to: to_name, replaced })?;
        }
        Plain.rename(from, to)
    }

    pub(super) fn remove(&self, path: &Path) -> io::Result<()> {
        let mut notes = self.notes.lock();
        fs::symlink_metadata(path)?;
        let (dir, name) = place_of(path)?;
        let aside = place::aside(&self.root, notes.journal.next);
        notes.journal.note(Change::Removed { dir, name })?;
        fs::rename(path, aside)
    }

    pub(super) fn create_dir_all(&self, path: &Path) -> io::Result<()> {
        let mut notes = self.notes.lock();
        let missing = path.ancestors().take_while(|path| path.starts_with(&self.root) && !path.exists());
        for path in missing.collect::<Vec<_>>().into_iter().rev() {
            if path != self.root {
                notes.made(path)?;
            }
            Plain.create_dir_all(path)?;
        }
        Ok(())
    }
}

impl Notes {
    /// A name is about to be made.
    fn made(&mut self, path: &Path) -> io::Result<()> {
        let (dir, name) = place_of(path)?;
        self.journal.note(Change::Made { dir, name })
    }
}

/// The directory that a name is in, and the name.
fn place_of(path: &Path) -> io::Result<(Inode, String)> {
    let (Some(dir), Some(name)) = (path.parent(), path.file_name()) else {
        return Err(io::Error::other("a path without a name"));
    };
    let name = name.to_str().ok_or_else(|| io::Error::other("a name that is not UTF-8"))?;
    Ok((fs::metadata(dir)?.ino(), name.to_owned()))
}
