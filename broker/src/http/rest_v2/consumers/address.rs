//! `base_uri`: under which address the client reaches an instance. Pure.
//!
//! Any broker serves any instance, so that clients may use whatever address they like; but many follow this one. It is
//! told by the proxies before us if they are trusted (`Forwarded`, else `X-Forwarded-*`), else by the request's `Host`,
//! else it is the advertised one.

use http::uri::Authority;
use http::{HeaderMap, Uri};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

/// What stands as it is in a segment of a path.
const SEGMENT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// The address of an instance. `trusted`: whether proxies are believed; `advertised`: the broker's own `host:port`.
pub(super) fn base_uri(
    uri: &Uri,
    headers: &HeaderMap,
    trusted: bool,
    advertised: &str,
    (group, instance): (&str, &str),
) -> String {
    let told = if trusted { Told::by_proxies(headers) } else { Told::default() };
    let host = told.host.or_else(|| named_by_request(uri, headers)).unwrap_or_else(|| advertised.to_owned());
    let scheme = told.scheme.unwrap_or("http");
    let group = utf8_percent_encode(group, SEGMENT);
    let instance = utf8_percent_encode(instance, SEGMENT);
    match (told.path, told.prefix) {
        // Strimzi's: the whole path of the request that creates an instance, as the client sent it.
        (Some(path), _) => format!("{scheme}://{host}{path}/instances/{instance}"),
        (None, prefix) => {
            let prefix = prefix.unwrap_or_default();
            format!("{scheme}://{host}{prefix}/consumers/{group}/instances/{instance}")
        }
    }
}

/// What proxies say of the client's request.
#[derive(Debug, Default)]
struct Told {
    scheme: Option<&'static str>,
    host: Option<String>,
    path: Option<String>,
    prefix: Option<String>,
}

impl Told {
    fn by_proxies(headers: &HeaderMap) -> Self {
        let mut told = Self {
            scheme: first(headers, "x-forwarded-proto").and_then(scheme),
            host: first(headers, "x-forwarded-host").and_then(host),
            path: first(headers, "x-forwarded-path").and_then(path),
            prefix: first(headers, "x-forwarded-prefix").and_then(path),
        };
        if let (Some(name), Some(port)) = (&told.host, first(headers, "x-forwarded-port"))
            && !has_port(name)
            && port.parse::<u16>().is_ok()
        {
            told.host = Some(format!("{name}:{port}"));
        }
        if let Some(forwarded) = first(headers, "forwarded") {
            for pair in forwarded.split(';') {
                let Some((name, value)) = pair.split_once('=') else { continue };
                let value = value.trim().trim_matches('"');
                match name.trim().to_ascii_lowercase().as_str() {
                    "host" => told.host = host(value).or(told.host),
                    "proto" => told.scheme = scheme(value).or(told.scheme),
                    _ => {}
                }
            }
        }
        told
    }
}

/// What the first proxy says, the one that the client spoke to.
fn first<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()?.split(',').next().map(str::trim)
}

fn scheme(text: &str) -> Option<&'static str> {
    ["http", "https"].into_iter().find(|known| known.eq_ignore_ascii_case(text))
}

fn host(text: &str) -> Option<String> {
    let authority: Authority = text.parse().ok()?;
    (!authority.host().is_empty() && !text.contains('@')).then(|| text.to_owned())
}

fn has_port(host: &str) -> bool {
    host.parse::<Authority>().is_ok_and(|authority| authority.port().is_some())
}

/// A path without the `/` at its end.
fn path(text: &str) -> Option<String> {
    let uri: Uri = text.parse().ok().filter(|_| text.starts_with('/'))?;
    Some(uri.path().trim_end_matches('/').to_owned())
}

fn named_by_request(uri: &Uri, headers: &HeaderMap) -> Option<String> {
    let named = headers.get(http::header::HOST).and_then(|value| host(value.to_str().ok()?));
    named.or_else(|| host(uri.authority()?.as_str()))
}

#[cfg(test)]
mod tests {
    use http::{HeaderName, HeaderValue};

    use super::*;

    fn told(trusted: bool, pairs: &[(&'static str, &'static str)]) -> String {
        let pair = |(name, value): &(&'static str, &'static str)| {
            (HeaderName::from_static(name), HeaderValue::from_static(value))
        };
        let headers = pairs.iter().map(pair).collect();
        base_uri(&Uri::from_static("/consumers/g"), &headers, trusted, "b1:8082", ("g", "c 1/é"))
    }

    #[test]
    fn the_host_of_the_request_is_the_address_unless_a_trusted_proxy_knows_better() {
        let end = "/consumers/g/instances/c%201%2F%C3%A9";
        let host = ("host", "localhost:8083");
        let cases: [(bool, &[(&'static str, &'static str)], &str); 12] = [
            (false, &[host], "http://localhost:8083"),
            (false, &[], "http://b1:8082"),
            (false, &[("host", "evil\"><@x")], "http://b1:8082"),
            (false, &[("host", "user@x")], "http://b1:8082"),
            (
                false,
                &[host, ("x-forwarded-host", "kafka.example"), ("forwarded", "host=a")],
                "http://localhost:8083",
            ),
            (true, &[host, ("x-forwarded-host", "kafka.example, inner")], "http://kafka.example"),
            (true, &[host, ("x-forwarded-proto", "https")], "https://localhost:8083"),
            (
                true,
                &[("x-forwarded-host", "h"), ("x-forwarded-port", "444"), ("x-forwarded-proto", "HTTPS")],
                "https://h:444",
            ),
            (true, &[("x-forwarded-host", "h:1"), ("x-forwarded-port", "444")], "http://h:1"),
            (
                true,
                &[
                    ("forwarded", "for=1.2.3.4; Host=\"k.example:443\" ;proto=https, for=x"),
                    ("x-forwarded-host", "other"),
                ],
                "https://k.example:443",
            ),
            (
                true,
                &[host, ("x-forwarded-prefix", "/kafka/"), ("x-forwarded-proto", "gopher")],
                "http://localhost:8083/kafka",
            ),
            (true, &[("x-forwarded-host", "[::1]:80")], "http://[::1]:80"),
        ];
        for (trusted, headers, start) in cases {
            assert_eq!(told(trusted, headers), format!("{start}{end}"), "{headers:?}");
        }
    }

    #[test]
    fn strimzis_path_stands_for_all_of_the_path() {
        let uri = told(true, &[("x-forwarded-host", "h"), ("x-forwarded-path", "/my-bridge/consumers/g/")]);
        assert_eq!(uri, "http://h/my-bridge/consumers/g/instances/c%201%2F%C3%A9");
    }

    #[test]
    fn an_absolute_uri_names_its_host_too() {
        let uri = Uri::from_static("http://abs:99/consumers/g");
        let told = base_uri(&uri, &HeaderMap::new(), false, "b1:8082", ("g", "c"));
        assert_eq!(told, "http://abs:99/consumers/g/instances/c");
    }
}
