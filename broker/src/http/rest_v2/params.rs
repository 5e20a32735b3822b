//! Query strings as these clients send them: names that are not known are passed over, as JAX-RS does. Pure.

use std::str::FromStr;

use percent_encoding::percent_decode_str;

use super::fault::Fault;
use crate::http::query::shown;

/// The parameters of one request, in order, decoded once.
#[derive(Debug)]
pub(super) struct Params(Vec<(String, String)>);

impl Params {
    /// Reads a query.
    pub(super) fn parse(query: Option<&str>) -> Result<Self, Fault> {
        let parts = query.unwrap_or_default().split('&').filter(|part| !part.is_empty());
        let pair = |part: &str| {
            let (name, value) = part.split_once('=').unwrap_or((part, ""));
            Ok((decoded(name)?, decoded(value)?))
        };
        Ok(Self(parts.map(pair).collect::<Result<_, Fault>>()?))
    }

    /// The first value of a parameter.
    pub(super) fn text(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// All values of a parameter.
    pub(super) fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.0.iter().filter(move |(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// A parameter that is a whole number.
    pub(super) fn number<T: FromStr>(&self, name: &str) -> Result<Option<T>, Fault> {
        let Some(text) = self.text(name) else { return Ok(None) };
        let bad = |_| {
            let text = shown(text);
            Fault::bad_parameter(format!(
                "Invalid parameter '{name}': it must be a whole number, not '{text}'"
            ))
        };
        text.parse().map(Some).map_err(bad)
    }

    /// A parameter that is `true` or `false`; its bare name means `true`.
    pub(super) fn flag(&self, name: &str) -> Result<bool, Fault> {
        match self.text(name).map(str::to_ascii_lowercase).as_deref() {
            None | Some("false" | "0") => Ok(false),
            Some("" | "true" | "1") => Ok(true),
            Some(other) => {
                let text = shown(other);
                let message = format!("Invalid parameter '{name}': it must be true or false, not '{text}'");
                Err(Fault::bad_parameter(message))
            }
        }
    }
}

fn decoded(text: &str) -> Result<String, Fault> {
    let spaced = text.replace('+', " ");
    let decoded = percent_decode_str(&spaced).decode_utf8();
    let text = decoded.map_err(|_| Fault::malformed("the query is not UTF-8 once percent-decoded"))?;
    Ok(text.into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_decoded_once_and_may_repeat() {
        let params = Params::parse(Some("tp=a:0&tp=b%3A1&x=%2525+c&async&n=7&none=")).unwrap();
        assert_eq!(params.all("tp").collect::<Vec<_>>(), ["a:0", "b:1"]);
        assert_eq!(params.text("x"), Some("%25 c"));
        assert!(params.flag("async").unwrap() && !params.flag("other").unwrap());
        assert_eq!(params.number::<i64>("n").unwrap(), Some(7));
        assert_eq!(params.number::<i64>("absent").unwrap(), None);
        assert!(params.number::<i64>("none").is_err() && params.flag("x").is_err());
        assert!(Params::parse(Some("a=%ff")).is_err());
        assert!(Params::parse(None).is_ok());
    }
}
