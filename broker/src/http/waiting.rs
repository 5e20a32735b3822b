//! The HTTP door of a process that has not joined its cluster yet: alive, not ready, and it says what it waits for.
//!
//! It holds no service, for there is none: whatever else is asked is refused in the one shape, to be tried again.
//!
//! *Invariant:* nobody waits here: every request is answered at once.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use http::StatusCode;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::admin::json_of_nobody;
use super::errors::Problem;
use super::operations::{HealthAnswer, metrics_page, not_ready_yet};
use super::options::HttpOptions;
use super::router::Entrance;
use super::server::accept_until;
use crate::metrics::Metrics;
use crate::net::TcpListener;

/// How long the connections of this door may take to notice that it has closed.
const FAREWELL: Duration = Duration::from_secs(1);

/// The HTTP door before there is a broker behind it.
#[derive(Debug)]
pub struct WaitingServer {
    waiting: Waiting,
    options: HttpOptions,
}

#[derive(Clone, Debug)]
struct Waiting {
    reason: watch::Receiver<String>,
    metrics: Arc<Metrics>,
}

impl WaitingServer {
    /// A door that says `reason`.
    #[must_use]
    pub fn new(reason: watch::Receiver<String>, metrics: Arc<Metrics>, options: HttpOptions) -> Self {
        Self { waiting: Waiting { reason, metrics }, options }
    }

    /// Serves connections from `listener` until `stop`; hands it back at once, open on.
    pub async fn serve(self, listener: TcpListener, stop: CancellationToken) -> TcpListener {
        let entrance = entrance(self.waiting, &self.options);
        let (listener, connections) = accept_until(&stop, listener, &entrance, &self.options).await;
        // All their answers are given: nobody needs to wait until they are closed.
        tokio::spawn(connections.end(FAREWELL));
        listener
    }
}

fn entrance(waiting: Waiting, options: &HttpOptions) -> Entrance {
    let metrics = Arc::clone(&waiting.metrics);
    let router = Router::new()
        .route("/healthz", get(async || json_of_nobody(StatusCode::OK, &HealthAnswer::OK)))
        .route("/readyz", get(ready))
        .route("/metrics", get(figures))
        .fallback(refuse)
        .method_not_allowed_fallback(refuse)
        .with_state(waiting);
    Entrance::over(router, metrics, options)
}

async fn ready(State(waiting): State<Waiting>) -> Response {
    not_ready_yet(waiting.reason.borrow().clone())
}

async fn figures(State(waiting): State<Waiting>) -> Response {
    metrics_page(&waiting.metrics, &[])
}

async fn refuse(State(waiting): State<Waiting>) -> Response {
    let message = format!("this broker has not joined its cluster yet: {}", *waiting.reason.borrow());
    Problem::new(StatusCode::SERVICE_UNAVAILABLE, message).detail(3).retriable().into_response()
}

#[cfg(test)]
mod tests {
    use axum::body::{Body, to_bytes};
    use http::Request;

    use super::*;

    async fn ask(entrance: &Entrance, method: &str, path: &str) -> (u16, Option<String>, String) {
        let request = Request::builder().method(method).uri(path).body(Body::empty()).unwrap();
        let response = entrance.answer(request).await;
        let retry = response.headers().get("retry-after").map(|value| value.to_str().unwrap().to_owned());
        let status = response.status().as_u16();
        let body = to_bytes(response.into_body(), 1 << 20).await.unwrap();
        (status, retry, String::from_utf8(body.to_vec()).unwrap())
    }

    #[tokio::test]
    async fn it_lives_is_not_ready_says_why_and_refuses_the_rest_in_the_one_shape() {
        let (reason_in, reason) = watch::channel("waiting for etcd at http://etcd:2379".to_owned());
        let waiting = Waiting { reason, metrics: Arc::new(Metrics::new()) };
        let entrance = entrance(waiting, &HttpOptions::default());
        assert_eq!(ask(&entrance, "GET", "/healthz").await.0, 200);
        let (status, retry, body) = ask(&entrance, "GET", "/readyz").await;
        assert_eq!((status, retry.as_deref()), (503, Some("1")));
        assert_eq!(body.trim(), r#"{"ready":false,"reasons":["waiting for etcd at http://etcd:2379"]}"#);
        let (status, _, figures) = ask(&entrance, "GET", "/metrics").await;
        assert!(status == 200 && figures.ends_with("# EOF\n"), "{status}: {figures}");
        reason_in.send_replace("opening its logs".to_owned());
        for (method, path) in [("GET", "/v1/topics"), ("POST", "/v1/topics/t/records"), ("PUT", "/healthz")] {
            let (status, retry, body) = ask(&entrance, method, path).await;
            assert_eq!((status, retry.as_deref()), (503, Some("1")), "{method} {path}");
            for part in
                [r#""error_code":50303"#, r#""retriable":true"#, r#""written":"no""#, "opening its logs"]
            {
                assert!(body.contains(part), "{method} {path}: {body}");
            }
        }
    }
}
