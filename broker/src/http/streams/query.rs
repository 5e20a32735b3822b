//! What a stream of several partitions asks for: where from, how much at once, told how. Pure.

use std::collections::BTreeMap;

use http::{HeaderMap, HeaderName, StatusCode};

use super::framing::Framing;
use super::vector::{parse_partitions, parse_topics};
use crate::http::errors::Problem;
use crate::http::instant::parse_ms;
use crate::http::media::ReadKind;
use crate::http::query::{Query, shown};
use crate::http::read_query::reading;
use crate::http::render::Reading;
use crate::service::FetchFrom;
use crate::types::{Offset, PartitionIndex, TopicPartition};

const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");

/// What every stream of several partitions may be asked.
const COMMON: [&str; 5] = ["max_bytes", "max_records", "as", "follow", "accept"];

/// A stream as asked for.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct StreamQuery {
    /// Events or lines.
    pub(super) framing: Framing,
    /// Bytes at once.
    pub(super) max_bytes: usize,
    /// Records in all.
    pub(super) max_records: usize,
    /// How values are told.
    pub(super) reading: Reading,
}

/// Where all partitions begin that the map does not name.
pub(super) type TopicStart = (FetchFrom, BTreeMap<PartitionIndex, Offset>);

/// What a member's reader says.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct MemberStart {
    /// Where it stands.
    pub(super) resume: BTreeMap<TopicPartition, Offset>,
    /// Whether what was sent is committed.
    pub(super) commit_delivered: bool,
}

impl StreamQuery {
    /// Reads what is asked of a topic's stream. `default_bytes` is the `max_bytes` of those that do not say.
    pub(super) fn of_topic(
        query: Option<&str>,
        headers: &HeaderMap,
        default_bytes: usize,
    ) -> Result<(Self, TopicStart), Problem> {
        let query = Query::parse(query, &[&COMMON[..], &["offset", "timestamp", "tail"]].concat())?;
        let instead = "read one partition at /v1/topics/{topic}/partitions/{partition}/records";
        Ok((Self::read(&query, headers, default_bytes, "a topic", instead)?, topic_start(&query, headers)?))
    }

    /// Reads what is asked of a member's stream.
    pub(super) fn of_member(
        query: Option<&str>,
        headers: &HeaderMap,
        default_bytes: usize,
    ) -> Result<(Self, MemberStart), Problem> {
        let query = Query::parse(query, &[&COMMON[..], &["offset", "commit"]].concat())?;
        let instead = "read piece by piece with POST /v1/groups/{group}/members/{member}/poll";
        Ok((Self::read(&query, headers, default_bytes, "a member", instead)?, member_start(&query, headers)?))
    }

    fn read(
        query: &Query<'_>,
        headers: &HeaderMap,
        default_bytes: usize,
        what: &str,
        instead: &str,
    ) -> Result<Self, Problem> {
        // A browser's address bar cannot set a header.
        let accept = query.text("accept").or_else(|| headers.get(http::header::ACCEPT)?.to_str().ok());
        let follow = query.flag("follow")?;
        let framing = ReadKind::from_accept(accept).and_then(Framing::of);
        let framing = framing.filter(|framing| follow || *framing == Framing::Events).ok_or_else(|| {
            let message = format!(
                "{what} can only be followed: use 'Accept: text/event-stream', or 'Accept: application/x-ndjson' \
                 with follow=true; else {instead}"
            );
            Problem::new(StatusCode::NOT_ACCEPTABLE, message)
        })?;
        let max_records = query.number::<usize>("max_records")?;
        if max_records == Some(0) {
            return Err(Problem::bad_request("max_records must be at least 1"));
        }
        Ok(Self {
            framing,
            max_bytes: query.number::<usize>("max_bytes")?.unwrap_or(default_bytes).max(1),
            max_records: max_records.unwrap_or(usize::MAX),
            reading: reading(query)?,
        })
    }
}

fn topic_start(query: &Query<'_>, headers: &HeaderMap) -> Result<TopicStart, Problem> {
    let everywhere = |from| (from, BTreeMap::new());
    if let Some(last) = headers.get(LAST_EVENT_ID) {
        let starts = last.to_str().ok().and_then(parse_partitions);
        let message = "Last-Event-ID must be the id of an event of this stream, like 0:17,1:22";
        // What the id does not name was not there, and is new.
        return Ok((FetchFrom::Earliest, starts.ok_or_else(|| Problem::bad_request(message))?));
    }
    let mut begin = Vec::new();
    match query.text("offset") {
        None => {}
        Some("earliest") => begin.push(everywhere(FetchFrom::Earliest)),
        Some("latest") => begin.push(everywhere(FetchFrom::Latest)),
        Some(text) => {
            let starts = parse_partitions(text).ok_or_else(|| {
                Problem::bad_request(format!(
                    "offset must be earliest, latest, or the next offset of each partition like 0:17,1:22, not '{}'",
                    shown(text)
                ))
            })?;
            begin.push((FetchFrom::Earliest, starts));
        }
    }
    if let Some(text) = query.text("timestamp") {
        let timestamp_ms = parse_ms(text).ok_or_else(|| {
            Problem::bad_request(format!(
                "timestamp must be milliseconds since 1970 or like 2026-01-31T12:00:00Z, not '{}'",
                shown(text)
            ))
        })?;
        begin.push(everywhere(FetchFrom::Timestamp(timestamp_ms)));
    }
    if let Some(count) = query.number::<u64>("tail")? {
        begin.push(everywhere(FetchFrom::Tail(count)));
    }
    let mut begin = begin.into_iter();
    match (begin.next(), begin.next()) {
        (None, _) => Ok(everywhere(FetchFrom::Earliest)),
        (Some(one), None) => Ok(one),
        _ => Err(Problem::bad_request("offset, timestamp and tail exclude each other: send one of them")),
    }
}

fn member_start(query: &Query<'_>, headers: &HeaderMap) -> Result<MemberStart, Problem> {
    let commit_delivered = match query.text("commit") {
        None | Some("never") => false,
        Some("delivered") => true,
        Some(other) => {
            let message = format!("commit must be never or delivered, not '{}'", shown(other));
            return Err(Problem::bad_request(message));
        }
    };
    let last = headers.get(LAST_EVENT_ID).map(|last| last.to_str().unwrap_or("?"));
    let resume = match last.or_else(|| query.text("offset")) {
        None => BTreeMap::new(),
        Some(text) => parse_topics(text).ok_or_else(|| {
            let message = "Last-Event-ID, or offset, must be the id of an event of this stream, like orders:0:17,sales:3:5";
            Problem::bad_request(message)
        })?,
    };
    Ok(MemberStart { resume, commit_delivered })
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;
    use http::header::ACCEPT;

    use super::*;

    const EVENTS: &str = "text/event-stream";

    fn headers(accept: &'static str, last: Option<&'static str>) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(ACCEPT, HeaderValue::from_static(accept));
        if let Some(last) = last {
            headers.insert(LAST_EVENT_ID, HeaderValue::from_static(last));
        }
        headers
    }

    fn topic(
        query: &str,
        accept: &'static str,
        last: Option<&'static str>,
    ) -> Result<(StreamQuery, TopicStart), Problem> {
        StreamQuery::of_topic(Some(query), &headers(accept, last), 1 << 20)
    }

    #[test]
    fn it_begins_where_it_is_told() {
        let start = |query| topic(query, EVENTS, None).unwrap().1.0;
        assert_eq!(start(""), FetchFrom::Earliest);
        assert_eq!(start("offset=latest"), FetchFrom::Latest);
        assert_eq!(start("tail=3"), FetchFrom::Tail(3));
        assert_eq!(start("timestamp=5"), FetchFrom::Timestamp(5));
        let given = topic("offset=0:7,2:9", EVENTS, None).unwrap().1;
        let resumed = topic("offset=latest", EVENTS, Some("0:7,2:9")).unwrap().1;
        assert_eq!(given, resumed, "the id of the last event counts more");
        let starts: Vec<_> = given.1.iter().map(|(index, next)| (index.0, next.0)).collect();
        assert_eq!((given.0, starts), (FetchFrom::Earliest, vec![(0, 7), (2, 9)]));
    }

    #[test]
    fn a_member_resumes_where_its_reader_stands() {
        let member = |query: &str, last| StreamQuery::of_member(Some(query), &headers(EVENTS, last), 1 << 20);
        assert_eq!(member("", None).unwrap().1, MemberStart::default());
        assert!(member("commit=delivered", None).unwrap().1.commit_delivered);
        let resumed = member("", Some("orders:0:17")).unwrap().1;
        assert_eq!(resumed, member("offset=orders:0:17", None).unwrap().1);
        assert_eq!(resumed.resume.values().copied().collect::<Vec<_>>(), [Offset(17)]);
        for query in ["offset=latest", "commit=yes", "tail=1"] {
            assert_eq!(member(query, None).unwrap_err().status(), 400, "{query}");
        }
        assert_eq!(member("", Some("0:17")).unwrap_err().status(), 400);
    }

    #[test]
    fn what_is_no_stream_is_refused() {
        assert_eq!(topic("", "application/json", None).unwrap_err().status(), 406);
        assert_eq!(topic("", "application/x-ndjson", None).unwrap_err().status(), 406);
        let lines = topic("follow=true", "application/x-ndjson", None).unwrap().0;
        assert_eq!(lines.framing, Framing::Lines);
        for query in
            ["offset=7", "offset=latest&tail=1", "max_records=0", "ofset=latest", "timestamp=noon", "as=xml"]
        {
            assert_eq!(topic(query, EVENTS, None).unwrap_err().status(), 400, "{query}");
        }
        assert_eq!(topic("", EVENTS, Some("41")).unwrap_err().status(), 400);
    }
}
