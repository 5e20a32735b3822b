//! What must never be in a history: the anomalies of Jepsen's Kafka test, as far as plain sends and reads can show them.
//!
//! Pure. For a log that acknowledges at `acks=all` none of them is allowed, whatever was killed meanwhile.
//!
//! *Invariant:* one pass over the history with maps; no search, so the size of a history is no concern.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::fmt;

use crate::history::{Operation, Outcome, ValueId};

/// Something that must never be.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Anomaly {
    /// A stored value stands below what reads have seen, and no read returned it.
    Lost {
        /// Where.
        partition: i32,
        /// At which offset the answer put it.
        offset: i64,
        /// What.
        value: ValueId,
    },
    /// A stored value was never read, not even by the last reading: lost at the end of the log.
    Unseen {
        /// Where.
        partition: i32,
        /// At which offset the answer put it.
        offset: i64,
        /// What.
        value: ValueId,
    },
    /// One value stands at two offsets.
    Duplicate {
        /// What.
        value: ValueId,
        /// The places, as partition and offset.
        places: Vec<(i32, i64)>,
    },
    /// One offset held two values, in reads or in answers to sends.
    InconsistentOffset {
        /// Where.
        partition: i32,
        /// Which offset.
        offset: i64,
        /// The values.
        values: Vec<ValueId>,
    },
    /// A value was read although its send was refused as certainly not stored.
    AbortedRead {
        /// Where.
        partition: i32,
        /// At which offset.
        offset: i64,
        /// What.
        value: ValueId,
    },
    /// A value was read that nobody sent.
    Phantom {
        /// Where.
        partition: i32,
        /// At which offset.
        offset: i64,
        /// What.
        value: ValueId,
    },
    /// Offsets within one read, or between one client's sends to a partition, do not rise.
    Disorder {
        /// Which client.
        client: u32,
        /// Where.
        partition: i32,
        /// The offset before.
        before: i64,
        /// The offset after, which should be larger.
        after: i64,
    },
    /// A read skipped an offset that other reads or answers know to hold a value.
    Skipped {
        /// Which client.
        client: u32,
        /// Where.
        partition: i32,
        /// The offset that is missing.
        offset: i64,
    },
    /// One client saw the high watermark go back within one leader epoch.
    WatermarkBack {
        /// Which client.
        client: u32,
        /// Where.
        partition: i32,
        /// The high watermark before.
        before: i64,
        /// And after.
        after: i64,
    },
}

impl fmt::Display for Anomaly {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self:?}")
    }
}

/// Finds every anomaly of a history.
#[must_use]
pub fn check(history: &[Operation]) -> Vec<Anomaly> {
    let known = Known::gather(history);
    let mut found = known.places();
    found.extend(known.losses());
    found.extend(known.strangers(history));
    found.extend(disorder(history));
    found.extend(known.skips(history));
    found.extend(watermarks(history));
    found.sort();
    found.dedup();
    found
}

#[derive(Default)]
struct Known {
    /// How each value's send ended, with its own offset.
    sent: HashMap<ValueId, (i32, Outcome)>,
    /// Values seen in reads or told in answers, by place.
    at: BTreeMap<(i32, i64), Vec<ValueId>>,
    /// Values that reads returned.
    read: HashSet<ValueId>,
    /// The highest offset that a read returned, by partition.
    highest_read: HashMap<i32, i64>,
}

impl Known {
    fn gather(history: &[Operation]) -> Self {
        let mut known = Self::default();
        for operation in history {
            match operation {
                Operation::Send { partition, values, outcome, .. } => {
                    for (offset, value) in (0..).zip(values) {
                        let own = match outcome {
                            Outcome::Stored(base) => Outcome::Stored(base + offset),
                            other => *other,
                        };
                        known.sent.insert(*value, (*partition, own));
                        if let Outcome::Stored(offset) = own {
                            known.put(*partition, offset, *value);
                        }
                    }
                }
                Operation::Read { partition, records, .. } => {
                    for (offset, value) in records {
                        known.put(*partition, *offset, *value);
                        known.read.insert(*value);
                        let highest = known.highest_read.entry(*partition).or_insert(*offset);
                        *highest = (*highest).max(*offset);
                    }
                }
            }
        }
        known
    }

    fn put(&mut self, partition: i32, offset: i64, value: ValueId) {
        let values = self.at.entry((partition, offset)).or_default();
        if !values.contains(&value) {
            values.push(value);
        }
    }

    fn places(&self) -> Vec<Anomaly> {
        let mut found = Vec::new();
        let mut places: HashMap<ValueId, Vec<(i32, i64)>> = HashMap::new();
        for (&(partition, offset), values) in &self.at {
            if values.len() > 1 {
                found.push(Anomaly::InconsistentOffset { partition, offset, values: values.clone() });
            }
            for value in values {
                places.entry(*value).or_default().push((partition, offset));
            }
        }
        let twice = places.into_iter().filter(|(_, places)| places.len() > 1);
        found.extend(twice.map(|(value, places)| Anomaly::Duplicate { value, places }));
        found
    }

    fn losses(&self) -> Vec<Anomaly> {
        let missing = self.sent.iter().filter(|(value, _)| !self.read.contains(value));
        let stored = missing.filter_map(|(value, (partition, outcome))| match outcome {
            Outcome::Stored(offset) => Some((*value, *partition, *offset)),
            _ => None,
        });
        let judged = stored.map(|(value, partition, offset)| {
            if self.highest_read.get(&partition).is_some_and(|highest| *highest >= offset) {
                Anomaly::Lost { partition, offset, value }
            } else {
                Anomaly::Unseen { partition, offset, value }
            }
        });
        judged.collect()
    }

    fn strangers(&self, history: &[Operation]) -> Vec<Anomaly> {
        let mut found = Vec::new();
        for operation in history {
            let Operation::Read { partition, records, .. } = operation else { continue };
            let partition = *partition;
            for &(offset, value) in records {
                match self.sent.get(&value) {
                    None => found.push(Anomaly::Phantom { partition, offset, value }),
                    Some((_, Outcome::Refused)) => {
                        found.push(Anomaly::AbortedRead { partition, offset, value })
                    }
                    Some(_) => {}
                }
            }
        }
        found
    }

    fn skips(&self, history: &[Operation]) -> Vec<Anomaly> {
        let mut found = Vec::new();
        for operation in history {
            let Operation::Read { client, partition, from, records, .. } = operation else { continue };
            let (client, partition) = (*client, *partition);
            let mut expected = *from;
            for &(offset, _) in records {
                let between = self.at.range((partition, expected)..(partition, offset.max(expected)));
                found.extend(between.map(|(&(_, offset), _)| Anomaly::Skipped { client, partition, offset }));
                expected = offset + 1;
            }
        }
        found
    }
}

fn disorder(history: &[Operation]) -> Vec<Anomaly> {
    let mut found = Vec::new();
    let mut last_sent: HashMap<(u32, i32), i64> = HashMap::new();
    for operation in history {
        match operation {
            Operation::Send { client, partition, values, outcome: Outcome::Stored(base) } => {
                let (client, partition, after) = (*client, *partition, *base);
                let end = base + i64::try_from(values.len()).unwrap_or(i64::MAX) - 1;
                if let Some(before) = last_sent.insert((client, partition), end)
                    && before >= after
                {
                    found.push(Anomaly::Disorder { client, partition, before, after });
                }
            }
            Operation::Send { .. } => {}
            Operation::Read { client, partition, from, records, .. } => {
                let mut before = from - 1;
                for &(after, _) in records {
                    if after <= before {
                        found.push(Anomaly::Disorder {
                            client: *client,
                            partition: *partition,
                            before,
                            after,
                        });
                    }
                    before = after;
                }
            }
        }
    }
    found
}

fn watermarks(history: &[Operation]) -> Vec<Anomaly> {
    let mut found = Vec::new();
    let mut told: HashMap<(u32, i32, i64), i64> = HashMap::new();
    for operation in history {
        let Operation::Read { client, partition, watermark: Some((epoch, after)), .. } = operation else {
            continue;
        };
        let (client, partition, after) = (*client, *partition, *after);
        if let Some(before) = told.insert((client, partition, *epoch), after)
            && before > after
        {
            found.push(Anomaly::WatermarkBack { client, partition, before, after });
        }
    }
    found
}

#[cfg(test)]
#[path = "checker_tests.rs"]
mod tests;
