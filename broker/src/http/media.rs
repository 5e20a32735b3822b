//! Media types: what a body is, and which answer a reader prefers. Pure.
//!
//! Parameters such as `charset=utf-8` are ignored, except the weights of `Accept`.

/// What a produce body holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum BodyKind {
    /// One record: the body is its value.
    Value,
    /// One record a line.
    Lines,
    /// `{"records":[...]}`.
    Json,
    /// One record batch, as on disk.
    Batch,
}

/// What produce bodies may be, for messages.
pub(super) const PRODUCE_TYPES: &str = "application/octet-stream or text/plain (one record), application/x-ndjson \
     (one record a line), application/json ({\"records\":[...]}), application/vnd.tidemark.batch (a record batch v2)";

impl BodyKind {
    /// The kind that a `Content-Type` names.
    pub(super) fn from_content_type(content_type: &str) -> Option<Self> {
        let essence = essence(content_type);
        let is = |name: &str| essence.eq_ignore_ascii_case(name);
        if is("application/x-ndjson") || is("application/ndjson") || is("application/jsonl") {
            Some(Self::Lines)
        } else if is("application/octet-stream") || is("text/plain") {
            Some(Self::Value)
        } else if is("application/json") {
            Some(Self::Json)
        } else if is("application/vnd.tidemark.batch") {
            Some(Self::Batch)
        } else {
            None
        }
    }
}

/// What an answer to a read looks like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ReadKind {
    /// One JSON object with an array of records.
    Json,
    /// One JSON object a record and line.
    Lines,
    /// The value of one record, as it is.
    Value,
    /// The values of all records, each followed by a line feed.
    Text,
    /// Record batches, as on disk.
    Batches,
    /// Server-sent events.
    Events,
}

/// What reads can be answered with, for messages; the first is the default.
pub(super) const READ_TYPES: &str = "application/json, application/x-ndjson, application/octet-stream (one value), \
     text/plain (values line by line), application/vnd.tidemark.batch (record batches), text/event-stream";

const READ_KINDS: [(ReadKind, &str); 6] = [
    (ReadKind::Json, "application/json"),
    (ReadKind::Lines, "application/x-ndjson"),
    (ReadKind::Value, "application/octet-stream"),
    (ReadKind::Text, "text/plain"),
    (ReadKind::Batches, "application/vnd.tidemark.batch"),
    (ReadKind::Events, "text/event-stream"),
];

impl ReadKind {
    /// The kind that an `Accept` header prefers: the greatest weight, then the first named. JSON without a header.
    pub(super) fn from_accept(accept: Option<&str>) -> Option<Self> {
        let Some(accept) = accept.filter(|text| !text.trim().is_empty()) else { return Some(Self::Json) };
        let mut best: Option<(Self, f32)> = None;
        for range in accept.split(',') {
            let Some(kind) = Self::from_range(essence(range)) else { continue };
            let weight = weight(range);
            if weight > 0.0 && best.is_none_or(|(_, best)| weight > best) {
                best = Some((kind, weight));
            }
        }
        best.map(|(kind, _)| kind)
    }

    /// The media type.
    pub(super) fn media_type(self) -> &'static str {
        READ_KINDS.iter().find(|(kind, _)| *kind == self).map_or("application/json", |(_, name)| name)
    }

    fn from_range(range: &str) -> Option<Self> {
        let family = range.strip_suffix("/*");
        READ_KINDS.iter().find_map(|(kind, name)| {
            let fits = match family {
                Some("*") => true,
                Some(family) => name.split_once('/').is_some_and(|(of, _)| of.eq_ignore_ascii_case(family)),
                None => range.eq_ignore_ascii_case(name),
            };
            fits.then_some(*kind)
        })
    }
}

/// Whether an `Accept` header admits JSON, which every answer but a read's is.
pub(super) fn admits_json(accept: Option<&str>) -> bool {
    let Some(accept) = accept.filter(|text| !text.trim().is_empty()) else { return true };
    accept.split(',').any(|range| {
        let name = essence(range);
        weight(range) > 0.0
            && ["*/*", "application/*", "application/json"].iter().any(|fit| name.eq_ignore_ascii_case(fit))
    })
}

/// How a body is compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Coding {
    /// Not at all.
    Identity,
    /// gzip.
    Gzip,
    /// Zstandard.
    Zstd,
}

impl Coding {
    /// The coding that a `Content-Encoding` names.
    pub(super) fn from_content_encoding(coding: Option<&str>) -> Option<Self> {
        match coding.map(str::trim) {
            None | Some("") => Some(Self::Identity),
            Some(name) if name.eq_ignore_ascii_case("identity") => Some(Self::Identity),
            Some(name) if name.eq_ignore_ascii_case("gzip") || name.eq_ignore_ascii_case("x-gzip") => {
                Some(Self::Gzip)
            }
            Some(name) if name.eq_ignore_ascii_case("zstd") => Some(Self::Zstd),
            Some(_) => None,
        }
    }
}

fn essence(range: &str) -> &str {
    range.split(';').next().unwrap_or_default().trim()
}

/// The `q` of a range; 1 without one, 0 if it cannot be read.
fn weight(range: &str) -> f32 {
    let q = range.split(';').skip(1).filter_map(|parameter| parameter.trim().split_once('='));
    let mut q = q.filter(|(name, _)| name.trim().eq_ignore_ascii_case("q"));
    q.next().map_or(1.0, |(_, value)| value.trim().parse().unwrap_or(0.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_content_type_names_the_kind_whatever_its_case_and_parameters() {
        let cases = [
            ("application/octet-stream", Some(BodyKind::Value)),
            ("text/plain; charset=utf-8", Some(BodyKind::Value)),
            ("Application/X-NDJSON", Some(BodyKind::Lines)),
            ("application/json;charset=utf-8", Some(BodyKind::Json)),
            ("application/vnd.tidemark.batch", Some(BodyKind::Batch)),
            ("application/x-www-form-urlencoded", None),
            ("", None),
        ];
        for (text, kind) in cases {
            assert_eq!(BodyKind::from_content_type(text), kind, "{text}");
        }
    }

    #[test]
    fn accept_prefers_weight_then_order() {
        let cases = [
            (None, Some(ReadKind::Json)),
            (Some("*/*"), Some(ReadKind::Json)),
            (Some(""), Some(ReadKind::Json)),
            (Some("application/*"), Some(ReadKind::Json)),
            (Some("text/*"), Some(ReadKind::Text)),
            (Some("application/x-ndjson"), Some(ReadKind::Lines)),
            (Some("text/html, text/event-stream;q=0.8, application/x-ndjson;q=0.9"), Some(ReadKind::Lines)),
            (Some("text/html, application/octet-stream"), Some(ReadKind::Value)),
            (Some("application/json;q=0, application/vnd.tidemark.batch;q=0.1"), Some(ReadKind::Batches)),
            (Some("text/html"), None),
            (Some("application/json;q=0"), None),
            (Some("nonsense"), None),
        ];
        for (accept, kind) in cases {
            assert_eq!(ReadKind::from_accept(accept), kind, "{accept:?}");
        }
    }

    #[test]
    fn json_is_admitted_by_its_ranges_only() {
        for (accept, admits) in
            [(None, true), (Some("*/*"), true), (Some("text/html, application/*;q=0.2"), true)]
        {
            assert_eq!(admits_json(accept), admits, "{accept:?}");
        }
        assert!(!admits_json(Some("text/html")));
        assert!(!admits_json(Some("application/json;q=0")));
    }

    #[test]
    fn codings_are_known_or_not() {
        assert_eq!(Coding::from_content_encoding(None), Some(Coding::Identity));
        assert_eq!(Coding::from_content_encoding(Some("GZIP")), Some(Coding::Gzip));
        assert_eq!(Coding::from_content_encoding(Some(" zstd ")), Some(Coding::Zstd));
        assert_eq!(Coding::from_content_encoding(Some("br")), None);
    }
}
