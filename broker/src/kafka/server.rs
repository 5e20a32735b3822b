//! The accept loop: a bound on connections, a task for each, and their end when the broker stops.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::gauge::Gauge;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::{debug, warn};

use super::connection::{Connection, End, Shared};
use super::dispatch::Dispatch;
use super::handler::Handler;
use super::memory::FrameMemory;
use super::options::KafkaOptions;
use crate::clock::Clock;
use crate::metrics::Metrics;
use crate::net::{Acceptor, TcpListener, TcpStream};
use crate::service::Service;
use crate::types::BrokerId;

/// The Kafka door.
pub struct KafkaServer {
    service: Arc<Service>,
    options: KafkaOptions,
    lost_links: Option<mpsc::Sender<BrokerId>>,
}

impl KafkaServer {
    /// A door to `service`.
    #[must_use]
    pub fn new(service: Arc<Service>, options: KafkaOptions) -> Self {
        Self { service, options, lost_links: None }
    }

    /// Tells `lost_links` of each broker whose link to this door broke; not every one of them is in trouble.
    #[must_use]
    pub fn report_lost_links(mut self, lost_links: mpsc::Sender<BrokerId>) -> Self {
        self.lost_links = Some(lost_links);
        self
    }

    /// Serves until `stop`, then finishes what is under way, for as long as the options allow.
    pub async fn serve(self, listener: TcpListener, stop: CancellationToken) {
        let handler = Dispatch::new(Arc::clone(&self.service), &self.options);
        let clock = self.service.clock().clone();
        let counts = Counts::of(self.service.metrics());
        let door = Door::new(handler, self.options, clock, counts, self.lost_links);
        door.serve(listener, stop).await;
    }
}

/// What the door counts.
#[derive(Clone, Debug, Default)]
pub(super) struct Counts {
    pub(super) open: Gauge,
    malformed: Counter,
    refused: Counter,
}

impl Counts {
    fn of(metrics: &Metrics) -> Self {
        Self {
            open: metrics.kafka_connections.clone(),
            malformed: metrics.malformed_requests.clone(),
            refused: metrics.rejected_overload.clone(),
        }
    }
}

/// The door over any handler.
pub(super) struct Door<H> {
    shared: Arc<Shared<H>>,
    counts: Counts,
    lost_links: Option<mpsc::Sender<BrokerId>>,
    link_places: Arc<Semaphore>,
    tasks: TaskTracker,
}

impl<H: Handler> Door<H> {
    pub(super) fn new(
        handler: H,
        options: KafkaOptions,
        clock: Clock,
        counts: Counts,
        lost_links: Option<mpsc::Sender<BrokerId>>,
    ) -> Self {
        let shared = Shared {
            produce_memory: FrameMemory::new(options.produce_bytes_in_flight_max),
            other_memory: FrameMemory::new(options.request_bytes_in_flight_max),
            handler,
            clock,
            options,
        };
        let link_places = Arc::new(Semaphore::new(shared.options.link_connections_max));
        Self { shared: Arc::new(shared), counts, lost_links, link_places, tasks: TaskTracker::new() }
    }

    pub(super) async fn serve(self, listener: TcpListener, stop: CancellationToken) {
        let mut acceptor = Acceptor::new(listener, self.shared.options.connections_max);
        // Ends the connections that do not finish in time.
        let hurry = CancellationToken::new();
        loop {
            let (stream, from, place) = tokio::select! {
                () = stop.cancelled() => break,
                accepted = acceptor.accept() => accepted,
            };
            let links_only = place.is_none();
            let place = place.or_else(|| Arc::clone(&self.link_places).try_acquire_owned().ok());
            let Some(place) = place else {
                self.counts.refused.inc();
                debug!(%from, "a connection was closed: all places are taken");
                continue;
            };
            let connection = self.converse(stream, from, place, links_only, stop.clone());
            let hurry = hurry.clone();
            self.tasks.spawn(async move {
                tokio::select! {
                    () = connection => {}
                    () = hurry.cancelled() => debug!(%from, "a connection did not finish in time"),
                }
            });
        }
        drop(acceptor);
        self.tasks.close();
        let limit = Duration::from_millis(self.shared.options.drain_timeout_ms);
        if tokio::time::timeout(limit, self.tasks.wait()).await.is_err() {
            warn!(left = self.tasks.len(), "some Kafka connections did not finish in time and are closed");
            hurry.cancel();
            self.tasks.wait().await;
        }
    }

    fn converse(
        &self,
        stream: TcpStream,
        from: SocketAddr,
        place: OwnedSemaphorePermit,
        links_only: bool,
        stop: CancellationToken,
    ) -> impl Future<Output = ()> + Send + use<H> {
        let shared = Arc::clone(&self.shared);
        let (counts, lost_links) = (self.counts.clone(), self.lost_links.clone());
        async move {
            let _open = Open::new(counts.open);
            let (source, sink) = stream.into_split();
            let connection = Connection::new(shared, source, sink, from.ip(), links_only);
            let (end, link) = connection.serve(stop).await;
            match end {
                End::Malformed(_) => counts.malformed.inc(),
                End::NoPlace => counts.refused.inc(),
                _ => 0,
            };
            debug!(%from, link = link.map(|broker| broker.0), %end, "a connection ended");
            if let (Some(broker), Some(lost_links), End::Closed | End::Socket(_)) = (link, lost_links, end) {
                // A full queue means that enough is known to be in trouble.
                let _ = lost_links.try_send(broker);
            }
            drop(place);
        }
    }
}

/// Counts one connection down when its task ends, however it ends.
struct Open(Gauge);

impl Open {
    fn new(gauge: Gauge) -> Self {
        gauge.inc();
        Self(gauge)
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.0.dec();
    }
}
