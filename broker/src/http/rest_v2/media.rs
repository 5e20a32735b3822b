//! Media types of the REST Proxy: what a body holds, and which answer is wanted. Pure.
//!
//! Karapace's reading, the widest: `application/vnd.kafka[.FORMAT][.v1|.v2]+json`, `application/json`, and for bodies
//! `application/octet-stream`; in any case, whatever their parameters. Strimzi's format `text` is one of the formats.

use crate::groups::instances::EmbeddedFormat;

/// The media type of all that holds no records.
pub(super) const PLAIN_TYPE: &str = "application/vnd.kafka.v2+json";

/// JSON by its own name.
pub(super) const JSON_TYPE: &str = "application/json";

/// What bodies may be, for messages.
pub(super) const BODY_TYPES: &str = "application/vnd.kafka.json.v2+json, application/vnd.kafka.binary.v2+json, \
     application/vnd.kafka.text.v2+json, application/vnd.kafka.v2+json, application/json";

/// The media type of records in a format.
pub(super) fn media_type(format: EmbeddedFormat) -> &'static str {
    match format {
        EmbeddedFormat::Binary => "application/vnd.kafka.binary.v2+json",
        EmbeddedFormat::Json => "application/vnd.kafka.json.v2+json",
        EmbeddedFormat::Text => "application/vnd.kafka.text.v2+json",
        EmbeddedFormat::Avro => "application/vnd.kafka.avro.v2+json",
        EmbeddedFormat::Jsonschema => "application/vnd.kafka.jsonschema.v2+json",
        EmbeddedFormat::Protobuf => "application/vnd.kafka.protobuf.v2+json",
    }
}

/// What plain `application/json` stands for where records are meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::http) struct PlainJson(pub(in crate::http) EmbeddedFormat);

/// One media type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Embedded(EmbeddedFormat),
    /// `application/vnd.kafka.v2+json`.
    Plain,
    Json,
    Octets,
}

impl Kind {
    fn of(text: &str) -> Option<Self> {
        let essence = text.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        let name = match essence.strip_prefix("application/")? {
            "json" => return Some(Self::Json),
            "octet-stream" => return Some(Self::Octets),
            other => other.strip_prefix("vnd.kafka")?.strip_suffix("+json")?.to_owned(),
        };
        let unversioned = name.strip_suffix(".v2").or_else(|| name.strip_suffix(".v1")).unwrap_or(&name);
        match unversioned {
            "" => Some(Self::Plain),
            format => EmbeddedFormat::from_name(format.strip_prefix('.')?).map(Self::Embedded),
        }
    }
}

/// Whether a `Content-Type` is one that this face takes.
pub(super) fn is_known(content_type: &str) -> bool {
    Kind::of(content_type).is_some()
}

/// The format of records under a `Content-Type`.
pub(super) fn format_of(content_type: &str, plain_json: PlainJson) -> Option<EmbeddedFormat> {
    Kind::of(content_type).map(|kind| match kind {
        Kind::Embedded(format) => format,
        Kind::Json => plain_json.0,
        Kind::Plain | Kind::Octets => EmbeddedFormat::Binary,
    })
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Range {
    Any,
    Json,
    Plain,
    Embedded(EmbeddedFormat),
}

impl Range {
    fn of(text: &str) -> Option<Self> {
        let essence = text.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        match essence.as_str() {
            "*/*" | "application/*" => Some(Self::Any),
            "*/json" => Some(Self::Json),
            _ => match Kind::of(&essence)? {
                Kind::Embedded(format) => Some(Self::Embedded(format)),
                Kind::Plain => Some(Self::Plain),
                Kind::Json => Some(Self::Json),
                Kind::Octets => None,
            },
        }
    }
}

/// Which formats of records would do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wanted {
    /// Whichever.
    Any,
    /// This one.
    Only(EmbeddedFormat),
    /// This one, and others.
    OneOf(EmbeddedFormat),
}

/// What an `Accept` header admits, the most wanted first; never nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Accept(Vec<Range>);

impl Accept {
    /// Reads the header; `None` if it admits nothing that this face has. Without a header, anything.
    pub(super) fn parse(header: Option<&str>) -> Option<Self> {
        let Some(header) = header.filter(|text| !text.trim().is_empty()) else {
            return Some(Self(vec![Range::Any]));
        };
        let weighed = |text: &str| Range::of(text).map(|range| (range, weight(text)));
        let mut ranges: Vec<(Range, f32)> = header.split(',').filter_map(weighed).collect();
        ranges.retain(|(_, weight)| *weight > 0.0);
        ranges.sort_by(|a, b| b.1.total_cmp(&a.1));
        let ranges: Vec<Range> = ranges.into_iter().map(|(range, _)| range).collect();
        (!ranges.is_empty()).then_some(Self(ranges))
    }

    /// The type of an answer that holds no records.
    pub(super) fn plain_answer(&self) -> &'static str {
        if self.0.first() == Some(&Range::Json) { JSON_TYPE } else { PLAIN_TYPE }
    }

    /// The type of an answer with records of `format`; `None` if only others are wanted.
    pub(super) fn answer_in(&self, format: EmbeddedFormat) -> Option<&'static str> {
        self.0.iter().find_map(|range| match range {
            Range::Any => Some(media_type(format)),
            Range::Json => Some(JSON_TYPE),
            Range::Plain => Some(PLAIN_TYPE),
            Range::Embedded(wanted) => (*wanted == format).then(|| media_type(format)),
        })
    }

    /// Which formats of an instance's records would do.
    pub(super) fn wanted(&self) -> Wanted {
        let mut formats = self.0.iter().map(|range| match range {
            Range::Embedded(format) => Some(*format),
            _ => None,
        });
        match (formats.next().flatten(), formats.next()) {
            (Some(only), None) => Wanted::Only(only),
            (Some(first), Some(Some(_))) if formats.all(|format| format.is_some()) => Wanted::OneOf(first),
            _ => Wanted::Any,
        }
    }

    /// The format in which records are wanted, by those who may choose.
    pub(super) fn format(&self, plain_json: PlainJson) -> EmbeddedFormat {
        match self.0.first() {
            Some(Range::Embedded(format)) => *format,
            Some(Range::Json) => plain_json.0,
            _ => EmbeddedFormat::Binary,
        }
    }
}

/// The `q` of a range; 1 without one, 0 if it cannot be read.
fn weight(range: &str) -> f32 {
    let parameters = range.split(';').skip(1).filter_map(|parameter| parameter.trim().split_once('='));
    let mut weights = parameters.filter(|(name, _)| name.trim().eq_ignore_ascii_case("q"));
    weights.next().map_or(1.0, |(_, value)| value.trim().parse().unwrap_or(0.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    const JSON: PlainJson = PlainJson(EmbeddedFormat::Json);

    #[test]
    fn content_types_are_read_as_widely_as_by_karapace() {
        let cases = [
            ("application/vnd.kafka.json.v2+json", Some(EmbeddedFormat::Json)),
            ("Application/VND.Kafka.Binary.v2+JSON; charset=utf-8", Some(EmbeddedFormat::Binary)),
            ("application/vnd.kafka.text.v2+json", Some(EmbeddedFormat::Text)),
            ("application/vnd.kafka.jsonschema.v2+json", Some(EmbeddedFormat::Jsonschema)),
            ("application/vnd.kafka.json+json", Some(EmbeddedFormat::Json)),
            ("application/vnd.kafka.avro.v1+json", Some(EmbeddedFormat::Avro)),
            ("application/vnd.kafka.v2+json", Some(EmbeddedFormat::Binary)),
            ("application/vnd.kafka.v1+json", Some(EmbeddedFormat::Binary)),
            ("application/vnd.kafka+json", Some(EmbeddedFormat::Binary)),
            ("application/json", Some(EmbeddedFormat::Json)),
            ("application/octet-stream", Some(EmbeddedFormat::Binary)),
            ("application/vnd.kafka.v3+json", None),
            ("application/vnd.kafka.binary.v1+foo", None),
            ("application/vnd.kafka.avro.v0+json", None),
            ("application/vnd.kafka.json+avro", None),
            ("application/vnd.kafka.+json", None),
            ("application/vnd.kafkajson+json", None),
            ("application/vnd.kafka", None),
            ("application/text", None),
            ("text/plain", None),
            ("bar/baz", None),
            ("", None),
        ];
        for (text, format) in cases {
            assert_eq!(format_of(text, JSON), format, "{text}");
            assert_eq!(is_known(text), format.is_some(), "{text}");
        }
        assert_eq!(
            format_of("application/json", PlainJson(EmbeddedFormat::Binary)),
            Some(EmbeddedFormat::Binary)
        );
    }

    #[test]
    fn an_accept_header_needs_one_range_that_fits() {
        for text in [
            "application/vnd.kafka.v1+json",
            "application/vnd.kafka+json",
            "application/json",
            "application/*",
            "*/json",
            "*/*",
            "text/html, application/xhtml+xml, */*;q=0.8",
            "",
        ] {
            assert!(Accept::parse(Some(text)).is_some(), "{text}");
        }
        for text in [
            "application/octet-stream",
            "application/vnd.kafka+foo",
            "application/text",
            "foo/*",
            "bar/json",
            "*/baz",
            "application/json;q=0",
        ] {
            assert_eq!(Accept::parse(Some(text)), None, "{text}");
        }
    }

    #[test]
    fn the_most_wanted_range_names_the_answer() {
        let accept = |text| Accept::parse(Some(text)).unwrap();
        assert_eq!(accept("*/*").plain_answer(), PLAIN_TYPE);
        assert_eq!(accept("application/json").plain_answer(), JSON_TYPE);
        assert_eq!(
            accept("application/json;q=0.5, application/vnd.kafka.v2+json").plain_answer(),
            PLAIN_TYPE
        );
        assert_eq!(accept("*/*").answer_in(EmbeddedFormat::Json), Some("application/vnd.kafka.json.v2+json"));
        assert_eq!(accept("application/json").answer_in(EmbeddedFormat::Binary), Some(JSON_TYPE));
        assert_eq!(accept("application/vnd.kafka.json.v2+json").answer_in(EmbeddedFormat::Binary), None);
        let two = "application/vnd.kafka.binary.v2+json, application/vnd.kafka.json.v2+json;q=0.1";
        assert_eq!(accept(two).answer_in(EmbeddedFormat::Json), Some("application/vnd.kafka.json.v2+json"));
        assert_eq!(accept(two).format(JSON), EmbeddedFormat::Binary);
        assert_eq!(accept(two).wanted(), Wanted::OneOf(EmbeddedFormat::Binary));
        assert_eq!(accept("application/vnd.kafka.binary.v2+json, */*;q=0.1").wanted(), Wanted::Any);
        assert_eq!(accept("application/vnd.kafka.json.v2+json").wanted(), Wanted::Only(EmbeddedFormat::Json));
        assert_eq!(accept("application/json").wanted(), Wanted::Any);
        assert_eq!(accept("application/vnd.kafka.text.v2+json").format(JSON), EmbeddedFormat::Text);
        assert_eq!(accept("application/json").format(JSON), EmbeddedFormat::Json);
        assert_eq!(accept("application/vnd.kafka.v2+json").format(JSON), EmbeddedFormat::Binary);
    }
}
