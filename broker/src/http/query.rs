//! Query strings: each parameter known, once, and of its type, or a message that says what to write instead. Pure.

use std::borrow::Cow;
use std::str::FromStr;

use percent_encoding::percent_decode_str;

use super::errors::Problem;

/// The parameters of one request.
#[derive(Debug)]
pub(super) struct Query<'a> {
    pairs: Vec<(Cow<'a, str>, Cow<'a, str>)>,
}

impl<'a> Query<'a> {
    /// Reads `query`, whose parameters must be among `known`.
    pub(super) fn parse(query: Option<&'a str>, known: &[&str]) -> Result<Self, Problem> {
        let mut pairs: Vec<(Cow<'a, str>, Cow<'a, str>)> = Vec::new();
        for part in query.unwrap_or_default().split('&').filter(|part| !part.is_empty()) {
            let (name, value) = part.split_once('=').unwrap_or((part, ""));
            let (name, value) = (decoded(name)?, decoded(value)?);
            if !known.contains(&name.as_ref()) {
                return Err(Problem::bad_request(unknown(&name, known)));
            }
            if pairs.iter().any(|(seen, _)| *seen == name) {
                return Err(Problem::bad_request(format!("parameter '{name}' is given twice: give it once")));
            }
            pairs.push((name, value));
        }
        Ok(Self { pairs })
    }

    /// A parameter's text.
    pub(super) fn text(&self, name: &str) -> Option<&str> {
        self.pairs.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_ref())
    }

    /// A parameter that is a number.
    pub(super) fn number<T: FromStr>(&self, name: &str) -> Result<Option<T>, Problem> {
        let Some(text) = self.text(name) else { return Ok(None) };
        let bad = || {
            Problem::bad_request(format!(
                "parameter '{name}' must be a whole number in range, not '{}'",
                shown(text)
            ))
        };
        text.parse().map(Some).map_err(|_| bad())
    }

    /// A parameter that is `true` or `false`; its bare name means `true`.
    pub(super) fn flag(&self, name: &str) -> Result<bool, Problem> {
        match self.text(name) {
            None | Some("false" | "0") => Ok(false),
            Some("" | "true" | "1") => Ok(true),
            Some(other) => {
                let text = format!("parameter '{name}' must be true or false, not '{}'", shown(other));
                Err(Problem::bad_request(text))
            }
        }
    }
}

/// Text from outside, cut to a length that is safe in a message.
pub(super) fn shown(text: &str) -> String {
    const SHOWN_CHARS: usize = 60;
    let mut cut: String = text.chars().take(SHOWN_CHARS).collect();
    if cut.len() < text.len() {
        cut.push_str("...");
    }
    cut
}

fn unknown(name: &str, known: &[&str]) -> String {
    let near =
        known.iter().max_by(|a, b| strsim::jaro_winkler(a, name).total_cmp(&strsim::jaro_winkler(b, name)));
    match near {
        Some(near) if strsim::jaro_winkler(near, name) > 0.8 => {
            format!("unknown parameter '{}': did you mean '{near}'?", shown(name))
        }
        Some(_) => format!("unknown parameter '{}': known are {}", shown(name), known.join(", ")),
        None => format!("unknown parameter '{}': this address takes none", shown(name)),
    }
}

fn decoded(text: &str) -> Result<Cow<'_, str>, Problem> {
    let decoded = if text.contains('+') {
        let spaced = text.replace('+', " ");
        percent_decode_str(&spaced).decode_utf8().map(|text| Cow::Owned(text.into_owned()))
    } else {
        percent_decode_str(text).decode_utf8()
    };
    decoded.map_err(|_| Problem::bad_request("the query is not UTF-8 once percent-decoded".to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(problem: Problem) -> String {
        problem.message().to_owned()
    }

    #[test]
    fn parameters_are_read() {
        let query =
            Query::parse(Some("offset=12&wait_ms=5&follow&x=a%20b+c"), &["offset", "wait_ms", "follow", "x"])
                .unwrap();
        assert_eq!(query.number::<i64>("offset").unwrap(), Some(12));
        assert_eq!(query.number::<u64>("absent").unwrap(), None);
        assert!(query.flag("follow").unwrap());
        assert_eq!(query.text("x"), Some("a b c"));
        assert!(Query::parse(None, &[]).is_ok());
    }

    #[test]
    fn mistakes_are_explained() {
        let known = ["max_bytes", "offset"];
        let cases = [
            ("max_byte=1", "unknown parameter 'max_byte': did you mean 'max_bytes'?"),
            ("q=1", "unknown parameter 'q': known are max_bytes, offset"),
            ("offset=1&offset=2", "parameter 'offset' is given twice: give it once"),
            ("offset=%ff", "the query is not UTF-8 once percent-decoded"),
        ];
        for (text, expected) in cases {
            assert_eq!(message(Query::parse(Some(text), &known).unwrap_err()), expected);
        }
        let query = Query::parse(Some("offset=x&max_bytes=-1"), &known).unwrap();
        let problem = query.number::<u64>("max_bytes").unwrap_err();
        assert_eq!(message(problem), "parameter 'max_bytes' must be a whole number in range, not '-1'");
        assert!(query.flag("offset").is_err());
    }
}
