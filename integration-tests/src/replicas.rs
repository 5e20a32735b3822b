//! Replicas of a partition compared on disk, byte for byte below the high watermark.
//!
//! *Invariant:* reads only files, while the brokers may run; what stands above the high watermark is not judged.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};

use crate::batch;

/// A replica's log as its files hold it.
#[derive(Clone, Debug)]
pub struct ReplicaLog {
    /// Where it is, for messages.
    pub folder: PathBuf,
    bytes: Vec<u8>,
    batches: Vec<(i64, i64, std::ops::Range<usize>)>,
}

impl ReplicaLog {
    /// Reads the log of a partition in a data directory; stops at a tail that is still being written.
    ///
    /// # Errors
    /// If the files cannot be read.
    pub fn read(data_dir: &Path, topic: &str, partition: i32) -> Result<Self> {
        let folder = data_dir.join(format!("{topic}-{partition}"));
        let mut bytes = Vec::new();
        for file in segments(&folder)? {
            bytes.extend(std::fs::read(&file).with_context(|| format!("reading {}", file.display()))?);
        }
        let (mut batches, mut at) = (Vec::new(), 0);
        while let Ok(Some(batch)) = batch::first(&bytes[at..]) {
            let end = at + batch.bytes.len();
            batches.push((batch.base_offset, batch.end_offset, at..end));
            at = end;
        }
        Ok(Self { folder, bytes, batches })
    }

    /// The offset of the first record, if there is one.
    #[must_use]
    pub fn start(&self) -> Option<i64> {
        self.batches.first().map(|(base, _, _)| *base)
    }

    /// The offset after the last record in whole batches.
    #[must_use]
    pub fn end(&self) -> i64 {
        self.batches.last().map_or(0, |(_, end, _)| *end)
    }

    /// Each batch: its offsets from and to, its leader epoch, and a digest of its bytes.
    #[must_use]
    pub fn entries(&self) -> Vec<(i64, i64, i32, String)> {
        let batches = self.batches.iter().filter_map(|(base, end, range)| {
            let bytes = &self.bytes[range.clone()];
            let batch = batch::first(bytes).ok()??;
            Some((*base, *end, batch.leader_epoch, format!("{:08x}", crc32c::crc32c(bytes))))
        });
        batches.collect()
    }

    fn between(&self, start: i64, end: i64) -> impl Iterator<Item = (i64, &[u8])> {
        let inside = self.batches.iter().filter(move |(base, last, _)| *base >= start && *last <= end);
        inside.map(|(base, _, range)| (*base, &self.bytes[range.clone()]))
    }
}

/// The segments of a partition, in order.
///
/// # Errors
/// If the folder cannot be read.
pub fn segments(folder: &Path) -> Result<Vec<PathBuf>> {
    let entries = std::fs::read_dir(folder).with_context(|| format!("reading {}", folder.display()))?;
    let mut files: Vec<PathBuf> = entries.filter_map(|entry| Some(entry.ok()?.path())).collect();
    files.retain(|path| path.extension().is_some_and(|extension| extension == "log"));
    files.sort();
    Ok(files)
}

/// Says where two replicas first differ below the high watermark, from the later of their starts on.
///
/// # Errors
/// If they differ, or one of them ends below the high watermark.
pub fn ensure_identical(replicas: &[ReplicaLog], high_watermark: i64) -> Result<()> {
    let start = replicas.iter().filter_map(ReplicaLog::start).max().unwrap_or(0);
    for replica in replicas {
        ensure!(
            replica.end() >= high_watermark,
            "{} ends at {}, below the high watermark {high_watermark}",
            replica.folder.display(),
            replica.end()
        );
    }
    let Some((one, others)) = replicas.split_first() else { return Ok(()) };
    for other in others {
        let (mut left, mut right) =
            (one.between(start, high_watermark), other.between(start, high_watermark));
        loop {
            match (left.next(), right.next()) {
                (None, None) => break,
                (a, b) if a == b => {}
                (a, b) => bail!(
                    "{} and {} differ: a batch of {:?} bytes at {:?} against {:?} at {:?}",
                    one.folder.display(),
                    other.folder.display(),
                    a.map(|a| a.1.len()),
                    a.map(|a| a.0),
                    b.map(|b| b.1.len()),
                    b.map(|b| b.0)
                ),
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::batch::Draft;

    fn log(folder: &Path, name: &str, values: &[&[u8]]) -> ReplicaLog {
        let partition = folder.join(name).join("t-0");
        std::fs::create_dir_all(&partition).unwrap();
        let mut bytes = Vec::new();
        for (offset, value) in values.iter().enumerate() {
            let mut batch = Draft::of(&[value], 1).bytes();
            batch[..8].copy_from_slice(&(offset as i64).to_be_bytes());
            bytes.extend(batch);
        }
        std::fs::write(partition.join("00000000000000000000.log"), bytes).unwrap();
        ReplicaLog::read(&folder.join(name), "t", 0).unwrap()
    }

    #[test]
    fn a_difference_counts_only_below_the_high_watermark() {
        let folder = tempfile::tempdir().unwrap();
        let (a, b) = (log(folder.path(), "a", &[b"x", b"y"]), log(folder.path(), "b", &[b"x", b"z"]));
        ensure_identical(&[a.clone(), b.clone()], 1).unwrap();
        ensure_identical(&[a, b], 2).unwrap_err();
    }

    #[test]
    fn a_replica_that_ends_too_early_is_seen() {
        let folder = tempfile::tempdir().unwrap();
        let (a, b) = (log(folder.path(), "a", &[b"x", b"y"]), log(folder.path(), "b", &[b"x"]));
        ensure_identical(&[a, b], 2).unwrap_err();
    }
}
