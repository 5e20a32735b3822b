//! The power cut: takes back what no fsync has made durable, all of it or as much as a seed chooses.
//!
//! Bytes first, file by file from the latest change back; then names, directory by directory from the latest back. A
//! change that survives ends the taking back in its file or directory, for what came before it survives too.

use std::collections::{BTreeMap, HashMap};
use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};

use super::journal::{Change, Inode, Journal};
use super::place;

/// How much a power cut takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cut {
    /// Everything that was not fsynced.
    All,
    /// What this seed chooses, of each file and each directory.
    Some(u64),
    /// All names but so many of the first, and no bytes.
    #[cfg(test)]
    NamesBut(usize),
}

/// What a power cut took.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Losses {
    /// Changes of files that were taken back, or torn.
    pub changes: usize,
    /// Bytes by which files are shorter now.
    pub bytes: u64,
    /// Names made, removed or renamed that are as before.
    pub names: usize,
}

/// Cuts the power of a data directory that no process has: takes back what was not fsynced. A data directory that does
/// not forget loses nothing.
///
/// # Errors
/// What the file system said.
pub fn power_cut(root: &Path, cut: Cut) -> io::Result<Losses> {
    if !place::beside(root).is_dir() {
        return Ok(Losses::default());
    }
    let journal = Journal::open(root)?;
    let mut loss = Loss { root, chance: Chance::new(cut), losses: Losses::default() };
    match cut {
        #[cfg(test)]
        Cut::NamesBut(kept) => {
            let names = journal.open.iter().filter(|(_, change)| change.is_of_a_name());
            loss.take_names(names.skip(kept).map(|(number, change)| (*number, change)).collect())?;
        }
        Cut::All | Cut::Some(_) => {
            loss.take_bytes(&journal.open)?;
            let names = loss.chosen_names(&journal.open);
            loss.take_names(names)?;
        }
    }
    journal.clear()?;
    Ok(loss.losses)
}

/// Cuts the power if the file `power-cut` asks for it, once.
pub(super) fn cut_as_told(root: &Path) -> io::Result<Option<Losses>> {
    let path = place::power_cut(root);
    let told = match fs::read_to_string(&path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        other => other?,
    };
    let losses = power_cut(root, told.trim().parse().map_or(Cut::All, Cut::Some))?;
    fs::remove_file(path)?;
    Ok(Some(losses))
}

struct Loss<'a> {
    root: &'a Path,
    chance: Chance,
    losses: Losses,
}

impl Loss<'_> {
    fn take_bytes(&mut self, open: &BTreeMap<u64, Change>) -> io::Result<()> {
        let paths = paths_under(self.root)?;
        let groups = grouped(open.iter().filter(|(_, change)| !change.is_of_a_name()));
        for (inode, changes) in groups {
            // A file without a name is gone anyway.
            let Some(path) = paths.get(&inode) else { continue };
            let file = OpenOptions::new().read(true).write(true).open(path)?;
            for (number, change) in changes.into_iter().rev() {
                if self.chance.one_in(3) {
                    break;
                }
                self.losses.changes += 1;
                if !self.take_back(&file, number, change)? {
                    break;
                }
            }
        }
        Ok(())
    }

    /// Takes one change of a file back; false if a part of it has survived.
    fn take_back(&mut self, file: &File, number: u64, change: &Change) -> io::Result<bool> {
        let kept = |number| fs::read(place::aside(self.root, number));
        match change {
            Change::Grew { from, .. } => {
                let len = file.metadata()?.len();
                let torn = self.chance.one_in(2) && self.tear(file, *from, len)?;
                if !torn {
                    file.set_len(*from)?;
                }
                self.losses.bytes += len.saturating_sub(file.metadata()?.len());
                return Ok(!torn);
            }
            Change::Overwrote { at, .. } => file.write_all_at(&kept(number)?, *at)?,
            Change::Cut { to, .. } => file.write_all_at(&kept(number)?, *to)?,
            Change::Made { .. } | Change::Removed { .. } | Change::Renamed { .. } => {}
        }
        Ok(true)
    }

    /// Lets a part of the bytes from `from` to `len` survive: the first ones, or all but some in the middle.
    fn tear(&mut self, file: &File, from: u64, len: u64) -> io::Result<bool> {
        if len <= from {
            return Ok(false);
        }
        let start = from + self.chance.below(len - from);
        if self.chance.one_in(2) {
            file.set_len(start)?;
            return Ok(true);
        }
        let end = start + 1 + self.chance.below(len - start);
        let mut hole = vec![0_u8; usize::try_from(end - start).map_err(io::Error::other)?];
        if self.chance.one_in(2) {
            hole.fill_with(|| self.chance.next().to_le_bytes()[0]);
        }
        file.write_all_at(&hole, start)?;
        Ok(true)
    }

    fn chosen_names<'a>(&mut self, open: &'a BTreeMap<u64, Change>) -> Vec<(u64, &'a Change)> {
        let mut lost = Vec::new();
        for (_, mut changes) in grouped(open.iter().filter(|(_, change)| change.is_of_a_name())) {
            let kept = self.chance.kept_of(changes.len());
            lost.extend(changes.drain(kept..));
        }
        lost
    }

    fn take_names(&mut self, mut lost: Vec<(u64, &Change)>) -> io::Result<()> {
        lost.sort_unstable_by_key(|(number, _)| std::cmp::Reverse(*number));
        self.losses.names = lost.len();
        for (number, change) in lost {
            // A directory may have got another name back; what is in one that is gone does not matter.
            let dirs = paths_under(self.root)?;
            if let Some(dir) = dirs.get(&change.of()) {
                self.take_name_back(dir, number, change)?;
            }
        }
        Ok(())
    }

    fn take_name_back(&self, dir: &Path, number: u64, change: &Change) -> io::Result<()> {
        let aside = place::aside(self.root, number);
        match change {
            Change::Made { name, .. } => {
                let path = dir.join(name);
                if path.is_dir() { fs::remove_dir_all(path) } else { if_there(fs::remove_file(path)) }
            }
            // Whoever was killed before the change itself has nothing to take back.
            Change::Removed { name, .. } => if_there(fs::rename(aside, dir.join(name))),
            Change::Renamed { from, to, replaced, .. } if !dir.join(from).exists() => {
                if_there(fs::rename(dir.join(to), dir.join(from)))?;
                if *replaced { fs::rename(aside, dir.join(to)) } else { Ok(()) }
            }
            _ => Ok(()),
        }
    }
}

fn if_there(outcome: io::Result<()>) -> io::Result<()> {
    match outcome {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other,
    }
}

/// The changes of each file or directory, in the order of the first of each, whatever their inodes are.
fn grouped<'a>(changes: impl Iterator<Item = (&'a u64, &'a Change)>) -> Vec<(Inode, Vec<(u64, &'a Change)>)> {
    let mut groups: Vec<(Inode, Vec<(u64, &Change)>)> = Vec::new();
    for (number, change) in changes {
        let inode = change.of();
        match groups.iter_mut().find(|(of, _)| *of == inode) {
            Some((_, group)) => group.push((*number, change)),
            None => groups.push((inode, vec![(*number, change)])),
        }
    }
    groups
}

/// Where each file and directory is now, those aside included.
fn paths_under(root: &Path) -> io::Result<HashMap<Inode, PathBuf>> {
    let mut paths = HashMap::new();
    let mut going = vec![place::all_aside(root), root.to_path_buf()];
    while let Some(path) = going.pop() {
        let metadata = fs::symlink_metadata(&path)?;
        if metadata.is_dir() {
            for entry in fs::read_dir(&path)? {
                going.push(entry?.path());
            }
        }
        paths.insert(metadata.ino(), path);
    }
    Ok(paths)
}

/// Chance by seed (splitmix64), or none: then everything is lost.
struct Chance(Option<u64>);

impl Chance {
    fn new(cut: Cut) -> Self {
        Self(match cut {
            Cut::Some(seed) => Some(seed),
            _ => None,
        })
    }

    fn next(&mut self) -> u64 {
        let Some(state) = &mut self.0 else { return 0 };
        *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = *state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }

    fn one_in(&mut self, times: u64) -> bool {
        self.0.is_some() && self.below(times) == 0
    }

    /// How many of the first changes of a directory survive.
    fn kept_of(&mut self, count: usize) -> usize {
        if self.one_in(2) { self.below(count as u64 + 1) as usize } else { 0 }
    }
}
