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

/// A header's name and its value, as sent where that needs no decoding.
pub(super) type SentHeader<'a> = (Cow<'a, str>, Option<Cow<'a, [u8]>>);

/// One record as it was sent.
#[derive(Debug)]
pub(super) struct Envelope<'a> {
    /// Its key.
    pub(super) key: Option<Cow<'a, [u8]>>,
    /// Its value.
    pub(super) value: Option<Cow<'a, [u8]>>,
    /// Its headers.
    pub(super) headers: Vec<SentHeader<'a>>,
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
    expect_object(text.as_bytes())?;
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
    expect_object(text.as_bytes())?;
    let sent: SentRecords<'_> = serde_json::from_str(text)
        .map_err(|error| format!("line {}, column {}: {}", error.line(), error.column(), plain(&error)))?;
    if sent.records.is_empty() {
        return Err("\"records\" is empty: send at least one".to_owned());
    }
    Ok(sent.records.into_iter().map(RawValue::get).collect())
}

/// Refuses what is not a JSON object: the reader would take an array for its fields in order.
///
/// # Errors
/// What it begins with instead.
pub(super) fn expect_object(text: &[u8]) -> Result<(), String> {
    match text.iter().find(|byte| !byte.is_ascii_whitespace()) {
        Some(b'{') => Ok(()),
        Some(other) => {
            Err(format!("a JSON object is expected, and this begins with '{}'", other.escape_ascii()))
        }
        None => Err("a JSON object is expected, and there is nothing".to_owned()),
    }
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
    headers: &mut Vec<SentHeader<'a>>,
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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn text(bytes: Option<&Cow<'_, [u8]>>) -> Option<String> {
        bytes.map(|bytes| String::from_utf8_lossy(bytes).into_owned())
    }

    #[test]
    fn a_string_is_its_text_and_other_json_its_own_bytes() {
        let cases = [
            (r#"{"value":"a\"b\u00e4\n"}"#, Some("a\"bä\n")),
            (r#"{"value":"plain"}"#, Some("plain")),
            (r#"{"value":""}"#, Some("")),
            (r#"{"value":{"b" : 1,  "a":[2.50]}}"#, Some(r#"{"b" : 1,  "a":[2.50]}"#)),
            (r#"{"value":12345678901234567890123}"#, Some("12345678901234567890123")),
            (r#"{"value":null}"#, None),
            (r#"{"key":"k"}"#, None),
            (r#"{"value_b64":"aGk="}"#, Some("hi")),
        ];
        for (json, value) in cases {
            assert_eq!(text(parse(json).unwrap().value.as_ref()).as_deref(), value, "{json}");
        }
    }

    #[test]
    fn headers_keep_order_and_repeats() {
        let envelope =
            parse(r#"{"value":"v","headers":{"a":["1",null],"b":"2"},"headers_b64":{"c":"/w=="}}"#).unwrap();
        let headers: Vec<_> =
            envelope.headers.iter().map(|(name, value)| (name.as_ref(), value.as_deref())).collect();
        let expected: [(&str, Option<&[u8]>); 4] =
            [("a", Some(b"1")), ("a", None), ("b", Some(b"2")), ("c", Some(b"\xff"))];
        assert_eq!(headers, expected);
    }

    #[test]
    fn mistakes_name_the_field() {
        let cases = [
            ("", "there is nothing"),
            ("[]", "begins with '['"),
            ("\u{0}", "begins with '\\x00'"),
            (r#"{"valur":1}"#, "unknown field `valur`"),
            (r#"{"value":"a","value_b64":"aGk="}"#, "value and value_b64 are both given"),
            (r#"{"key_b64":"?"}"#, "key_b64 is not base64"),
            (r#"{"headers":{"a":1}}"#, "header 'a' must be a text"),
            (r#"{"headers":{"a":[["1"]]}}"#, "array of arrays"),
            (r#"{"headers_b64":{"a":"?"}}"#, "header 'a' is not base64"),
            (r#"{"timestamp":"now"}"#, "expected i64"),
            (r#"{"timestamp":-1}"#, "timestamp must be"),
            (r#"{"partition":4294967296}"#, "expected i32"),
            (r#"{"value":"#, "EOF"),
        ];
        for (json, expected) in cases {
            let message = parse(json).unwrap_err();
            assert!(message.contains(expected), "{json}: {message}");
            assert!(!message.contains(" at line "), "{json}: the caller knows the line: {message}");
        }
    }

    #[test]
    fn records_are_split_and_mistakes_are_placed() {
        assert_eq!(split(r#"{"records":[{"value":1}, {}]}"#).unwrap(), [r#"{"value":1}"#, "{}"]);
        assert!(split(r#"{"records":[]}"#).unwrap_err().contains("empty"));
        assert!(split("{\"records\":[\n{},\n}]}").unwrap_err().starts_with("line 3"));
        assert!(split(r#"{"record":[{}]}"#).unwrap_err().contains("unknown field `record`"));
        let deep = format!("{{\"records\":[{}]}}", "[".repeat(100_000));
        assert!(split(&deep).is_err(), "depth does not hurt");
    }

    proptest! {
        /// Whatever text is sent as a JSON string comes out as that text.
        #[test]
        fn any_text_survives(value in ".*") {
            let json = format!("{{\"value\":{}}}", serde_json::to_string(&value).unwrap());
            prop_assert_eq!(text(parse(&json).unwrap().value.as_ref()), Some(value));
        }

        /// No bytes make it panic.
        #[test]
        fn noise_is_refused_calmly(noise in "[\\{\\}\\[\\]\":,a-z0-9\\\\ ]{0,60}") {
            let _ = parse(&noise);
            let _ = split(&noise);
        }
    }
}
