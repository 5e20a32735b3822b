//! What the headers of a produce request say about its records: key, time, record headers. Pure.

use std::borrow::Cow;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::HeaderMap;

use super::errors::Problem;
use super::names::{KEY, KEY_BASE64, RECORD_HEADER_PREFIX, TIMESTAMP};
use super::query::shown;
use crate::record::{BatchBuilder, HeaderRef};

/// What all records of a request have in common.
#[derive(Clone, Debug)]
pub(super) struct Template<'a> {
    /// Their time.
    pub(super) timestamp_ms: i64,
    /// Their key.
    pub(super) key: Option<Cow<'a, [u8]>>,
    /// Their headers.
    pub(super) headers: Vec<HeaderRef<'a>>,
}

impl<'a> Template<'a> {
    /// Records of this time, without key and headers.
    #[cfg(test)]
    pub(super) fn at(timestamp_ms: i64) -> Self {
        Self { timestamp_ms, key: None, headers: Vec::new() }
    }

    /// Reads the request's headers; `now_ms` is the time of arrival.
    pub(super) fn from_headers(headers: &'a HeaderMap, now_ms: i64) -> Result<Self, Problem> {
        let mut template = Self { timestamp_ms: now_ms, key: None, headers: Vec::new() };
        for (name, value) in headers {
            let name = name.as_str();
            // One comparison keeps the headers of other people cheap.
            if !name.starts_with("tidemark-") {
                continue;
            }
            let value = value.as_bytes();
            if let Some(name) = name.strip_prefix(RECORD_HEADER_PREFIX) {
                template.headers.push(HeaderRef { name, value: Some(value) });
            } else if name == KEY.as_str() {
                template.set_key(Cow::Borrowed(value))?;
            } else if name == KEY_BASE64.as_str() {
                let key = STANDARD
                    .decode(value)
                    .map_err(|_| Problem::bad_request("Tidemark-Key-Base64 is not base64"))?;
                template.set_key(Cow::Owned(key))?;
            } else if name == TIMESTAMP.as_str() {
                template.timestamp_ms = timestamp(value)?;
            }
        }
        Ok(template)
    }

    /// Adds a record with this value.
    pub(super) fn push(&self, builder: &mut BatchBuilder, value: Option<&[u8]>) {
        builder.push(self.timestamp_ms, self.key.as_deref(), value, &self.headers);
    }

    fn set_key(&mut self, key: Cow<'a, [u8]>) -> Result<(), Problem> {
        if self.key.is_some() {
            return Err(Problem::bad_request(
                "the key is given twice: send Tidemark-Key or Tidemark-Key-Base64, once",
            ));
        }
        self.key = Some(key);
        Ok(())
    }
}

fn timestamp(value: &[u8]) -> Result<i64, Problem> {
    let text = std::str::from_utf8(value).unwrap_or("?");
    let number = text.parse::<i64>().ok().filter(|ms| *ms >= 0);
    number.ok_or_else(|| {
        let text = shown(text);
        Problem::bad_request(format!("Tidemark-Timestamp must be milliseconds since 1970, not '{text}'"))
    })
}

#[cfg(test)]
mod tests {
    use http::{HeaderName, HeaderValue};

    use super::*;

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        let pair = |(name, value): &(&'static str, &str)| {
            (HeaderName::from_static(name), HeaderValue::from_bytes(value.as_bytes()).unwrap())
        };
        pairs.iter().map(pair).collect()
    }

    #[test]
    fn headers_become_key_time_and_record_headers() {
        let headers = headers(&[
            ("content-type", "text/plain"),
            ("tidemark-key", "käse"),
            ("tidemark-timestamp", "12"),
            ("tidemark-header-trace", "abc"),
        ]);
        let template = Template::from_headers(&headers, 99).unwrap();
        assert_eq!(template.key.as_deref(), Some("käse".as_bytes()));
        assert_eq!(template.timestamp_ms, 12);
        assert_eq!((template.headers[0].name, template.headers[0].value), ("trace", Some(&b"abc"[..])));
    }

    #[test]
    fn without_headers_the_time_of_arrival_counts() {
        let template_headers = headers(&[("tidemark-key-base64", "/wA=")]);
        let template = Template::from_headers(&template_headers, 99).unwrap();
        assert_eq!((template.timestamp_ms, template.key.as_deref()), (99, Some(&[0xff, 0][..])));
    }

    #[test]
    fn bad_headers_are_refused() {
        for pairs in [
            &[("tidemark-key-base64", "?")][..],
            &[("tidemark-key", "a"), ("tidemark-key-base64", "YQ==")],
            &[("tidemark-timestamp", "yesterday")],
            &[("tidemark-timestamp", "-1")],
        ] {
            assert!(Template::from_headers(&headers(pairs), 0).is_err(), "{pairs:?}");
        }
    }
}
