//! What an instance is created with. Pure.
//!
//! Names of all four proxies are taken, values as strings, numbers or bools; names that nobody here knows are passed over,
//! since clients send settings of Kafka's own consumer.

use serde_json::{Map, Value};

use crate::groups::instances::{Dialect, EmbeddedFormat, InstanceSpec};
use crate::groups::{InstanceName, OffsetReset};
use crate::http::query::shown;
use crate::http::rest_v2::fault::Fault;

/// `fetch.min.bytes` at most; Confluent's.
const MIN_BYTES_MAX: i64 = 10_000_000;

/// What an instance is to be.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct InstanceWish {
    pub(super) name: Option<InstanceName>,
    pub(super) spec: InstanceSpec,
}

/// Reads a configuration; `dialect` is the one that the request names.
pub(super) fn parse(config: &Map<String, Value>, dialect: Option<Dialect>) -> Result<InstanceWish, Fault> {
    let mut spec = InstanceSpec::default();
    if let Some((name, text)) = given(config, &["format"])? {
        let format = EmbeddedFormat::from_name(&text);
        spec.format = format.ok_or_else(|| bad(name, &text, "use binary, json or text"))?;
    }
    if let Some((name, text)) = given(config, &["auto.offset.reset"])? {
        let reset = match text.to_ascii_lowercase().as_str() {
            // As the clients of v1 call them.
            "smallest" => Some(OffsetReset::Earliest),
            "largest" => Some(OffsetReset::Latest),
            name => OffsetReset::from_name(name),
        };
        spec.offset_reset = reset.ok_or_else(|| bad(name, &text, "use earliest, latest or none"))?;
    }
    if let Some((name, text)) = given(config, &["enable.auto.commit", "auto.commit.enable"])? {
        spec.auto_commit = match text.to_ascii_lowercase().as_str() {
            "true" => true,
            "false" => false,
            _ => return Err(bad(name, &text, "use true or false")),
        };
        if name == "enable.auto.commit" {
            spec.dialect = Dialect::Strimzi;
        }
    }
    if let Some((name, text)) = given(config, &["fetch.min.bytes", "responseMinBytes"])? {
        let bytes = text.parse::<i64>().ok().filter(|bytes| (-1..=MIN_BYTES_MAX).contains(bytes));
        let bytes = bytes.ok_or_else(|| bad(name, &text, "use a whole number from -1 to 10000000"))?;
        // -1 makes Confluent's proxy wait in vain whatever is there.
        spec.fetch_min_bytes = u32::try_from(bytes).unwrap_or(1).max(1);
    }
    if let Some((name, text)) = given(config, &["consumer.request.timeout.ms", "requestWaitMs"])? {
        let ms = text.parse::<u32>();
        spec.request_timeout_ms = ms.map_err(|_| bad(name, &text, "use a whole number from 0"))?;
    }
    if let Some(dialect) = dialect {
        spec.dialect = dialect;
    }
    let name = match given(config, &["name", "id"])? {
        Some((_, text)) => Some(name_of(&text)?),
        None => None,
    };
    Ok(InstanceWish { name, spec })
}

/// The name of an instance.
pub(super) fn name_of(text: &str) -> Result<InstanceName, Fault> {
    if text.is_empty() || text.chars().any(char::is_control) {
        return Err(bad("name", text, "use text without control characters"));
    }
    Ok(text.into())
}

/// The first of these settings that is given, as text.
fn given<'a>(config: &Map<String, Value>, names: &[&'a str]) -> Result<Option<(&'a str, String)>, Fault> {
    for name in names {
        let text = match config.get(*name) {
            None | Some(Value::Null) => continue,
            Some(Value::String(text)) => text.trim().to_owned(),
            Some(Value::Number(number)) => number.to_string(),
            Some(Value::Bool(flag)) => flag.to_string(),
            Some(other) => return Err(bad(name, &other.to_string(), "use a text, a number, true or false")),
        };
        return Ok(Some((name, text)));
    }
    Ok(None)
}

fn bad(name: &str, value: &str, advice: &str) -> Fault {
    let value = shown(value);
    Fault::unprocessable(format!("Invalid consumer configuration: {name} is '{value}'; {advice}"))
        .code(42_204)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(config: Value, dialect: Option<Dialect>) -> Result<InstanceWish, Fault> {
        parse(config.as_object().unwrap(), dialect)
    }

    #[test]
    fn the_settings_of_all_dialects_are_read() {
        let confluent = json!({"name": "c1", "format": "JSON", "auto.offset.reset": "earliest", "auto.commit.enable": "false",
            "fetch.min.bytes": "1000", "consumer.request.timeout.ms": "500", "topic.metadata.refresh.interval.ms": 100});
        let wish = read(confluent, None).unwrap();
        let expected = InstanceSpec {
            format: EmbeddedFormat::Json,
            dialect: Dialect::Confluent,
            offset_reset: OffsetReset::Earliest,
            auto_commit: false,
            fetch_min_bytes: 1_000,
            request_timeout_ms: 500,
        };
        assert_eq!(wish, InstanceWish { name: Some("c1".into()), spec: expected.clone() });
        let strimzi = json!({"id": "c1", "format": "json", "auto.offset.reset": "earliest", "enable.auto.commit": false,
            "responseMinBytes": 1000, "requestWaitMs": 500, "isolation.level": "read_committed"});
        let wish = read(strimzi, None).unwrap();
        assert_eq!(wish.spec, InstanceSpec { dialect: Dialect::Strimzi, ..expected });
        assert_eq!(wish.name, Some("c1".into()));
        let old = read(json!({"auto.offset.reset": "Smallest"}), None).unwrap();
        assert_eq!(old.spec.offset_reset, OffsetReset::Earliest);
        let nothing = read(json!({"name": null, "fetch.min.bytes": -1}), None).unwrap();
        assert_eq!(nothing, InstanceWish { name: None, spec: InstanceSpec::default() });
    }

    #[test]
    fn the_request_has_the_last_word_about_the_dialect() {
        let config = json!({"enable.auto.commit": true});
        let dialect = |asked| read(config.clone(), asked).unwrap().spec.dialect;
        assert_eq!(
            (dialect(None), dialect(Some(Dialect::Confluent))),
            (Dialect::Strimzi, Dialect::Confluent)
        );
    }

    #[test]
    fn bad_values_are_422_and_name_the_setting() {
        for (config, says) in [
            (json!({"format": "xml"}), "format is 'xml'"),
            (json!({"format": ["json"]}), "use a text"),
            (json!({"auto.offset.reset": "middle"}), "earliest"),
            (json!({"auto.commit.enable": "maybe"}), "true or false"),
            (json!({"fetch.min.bytes": -10}), "-10"),
            (json!({"fetch.min.bytes": 10_000_001}), "10000000"),
            (json!({"fetch.min.bytes": 1.5}), "1.5"),
            (json!({"consumer.request.timeout.ms": -1}), "from 0"),
            (json!({"name": ""}), "name"),
            (json!({"name": "a\u{0}"}), "control"),
        ] {
            let fault = read(config.clone(), None).unwrap_err();
            assert_eq!(fault, Fault::unprocessable(fault.message()).code(42_204), "{config}");
            assert!(fault.message().contains(says), "{config}: {}", fault.message());
        }
    }
}
