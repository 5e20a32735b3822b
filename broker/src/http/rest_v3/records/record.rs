//! A JSON object as a record: `{"partition_id":0,"headers":[{"name":"h","value":"YmFzZTY0"}],"key":{"type":"BINARY",
//! "data":"aw=="},"value":{"type":"JSON","data":{"n":1}},"timestamp":"2026-01-01T00:00:00Z"}`. Pure.
//!
//! JSON is stored as it was sent, a text as its characters, bytes as what their base64 says; data that is null stores
//! nothing. There are no schemas here, and data that names one is refused.

use std::borrow::Cow;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::receipt::Told;
use crate::http::envelope::expect_object;
use crate::http::instant::parse_ms;
use crate::http::query::shown;
use crate::http::rest_v3::refusal::Refusal;
use crate::record::{BatchBuilder, HeaderRef};

/// Beyond its parts, what a record takes in a batch at most.
const OVERHEAD_BYTES: usize = 64;

/// A record as it was sent.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Sent {
    /// What the sender calls it; in `records:batch` only.
    pub(super) id: Option<String>,
    /// Where it is to go.
    pub(super) partition: Option<i32>,
    /// Its key, if it was named.
    pub(super) key: Option<Datum>,
    /// Its value, if it was named.
    pub(super) value: Option<Datum>,
    headers: Vec<(String, Option<Vec<u8>>)>,
    timestamp_ms: Option<i64>,
}

/// A key or a value.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Datum {
    kind: &'static str,
    bytes: Option<Vec<u8>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Wish<'a> {
    #[serde(borrow, default)]
    id: Option<&'a RawValue>,
    #[serde(default)]
    partition_id: Option<i32>,
    #[serde(borrow, default)]
    headers: Option<Vec<HeaderWish<'a>>>,
    #[serde(borrow, default)]
    key: Option<DatumWish<'a>>,
    #[serde(borrow, default)]
    value: Option<DatumWish<'a>>,
    #[serde(borrow, default)]
    timestamp: Option<Cow<'a, str>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct HeaderWish<'a> {
    #[serde(borrow)]
    name: Cow<'a, str>,
    #[serde(borrow, default)]
    value: Option<Cow<'a, str>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct DatumWish<'a> {
    #[serde(borrow, default, rename = "type")]
    kind: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    data: Option<&'a RawValue>,
    #[serde(borrow, default)]
    subject: Option<&'a RawValue>,
    #[serde(borrow, default)]
    subject_name_strategy: Option<&'a RawValue>,
    #[serde(borrow, default)]
    schema_id: Option<&'a RawValue>,
    #[serde(borrow, default)]
    schema_version: Option<&'a RawValue>,
    #[serde(borrow, default)]
    schema: Option<&'a RawValue>,
}

/// Reads one record.
pub(super) fn parse(object: &[u8]) -> Result<Sent, Refusal> {
    expect_object(object).map_err(Refusal::malformed)?;
    let wish: Wish<'_> = serde_json::from_slice(object)
        .map_err(|error| Refusal::malformed(format!("the record cannot be read: {error}")))?;
    let id = match wish.id.map(RawValue::get) {
        None => None,
        Some(raw) => {
            let id = serde_json::from_str::<String>(raw);
            Some(id.map_err(|_| Refusal::malformed("the record's id must be a text"))?)
        }
    };
    let header = |header: HeaderWish<'_>| {
        let value = header.value.map(|value| base64_of(&value)).transpose();
        let value = value
            .map_err(|reason| Refusal::malformed(format!("header '{}': {reason}", shown(&header.name))))?;
        Ok::<_, Refusal>((header.name.into_owned(), value))
    };
    let time = |text: Cow<'_, str>| {
        parse_ms(&text).ok_or_else(|| {
            let message =
                format!("timestamp '{}' is no point in time: write 2026-01-31T12:00:00Z", shown(&text));
            Refusal::malformed(message)
        })
    };
    Ok(Sent {
        id,
        partition: wish.partition_id,
        key: wish.key.map(|key| datum("key", key, 1)).transpose()?,
        value: wish.value.map(|value| datum("value", value, 2)).transpose()?,
        headers: wish.headers.unwrap_or_default().into_iter().map(header).collect::<Result<_, _>>()?,
        timestamp_ms: wish.timestamp.map(time).transpose()?,
    })
}

fn datum(field: &str, wish: DatumWish<'_>, code: u32) -> Result<Datum, Refusal> {
    let schemas =
        [wish.subject, wish.subject_name_strategy, wish.schema_id, wish.schema_version, wish.schema];
    let kind = wish.kind.as_deref().map(str::to_ascii_uppercase);
    let kind = match kind.as_deref() {
        _ if schemas.iter().any(Option::is_some) => None,
        Some("BINARY") => Some("BINARY"),
        Some("JSON") => Some("JSON"),
        Some("STRING") => Some("STRING"),
        Some("AVRO" | "JSONSCHEMA" | "PROTOBUF") => None,
        _ => {
            let given = wish.kind.as_deref().map_or("none".to_owned(), |kind| format!("'{}'", shown(kind)));
            let message = format!("the type of the {field} is {given}: use BINARY, JSON or STRING");
            return Err(Refusal::malformed(message));
        }
    };
    let Some(kind) = kind else {
        let message =
            format!("the {field} has a schema, and there are none here: use BINARY, JSON or STRING");
        return Err(Refusal::unprocessable(code, message));
    };
    let Some(data) = wish.data.map(RawValue::get) else { return Ok(Datum { kind, bytes: None }) };
    let text = || {
        let text = serde_json::from_str::<String>(data).ok();
        let expected = if kind == "BINARY" { "a base64 string" } else { "a string" };
        let message = format!("data={} of the {field} is not {expected}", shown(data));
        text.ok_or_else(|| Refusal::malformed(message))
    };
    let bytes = match kind {
        "JSON" => data.as_bytes().to_vec(),
        "STRING" => text()?.into_bytes(),
        _ => base64_of(&text()?)
            .map_err(|reason| Refusal::malformed(format!("data of the {field}: {reason}")))?,
    };
    Ok(Datum { kind, bytes: Some(bytes) })
}

fn base64_of(text: &str) -> Result<Vec<u8>, String> {
    STANDARD.decode(text).map_err(|error| format!("'{}' is not a base64 string: {error}", shown(text)))
}

impl Datum {
    /// What is said of it.
    pub(super) fn told(&self) -> Told {
        Told { kind: self.kind, size: self.bytes.as_ref().map_or(0, Vec::len) }
    }
}

impl Sent {
    /// Its key, if it has one.
    pub(super) fn key_bytes(&self) -> Option<&[u8]> {
        self.key.as_ref()?.bytes.as_deref()
    }

    fn value_bytes(&self) -> Option<&[u8]> {
        self.value.as_ref()?.bytes.as_deref()
    }

    /// How many bytes it may take in a batch.
    pub(super) fn size(&self) -> usize {
        let headers =
            self.headers.iter().map(|(name, value)| name.len() + value.as_ref().map_or(0, Vec::len) + 16);
        let data = self.key_bytes().map_or(0, <[u8]>::len) + self.value_bytes().map_or(0, <[u8]>::len);
        OVERHEAD_BYTES + data + headers.sum::<usize>()
    }

    /// Adds it to a batch, and tells the time it has there; `now_ms` if it has none of its own.
    pub(super) fn push(&self, builder: &mut BatchBuilder, now_ms: i64) -> i64 {
        let headers: Vec<HeaderRef<'_>> =
            self.headers.iter().map(|(name, value)| HeaderRef { name, value: value.as_deref() }).collect();
        let timestamp_ms = self.timestamp_ms.unwrap_or(now_ms);
        builder.push(timestamp_ms, self.key_bytes(), self.value_bytes(), &headers);
        timestamp_ms
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_is_read() {
        let object = br#"{"partition_id":3,"headers":[{"name":"h","value":"aGk="},{"name":"n"}],
            "key":{"type":"BINARY","data":"aw=="},"value":{"type":"json","data":{"n" : 1}},
            "timestamp":"1970-01-01T00:00:01Z"}"#;
        let sent = parse(object).unwrap();
        assert_eq!((sent.partition, sent.key_bytes()), (Some(3), Some(&b"k"[..])));
        assert_eq!(sent.value_bytes(), Some(&br#"{"n" : 1}"#[..]));
        assert_eq!(sent.headers, [("h".to_owned(), Some(b"hi".to_vec())), ("n".to_owned(), None)]);
        assert_eq!(sent.timestamp_ms, Some(1_000));
        let none = parse(br#"{"value":{"type":"STRING","data":null}}"#).unwrap();
        assert_eq!((none.value_bytes(), none.value.as_ref().unwrap().told().size), (None, 0));
    }

    #[test]
    fn mistakes_are_explained() {
        let cases: [(&str, u32, &str); 10] = [
            ("[]", 400, "begins with '['"),
            (r#"{"valu":1}"#, 400, "unknown field `valu`"),
            (r#"{"value":{"data":1}}"#, 400, "the type of the value is none"),
            (r#"{"value":{"type":"XML","data":1}}"#, 400, "is 'XML'"),
            (r#"{"value":{"type":"BINARY","data":1}}"#, 400, "data=1 of the value is not a base64 string"),
            (r#"{"key":{"type":"BINARY","data":"?"}}"#, 400, "'?' is not a base64 string"),
            (r#"{"key":{"type":"STRING","data":{}}}"#, 400, "is not a string"),
            (r#"{"key":{"type":"AVRO","data":1}}"#, 42_201, "there are none here"),
            (r#"{"value":{"schema_id":1,"data":1}}"#, 42_202, "there are none here"),
            (r#"{"timestamp":"soon"}"#, 400, "no point in time"),
        ];
        for (object, code, part) in cases {
            let refusal = parse(object.as_bytes()).unwrap_err();
            assert!(refusal.code == code && refusal.message.contains(part), "{object}: {refusal:?}");
        }
    }
}
