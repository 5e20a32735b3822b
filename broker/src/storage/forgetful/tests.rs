//! What the disk forgets, and what not; one data directory, changed through the door and then without power.

use std::fs;
use std::path::{Path, PathBuf};

use super::super::disk::{Disk, Durable};
use super::{Cut, Losses, Trouble, begin, power_cut, set_trouble};

/// A data directory with one partition's directory in it, all of it durable.
struct Place {
    _temporary: tempfile::TempDir,
    root: PathBuf,
    dir: PathBuf,
    disk: Disk,
}

impl Place {
    fn new() -> Self {
        let temporary = tempfile::tempdir().unwrap();
        let root = temporary.path().join("data");
        begin(&root).unwrap();
        fs::create_dir(&root).unwrap();
        let dir = root.join("orders-0");
        let disk = Disk::beneath(&root).unwrap();
        disk.create_dir_all(&dir).unwrap();
        disk.sync_dir(&root).unwrap();
        Self { _temporary: temporary, root, dir, disk }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.join(name)
    }

    /// A file whose name and bytes are durable.
    fn durable(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let path = self.path(name);
        self.disk.write_whole(&path, bytes, Durable::Yes).unwrap();
        path
    }

    fn cut(&mut self, cut: Cut) -> Losses {
        let losses = power_cut(&self.root, cut).unwrap();
        assert_eq!(fs::read(self.root.with_extension("forgetful").join("journal")).unwrap(), b"");
        assert_eq!(fs::read_dir(self.root.with_extension("forgetful").join("aside")).unwrap().count(), 0);
        self.disk = Disk::beneath(&self.root).unwrap();
        losses
    }

    fn lose_all(&mut self) -> Losses {
        self.cut(Cut::All)
    }

    fn append(&self, path: &Path, bytes: &[u8]) {
        let len = fs::metadata(path).unwrap().len();
        self.disk.open(path).unwrap().write_all_at(bytes, len).unwrap();
    }

    fn sync(&self, path: &Path) {
        self.disk.open(path).unwrap().sync().unwrap();
    }

    fn journal_len(&self) -> u64 {
        fs::metadata(self.root.with_extension("forgetful").join("journal")).unwrap().len()
    }
}

fn text(path: &Path) -> String {
    fs::read_to_string(path).unwrap()
}

#[test]
fn an_append_without_fsync_is_lost_and_one_with_is_kept() {
    let mut place = Place::new();
    let log = place.durable("0.log", b"one ");
    place.append(&log, b"two ");
    place.sync(&log);
    place.append(&log, b"three ");
    place.append(&log, b"four");
    let losses = place.lose_all();
    assert_eq!(text(&log), "one two ");
    assert_eq!((losses.bytes, losses.names), (10, 0));
}

#[test]
fn an_fsync_settles_the_journal() {
    let place = Place::new();
    let log = place.durable("0.log", b"one ");
    for _ in 0..1000 {
        place.append(&log, b"more ");
    }
    assert!((1..200).contains(&place.journal_len()), "appends in a row are one change");
    place.sync(&log);
    assert_eq!(place.journal_len(), 0);
}

#[test]
fn what_was_written_while_an_fsync_ran_is_not_covered_by_it() {
    let mut place = Place::new();
    let log = place.durable("0.log", b"one ");
    place.append(&log, b"two ");
    let file = fs::File::open(&log).unwrap();
    let memory = place.disk.medium.memory().unwrap();
    let slow = || {
        place.append(&log, b"three ");
        Ok(())
    };
    memory.sync(&file, slow).unwrap();
    place.lose_all();
    assert_eq!(text(&log), "one two ");
}

#[test]
fn a_new_file_needs_its_directory_fsynced() {
    let mut place = Place::new();
    let log = place.path("0.log");
    place.disk.create(&log).unwrap().write_all_at(b"one", 0).unwrap();
    place.sync(&log);
    place.lose_all();
    assert!(!log.exists(), "its bytes were durable, its name was not");
    place.disk.create(&log).unwrap().write_all_at(b"one", 0).unwrap();
    place.disk.sync_dir(&place.dir).unwrap();
    place.lose_all();
    assert_eq!(text(&log), "", "its name was durable, its bytes were not");
}

#[test]
fn a_new_directory_needs_its_parent_fsynced() {
    let mut place = Place::new();
    let dir = place.root.join("orders-1");
    place.disk.create_dir_all(&dir).unwrap();
    place.disk.write_whole(&dir.join("partition.metadata"), b"whose", Durable::Yes).unwrap();
    assert_eq!(place.lose_all().names, 1);
    assert!(!dir.exists());
    assert!(place.dir.exists());
}

#[test]
fn a_rename_is_undone_and_what_it_replaced_is_back() {
    let mut place = Place::new();
    let (old, new) = (place.durable("checkpoint", b"old"), place.durable("checkpoint.tmp", b"new"));
    place.disk.rename(&new, &old).unwrap();
    place.lose_all();
    assert_eq!((text(&old).as_str(), text(&new).as_str()), ("old", "new"));
    place.disk.rename(&new, &old).unwrap();
    place.disk.sync_dir(&place.dir).unwrap();
    place.lose_all();
    assert_eq!(text(&old), "new");
    assert!(!new.exists());
}

#[test]
fn a_file_written_whole_without_fsync_may_be_found_empty() {
    let mut place = Place::new();
    let snapshot = place.path("5.snapshot");
    place.disk.write_whole(&snapshot, b"producers", Durable::No).unwrap();
    place.disk.sync_dir(&place.dir).unwrap();
    place.lose_all();
    assert_eq!(text(&snapshot), "");
}

#[test]
fn a_cut_is_undone() {
    let mut place = Place::new();
    let log = place.durable("0.log", b"one two three");
    let file = place.disk.open(&log).unwrap();
    file.set_len(4).unwrap();
    file.write_all_at(b"2", 4).unwrap();
    place.lose_all();
    assert_eq!(text(&log), "one two three");
    place.disk.open(&log).unwrap().write_all_at(b"ONE", 0).unwrap();
    place.lose_all();
    assert_eq!(text(&log), "one two three");
    place.disk.create(&log).unwrap();
    place.lose_all();
    assert_eq!(text(&log), "one two three");
}

#[test]
fn a_removal_is_undone() {
    let mut place = Place::new();
    let log = place.durable("0.log", b"one");
    place.disk.remove(&log).unwrap();
    place.disk.create(&log).unwrap().write_all_at(b"two", 0).unwrap();
    place.sync(&log);
    place.lose_all();
    assert_eq!(text(&log), "one");
    place.disk.remove(&place.dir).unwrap();
    place.lose_all();
    assert_eq!(text(&log), "one");
    place.disk.remove(&place.dir).unwrap();
    place.disk.sync_dir(&place.root).unwrap();
    place.lose_all();
    assert!(!place.dir.exists());
}

#[test]
fn names_of_a_directory_that_was_renamed_are_found() {
    let mut place = Place::new();
    let log = place.durable("0.log", b"one");
    place.append(&log, b"two");
    place.disk.rename(&log, &place.path("0.log.deleted")).unwrap();
    let aside = place.root.join("orders-0.7-delete");
    place.disk.rename(&place.dir, &aside).unwrap();
    place.disk.sync_dir(&place.root).unwrap();
    place.lose_all();
    assert_eq!(text(&aside.join("0.log")), "one");
}

#[test]
fn a_process_that_is_killed_loses_nothing_and_its_successor_goes_on_remembering() {
    let mut place = Place::new();
    let log = place.durable("0.log", b"one ");
    place.append(&log, b"two ");
    place.disk = Disk::beneath(&place.root).unwrap();
    assert_eq!(text(&log), "one two ");
    place.append(&log, b"three ");
    place.lose_all();
    assert_eq!(text(&log), "one ");
}

#[test]
fn a_seed_chooses_what_survives_and_chooses_it_again() {
    let (mut kept, mut prefix, mut hole, mut lost) = (0, 0, 0, 0);
    for seed in 0..200 {
        let run = || {
            let mut place = Place::new();
            let log = place.durable("0.log", b"one ");
            place.append(&log, b"two three");
            place.cut(Cut::Some(seed));
            fs::read(&log).unwrap()
        };
        let found = run();
        assert_eq!(found, run());
        assert_eq!(found[..4], *b"one ", "what was fsynced is not touched");
        match found.len() {
            13 if found == b"one two three" => kept += 1,
            13 => hole += 1,
            4 => lost += 1,
            _ => prefix += 1,
        }
    }
    assert!(kept > 20 && prefix > 20 && hole > 20 && lost > 20, "{kept} {prefix} {hole} {lost}");
}

#[test]
fn of_the_renames_in_a_directory_the_first_ones_survive() {
    let mut seen = std::collections::BTreeSet::new();
    for seed in 0..50 {
        let mut place = Place::new();
        let [one, two, three] = ["1", "2", "3"].map(|name| place.durable(name, b""));
        for path in [&one, &two, &three] {
            place.disk.rename(path, &path.with_extension("swap")).unwrap();
        }
        place.cut(Cut::Some(seed));
        let there = [&one, &two, &three].map(|path| path.exists());
        assert!(there.is_sorted(), "{there:?}");
        assert_eq!(
            there.map(|there| !there),
            [&one, &two, &three].map(|path| path.with_extension("swap").exists())
        );
        seen.insert(there);
    }
    assert_eq!(seen.len(), 4, "{seen:?}");
}

#[test]
fn a_power_cut_can_be_asked_for_by_a_file() {
    let place = Place::new();
    let log = place.durable("0.log", b"one ");
    place.append(&log, b"two ");
    let asked = place.root.with_extension("forgetful").join("power-cut");
    fs::write(&asked, "all\n").unwrap();
    Disk::beneath(&place.root).unwrap();
    assert_eq!(text(&log), "one ");
    assert!(!asked.exists());
}

#[test]
fn trouble_comes_from_outside_and_goes_again() {
    let mut place = Place::new();
    let log = place.durable("0.log", b"one ");
    let file = place.disk.open(&log).unwrap();
    set_trouble(&place.root, Trouble { room: Some(2), syncs_fail: true }).unwrap();
    assert_eq!(file.write_all_at(b"two ", 4).unwrap_err().kind(), std::io::ErrorKind::StorageFull);
    assert_eq!(text(&log), "one tw");
    assert!(file.sync().is_err());
    set_trouble(&place.root, Trouble::default()).unwrap();
    file.write_all_at(b"o", 6).unwrap();
    place.lose_all();
    assert_eq!(text(&log), "one ", "the fsync that failed made nothing durable");
}

#[test]
fn a_directory_that_was_not_told_to_forget_does_not() {
    let temporary = tempfile::tempdir().unwrap();
    let disk = Disk::beneath(temporary.path()).unwrap();
    let path = temporary.path().join("0.log");
    disk.create(&path).unwrap().write_all_at(b"one", 0).unwrap();
    assert_eq!(power_cut(temporary.path(), Cut::All).unwrap(), Losses::default());
    assert_eq!(text(&path), "one");
}
