//! Envelopes: a record as a JSON object, `{"key":...,"value":...,"headers":{...},"timestamp":...,"partition":...}`. Pure.
//!
//! A JSON string stands for its text, `null` or nothing for no value, any other JSON for its own bytes as sent; bytes
//! that are not text are base64 under `key_b64`, `value_b64`, `headers_b64`. A header's name may stand for several
//! values, as an array.

use std::borrow::Cow;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::query::shown;
use crate::record::{BatchBuilder, HeaderRef};

/// One record as it was sent.
#[derive(Debug)]
pub(super) struct Envelope<'a> {
    /// Its key.
    pub(super) key: Option<Cow<'a, [u8]>>,
    /// Its value.
    pub(super) value: Option<Cow<'a, [u8]>>,
    /// Its headers.
    pub(super) headers: Vec<(Cow<'a, str>, Option<Cow<'a, [u8]>>)>,
    /// Its time, if given.
    pub(super) timestamp_ms: Option<i64>,
    /// Its partition, if given.
    pub(super) partition: Option<i32>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Sent<'a> {
    #[serde(borrow, default)]
    key: Option<&'a RawValue>,
    #[serde(borrow, default)]
    key_b64: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    value: Option<&'a RawValue>,
    #[serde(borrow, default)]
    value_b64: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    headers: Option<SentHeaders<'a>>,
    #[serde(borrow, default)]
    headers_b64: Option<SentHeaders<'a>>,
    #[serde(default)]
    timestamp: Option<i64>,
    #[serde(default)]
    partition: Option<i32>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SentRecords<'a> {
    #[serde(borrow)]
    records: Vec<&'a RawValue>,
}

/// Names with a text, `null`, or an array of these, in the order sent.
struct SentHeaders<'a>(Vec<(Cow<'a, str>, &'a RawValue)>);

impl<'de: 'a, 'a> Deserialize<'de> for SentHeaders<'a> {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Pairs;
        impl<'de> serde::de::Visitor<'de> for Pairs {
            type Value = Vec<(Cow<'de, str>, &'de RawValue)>;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("an object of header names and texts")
            }

            fn visit_map<A: serde::de::MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut pairs = Vec::new();
                while let Some((name, value)) = map.next_entry::<Name<'de>, &'de RawValue>()? {
                    pairs.push((name.0, value));
                }
                Ok(pairs)
            }
        }
        deserializer.deserialize_map(Pairs).map(SentHeaders)
    }
}

/// A name, borrowed where it holds no escapes.
#[derive(Deserialize)]
struct Name<'a>(#[serde(borrow)] Cow<'a, str>);

/// Reads one envelope.
///
/// # Errors
/// What is wrong with it, naming the field.
pub(super) fn parse(text: &str) -> Result<Envelope<'_>, String> {
    let sent: Sent<'_> = serde_json::from_str(text).map_err(|error| plain(&error))?;
    if sent.timestamp.is_some_and(|timestamp| timestamp < 0) {
        return Err("timestamp must be milliseconds since 1970".to_owned());
    }
    let mut headers = Vec::new();
    for (pairs, base64) in [(sent.headers, false), (sent.headers_b64, true)] {
        for (name, value) in pairs.map(|pairs| pairs.0).unwrap_or_default() {
            push_header(&mut headers, name, value, base64)?;
        }
    }
    Ok(Envelope {
        key: bytes("key", sent.key, sent.key_b64)?,
        value: bytes("value", sent.value, sent.value_b64)?,
        headers,
        timestamp_ms: sent.timestamp,
        partition: sent.partition,
    })
}

/// Reads `{"records":[...]}` into the texts of its records, each still to be read by [`parse`].
///
/// # Errors
/// What is wrong with it, and where.
pub(super) fn split(text: &str) -> Result<Vec<&str>, String> {
    let sent: SentRecords<'_> = serde_json::from_str(text).map_err(|error| {
        format!("line {}, column {}: {}", error.line(), error.column(), plain(&error))
    })?;
    if sent.records.is_empty() {
        return Err("\"records\" is empty: send at least one".to_owned());
    }
    Ok(sent.records.into_iter().map(RawValue::get).collect())
}

impl Envelope<'_> {
    /// Adds the record to a batch; `now_ms` if it has no time of its own.
    pub(super) fn push(&self, builder: &mut BatchBuilder, now_ms: i64) {
        let headers: Vec<HeaderRef<'_>> =
            self.headers.iter().map(|(name, value)| HeaderRef { name, value: value.as_deref() }).collect();
        let timestamp_ms = self.timestamp_ms.unwrap_or(now_ms);
        builder.push(timestamp_ms, self.key.as_deref(), self.value.as_deref(), &headers);
    }
}

fn bytes<'a>(
    field: &str,
    plain: Option<&'a RawValue>,
    base64: Option<Cow<'a, str>>,
) -> Result<Option<Cow<'a, [u8]>>, String> {
    match (plain, base64) {
        (Some(_), Some(_)) => Err(format!("{field} and {field}_b64 are both given: send one of them")),
        (Some(raw), None) => Ok(Some(raw_bytes(raw.get()))),
        (None, Some(text)) => decode(&format!("{field}_b64"), &text).map(|bytes| Some(Cow::Owned(bytes))),
        (None, None) => Ok(None),
    }
}

/// A JSON string's text, any other JSON as it is.
fn raw_bytes(raw: &str) -> Cow<'_, [u8]> {
    let Some(inner) = raw.strip_prefix('"').and_then(|raw| raw.strip_suffix('"')) else {
        return Cow::Borrowed(raw.as_bytes());
    };
    if !inner.contains('\\') {
        return Cow::Borrowed(inner.as_bytes());
    }
    // What a lone surrogate escape stands for is no text; its JSON is kept as it is.
    match serde_json::from_str::<String>(raw) {
        Ok(text) => Cow::Owned(text.into_bytes()),
        Err(_) => Cow::Borrowed(raw.as_bytes()),
    }
}

fn push_header<'a>(
    headers: &mut Vec<(Cow<'a, str>, Option<Cow<'a, [u8]>>)>,
    name: Cow<'a, str>,
    value: &'a RawValue,
    base64: bool,
) -> Result<(), String> {
    let raw = value.get();
    if raw.starts_with('[') {
        let values: Vec<&'a RawValue> = serde_json::from_str(raw).map_err(|error| plain(&error))?;
        for value in values {
            if value.get().starts_with('[') {
                return Err(format!("header '{}' is an array of arrays: send texts", shown(&name)));
            }
            push_header(headers, name.clone(), value, base64)?;
        }
        return Ok(());
    }
    let value = match raw {
        "null" => None,
        text if text.starts_with('"') => {
            let bytes = raw_bytes(text);
            if base64 {
                let text = String::from_utf8_lossy(&bytes);
                Some(Cow::Owned(decode(&format!("header '{}'", shown(&name)), &text)?))
            } else {
                Some(bytes)
            }
        }
        _ => return Err(format!("header '{}' must be a text, null, or an array of these", shown(&name))),
    };
    headers.push((name, value));
    Ok(())
}

fn decode(field: &str, text: &str) -> Result<Vec<u8>, String> {
    STANDARD.decode(text).map_err(|error| format!("{field} is not base64: {error}"))
}

/// What the JSON reader says, without the place, which the caller knows better.
fn plain(error: &serde_json::Error) -> String {
    let text = error.to_string();
    match text.rfind(" at line ") {
        Some(at) => format!("{} (column {})", &text[..at], error.column()),
        None => text,
    }
}
