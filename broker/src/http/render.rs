//! Records as JSON: `{"offset":7,"timestamp":...,"key":...,"value":...,"headers":{...}}`, always on one line. Pure.
//!
//! What cannot be told in the reading that was asked for comes as base64 under a name that ends in `_b64`, so that
//! nothing is ever told wrongly:
//!
//! | reading | `value` | `value_b64` |
//! | --- | --- | --- |
//! | text (the default) | UTF-8 text, as a string | anything else |
//! | json | the JSON that it is | anything else |
//! | base64 | never | everything |
//!
//! Keys and record headers are read as text, or as base64 if that is asked for.

use std::io::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::de::IgnoredAny;

use crate::record::Record;

/// How values are told.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Reading {
    /// As a string.
    #[default]
    Text,
    /// As the JSON that they are.
    Json,
    /// As base64.
    Base64,
}

impl Reading {
    /// Reads `?as=`.
    pub(super) fn from_name(name: &str) -> Option<Self> {
        match name {
            "text" => Some(Self::Text),
            "json" => Some(Self::Json),
            "base64" => Some(Self::Base64),
            _ => None,
        }
    }
}

/// Writes one record. `partition` is told where a line stands alone.
pub(super) fn write_record(out: &mut Vec<u8>, record: &Record, partition: Option<i32>, reading: Reading) {
    out.push(b'{');
    // Writing to memory cannot fail.
    if let Some(partition) = partition {
        let _ = write!(out, "\"partition\":{partition},");
    }
    let _ = write!(out, "\"offset\":{},\"timestamp\":{},", record.offset, record.timestamp_ms);
    let plain = if reading == Reading::Base64 { Reading::Base64 } else { Reading::Text };
    write_field(out, "key", record.key.as_deref(), plain);
    out.push(b',');
    write_field(out, "value", record.value.as_deref(), reading);
    if !record.headers.is_empty() {
        write_headers(out, record, plain);
    }
    out.push(b'}');
}

fn write_field(out: &mut Vec<u8>, name: &str, bytes: Option<&[u8]>, reading: Reading) {
    let _ = write!(out, "\"{name}");
    let Some(bytes) = bytes else {
        out.extend_from_slice(b"\":null");
        return;
    };
    match reading {
        Reading::Text => {
            if let Ok(text) = std::str::from_utf8(bytes) {
                out.extend_from_slice(b"\":");
                return write_string(out, text);
            }
        }
        Reading::Json => {
            if let Some(text) = as_json(bytes) {
                out.extend_from_slice(b"\":");
                return write_on_one_line(out, text);
            }
        }
        Reading::Base64 => {}
    }
    out.extend_from_slice(b"_b64\":\"");
    write_base64(out, bytes);
    out.push(b'"');
}

fn as_json(bytes: &[u8]) -> Option<&str> {
    let text = std::str::from_utf8(bytes).ok()?;
    serde_json::from_str::<IgnoredAny>(text).ok().map(|_| text)
}

fn write_string(out: &mut Vec<u8>, text: &str) {
    serde_json::to_writer(out, text).expect("writing a string to memory does not fail");
}

fn write_base64(out: &mut Vec<u8>, bytes: &[u8]) {
    let start = out.len();
    out.resize(start + bytes.len().div_ceil(3) * 4, 0);
    let written = STANDARD.encode_slice(bytes, &mut out[start..]).expect("the room was computed");
    out.truncate(start + written);
}

/// Writes JSON without the line breaks that may stand between its tokens.
fn write_on_one_line(out: &mut Vec<u8>, json: &str) {
    let is_break = |byte: &u8| matches!(byte, b'\n' | b'\r');
    // A line break cannot stand inside a JSON string, so whatever is found stands between tokens.
    for piece in json.as_bytes().split(is_break) {
        out.extend_from_slice(piece);
    }
}

/// Writes `headers`, and `headers_b64` for those that are not text; a name that repeats gets an array.
fn write_headers(out: &mut Vec<u8>, record: &Record, reading: Reading) {
    let is_text = |value: &Option<bytes::Bytes>| {
        reading == Reading::Text && value.as_ref().is_none_or(|value| std::str::from_utf8(value).is_ok())
    };
    for (field, wanted) in [("headers", true), ("headers_b64", false)] {
        let chosen: Vec<_> = record.headers.iter().filter(|(_, value)| is_text(value) == wanted).collect();
        if chosen.is_empty() {
            continue;
        }
        let _ = write!(out, ",\"{field}\":{{");
        let mut told: Vec<&str> = Vec::new();
        for (name, _) in &chosen {
            if told.contains(&name.as_str()) {
                continue;
            }
            if !told.is_empty() {
                out.push(b',');
            }
            told.push(name);
            write_string(out, name);
            out.push(b':');
            let values: Vec<_> =
                chosen.iter().filter(|(other, _)| other == name).map(|(_, value)| value).collect();
            write_values(out, &values, wanted);
        }
        out.push(b'}');
    }
}

fn write_values(out: &mut Vec<u8>, values: &[&Option<bytes::Bytes>], as_text: bool) {
    if values.len() > 1 {
        out.push(b'[');
    }
    for (number, value) in values.iter().enumerate() {
        if number > 0 {
            out.push(b',');
        }
        match value {
            None => out.extend_from_slice(b"null"),
            Some(bytes) if as_text => write_string(out, &String::from_utf8_lossy(bytes)),
            Some(bytes) => {
                out.push(b'"');
                write_base64(out, bytes);
                out.push(b'"');
            }
        }
    }
    if values.len() > 1 {
        out.push(b']');
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::types::Offset;

    fn record(key: Option<&'static [u8]>, value: Option<&'static [u8]>) -> Record {
        Record {
            offset: Offset(7),
            timestamp_ms: 9,
            key: key.map(Bytes::from_static),
            value: value.map(Bytes::from_static),
            headers: Vec::new(),
        }
    }

    fn rendered(record: &Record, reading: Reading) -> String {
        let mut out = Vec::new();
        write_record(&mut out, record, None, reading);
        serde_json::from_slice::<IgnoredAny>(&out).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn text_is_a_string_and_bytes_are_base64() {
        let cases: [(Option<&[u8]>, &str); 4] = [
            (Some(b"say \"hi\"\n"), r#""value":"say \"hi\"\n""#),
            (Some(b"\xff\x00"), r#""value_b64":"/wA=""#),
            (Some(b""), r#""value":"""#),
            (None, r#""value":null"#),
        ];
        for (value, expected) in cases {
            let value: Option<&'static [u8]> = value.map(|value| &*value.to_vec().leak());
            let json = rendered(&record(Some(b"k"), value), Reading::Text);
            assert_eq!(json, format!(r#"{{"offset":7,"timestamp":9,"key":"k",{expected}}}"#));
        }
    }

    #[test]
    fn json_is_told_as_it_is_on_one_line_and_anything_else_as_base64() {
        let json = rendered(&record(None, Some(b"{\"a\":\r\n [1, 2.50]}")), Reading::Json);
        assert_eq!(json, r#"{"offset":7,"timestamp":9,"key":null,"value":{"a": [1, 2.50]}}"#);
        assert!(
            rendered(&record(None, Some(b"{not json")), Reading::Json)
                .contains("\"value_b64\":\"e25vdCBqc29u\"")
        );
        assert!(rendered(&record(None, Some(b"\"a\"")), Reading::Json).contains("\"value\":\"a\""));
    }

    #[test]
    fn base64_can_be_had_of_everything() {
        let json = rendered(&record(Some(b"k"), Some(b"v")), Reading::Base64);
        assert_eq!(json, r#"{"offset":7,"timestamp":9,"key_b64":"aw==","value_b64":"dg=="}"#);
    }

    #[test]
    fn headers_keep_all_their_values() {
        let mut record = record(None, None);
        let header =
            |name: &str, value: Option<&'static [u8]>| (name.to_owned(), value.map(Bytes::from_static));
        record.headers = vec![
            header("a", Some(b"1")),
            header("b", Some(b"\xff")),
            header("a", None),
            header("c", Some(b"x")),
        ];
        let json = rendered(&record, Reading::Text);
        assert!(
            json.ends_with(r#","headers":{"a":["1",null],"c":"x"},"headers_b64":{"b":"/w=="}}"#),
            "{json}"
        );
    }
}
