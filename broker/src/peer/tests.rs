//! Links to a stand-in for another broker: overtaking, deadlines, refusals, restarts.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use coordinator_adapter::LeaseId;
use tokio::io::AsyncWriteExt;
use tokio::sync::watch;
use tokio::time::timeout;

use super::{PeerOptions, Peers};
use crate::clock::Clock;
use crate::cluster::{HostPort, Image, Live, LiveState, Probe, Recovered, Registration};
use crate::net::{FrameReader, TcpListener, TcpStream, listen};
use crate::replication::{LeaderLink, LinkError};
use crate::service::{Forward, ForwardError};
use crate::types::{BrokerEpoch, BrokerId};
use crate::wire::{
    ErrorCode, FetchRequest, FetchResponse, MetadataRequest, MetadataResponse, ProduceRequest,
    ProduceResponse, Request, RequestHeader, Response, WireLimits, broker_of_link, decode_request,
    encode_response,
};

const PATIENCE: Duration = Duration::from_secs(20);
const PEER: BrokerId = BrokerId(2);

/// The cluster as this broker sees it, with one other broker in it.
struct Cluster {
    images: watch::Sender<Arc<Image>>,
    peers: Arc<Peers>,
}

impl Cluster {
    fn new(options: PeerOptions) -> Self {
        let (images, seen) = watch::channel(Arc::new(Image::default()));
        let peers = Peers::new(seen, Clock::system(), options, BrokerId(1), crate::tasks::Tasks::default());
        Self { images, peers }
    }

    fn register(&self, port: u16, epoch: i64) {
        let registration = Registration {
            v: 1,
            incarnation: uuid::Uuid::from_u128(1),
            http: HostPort::new("127.0.0.1", 1),
            kafka: HostPort::new("127.0.0.1", port),
            rack: None,
            dirs: Vec::new(),
            recovered: Recovered::NOTHING,
            release: String::new(),
            epoch: BrokerEpoch(epoch),
        };
        let live = Live {
            v: 1,
            epoch: BrokerEpoch(epoch),
            state: LiveState::Active,
            lease: LeaseId(1),
            disk_full: false,
            disk_failed: false,
        };
        self.change(|image| {
            image.brokers.insert(PEER, Arc::new(registration));
            image.live.insert(PEER, Arc::new(live));
        });
    }

    fn change(&self, change: impl FnOnce(&mut Image)) {
        self.images.send_modify(|image| change(Arc::make_mut(image)));
    }

    async fn metadata(&self, limit: Duration) -> Result<Response, ForwardError> {
        let request = MetadataRequest { topics: None, allow_auto_create: false };
        self.peers.call(PEER, Request::Metadata(request), Clock::system().now() + limit).await
    }

    async fn produce(&self) -> Result<Response, ForwardError> {
        let request = ProduceRequest { transactional: false, acks: -1, timeout_ms: 1, topics: Vec::new() };
        self.peers.call(PEER, Request::Produce(request), deadline()).await
    }

    async fn fetch(&self) -> Result<FetchResponse, LinkError> {
        self.peers.fetch(PEER, fetch(0)).await
    }
}

fn deadline() -> Instant {
    Clock::system().now() + PATIENCE
}

fn fetch(min_bytes: i32) -> FetchRequest {
    FetchRequest {
        replica: None,
        max_wait_ms: 0,
        min_bytes,
        max_bytes: 0,
        session_id: 0,
        session_epoch: -1,
        topics: Vec::new(),
    }
}

/// The other broker's end of one link.
struct Accepted {
    stream: TcpStream,
    frames: FrameReader,
}

fn open() -> (TcpListener, u16) {
    let listener = listen("127.0.0.1:0".parse().unwrap()).unwrap();
    let port = listener.local_addr().unwrap().port();
    (listener, port)
}

async fn accept(listener: &TcpListener) -> Accepted {
    let (stream, _) = timeout(PATIENCE, listener.accept()).await.unwrap().unwrap();
    Accepted { stream, frames: FrameReader::new(1 << 20) }
}

impl Accepted {
    async fn frame(&mut self) -> Option<Bytes> {
        timeout(PATIENCE, async {
            loop {
                if let Some(frame) = self.frames.next_frame().unwrap() {
                    return Some(frame);
                }
                if self.frames.fill(&mut self.stream).await.unwrap_or(0) == 0 {
                    return None;
                }
            }
        })
        .await
        .unwrap()
    }

    async fn request(&mut self) -> (RequestHeader, Request) {
        decode_request(self.frame().await.unwrap(), &WireLimits::default()).unwrap()
    }

    async fn answer(&mut self, (header, request): &(RequestHeader, Request)) {
        let response = match request {
            Request::Metadata(_) => Response::Metadata(MetadataResponse::default()),
            Request::Produce(_) => Response::Produce(ProduceResponse::default()),
            // Tells apart which request is answered.
            Request::Fetch(request) if request.min_bytes == 0 => Response::Fetch(FetchResponse::default()),
            Request::Fetch(_) => {
                Response::Fetch(FetchResponse { error: ErrorCode::RequestTimedOut, topics: Vec::new() })
            }
            other => panic!("nobody asks {other:?} here"),
        };
        for chunk in encode_response(header, response).unwrap() {
            self.stream.write_all(&chunk).await.unwrap();
        }
    }

    async fn serve_one(&mut self) {
        let request = self.request().await;
        self.answer(&request).await;
    }
}

#[tokio::test]
async fn answers_find_their_callers_in_any_order() {
    let (listener, port) = open();
    let cluster = Cluster::new(PeerOptions::default());
    cluster.register(port, 1);
    let slow = async { cluster.peers.call(PEER, Request::Fetch(fetch(1)), deadline()).await };
    let quick = async { cluster.peers.call(PEER, Request::Fetch(fetch(0)), deadline()).await };
    let serve = async {
        let mut link = accept(&listener).await;
        let requests = [link.request().await, link.request().await];
        assert_eq!(requests[0].0.client_id.as_deref().and_then(broker_of_link), Some(BrokerId(1)));
        for request in requests.iter().rev() {
            link.answer(request).await;
        }
        link
    };
    let (slow, quick, _link) = tokio::join!(slow, quick, serve);
    let error = |response| match response {
        Ok(Response::Fetch(response)) => response.error,
        other => panic!("{other:?}"),
    };
    assert_eq!((error(slow), error(quick)), (ErrorCode::RequestTimedOut, ErrorCode::None));
}

#[tokio::test]
async fn each_kind_of_request_has_a_connection_of_its_own_and_keeps_it() {
    let (listener, port) = open();
    let cluster = Cluster::new(PeerOptions::default());
    cluster.register(port, 1);
    let serve = async {
        let mut links = [accept(&listener).await, accept(&listener).await, accept(&listener).await];
        for _ in 0..2 {
            for link in &mut links {
                link.serve_one().await;
            }
        }
        links
    };
    let calls = async {
        for _ in 0..2 {
            let (read, write, fetched) =
                tokio::join!(cluster.metadata(PATIENCE), cluster.produce(), cluster.fetch());
            assert!(read.is_ok() && write.is_ok() && fetched.is_ok());
        }
    };
    let (_links, ()) = tokio::join!(serve, calls);
}

#[tokio::test]
async fn a_frozen_peer_costs_a_call_its_deadline_and_no_more() {
    let (listener, port) = open();
    let cluster = Cluster::new(PeerOptions::default());
    cluster.register(port, 1);
    let call = cluster.metadata(Duration::from_millis(50));
    let (answer, mut link) = tokio::join!(call, accept(&listener));
    assert!(matches!(answer, Err(ForwardError::Unknown(_))), "{answer:?}");
    // It thaws: the late answer is skipped, the next call is served on the same link.
    let serve = async {
        link.serve_one().await;
        link.serve_one().await;
    };
    let (answer, ()) = tokio::join!(cluster.metadata(PATIENCE), serve);
    assert!(answer.is_ok(), "{answer:?}");
}

#[tokio::test]
async fn a_peer_that_never_answers_is_connected_to_anew() {
    let (listener, port) = open();
    let cluster = Cluster::new(PeerOptions::default());
    cluster.register(port, 1);
    let (answer, _silent) = tokio::join!(cluster.metadata(Duration::from_millis(20)), accept(&listener));
    assert!(answer.is_err());
    let calls = async { while cluster.metadata(Duration::from_millis(500)).await.is_err() {} };
    let serve = async { accept(&listener).await.serve_one().await };
    timeout(PATIENCE, async { tokio::join!(calls, serve) }).await.unwrap();
}

#[tokio::test]
async fn a_call_that_was_never_sent_is_told_from_one_that_was() {
    let (listener, port) = open();
    let cluster = Cluster::new(PeerOptions::default());
    let answer = cluster.produce().await;
    assert!(matches!(answer, Err(ForwardError::NotSent(_))), "nobody is registered: {answer:?}");
    assert_eq!(cluster.fetch().await.unwrap_err(), LinkError::UnknownBroker);
    cluster.register(port, 1);
    let serve = async {
        let mut link = accept(&listener).await;
        link.request().await;
        drop(listener);
    };
    let (answer, ()) = tokio::join!(cluster.produce(), serve);
    assert!(matches!(answer, Err(ForwardError::Unknown(_))), "it was read and not answered: {answer:?}");
    let answer = cluster.produce().await;
    assert!(matches!(answer, Err(ForwardError::NotSent(_))), "the port refuses: {answer:?}");
}

#[tokio::test]
async fn a_dead_process_is_called_refused_at_once_and_a_lost_connection_is_not() {
    let (listener, port) = open();
    let cluster = Cluster::new(PeerOptions::default());
    cluster.register(port, 1);
    let serve = async {
        let mut link = accept(&listener).await;
        link.serve_one().await;
        link.request().await;
        drop(link);
        accept(&listener).await
    };
    let fetches = async {
        assert!(cluster.fetch().await.is_ok());
        cluster.fetch().await
    };
    let (answer, mut link) = tokio::join!(fetches, serve);
    assert!(matches!(answer, Err(LinkError::Broken(_))), "its process lives: {answer:?}");
    let serve = async {
        link.serve_one().await;
        link.request().await;
        drop((link, listener));
    };
    let fetches = async {
        assert!(cluster.fetch().await.is_ok());
        cluster.fetch().await
    };
    let (answer, ()) = tokio::join!(fetches, serve);
    assert!(matches!(answer, Err(LinkError::Refused(_))), "{answer:?}");
    let answer = cluster.fetch().await;
    assert!(matches!(answer, Err(LinkError::Refused(_))), "{answer:?}");
    let address = HostPort::new("127.0.0.1", port);
    assert!(cluster.peers.refused(PEER, &address).await);
}

#[tokio::test]
async fn a_new_life_of_the_peer_is_called_at_once() {
    let (listener, port) = open();
    let cluster = Cluster::new(PeerOptions { reconnect_pause_ms_min: 3_600_000, ..PeerOptions::default() });
    cluster.register(port, 1);
    drop(listener);
    assert!(matches!(cluster.fetch().await, Err(LinkError::Refused(_))));
    let (listener, port) = open();
    cluster.register(port, 2);
    let serve = async {
        let mut link = accept(&listener).await;
        link.serve_one().await;
        link.request().await;
        link
    };
    let fetches = async {
        assert!(cluster.fetch().await.is_ok());
        cluster.fetch().await
    };
    let restart = async {
        let mut link = serve.await;
        let (listener, port) = open();
        cluster.register(port, 3);
        assert_eq!(link.frame().await, None, "the link to the old life is closed");
        listener
    };
    let (answer, listener) = tokio::join!(fetches, restart);
    assert!(matches!(answer, Err(LinkError::Broken(_))), "{answer:?}");
    let serve = async { accept(&listener).await.serve_one().await };
    let (answer, ()) = tokio::join!(cluster.fetch(), serve);
    assert!(answer.is_ok());
}

#[tokio::test]
async fn a_silent_peer_without_a_lease_is_given_up_before_the_deadline() {
    let (listener, port) = open();
    let cluster = Cluster::new(PeerOptions { lost_lease_silence_ms: 20, ..PeerOptions::default() });
    cluster.register(port, 1);
    let serve = async {
        let mut link = accept(&listener).await;
        link.request().await;
        cluster.change(|image| drop(image.live.remove(&PEER)));
        link
    };
    let produce = async { timeout(PATIENCE / 2, cluster.produce()).await };
    let (answer, _link) = tokio::join!(produce, serve);
    assert!(matches!(answer, Ok(Err(ForwardError::Unknown(_)))), "{answer:?}");
}

#[tokio::test]
async fn an_answer_that_makes_no_sense_ends_the_link() {
    let (listener, port) = open();
    let cluster = Cluster::new(PeerOptions::default());
    cluster.register(port, 1);
    for nonsense in [&[0xff, 0xff, 0xff, 0xff][..], &[0, 0, 0, 2, 0, 0]] {
        let serve = async {
            let mut link = accept(&listener).await;
            link.request().await;
            link.stream.write_all(nonsense).await.unwrap();
            assert_eq!(link.frame().await, None);
        };
        let call = async {
            loop {
                let answer = cluster.produce().await;
                if !matches!(answer, Err(ForwardError::NotSent(_))) {
                    return answer;
                }
                tokio::task::yield_now().await;
            }
        };
        let (answer, ()) = tokio::join!(call, serve);
        assert!(matches!(answer, Err(ForwardError::Unknown(_))), "{answer:?}");
    }
}

#[tokio::test]
async fn a_probe_is_not_taken_in_by_a_port_that_is_about_to_close() {
    let (listener, port) = open();
    let cluster = Cluster::new(PeerOptions { probe_timeout_ms: 10_000, ..PeerOptions::default() });
    let address = HostPort::new("127.0.0.1", port);
    assert!(!cluster.peers.refused(PEER, &address).await, "the port is open");
    // Drains the connection of the probe before.
    drop(accept(&listener).await);
    let dies = async {
        drop(accept(&listener).await);
        drop(listener);
    };
    let (refused, ()) = tokio::join!(cluster.peers.refused(PEER, &address), dies);
    assert!(refused);
}
