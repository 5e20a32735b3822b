//! What a read asks for: where from, how much, how long to wait, told how. Pure.

use std::time::Duration;

use http::{HeaderMap, HeaderName};

use super::errors::Problem;
use super::instant::parse_ms;
use super::media::{READ_TYPES, ReadKind};
use super::names::LEADER_EPOCH;
use super::query::{Query, shown};
use super::render::Reading;
use crate::service::FetchFrom;
use crate::types::{LeaderEpoch, Offset};

const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");

const PARAMETERS: [&str; 15] = [
    "offset",
    "timestamp",
    "tail",
    "until_offset",
    "max_bytes",
    "max_records",
    "min_bytes",
    "wait_ms",
    "wait",
    "as",
    "follow",
    "redirect",
    "leader_epoch",
    "isolation",
    "accept",
];

/// A read as asked for.
#[derive(Clone, Debug)]
pub(super) struct ReadQuery {
    /// What the answer looks like.
    pub(super) kind: ReadKind,
    /// Whether the answer goes on as records come.
    pub(super) streams: bool,
    /// Where it begins.
    pub(super) from: FetchFrom,
    /// Where it ends, if it does.
    pub(super) until: Option<Offset>,
    /// Bytes at most.
    pub(super) max_bytes: usize,
    /// Records at most.
    pub(super) max_records: usize,
    /// Bytes to wait for.
    pub(super) min_bytes: usize,
    /// How long to wait for them.
    pub(super) wait: Duration,
    /// How values are told.
    pub(super) reading: Reading,
    /// The newest leader epoch that the reader has seen.
    pub(super) leader_epoch: Option<LeaderEpoch>,
}

impl ReadQuery {
    /// Reads a request's query and headers. `default_bytes` is the `max_bytes` of those that do not say.
    pub(super) fn parse(
        query: Option<&str>,
        headers: &HeaderMap,
        default_bytes: usize,
    ) -> Result<Self, Problem> {
        let query = Query::parse(query, &PARAMETERS)?;
        let kind = kind(&query, headers)?;
        let follow = query.flag("follow")?;
        if follow && kind != ReadKind::Lines {
            let message = "follow=true needs 'Accept: application/x-ndjson'; 'Accept: text/event-stream' always follows";
            return Err(Problem::bad_request(message));
        }
        if query.text("isolation").is_some_and(|isolation| isolation != "committed") {
            return Err(Problem::bad_request("isolation must be committed: nothing else is served"));
        }
        let max_records = query.number::<usize>("max_records")?;
        if max_records == Some(0) {
            return Err(Problem::bad_request("max_records must be at least 1"));
        }
        if kind == ReadKind::Batches && (max_records.is_some() || query.text("until_offset").is_some()) {
            let message = "whole batches are returned as they are stored: limit them with max_bytes only";
            return Err(Problem::bad_request(message));
        }
        let streams = follow || kind == ReadKind::Events;
        let one = kind == ReadKind::Value;
        Ok(Self {
            kind,
            streams,
            from: from(&query, headers, streams)?,
            until: query.number::<i64>("until_offset")?.map(Offset),
            max_bytes: query.number::<usize>("max_bytes")?.unwrap_or(default_bytes).max(1),
            max_records: if one { 1 } else { max_records.unwrap_or(usize::MAX) },
            min_bytes: query.number::<usize>("min_bytes")?.unwrap_or(1).max(1),
            wait: wait(&query)?,
            reading: reading(&query)?,
            leader_epoch: leader_epoch(&query, headers)?,
        })
    }

    /// Whether the request asks for a 307 in its query.
    pub(super) fn parameters(query: Option<&str>) -> Result<Query<'_>, Problem> {
        Query::parse(query, &PARAMETERS)
    }
}

fn kind(query: &Query<'_>, headers: &HeaderMap) -> Result<ReadKind, Problem> {
    // A browser's address bar cannot set a header.
    let accept = query.text("accept").or_else(|| headers.get(http::header::ACCEPT)?.to_str().ok());
    ReadKind::from_accept(accept).ok_or_else(|| {
        let message = format!(
            "Accept '{}' names nothing that can be given; use one of: {READ_TYPES}",
            shown(accept.unwrap_or(""))
        );
        Problem::new(http::StatusCode::NOT_ACCEPTABLE, message)
    })
}

fn from(query: &Query<'_>, headers: &HeaderMap, streams: bool) -> Result<FetchFrom, Problem> {
    if streams && let Some(last) = headers.get(LAST_EVENT_ID) {
        let last = last.to_str().ok().and_then(|text| text.parse::<i64>().ok()).filter(|last| *last >= 0);
        let last =
            last.ok_or_else(|| Problem::bad_request("Last-Event-ID must be the offset of a record"))?;
        return Ok(FetchFrom::Offset(Offset(last).next()));
    }
    let mut starts = Vec::new();
    if let Some(text) = query.text("offset") {
        starts.push(match text {
            "earliest" => FetchFrom::Earliest,
            "latest" => FetchFrom::Latest,
            number => {
                let offset = number.parse::<i64>().ok().filter(|offset| *offset >= 0);
                FetchFrom::Offset(Offset(offset.ok_or_else(|| {
                    let text = shown(number);
                    Problem::bad_request(format!(
                        "offset must be a whole number from 0, earliest or latest, not '{text}'"
                    ))
                })?))
            }
        });
    }
    if let Some(text) = query.text("timestamp") {
        starts.push(FetchFrom::Timestamp(parse_ms(text).ok_or_else(|| {
            let text = shown(text);
            Problem::bad_request(format!(
                "timestamp must be milliseconds since 1970 or like 2026-01-31T12:00:00Z, not '{text}'"
            ))
        })?));
    }
    if let Some(count) = query.number::<u64>("tail")? {
        starts.push(FetchFrom::Tail(count));
    }
    match starts[..] {
        [] => Ok(FetchFrom::Earliest),
        [start] => Ok(start),
        _ => Err(Problem::bad_request("offset, timestamp and tail exclude each other: send one of them")),
    }
}

fn wait(query: &Query<'_>) -> Result<Duration, Problem> {
    let wait_ms = match query.number::<u64>("wait_ms")? {
        Some(wait_ms) => Some(wait_ms),
        None => query.number::<u64>("wait")?,
    };
    Ok(Duration::from_millis(wait_ms.unwrap_or(0)))
}

pub(super) fn reading(query: &Query<'_>) -> Result<Reading, Problem> {
    let Some(name) = query.text("as") else { return Ok(Reading::default()) };
    Reading::from_name(name).ok_or_else(|| {
        Problem::bad_request(format!("as must be text, json or base64, not '{}'", shown(name)))
    })
}

fn leader_epoch(query: &Query<'_>, headers: &HeaderMap) -> Result<Option<LeaderEpoch>, Problem> {
    if let Some(epoch) = query.number::<i32>("leader_epoch")? {
        return Ok(Some(LeaderEpoch(epoch)));
    }
    let Some(value) = headers.get(LEADER_EPOCH) else { return Ok(None) };
    let epoch = value.to_str().ok().and_then(|text| text.parse::<i32>().ok());
    let epoch = epoch.ok_or_else(|| Problem::bad_request("Tidemark-Leader-Epoch must be a whole number"))?;
    Ok(Some(LeaderEpoch(epoch)))
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;
    use http::header::ACCEPT;

    use super::*;

    fn parse(query: &str, pairs: &[(HeaderName, &'static str)]) -> Result<ReadQuery, Problem> {
        let headers =
            pairs.iter().map(|(name, value)| (name.clone(), HeaderValue::from_static(value))).collect();
        ReadQuery::parse(Some(query), &headers, 1 << 20)
    }

    #[test]
    fn the_start_is_read() {
        let cases = [
            ("", FetchFrom::Earliest),
            ("offset=12", FetchFrom::Offset(Offset(12))),
            ("offset=earliest", FetchFrom::Earliest),
            ("offset=latest", FetchFrom::Latest),
            ("timestamp=5", FetchFrom::Timestamp(5)),
            ("timestamp=1970-01-01T00:00:01Z", FetchFrom::Timestamp(1_000)),
            ("tail=3", FetchFrom::Tail(3)),
        ];
        for (query, from) in cases {
            assert_eq!(parse(query, &[]).unwrap().from, from, "{query}");
        }
    }

    #[test]
    fn an_event_stream_resumes_after_the_last_event() {
        let stream = (ACCEPT, "text/event-stream");
        let query = parse("offset=3", &[stream.clone(), (LAST_EVENT_ID, "41")]).unwrap();
        assert_eq!(query.from, FetchFrom::Offset(Offset(42)));
        assert!(query.streams);
        assert!(parse("", &[stream, (LAST_EVENT_ID, "x")]).is_err());
        assert_eq!(parse("offset=3", &[(LAST_EVENT_ID, "41")]).unwrap().from, FetchFrom::Offset(Offset(3)));
    }

    #[test]
    fn what_does_not_fit_together_is_refused() {
        let raw = || [(ACCEPT, "application/vnd.tidemark.batch")];
        for (query, headers) in [
            ("offset=1&tail=2", &[][..]),
            ("offset=-1", &[]),
            ("offset=middle", &[]),
            ("timestamp=noon", &[]),
            ("max_records=0", &[]),
            ("as=xml", &[]),
            ("follow=true", &[]),
            ("isolation=dirty", &[]),
            ("max_record=1", &[]),
            ("max_records=5", &raw()),
            ("until_offset=5", &raw()),
        ] {
            assert_eq!(parse(query, headers).unwrap_err().status(), 400, "{query}");
        }
        assert_eq!(parse("", &[(ACCEPT, "text/html")]).unwrap_err().status(), 406);
    }
}
