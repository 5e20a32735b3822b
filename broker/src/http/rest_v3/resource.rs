//! How answers look: resources with their kind, what they are called, and links to their neighbours. Pure.

use axum::body::Body;
use axum::response::Response;
use http::StatusCode;
use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use http::{HeaderValue, header};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Serialize;

use crate::http::names::JSON;

/// What stands in a part of a path as it is.
const PLAIN: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// Where things are, in links and in names.
#[derive(Clone, Debug)]
pub(in crate::http) struct Links {
    host: String,
    /// The cluster's id.
    pub(super) cluster: String,
}

/// A link to something else.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Related {
    related: String,
}

/// One thing.
#[derive(Debug, Serialize)]
pub(super) struct Resource<T> {
    kind: &'static str,
    metadata: Metadata,
    #[serde(flatten)]
    data: T,
}

#[derive(Debug, Serialize)]
struct Metadata {
    #[serde(rename = "self")]
    own: String,
    resource_name: String,
}

/// Many things.
#[derive(Debug, Serialize)]
pub(super) struct List<T> {
    kind: &'static str,
    metadata: ListMetadata,
    data: Vec<Resource<T>>,
}

#[derive(Debug, Serialize)]
struct ListMetadata {
    #[serde(rename = "self")]
    own: String,
    /// There is one page.
    next: Option<String>,
}

impl Links {
    pub(super) fn new(host: &str, cluster: &str) -> Self {
        Self { host: host.to_owned(), cluster: cluster.to_owned() }
    }

    /// The address of something in the cluster; without parts, of the cluster.
    pub(super) fn url(&self, parts: &[&str]) -> String {
        let mut url =
            format!("http://{}/v3/clusters/{}", self.host, utf8_percent_encode(&self.cluster, PLAIN));
        for part in parts {
            url.push('/');
            url.extend(utf8_percent_encode(part, PLAIN));
        }
        url
    }

    /// The address of all clusters.
    pub(super) fn clusters(&self) -> String {
        format!("http://{}/v3/clusters", self.host)
    }

    /// A link to something in the cluster.
    pub(super) fn to(&self, parts: &[&str]) -> Related {
        Related { related: self.url(parts) }
    }

    /// The name of something in the cluster, by the kinds and names of what it lies in.
    fn crn(&self, parts: &[(&str, &str)]) -> String {
        let mut crn = format!("crn:///kafka={}", utf8_percent_encode(&self.cluster, PLAIN));
        for (kind, name) in parts {
            crn.push('/');
            crn.push_str(kind);
            if !name.is_empty() {
                crn.push('=');
                crn.extend(utf8_percent_encode(name, PLAIN));
            }
        }
        crn
    }

    /// A resource at `path`, called by `names`.
    pub(super) fn resource<T>(
        &self,
        kind: &'static str,
        path: &[&str],
        names: &[(&str, &str)],
        data: T,
    ) -> Resource<T> {
        Resource { kind, metadata: Metadata { own: self.url(path), resource_name: self.crn(names) }, data }
    }

    /// A list at `path`.
    pub(super) fn list<T>(&self, kind: &'static str, path: &[&str], data: Vec<Resource<T>>) -> List<T> {
        list_at(kind, self.url(path), data)
    }
}

/// A list at an address.
pub(super) fn list_at<T>(kind: &'static str, own: String, data: Vec<Resource<T>>) -> List<T> {
    List { kind, metadata: ListMetadata { own, next: None }, data }
}

impl<T> Resource<T> {
    /// Where it is.
    pub(super) fn own_url(&self) -> &str {
        &self.metadata.own
    }
}

/// 200 with what was asked for.
pub(super) fn found(answer: &impl Serialize) -> Response {
    told(StatusCode::OK, answer)
}

/// An answer in JSON.
pub(super) fn told(status: StatusCode, answer: &impl Serialize) -> Response {
    let mut json =
        serde_json::to_vec(answer).expect("answers hold only numbers, texts, lists and maps keyed by text");
    json.push(b'\n');
    let mut response = Response::new(Body::from(json));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, JSON);
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// 201 with what was made, and where it is.
pub(super) fn made<T: Serialize>(resource: &Resource<T>) -> Response {
    let mut response = told(StatusCode::CREATED, resource);
    if let Ok(location) = HeaderValue::try_from(resource.own_url()) {
        response.headers_mut().insert(header::LOCATION, location);
    }
    response
}

/// 204.
pub(super) fn done() -> Response {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::NO_CONTENT;
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_and_names_are_encoded_once() {
        let links = Links::new("h:1", "c");
        assert_eq!(links.url(&[]), "http://h:1/v3/clusters/c");
        let path = ["consumer-groups", "a/b c%", "lags"];
        assert_eq!(links.url(&path), "http://h:1/v3/clusters/c/consumer-groups/a%2Fb%20c%25/lags");
        let thing = links.resource("K", &["topics", "t"], &[("topic", "t"), ("lag-summary", "")], ());
        assert_eq!(thing.metadata.resource_name, "crn:///kafka=c/topic=t/lag-summary");
        let list = serde_json::to_value(links.list::<()>("KList", &["topics"], Vec::new())).unwrap();
        assert!(list["metadata"]["next"].is_null() && list["data"].as_array().unwrap().is_empty());
    }
}
