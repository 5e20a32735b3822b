//! Paths as they occur in the wild: `//` and a `/` at the end mean nothing. Pure.

use http::Uri;
use http::uri::PathAndQuery;

/// The same address without doubled and trailing slashes, or `None` if it has none.
pub(super) fn collapsed(uri: &Uri) -> Option<Uri> {
    let path = uri.path();
    if !is_untidy(path) {
        return None;
    }
    let mut tidy = String::with_capacity(path.len());
    for segment in path.split('/').filter(|segment| !segment.is_empty()) {
        tidy.push('/');
        tidy.push_str(segment);
    }
    if tidy.is_empty() {
        tidy.push('/');
    }
    if let Some(query) = uri.query() {
        tidy.push('?');
        tidy.push_str(query);
    }
    let mut parts = uri.clone().into_parts();
    parts.path_and_query = Some(PathAndQuery::try_from(tidy).ok()?);
    Uri::from_parts(parts).ok()
}

fn is_untidy(path: &str) -> bool {
    path.len() > 1 && (path.ends_with('/') || memchr::memmem::find(path.as_bytes(), b"//").is_some())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slashes_collapse_and_the_query_stays() {
        let cases = [
            ("/", None),
            ("/v1/topics", None),
            ("/v1/topics?x=a//b/", None),
            ("/v1/topics/", Some("/v1/topics")),
            ("//v1///topics//?a=b//", Some("/v1/topics?a=b//")),
            ("//", Some("/")),
        ];
        for (from, to) in cases {
            let collapsed = collapsed(&from.parse().unwrap()).map(|uri| uri.to_string());
            assert_eq!(collapsed.as_deref(), to, "{from}");
        }
    }
}
