//! The door over a real broker of one: requests go in at the entrance, as from a connection.

mod admin;
mod groups;
mod operating;
mod produce;
mod rest_v3;
mod read;
mod rest_v2;
mod rest_v2_consumers;
mod server;

use std::sync::Arc;

use axum::body::Body;
use axum::response::Response;
use http::{HeaderMap, Method, Request, StatusCode};
use http_body_util::BodyExt as _;
use serde_json::Value;
use tokio_util::sync::CancellationToken;

use super::door::Door;
use super::options::HttpOptions;
use super::router::Entrance;
use crate::service::test_support::Bench;

/// A door with topic `t` of two partitions behind it.
struct Front {
    bench: Bench,
    entrance: Entrance,
    stop: CancellationToken,
}

/// An answer, read to its end.
#[derive(Debug)]
struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    body: String,
}

impl Front {
    async fn new() -> Self {
        Self::with(HttpOptions::default()).await
    }

    async fn with(options: HttpOptions) -> Self {
        Self::over(Bench::new().await, options).await
    }

    async fn over(bench: Bench, options: HttpOptions) -> Self {
        let stop = CancellationToken::new();
        bench.topic("t", 2, &[]).await;
        let entrance = Entrance::new(Door::new(Arc::clone(&bench.service), options, stop.clone()));
        Self { bench, entrance, stop }
    }

    async fn send(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: impl Into<Body>,
    ) -> Answer {
        Answer::read(self.open(method, path, headers, body).await).await
    }

    async fn open(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: impl Into<Body>,
    ) -> Response {
        let mut request = Request::builder().method(method.parse::<Method>().unwrap()).uri(path);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        self.entrance.answer(request.body(body.into()).unwrap()).await
    }

    async fn get(&self, path: &str) -> Answer {
        self.send("GET", path, &[], "").await
    }

    async fn post(&self, path: &str, content_type: &str, body: impl Into<Body>) -> Answer {
        self.send("POST", path, &[("content-type", content_type)], body).await
    }

    /// All values of partition 0, as text.
    async fn values(&self) -> Vec<String> {
        let answer = self.get(&format!("{RECORDS}?offset=earliest")).await;
        if answer.status == StatusCode::NO_CONTENT {
            return Vec::new();
        }
        let json = answer.json();
        let records = json["records"].as_array().unwrap().iter();
        records.map(|record| record["value"].as_str().unwrap_or("<none>").to_owned()).collect()
    }
}

impl Answer {
    async fn read(response: Response) -> Self {
        let (parts, body) = response.into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        Self {
            status: parts.status,
            headers: parts.headers,
            body: String::from_utf8_lossy(&body).into_owned(),
        }
    }

    fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|_| panic!("no JSON: {self:?}"))
    }

    fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    /// Checks that it is a refusal in the one shape, and returns it.
    #[track_caller]
    fn refused(&self, status: u16) -> Value {
        assert_eq!(self.status, status, "{}", self.body);
        assert_eq!(self.header("content-type"), "application/json");
        let json = self.json();
        let code = json["error_code"].as_u64().unwrap();
        assert!(code == u64::from(status) || code / 100 == u64::from(status), "{json}");
        assert!(
            json["message"].is_string() && json["retriable"].is_boolean() && json["written"].is_string(),
            "{json}"
        );
        json
    }
}

/// The records of partition 0 of topic `t`.
const RECORDS: &str = "/v1/topics/t/partitions/0/records";
