//! The body of a produce: `{"records":[{"key":…,"value":…,"partition":…,"timestamp":…,"headers":[…]},…]}`. Pure.
//!
//! Strict, as Karapace is: malformed JSON, records that are no array, and values that are not base64 are 400; a member
//! that nobody knows, or one of the wrong kind, is 422. `headers` and `timestamp` are Strimzi's; a header's value is
//! base64 in every format.

use std::borrow::Cow;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde::de::{Deserializer as _, Error as _, SeqAccess, Visitor};
use serde_json::value::RawValue;

use super::body::{expect_object, unreadable};
use super::fault::Fault;
use super::json_text::{stored, string_of};
use crate::groups::instances::EmbeddedFormat;
use crate::http::query::shown;

/// What senders of JSON are told who did not say that it is.
const IS_BINARY: &str =
    "headers, and all of the format binary, are base64; application/vnd.kafka.json.v2+json takes JSON";

/// A header's name and value.
pub(super) type SentHeader<'a> = (Cow<'a, str>, Option<Vec<u8>>);

/// One record as it was sent.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Parsed<'a> {
    pub(super) key: Option<Cow<'a, [u8]>>,
    pub(super) value: Option<Cow<'a, [u8]>>,
    pub(super) headers: Vec<SentHeader<'a>>,
    pub(super) timestamp_ms: Option<i64>,
    pub(super) partition: Option<i32>,
}

/// A body, its records still to be read.
#[derive(Debug)]
pub(super) struct ProduceBody<'a> {
    records: &'a str,
    has_key_schema: bool,
    has_value_schema: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SentBody<'a> {
    #[serde(borrow)]
    records: Option<&'a RawValue>,
    #[serde(borrow)]
    key_schema: Option<&'a RawValue>,
    #[serde(borrow)]
    key_schema_id: Option<&'a RawValue>,
    #[serde(borrow)]
    value_schema: Option<&'a RawValue>,
    #[serde(borrow)]
    value_schema_id: Option<&'a RawValue>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SentRecord<'a> {
    #[serde(borrow)]
    key: Option<&'a RawValue>,
    #[serde(borrow)]
    value: Option<&'a RawValue>,
    #[serde(borrow)]
    partition: Option<&'a RawValue>,
    #[serde(borrow)]
    timestamp: Option<&'a RawValue>,
    #[serde(borrow)]
    headers: Option<&'a RawValue>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SentHeaderObject<'a> {
    #[serde(borrow)]
    key: Cow<'a, str>,
    #[serde(borrow)]
    value: Option<Cow<'a, str>>,
}

impl<'a> ProduceBody<'a> {
    /// Reads a body down to its records.
    pub(super) fn parse(body: &'a [u8]) -> Result<Self, Fault> {
        if body.iter().all(u8::is_ascii_whitespace) {
            let message = "Payload error. Null input provided. Data is required.";
            return Err(Fault::unprocessable(message).code(42_206));
        }
        expect_object(body)?;
        let text = std::str::from_utf8(body).map_err(|_| Fault::malformed("the body is not UTF-8"))?;
        let sent: SentBody<'a> = serde_json::from_str(text).map_err(|error| unreadable(&error))?;
        let records =
            sent.records.ok_or_else(|| Fault::unprocessable("\"records\" is missing: send at least one"))?;
        if !records.get().starts_with('[') {
            return Err(Fault::malformed("\"records\" is not an array"));
        }
        Ok(Self {
            records: records.get(),
            has_key_schema: sent.key_schema.or(sent.key_schema_id).is_some(),
            has_value_schema: sent.value_schema.or(sent.value_schema_id).is_some(),
        })
    }

    /// Hands each record over, with its place in the list.
    pub(super) fn each(
        &self,
        format: EmbeddedFormat,
        take: &mut impl FnMut(usize, Parsed<'a>) -> Result<(), Fault>,
    ) -> Result<(), Fault> {
        let mut count = 0;
        each_of(self.records, &mut |text| {
            let place = |fault: Fault| fault.at(&format!("records[{count}]"));
            let record = record(text, format).map_err(place)?;
            take(count, record).map_err(place)?;
            count += 1;
            Ok(())
        })?;
        if count == 0 {
            return Err(Fault::unprocessable("\"records\" is empty: send at least one"));
        }
        Ok(())
    }

    /// Why records that need a schema are not taken.
    pub(super) fn refuse_schemas(&self, format: EmbeddedFormat) -> Fault {
        let (mut keys, mut values) = (false, false);
        let looked = self.each(EmbeddedFormat::Json, &mut |_, record| {
            keys |= record.key.is_some();
            values |= record.value.is_some();
            Ok(())
        });
        if let Err(fault) = looked {
            return fault;
        }
        let missing = |what: &str, code: u32| {
            let message = format!(
                "Request includes {what}s and uses a format that requires schemas but does not include the {what}_schema \
                 or {what}_schema_id fields"
            );
            Fault::unprocessable(message).code(code)
        };
        if keys && !self.has_key_schema {
            missing("key", 42_201)
        } else if values && !self.has_value_schema {
            missing("value", 42_202)
        } else {
            let message = format!(
                "Invalid schema. There is no schema registry here to serialise {} with: use the formats binary, json or text",
                format.name()
            );
            Fault::unprocessable(message).code(42_205)
        }
    }
}

/// Reads one record.
fn record(text: &str, format: EmbeddedFormat) -> Result<Parsed<'_>, Fault> {
    expect_object(text.as_bytes())?;
    let sent: SentRecord<'_> = serde_json::from_str(text).map_err(|error| unreadable(&error))?;
    Ok(Parsed {
        key: sent.key.map(|raw| bytes("key", raw.get(), format)).transpose()?,
        value: sent.value.map(|raw| bytes("value", raw.get(), format)).transpose()?,
        headers: sent.headers.map(|raw| headers(raw.get())).transpose()?.unwrap_or_default(),
        timestamp_ms: sent.timestamp.map(|raw| whole("timestamp", raw.get())).transpose()?,
        partition: sent.partition.map(|raw| partition(raw.get())).transpose()?,
    })
}

fn bytes<'a>(field: &str, raw: &'a str, format: EmbeddedFormat) -> Result<Cow<'a, [u8]>, Fault> {
    match format {
        EmbeddedFormat::Binary => {
            let text = string_of(raw).ok_or_else(|| {
                Fault::malformed(format!("{field} is not a base64 encoded string; {IS_BINARY}"))
            })?;
            base64(field, &text).map(Cow::Owned)
        }
        EmbeddedFormat::Text => match string_of(raw) {
            Some(Cow::Borrowed(text)) => Ok(Cow::Borrowed(text.as_bytes())),
            Some(Cow::Owned(text)) => Ok(Cow::Owned(text.into_bytes())),
            None => Err(Fault::unprocessable(format!("{field} is not a string, as the format text needs"))),
        },
        _ => Ok(match stored(raw) {
            Cow::Borrowed(text) => Cow::Borrowed(text.as_bytes()),
            Cow::Owned(text) => Cow::Owned(text.into_bytes()),
        }),
    }
}

fn base64(field: &str, text: &str) -> Result<Vec<u8>, Fault> {
    STANDARD.decode(text).map_err(|_| {
        Fault::malformed(format!(
            "{field} is not a proper base64 encoded value: {}; {IS_BINARY}",
            shown(text)
        ))
    })
}

/// A whole number from 0, or the same in a string.
fn whole(field: &str, raw: &str) -> Result<i64, Fault> {
    let text = string_of(raw).unwrap_or(Cow::Borrowed(raw));
    let number = text.parse::<i64>().ok().filter(|number| *number >= 0);
    number.ok_or_else(|| {
        Fault::unprocessable(format!("{field} must be a whole number from 0, not {}", shown(raw)))
    })
}

fn partition(raw: &str) -> Result<i32, Fault> {
    // What no topic can have is told as what this one has not.
    whole("partition", raw).map(|number| i32::try_from(number).unwrap_or(i32::MAX))
}

fn headers(raw: &str) -> Result<Vec<SentHeader<'_>>, Fault> {
    if !raw.starts_with('[') {
        return Err(Fault::unprocessable("headers must be an array of {\"key\":…,\"value\":…}"));
    }
    let mut headers = Vec::new();
    each_of(raw, &mut |text| {
        let place = format!("headers[{}]", headers.len());
        expect_object(text.as_bytes()).map_err(|fault| fault.at(&place))?;
        let sent: SentHeaderObject<'_> =
            serde_json::from_str(text).map_err(|error| unreadable(&error).at(&place))?;
        let value = sent.value.map(|value| base64("value", &value)).transpose();
        headers.push((sent.key, value.map_err(|fault| fault.at(&place))?));
        Ok(())
    })?;
    Ok(headers)
}

/// Hands over the elements of an array that is known to be well-formed.
fn each_of<'a>(array: &'a str, take: &mut impl FnMut(&'a str) -> Result<(), Fault>) -> Result<(), Fault> {
    struct Each<'f, F>(&'f mut F, &'f mut Option<Fault>);
    impl<'de, F: FnMut(&'de str) -> Result<(), Fault>> Visitor<'de> for Each<'_, F> {
        type Value = ();

        fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("an array")
        }

        fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<(), A::Error> {
            while let Some(element) = elements.next_element::<&'de RawValue>()? {
                if let Err(fault) = (self.0)(element.get()) {
                    *self.1 = Some(fault);
                    return Err(A::Error::custom("stopped"));
                }
            }
            Ok(())
        }
    }
    let mut fault = None;
    let read = serde_json::Deserializer::from_str(array).deserialize_seq(Each(take, &mut fault));
    match (fault, read) {
        (Some(fault), _) => Err(fault),
        (None, read) => read.map_err(|error| unreadable(&error)),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn all(body: &str, format: EmbeddedFormat) -> Result<Vec<String>, Fault> {
        let mut told = Vec::new();
        ProduceBody::parse(body.as_bytes())?.each(format, &mut |place, record| {
            let text = |bytes: &Option<Cow<'_, [u8]>>| {
                bytes.as_deref().map_or("-".to_owned(), |bytes| String::from_utf8_lossy(bytes).into_owned())
            };
            told.push(format!("{place}:{}={}", text(&record.key), text(&record.value)));
            Ok(())
        })?;
        Ok(told)
    }

    #[test]
    fn each_format_has_its_bytes() {
        let json = r#"{"records":[{"key":"k","value":{"a": [1.0]}},{"value":"s"},{"value":null},{}]}"#;
        assert_eq!(
            all(json, EmbeddedFormat::Json).unwrap(),
            ["0:\"k\"={\"a\":[1.0]}", "1:-=\"s\"", "2:-=-", "3:-=-"]
        );
        let binary = r#"{"records":[{"key":"aw==","value":"aGk="},{"value":""}],"key_schema":null}"#;
        assert_eq!(all(binary, EmbeddedFormat::Binary).unwrap(), ["0:k=hi", "1:-="]);
        let text = r#"{"records":[{"key":"k","value":"a\n\u00e9"}]}"#;
        assert_eq!(all(text, EmbeddedFormat::Text).unwrap(), ["0:k=a\né"]);
    }

    #[test]
    fn the_rest_of_a_record_is_read() {
        let text = r#"{"value":1,"partition":"3","timestamp":7,"headers":[{"key":"h","value":"aGk="},{"key":"n","value":null},{"key":"m"}]}"#;
        let parsed = record(text, EmbeddedFormat::Json).unwrap();
        assert_eq!((parsed.partition, parsed.timestamp_ms), (Some(3), Some(7)));
        let expected = [("h".into(), Some(b"hi".to_vec())), ("n".into(), None), ("m".into(), None)];
        assert_eq!(parsed.headers, expected);
        let nulls = r#"{"value":1,"partition":null,"timestamp":null,"headers":null}"#;
        assert_eq!(record(nulls, EmbeddedFormat::Json).unwrap().partition, None);
    }

    #[test]
    fn mistakes_have_their_status_and_name_their_place() {
        let cases = [
            (EmbeddedFormat::Json, "", 422, "Null input"),
            (EmbeddedFormat::Json, "[]", 400, "begins with '['"),
            (EmbeddedFormat::Json, r#"{"records":[{"value":1}"#, 400, "EOF"),
            (EmbeddedFormat::Json, r#"{"records":[{"value":1},]}"#, 400, "expected value"),
            (EmbeddedFormat::Json, r#"{"records":[{"value":1}]} x"#, 400, "trailing characters"),
            (EmbeddedFormat::Json, r#"{"foo":"bar"}"#, 422, "unknown field `foo`"),
            (EmbeddedFormat::Json, "{}", 422, "missing"),
            (EmbeddedFormat::Json, r#"{"records":null}"#, 422, "missing"),
            (EmbeddedFormat::Json, r#"{"records":[]}"#, 422, "empty"),
            (EmbeddedFormat::Json, r#"{"records":"should be an array"}"#, 400, "not an array"),
            (EmbeddedFormat::Json, r#"{"records":["x"]}"#, 400, "records[0]: a JSON object is expected"),
            (EmbeddedFormat::Json, r#"{"records":[["x"]]}"#, 400, "records[0]: a JSON object is expected"),
            (
                EmbeddedFormat::Json,
                r#"{"records":[{},{"valur":1}]}"#,
                422,
                "records[1]: Invalid request: unknown field `valur`",
            ),
            (EmbeddedFormat::Json, r#"{"records":[{"value":1,"value":2}]}"#, 422, "duplicate field"),
            (EmbeddedFormat::Json, r#"{"records":[{"partition":-1}]}"#, 422, "whole number from 0, not -1"),
            (EmbeddedFormat::Json, r#"{"records":[{"partition":1.5}]}"#, 422, "whole number"),
            (EmbeddedFormat::Json, r#"{"records":[{"timestamp":"now"}]}"#, 422, "timestamp must be"),
            (EmbeddedFormat::Json, r#"{"records":[{"headers":{}}]}"#, 422, "must be an array"),
            (
                EmbeddedFormat::Json,
                r#"{"records":[{"headers":[{"value":"aGk="}]}]}"#,
                422,
                "missing field `key`",
            ),
            (
                EmbeddedFormat::Json,
                r#"{"records":[{"headers":[{"key":"a","value":"?"}]}]}"#,
                400,
                "headers[0]: value is not a proper base64",
            ),
            (
                EmbeddedFormat::Binary,
                r#"{"records":[{"value":"not base64"}]}"#,
                400,
                "not a proper base64 encoded value",
            ),
            (
                EmbeddedFormat::Binary,
                r#"{"records":[{"value":{"a":1}}]}"#,
                400,
                "not a base64 encoded string",
            ),
            (EmbeddedFormat::Binary, r#"{"records":[{"key":1}]}"#, 400, "key is not a base64"),
            (EmbeddedFormat::Text, r#"{"records":[{"value":{"a":1}}]}"#, 422, "not a string"),
        ];
        for (format, body, status, says) in cases {
            let fault = all(body, format).unwrap_err();
            assert_eq!(fault.status(), status, "{body}: {}", fault.message());
            assert!(fault.message().contains(says), "{body}: {}", fault.message());
        }
    }

    #[test]
    fn formats_with_schemas_are_refused_as_karapace_does_without_them() {
        let refusal =
            |body: &str| ProduceBody::parse(body.as_bytes()).unwrap().refuse_schemas(EmbeddedFormat::Avro);
        assert_eq!(refusal(r#"{"records":[{"value":{}}]}"#), missing("value", 42_202));
        assert_eq!(
            refusal(r#"{"records":[{"key":{},"value":1}],"value_schema":"x"}"#),
            missing("key", 42_201)
        );
        let with = r#"{"records":[{"value":1}],"value_schema_id":5}"#;
        assert!(refusal(with).message().contains("no schema registry"));
        assert!(refusal(r#"{"records":[{"valur":1}]}"#).message().contains("valur"));
    }

    fn missing(what: &str, code: u32) -> Fault {
        let message = format!(
            "Request includes {what}s and uses a format that requires schemas but does not include the {what}_schema \
             or {what}_schema_id fields"
        );
        Fault::unprocessable(message).code(code)
    }

    #[test]
    fn depth_does_not_hurt() {
        let deep = format!("{{\"records\":[{{\"value\":{}{}}}]}}", "[".repeat(100_000), "]".repeat(100_000));
        let _ = all(&deep, EmbeddedFormat::Json);
    }

    proptest! {
        /// No bytes make it panic.
        #[test]
        fn noise_is_refused_calmly(noise in "[\\{\\}\\[\\]\":,a-z0-9\\\\ ]{0,60}") {
            for body in [noise.clone(), format!("{{\"records\":[{noise}]}}"), format!("{{\"records\":[{{\"value\":{noise}}}]}}")] {
                let _ = all(&body, EmbeddedFormat::Json);
                let _ = all(&body, EmbeddedFormat::Binary);
            }
        }
    }
}
