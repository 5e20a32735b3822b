//! Records as the REST Proxy tells them:
//! `{"topic":"t","key":…,"value":…,"partition":0,"offset":7,"timestamp":…,"headers":[{"key":"h","value":"aGk="}]}`. Pure.
//!
//! `timestamp` and `headers` are Karapace's and Strimzi's; headers are left out when there are none. A key that is not of
//! the format is told in base64, as Karapace does. A value that is not cannot be told at all: its reader is told that.

use std::io::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::de::IgnoredAny;

use crate::groups::instances::EmbeddedFormat;
use crate::record::Record;
use crate::types::TopicPartition;

/// Whether the record's value can be told in `format`.
pub(super) fn fits(record: &Record, format: EmbeddedFormat) -> bool {
    record.value.as_deref().is_none_or(|value| format.can_tell(value))
}

/// Writes a record whose value [`fits`].
pub(super) fn write_record(out: &mut Vec<u8>, tp: &TopicPartition, record: &Record, format: EmbeddedFormat) {
    // Writing to memory cannot fail. A topic's name holds nothing that JSON would escape.
    let _ = write!(out, "{{\"topic\":\"{}\",\"key\":", tp.topic);
    write_field(out, record.key.as_deref(), format);
    out.extend_from_slice(b",\"value\":");
    write_field(out, record.value.as_deref(), format);
    let _ = write!(
        out,
        ",\"partition\":{},\"offset\":{},\"timestamp\":{}",
        tp.partition, record.offset, record.timestamp_ms
    );
    if !record.headers.is_empty() {
        out.extend_from_slice(b",\"headers\":[");
        for (number, (name, value)) in record.headers.iter().enumerate() {
            out.extend_from_slice(if number == 0 { b"{\"key\":" } else { b",{\"key\":" });
            write_string(out, name);
            out.extend_from_slice(b",\"value\":");
            write_field(out, value.as_deref(), EmbeddedFormat::Binary);
            out.push(b'}');
        }
        out.push(b']');
    }
    out.push(b'}');
}

/// What a record counts towards `max_bytes`.
pub(super) fn counted(record: &Record) -> usize {
    record.key.as_ref().map_or(0, bytes::Bytes::len) + record.value.as_ref().map_or(0, bytes::Bytes::len)
}

fn write_field(out: &mut Vec<u8>, bytes: Option<&[u8]>, format: EmbeddedFormat) {
    let Some(bytes) = bytes else {
        out.extend_from_slice(b"null");
        return;
    };
    match format {
        EmbeddedFormat::Json => {
            if let Some(json) = as_json(bytes) {
                return out.extend_from_slice(json.as_bytes());
            }
        }
        EmbeddedFormat::Text => {
            if let Ok(text) = std::str::from_utf8(bytes) {
                return write_string(out, text);
            }
        }
        _ => {}
    }
    let start = out.len() + 1;
    out.push(b'"');
    out.resize(start + bytes.len().div_ceil(3) * 4, 0);
    let written = STANDARD.encode_slice(bytes, &mut out[start..]).expect("the room was computed");
    out.truncate(start + written);
    out.push(b'"');
}

fn as_json(bytes: &[u8]) -> Option<&str> {
    let text = std::str::from_utf8(bytes).ok()?;
    serde_json::from_str::<IgnoredAny>(text).ok().map(|_| text)
}

fn write_string(out: &mut Vec<u8>, text: &str) {
    serde_json::to_writer(out, text).expect("writing a string to memory does not fail");
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::types::{Offset, PartitionIndex, TopicName};

    fn record(key: Option<&'static [u8]>, value: Option<&'static [u8]>) -> Record {
        Record {
            offset: Offset(7),
            timestamp_ms: 9,
            key: key.map(Bytes::from_static),
            value: value.map(Bytes::from_static),
            headers: Vec::new(),
        }
    }

    fn told(record: &Record, format: EmbeddedFormat) -> String {
        let mut out = Vec::new();
        let tp = TopicPartition::new(TopicName::new("t").unwrap(), PartitionIndex(2));
        write_record(&mut out, &tp, record, format);
        serde_json::from_slice::<IgnoredAny>(&out).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn each_format_tells_its_way() {
        let one = record(Some(b"1"), Some(b"{\"a\": 1}"));
        let rest = ",\"partition\":2,\"offset\":7,\"timestamp\":9}";
        assert_eq!(
            told(&one, EmbeddedFormat::Binary),
            format!("{{\"topic\":\"t\",\"key\":\"MQ==\",\"value\":\"eyJhIjogMX0=\"{rest}")
        );
        assert_eq!(
            told(&one, EmbeddedFormat::Json),
            format!("{{\"topic\":\"t\",\"key\":1,\"value\":{{\"a\": 1}}{rest}")
        );
        assert_eq!(
            told(&one, EmbeddedFormat::Text),
            format!("{{\"topic\":\"t\",\"key\":\"1\",\"value\":\"{{\\\"a\\\": 1}}\"{rest}")
        );
        let none = record(None, None);
        for format in [EmbeddedFormat::Binary, EmbeddedFormat::Json, EmbeddedFormat::Text] {
            assert_eq!(told(&none, format), format!("{{\"topic\":\"t\",\"key\":null,\"value\":null{rest}"));
        }
    }

    #[test]
    fn a_key_falls_back_and_a_value_does_not() {
        let odd = record(Some(b"\xff"), Some(b"\xff"));
        assert!(
            fits(&odd, EmbeddedFormat::Binary)
                && !fits(&odd, EmbeddedFormat::Json)
                && !fits(&odd, EmbeddedFormat::Text)
        );
        let key = record(Some(b"\xff"), Some(b"1"));
        assert!(told(&key, EmbeddedFormat::Json).contains("\"key\":\"/w==\",\"value\":1"));
        assert!(told(&key, EmbeddedFormat::Text).contains("\"key\":\"/w==\",\"value\":\"1\""));
        assert!(
            !fits(&record(None, Some(b"")), EmbeddedFormat::Json)
                && fits(&record(None, None), EmbeddedFormat::Json)
        );
    }

    #[test]
    fn headers_are_told_in_order_if_there_are_any() {
        let mut one = record(None, None);
        one.headers = vec![("h".to_owned(), Some(Bytes::from_static(b"hi"))), ("n\"".to_owned(), None)];
        let json = told(&one, EmbeddedFormat::Json);
        assert!(
            json.ends_with(r#","headers":[{"key":"h","value":"aGk="},{"key":"n\"","value":null}]}"#),
            "{json}"
        );
    }
}
