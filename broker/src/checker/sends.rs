//! What was sent, where it stands, and whether it was seen.
//!
//! *Invariant:* a value belongs to one batch; only an idempotent producer sends a batch again, and then as it was.

use std::collections::{HashMap, HashSet};

use super::event::{Phase, SendBatch, ValueId};
use super::place::{Known, Lawful, PlaceId, Places, Slot};
use super::report::{Kind, Report};

/// A batch by number.
pub(super) type BatchId = usize;

/// Producer id, its epoch, and the sequence number of a batch's first value.
type Identity = (i64, i32, i32);

#[derive(Debug)]
struct Batch {
    line: u64,
    place: PlaceId,
    values: Vec<ValueId>,
    identity: Option<Identity>,
    /// Where the first value stands by the first answer that said so.
    base: Option<(i64, u64)>,
    attempts: u32,
    failed: u32,
}

#[derive(Debug, Default)]
struct Value {
    batch: Option<BatchId>,
    /// The line of the first read that returned it.
    read: Option<u64>,
    /// Where it stands, and the line that first said so.
    stands: Option<(PlaceId, i64, u64)>,
}

/// The beginning of a send, to be kept until its end.
#[derive(Clone, Copy, Debug)]
pub(super) struct BegunSend {
    pub(super) batch: BatchId,
    /// The highest offset that this client had been told for this partition.
    behind: Option<(i64, u64)>,
}

/// All batches and values of a history.
#[derive(Debug, Default)]
pub(super) struct Sends {
    batches: Vec<Batch>,
    values: HashMap<ValueId, Value>,
    /// The last offset told to each client for each partition, and the line.
    told: HashMap<(u64, PlaceId), (i64, u64)>,
    duplicates: HashSet<(ValueId, PlaceId, i64)>,
}

impl Sends {
    /// A send begins.
    ///
    /// # Errors
    /// If it has no values, or one that was sent before.
    pub(super) fn begin(
        &mut self,
        line: u64,
        process: u64,
        place: PlaceId,
        send: SendBatch,
    ) -> Result<BegunSend, String> {
        let first = *send.values.first().ok_or("a send without values")?;
        let identity = match (send.producer_id, send.producer_epoch, send.sequence) {
            (Some(id), Some(epoch), Some(sequence)) => Some((id, epoch, sequence)),
            (None, None, None) => None,
            _ => return Err("producer_id, producer_epoch and sequence go together".to_owned()),
        };
        // An idempotent producer's batch may stand before what it was told of others: its sequence is what counts.
        let behind = self.told.get(&(process, place)).copied().filter(|_| identity.is_none());
        if let Some(batch) = self.values.get(&first).and_then(|value| value.batch) {
            let known = &mut self.batches[batch];
            if identity.is_none() || known.identity != identity || known.values != send.values {
                return Err(format!("value {first} was sent before, in line {}", known.line));
            }
            known.attempts += 1;
            return Ok(BegunSend { batch, behind });
        }
        let batch = self.batches.len();
        for value in &send.values {
            let known = self.values.entry(*value).or_default();
            if let Some(other) = known.batch.replace(batch) {
                let line = self.batches.get(other).map_or(line, |other| other.line);
                return Err(format!("value {value} was sent before, in line {line}"));
            }
        }
        let values = send.values;
        self.batches.push(Batch { line, place, values, identity, base: None, attempts: 1, failed: 0 });
        Ok(BegunSend { batch, behind })
    }

    /// A send ends. `end` is as its last line told it.
    ///
    /// # Errors
    /// If it was stored and does not say where, or where no offset is.
    pub(super) fn end(
        &mut self,
        line: u64,
        process: u64,
        begun: BegunSend,
        (phase, place, base): (Phase, PlaceId, Option<i64>),
        places: &mut Places,
        report: &mut Report,
    ) -> Result<(), String> {
        let batch = &mut self.batches[begun.batch];
        match phase {
            Phase::Invoke | Phase::Unknown => return Ok(()),
            Phase::Fail => {
                batch.failed += 1;
                return Ok(());
            }
            Phase::Ok => {}
        }
        let base = base.ok_or("a send that is ok needs its base_offset")?;
        let count = batch.values.len() as u64;
        // Whoever reads on asks for the offset after the last.
        let next = base.checked_add_unsigned(count);
        let next = next.ok_or_else(|| format!("its values from offset {base} on go past the last offset"))?;
        batch.place = place;
        batch.base.get_or_insert((base, line));
        if batch.base.is_some_and(|(_, first)| first == line) {
            report.counts.values_ok += count;
        }
        if let Some((before, told)) = begun.behind.filter(|(before, _)| *before >= base) {
            let what = format!(
                "client {process} was told offset {before}, then sent a batch that got offset {base}"
            );
            report.add(Kind::Reordered, &places.known(place).at, &[told, batch.line, line], what);
        }
        let values = batch.values.clone();
        let last = next - 1;
        let told = self.told.entry((process, place)).or_insert((last, line));
        if told.0 < last {
            *told = (last, line);
        }
        for (offset, value) in (base..next).zip(values) {
            let slot = Slot { value: Some(value), epoch: None, line };
            self.stands(value, (place, offset), slot, places, report);
        }
        Ok(())
    }

    /// A read returned a value.
    pub(super) fn seen(
        &mut self,
        value: ValueId,
        (place, offset): (PlaceId, i64),
        slot: Slot,
        places: &mut Places,
        report: &mut Report,
    ) {
        self.values.entry(value).or_default().read.get_or_insert(slot.line);
        self.stands(value, (place, offset), slot, places, report);
    }

    fn stands(
        &mut self,
        value: ValueId,
        (place, offset): (PlaceId, i64),
        slot: Slot,
        places: &mut Places,
        report: &mut Report,
    ) {
        let line = slot.line;
        places.known_mut(place).put(offset, slot, report);
        let known = self.values.entry(value).or_default();
        let (there, at, first) = *known.stands.get_or_insert((place, offset, line));
        if (there, at) != (place, offset) && self.duplicates.insert((value, place, offset)) {
            let elsewhere = &places.known(there).at;
            let what = format!("value {value} at offset {at} of {elsewhere} and at offset {offset}");
            report.add(Kind::Duplicate, &places.known(place).at, &[first, line], what);
        }
    }

    /// Judges what only the whole history tells.
    pub(super) fn finish(&self, places: &Places, report: &mut Report) {
        for batch in &self.batches {
            self.judge_batch(batch, places, report);
        }
        self.judge_strangers(places, report);
        self.judge_producers(places, report);
    }

    /// Values that were read, and had not been sent by then. A batch has the line of its first attempt, and a read is told
    /// when it has ended: whatever comes after that line may have returned it, and nothing that comes before.
    fn judge_strangers(&self, places: &Places, report: &mut Report) {
        let early = self.values.iter().filter_map(|(id, value)| {
            let (line, sent) = (value.read?, value.batch.map(|batch| self.batches[batch].line));
            sent.is_none_or(|sent| sent > line).then_some((line, *id, value.stands?, sent))
        });
        let mut early: Vec<_> = early.collect();
        early.sort_unstable();
        for (line, value, (place, offset, _), sent) in early {
            let when = if sent.is_some() { "read before it was sent" } else { "never sent" };
            let lines: Vec<u64> = [line].into_iter().chain(sent).collect();
            let what = format!("value {value} at offset {offset} was {when}");
            report.add(Kind::Phantom, &places.known(place).at, &lines, what);
        }
    }

    fn judge_batch(&self, batch: &Batch, places: &Places, report: &mut Report) {
        let values = || (0_i64..).zip(&batch.values).map(|(index, id)| (index, *id, &self.values[id]));
        if batch.base.is_none() && batch.failed == batch.attempts {
            for (_, value, known) in values() {
                let (Some(line), Some((place, offset, _))) = (known.read, known.stands) else { continue };
                let what = format!("value {value} at offset {offset} was read although its send had failed");
                report.add(Kind::AbortedRead, &places.known(place).at, &[batch.line, line], what);
            }
            return;
        }
        let by_answer = batch.base.map(|(base, line)| (batch.place, base, line));
        let by_read = || {
            values().find_map(|(index, _, known)| {
                known.stands.map(|(place, offset, line)| (place, offset - index, line))
            })
        };
        // Of unknown outcome, and no part of it was ever seen.
        let Some((place, base, line)) = by_answer.or_else(by_read) else { return };
        for (index, value, known) in values() {
            let offset = base.saturating_add(index);
            match known.stands {
                Some((there, at, seen)) if batch.base.is_none() && (there, at) != (place, offset) => {
                    let what = format!("value {value} at offset {at}, which its batch has at {offset}");
                    report.add(Kind::Reordered, &places.known(place).at, &[batch.line, line, seen], what);
                }
                _ => {}
            }
            if known.read.is_none() {
                judge_missing((place, offset, value), &[batch.line, line], places, report);
            }
        }
    }

    /// Batches of one idempotent producer stand in the order of its epochs and sequence numbers, and none was passed over.
    fn judge_producers(&self, places: &Places, report: &mut Report) {
        let mut producers: HashMap<(PlaceId, i64), Vec<Sequenced>> = HashMap::new();
        for batch in &self.batches {
            let Some((id, epoch, sequence)) = batch.identity else { continue };
            let stands = self.values[&batch.values[0]].stands;
            let place = stands.map_or(batch.place, |(place, ..)| place);
            let offset = stands.map(|(_, offset, _)| offset);
            let values = i32::try_from(batch.values.len()).unwrap_or(i32::MAX);
            let one = Sequenced { epoch, sequence, offset, values, line: batch.line };
            producers.entry((place, id)).or_default().push(one);
        }
        let mut producers: Vec<_> = producers.into_iter().collect();
        producers.sort_unstable_by_key(|(key, _)| *key);
        for ((place, id), mut batches) in producers {
            batches.sort_unstable();
            judge_producer(id, places.known(place), places.lawful(place), &batches, report);
        }
    }
}

/// A batch of an idempotent producer, in the order in which batches are to stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Sequenced {
    epoch: i32,
    sequence: i32,
    /// Where it stands, if anybody has seen it.
    offset: Option<i64>,
    values: i32,
    line: u64,
}

impl Sequenced {
    /// Whether its number comes before the other's in the same life of the producer.
    fn precedes(&self, other: &Self) -> bool {
        self.epoch == other.epoch && self.sequence < other.sequence
    }
}

fn judge_producer(id: i64, known: &Known, lawful: Lawful, batches: &[Sequenced], report: &mut Report) {
    let (mut last, mut passed): (Option<(Sequenced, i64)>, Option<Sequenced>) = (None, None);
    for batch in batches {
        let Some(offset) = batch.offset else {
            passed = Some(*batch);
            continue;
        };
        let passed = passed.take();
        let Some((before, stands)) = last.replace((*batch, offset)) else { continue };
        let wrapped =
            before.epoch == batch.epoch && i64::from(batch.sequence) - i64::from(before.sequence) > 1 << 30;
        if wrapped {
            continue;
        }
        let told = |one: &Sequenced| format!("epoch {} sequence {}", one.epoch, one.sequence);
        if offset <= stands {
            let what =
                format!("producer {id}: {} at offset {stands}, {} at {offset}", told(&before), told(batch));
            report.add(Kind::Reordered, &known.at, &[before.line, batch.line], what);
        }
        // Between two batches of which everything is known there is none of a number in between that was sent.
        // A number within the batch before was refused and given out anew, if numbers count values.
        let behind = before.sequence.saturating_add(before.values);
        let passed = passed
            .filter(|passed| before.precedes(passed) && passed.precedes(batch) && passed.sequence >= behind);
        if let Some(passed) = passed.filter(|_| !lawful.compacted && known.is_whole(stands, offset)) {
            let what =
                format!("producer {id}: {} at offset {offset}, without {}", told(batch), told(&passed));
            report.add(Kind::Reordered, &known.at, &[passed.line, batch.line], what);
        }
    }
}

fn judge_missing(
    (place, offset, value): (PlaceId, i64, ValueId),
    lines: &[u64],
    places: &Places,
    report: &mut Report,
) {
    let (known, lawful) = (places.known(place), places.lawful(place));
    if lawful.compacted || lawful.deleted || offset < known.lawful_start() {
        return;
    }
    let (kind, why) = match known.highest_read {
        Some(highest) if highest >= offset => {
            (Kind::Lost, format!("no read returned it, but one offset {highest}"))
        }
        Some(highest) => (Kind::Unseen, format!("reads end at {highest}")),
        None => (Kind::Unseen, "nothing was read there".to_owned()),
    };
    report.add(kind, &known.at, lines, format!("value {value} was stored at offset {offset}; {why}"));
}
