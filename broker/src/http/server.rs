//! The accept loop and its connections.
//!
//! Our own, over hyper: axum's sets neither `TCP_NODELAY` nor any bound. hyper's `pipeline_flush` stays off: with it a body
//! is taken for as long as there is any, and what a slow reader has not taken is kept in memory without a bound.

use std::convert::Infallible;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use axum::body::Body;
use http::{Request, StatusCode};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use tokio::sync::OwnedSemaphorePermit;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::{debug, warn};

use super::door::Door;
use super::errors::Problem;
use super::loan::{Loan, part};
use super::options::HttpOptions;
use super::router::Entrance;
use crate::net::{Acceptor, TcpListener, TcpStream, dismiss};
use crate::service::Service;

/// hyper's own bound on the number of headers, up to which it needs no memory for them beyond the stack.
const HEADERS_ON_STACK: usize = 100;
/// How much of one body may be on its way to us in HTTP/2, per stream and per connection.
const H2_STREAM_WINDOW_BYTES: u32 = 1 << 20;
const H2_CONNECTION_WINDOW_BYTES: u32 = 4 << 20;
/// How many requests of one HTTP/2 connection may be open.
const H2_STREAMS_MAX: u32 = 256;

/// The HTTP door of one broker.
#[derive(Debug)]
pub struct HttpServer {
    service: Arc<Service>,
    options: HttpOptions,
}

impl HttpServer {
    /// A door to `service`.
    #[must_use]
    pub fn new(service: Arc<Service>, options: HttpOptions) -> Self {
        Self { service, options }
    }

    /// Serves connections from `listener` until `stop`; then takes no more, lets those in flight finish within
    /// `drain_ms_max`, and returns.
    pub async fn serve(self, listener: TcpListener, stop: CancellationToken) {
        let drain = Duration::from_millis(self.options.drain_ms_max);
        let options = self.options.clone();
        let entrance = Entrance::new(Door::new(self.service, self.options, stop.clone()));
        let (listener, connections) = accept_until(&stop, listener, &entrance, &options).await;
        drop(listener);
        connections.end(drain).await;
    }
}

/// Takes connections and answers them at `entrance`, until `stop`; hands back the listener and what is still open.
pub(super) async fn accept_until(
    stop: &CancellationToken,
    listener: TcpListener,
    entrance: &Entrance,
    options: &HttpOptions,
) -> (TcpListener, Connections) {
    let mut acceptor = Acceptor::new(listener, options.connections_max);
    let builder = builder(options);
    let metrics = entrance.metrics();
    let Connections { open, abandon } = Connections::default();
    loop {
        let accepted = tokio::select! {
            biased;
            () = stop.cancelled() => break,
            accepted = acceptor.accept() => accepted,
        };
        let (stream, from, Some(place)) = accepted else {
            metrics.rejected_overload.inc();
            refuse(accepted.0);
            continue;
        };
        debug!(%from, "http connection");
        let connection = Connection {
            stream,
            place,
            builder: builder.clone(),
            entrance: entrance.clone(),
            stall_max: Duration::from_millis(options.write_stall_ms_max),
            stop: stop.child_token(),
            abandon: abandon.child_token(),
        };
        let gauge = metrics.http_connections.clone();
        open.spawn(async move {
            gauge.inc();
            connection.serve().await;
            gauge.dec();
        });
    }
    (acceptor.into_listener(), Connections { open, abandon })
}

/// The open connections of a door.
#[derive(Default)]
pub(super) struct Connections {
    open: TaskTracker,
    abandon: CancellationToken,
}

impl Connections {
    /// Lets them finish within `limit`, and cuts them then.
    pub(super) async fn end(self, limit: Duration) {
        self.open.close();
        if tokio::time::timeout(limit, self.open.wait()).await.is_err() {
            warn!(left = self.open.len(), "http connections did not finish in time and are cut");
            self.abandon.cancel();
            self.open.wait().await;
        }
    }
}

/// One connection with all that it needs.
struct Connection {
    stream: TcpStream,
    place: OwnedSemaphorePermit,
    builder: Builder<TokioExecutor>,
    entrance: Entrance,
    stall_max: Duration,
    stop: CancellationToken,
    abandon: CancellationToken,
}

impl Connection {
    async fn serve(self) {
        let Self { stream, place, builder, entrance, stall_max, stop, abandon } = self;
        let metrics = entrance.metrics();
        let asked = Arc::new(AtomicBool::new(false));
        let first = Arc::clone(&asked);
        let service = service_fn(move |request: Request<Incoming>| {
            let entrance = entrance.clone();
            first.store(true, Ordering::Relaxed);
            async move { Ok::<_, Infallible>(entrance.answer(request.map(Body::new)).await) }
        });
        let (loan, back) = Loan::of(stream, stall_max);
        let end = {
            let mut connection = pin!(builder.serve_connection(TokioIo::new(loan), service));
            let mut draining = false;
            loop {
                tokio::select! {
                    biased;
                    end = connection.as_mut() => break end,
                    () = stop.cancelled(), if !draining => {
                        connection.as_mut().graceful_shutdown();
                        draining = true;
                    }
                    () = abandon.cancelled() => break Ok(()),
                }
            }
        };
        let mut last_word = None;
        if let Err(error) = end {
            debug!(error, "http connection ended");
            if let Some(unread) = error.downcast_ref::<hyper::Error>().filter(|error| error.is_parse()) {
                metrics.malformed_requests.inc();
                // Answers to requests before it may be lost, and must not be taken for this one.
                last_word = (!asked.load(Ordering::Relaxed)).then(|| no_request(unread));
            }
        }
        // A door that closes has no time for goodbyes.
        if !stop.is_cancelled() {
            part(back, last_word).await;
        }
        drop(place);
    }
}

/// What a client is told whose first request cannot be read. hyper has an answer of its own, but keeps it to itself as
/// long as unread bytes let it hope for another request, which are always there.
fn no_request(error: &hyper::Error) -> Vec<u8> {
    let problem = if error.is_parse_too_large() {
        let message =
            "the head of the request is too large: send fewer, or shorter, headers and a shorter address";
        Problem::new(StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE, message)
    } else {
        Problem::bad_request(format!("this is no HTTP request: {error}"))
    };
    problem.into_bytes_of_http1()
}

fn builder(options: &HttpOptions) -> Builder<TokioExecutor> {
    let mut builder = Builder::new(TokioExecutor::new());
    let idle = Duration::from_millis(options.idle_timeout_ms);
    builder.http1().timer(TokioTimer::new()).header_read_timeout(idle);
    if options.headers_max > HEADERS_ON_STACK {
        builder.http1().max_headers(options.headers_max);
    }
    builder
        .http2()
        .timer(TokioTimer::new())
        .keep_alive_interval(idle)
        .keep_alive_timeout(idle)
        .initial_stream_window_size(H2_STREAM_WINDOW_BYTES)
        .initial_connection_window_size(H2_CONNECTION_WINDOW_BYTES)
        .max_concurrent_streams(H2_STREAMS_MAX)
        .max_header_list_size(u32::try_from(options.header_bytes_max).unwrap_or(u32::MAX));
    builder
}

/// Tells a connection above the bound so, as far as that goes without waiting for it.
fn refuse(stream: TcpStream) {
    let problem = Problem::new(
        StatusCode::SERVICE_UNAVAILABLE,
        "too many connections: try again shortly, or elsewhere",
    );
    dismiss(stream, &problem.detail(3).retriable().into_bytes_of_http1());
}
