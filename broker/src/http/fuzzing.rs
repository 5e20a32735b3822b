//! Any bytes as the body of a produce, at each address that takes records, and as what comes with it. Tests only.

use bytes::Bytes;
use http::{HeaderMap, HeaderValue};

use super::batches::Batches;
use super::body::Sink as _;
use super::envelope::Envelope;
use super::errors::Problem;
use super::lines::{BatchBounds, Lines};
use super::read_query::ReadQuery;
use super::template::Template;
use super::{groups, rest_v2, rest_v3, streams};
use crate::record::fuzzing::take_byte;
use crate::record::{BatchBuilder, BatchLimits, validate_batch};
use crate::types::PartitionIndex;

const BOUNDS: BatchBounds = BatchBounds { bytes_max: 1 << 20, records_max: 1_000 };

/// Reads `data` as one kind of body; the first byte says which.
///
/// # Panics
/// If a body that was taken makes a batch that is not sound.
pub fn bodies(mut data: &[u8]) {
    let form = take_byte(&mut data);
    match form % 8 {
        0 => lines(data, usize::from(form) + 1),
        1 => envelopes(data, true),
        2 => envelopes(data, false),
        3 => rest_v2::fuzzing::produce(data, form >> 3, BOUNDS),
        4 => rest_v3::fuzzing::records(data, usize::from(form) + 1),
        5 => headers(data),
        6 => texts(data),
        // A batch as it is on disk.
        _ => _ = validate_batch(data, &BatchLimits::default()),
    }
}

fn lines(data: &[u8], piece: usize) {
    let template = Template { timestamp_ms: 5, key: None, headers: Vec::new() };
    let mut lines = Lines::new(&template, BOUNDS, data.len());
    for chunk in data.chunks(piece) {
        if lines.take(Bytes::copy_from_slice(chunk)).is_err() {
            return;
        }
    }
    let Ok(builder) = lines.finish() else { return };
    let wanted = data.iter().filter(|byte| **byte == b'\n').count() + usize::from(!data.ends_with(b"\n"));
    assert_eq!(builder.len(), wanted, "one record a line");
    is_sound(&builder.finish(None));
}

/// Keys tell the partition; what has none goes to the last.
fn place(envelope: &Envelope<'_>) -> Result<PartitionIndex, Problem> {
    let first = envelope.key.as_deref().and_then(|key| key.first());
    Ok(PartitionIndex(first.map_or(7, |byte| i32::from(byte % 7))))
}

fn envelopes(data: &[u8], are_lines: bool) {
    let mut batches = Batches::new(BOUNDS, 5);
    let read = if are_lines { batches.read_lines(data, &place) } else { batches.read_json(data, &place) };
    if read.is_ok() {
        for load in batches.finish(None) {
            is_sound(&load.batch);
        }
    }
}

/// Header lines, `name:value`, each on a line: as the headers of a request.
fn headers(data: &[u8]) {
    let mut headers = HeaderMap::new();
    for line in data.split(|byte| *byte == b'\n').take(100) {
        let mut halves = line.splitn(2, |byte| *byte == b':');
        let (name, value) = (halves.next().unwrap_or_default(), halves.next().unwrap_or_default());
        let name = http::HeaderName::from_bytes(&[b"tidemark-", name].concat());
        if let (Ok(name), Ok(value)) = (name, HeaderValue::from_bytes(value)) {
            headers.append(name, value);
        }
    }
    if let Ok(template) = Template::from_headers(&headers, 5) {
        let mut builder = BatchBuilder::new();
        template.push(&mut builder, Some(b"value"));
        is_sound(&builder.finish(None));
    }
}

/// What stands in queries and headers: offsets of many partitions, the token of a poll, points in time.
fn texts(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let _ = streams::parse_partitions(text);
    let _ = streams::parse_topics(text);
    let _ = groups::read_token(text);
    let _ = super::instant::parse_ms(text);
    let _ = ReadQuery::parse(Some(text), &HeaderMap::new(), 1 << 20);
}

pub(super) fn is_sound(batch: &[u8]) {
    let checked = validate_batch(batch, &BatchLimits::default());
    assert!(checked.is_ok(), "a batch of our own making: {checked:?}");
}
