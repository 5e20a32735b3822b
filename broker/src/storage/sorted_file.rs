//! A file of fixed-size entries in rising order, appended in memory and saved now and then.
//!
//! Each entry lives in exactly one place: the first `saved` ones in the file, the rest in memory. So a lookup at the
//! tail touches no file, and memory stays small however long the file grows. It is a hint and never the truth: what it
//! says about a log is checked against the log.

use std::fmt::Debug;
use std::io;
use std::path::{Path, PathBuf};

use super::disk::{Disk, Durable};

/// One entry of fixed size.
pub(super) trait Entry: Copy + Debug {
    const LEN: usize;

    fn encode(&self, out: &mut Vec<u8>);

    /// Reads an entry from exactly [`Entry::LEN`] bytes.
    fn decode(bytes: &[u8]) -> Self;

    fn follows(&self, earlier: &Self) -> bool;
}

/// Entries in rising order.
#[derive(Debug)]
pub(super) struct SortedFile<E> {
    path: PathBuf,
    exists: bool,
    saved: usize,
    tail: Vec<E>,
}

impl<E: Entry> SortedFile<E> {
    /// A file of so many bytes as its directory tells, or one that does not exist. A torn last entry does not count.
    pub(super) fn new(path: PathBuf, bytes: Option<u64>) -> Self {
        let saved = usize::try_from(bytes.unwrap_or(0)).unwrap_or(0) / E::LEN;
        Self { path, exists: bytes.is_some(), saved, tail: Vec::new() }
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// The file has another name now.
    pub(super) fn set_path(&mut self, path: PathBuf) {
        self.path = path;
    }

    pub(super) fn len(&self) -> usize {
        self.saved + self.tail.len()
    }

    pub(super) fn push(&mut self, entry: E) {
        debug_assert!(
            self.tail.last().is_none_or(|last| entry.follows(last)),
            "{entry:?} after {:?}",
            self.tail
        );
        self.tail.push(entry);
    }

    pub(super) fn last(&self, disk: &Disk) -> io::Result<Option<E>> {
        if self.len() == 0 { Ok(None) } else { self.get(disk, self.len() - 1) }
    }

    /// The entry before the first one for which `is_before` is false; `is_before` is true up to some entry.
    pub(super) fn floor(&self, disk: &Disk, is_before: impl Fn(&E) -> bool) -> io::Result<Option<E>> {
        let count = self.count_before(disk, is_before)?;
        if count == 0 { Ok(None) } else { self.get(disk, count - 1) }
    }

    /// How many entries come before the first one for which `is_before` is false.
    pub(super) fn count_before(&self, disk: &Disk, is_before: impl Fn(&E) -> bool) -> io::Result<usize> {
        if self.tail.first().is_some_and(&is_before) {
            return Ok(self.saved + self.tail.partition_point(is_before));
        }
        let (mut low, mut high) = (0, self.saved);
        while low < high {
            let middle = low + (high - low) / 2;
            match self.get(disk, middle)? {
                Some(entry) if is_before(&entry) => low = middle + 1,
                _ => high = middle,
            }
        }
        Ok(low)
    }

    fn get(&self, disk: &Disk, index: usize) -> io::Result<Option<E>> {
        if let Some(in_memory) = index.checked_sub(self.saved) {
            return Ok(self.tail.get(in_memory).copied());
        }
        let mut buffer = [0_u8; 16];
        let bytes = &mut buffer[..E::LEN];
        let read = disk.open(&self.path)?.read_at(bytes, (index * E::LEN) as u64)?;
        Ok((read == E::LEN).then(|| E::decode(bytes)))
    }

    /// Writes what is in memory to the file, which exists then, be it empty. After a failed write all of it is still in memory.
    pub(super) fn save(&mut self, disk: &Disk, durable: Durable) -> io::Result<()> {
        if self.tail.is_empty() && self.exists {
            return Ok(());
        }
        let mut bytes = Vec::with_capacity(self.tail.len() * E::LEN);
        for entry in &self.tail {
            entry.encode(&mut bytes);
        }
        let file = disk.open_or_create(&self.path)?;
        file.write_all_at(&bytes, (self.saved * E::LEN) as u64)?;
        self.exists = true;
        self.saved += self.tail.len();
        self.tail = Vec::new();
        if durable == Durable::Yes && !bytes.is_empty() { file.sync() } else { Ok(()) }
    }

    /// Keeps the first `len` entries. What goes from the file is gone durably.
    pub(super) fn truncate(&mut self, disk: &Disk, len: usize) -> io::Result<()> {
        if let Some(in_memory) = len.checked_sub(self.saved) {
            self.tail.truncate(in_memory);
            return Ok(());
        }
        let file = disk.open_or_create(&self.path)?;
        file.set_len((len * E::LEN) as u64)?;
        file.sync()?;
        self.saved = len;
        self.tail = Vec::new();
        Ok(())
    }

    /// Whether the whole file is in order, as it is not after a power cut that left holes in it.
    pub(super) fn is_in_order(&self, disk: &Disk) -> io::Result<bool> {
        if self.saved == 0 {
            return Ok(true);
        }
        let bytes = disk.open(&self.path)?.read_vec(0, self.saved * E::LEN)?;
        let mut entries = bytes.chunks_exact(E::LEN).map(E::decode);
        let Some(mut earlier) = entries.next() else { return Ok(false) };
        for entry in entries {
            if !entry.follows(&earlier) {
                return Ok(false);
            }
            earlier = entry;
        }
        Ok(bytes.len() == self.saved * E::LEN)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    impl Entry for u32 {
        const LEN: usize = 4;

        fn encode(&self, out: &mut Vec<u8>) {
            out.extend_from_slice(&self.to_be_bytes());
        }

        fn decode(bytes: &[u8]) -> Self {
            Self::from_be_bytes(bytes.try_into().unwrap())
        }

        fn follows(&self, earlier: &Self) -> bool {
            self > earlier
        }
    }

    #[test]
    fn lookups_see_no_difference_between_file_and_memory() {
        let dir = tempfile::tempdir().unwrap();
        let disk = Disk::default();
        for saved in 0..=10 {
            let path = dir.path().join(format!("{saved}.index"));
            let mut file = SortedFile::new(path.clone(), None);
            for n in 0..10_u32 {
                if n == saved {
                    file.save(&disk, Durable::No).unwrap();
                }
                file.push(n * 10);
            }
            for wanted in 0..100 {
                let floor = file.floor(&disk, |entry| *entry <= wanted).unwrap();
                assert_eq!(floor, Some(wanted / 10 * 10), "{saved} saved");
            }
            assert_eq!(file.floor(&disk, |_| false).unwrap(), None);
            file.truncate(&disk, 4).unwrap();
            assert_eq!((file.len(), file.last(&disk).unwrap()), (4, Some(30)), "{saved} saved");
            file.save(&disk, Durable::No).unwrap();
            let again = SortedFile::<u32>::new(path, Some(4 * 4 + 3));
            assert_eq!((again.len(), again.is_in_order(&disk).unwrap()), (4, true), "{saved} saved");
        }
    }

    #[test]
    fn a_full_disk_costs_no_entry_and_a_hole_is_seen() {
        let dir = tempfile::tempdir().unwrap();
        let disk = Disk::default();
        let mut file = SortedFile::new(dir.path().join("0.index"), None);
        for n in 1..=5_u32 {
            file.push(n);
        }
        disk.medium.faults.room(6);
        assert!(file.save(&disk, Durable::No).is_err());
        assert_eq!(file.last(&disk).unwrap(), Some(5));
        disk.medium.faults.room(i64::MAX);
        file.save(&disk, Durable::No).unwrap();
        assert!(file.is_in_order(&disk).unwrap());
        disk.open(file.path()).unwrap().write_all_at(&[0; 8], 8).unwrap();
        assert!(!file.is_in_order(&disk).unwrap());
    }
}
