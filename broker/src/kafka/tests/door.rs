//! The door with a stand-in behind it: framing, order, bounds, and clients that misbehave.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use parking_lot::Mutex;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::Notify;
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use super::client::{Client, PATIENCE};
use crate::clock::Clock;
use crate::kafka::KafkaOptions;
use crate::kafka::handler::{Caller, Handler, Outcome};
use crate::kafka::memory::Claim;
use crate::kafka::server::{Counts, Door};
use crate::net::listen;
use crate::types::{BrokerId, Offset, TopicId};
use crate::wire::{
    ErrorCode, FetchRequest, FetchResponse, FetchedPartition, FetchedTopic, GroupRequest, MetadataRequest,
    MetadataResponse, ProducePartition, ProduceRequest, ProduceResponse, ProduceTopic, ProducedTopic,
    Request, Response, SyncGroupRequest, decode_response, encode_request, link_client_id,
};

/// Answers Produce when told to, Fetch with many bytes or never, Metadata at once with what it was asked.
#[derive(Clone, Default)]
struct StandIn {
    begun: Arc<Mutex<Vec<String>>>,
    released: Arc<Mutex<Vec<String>>>,
    release: Arc<Notify>,
    fetch_bytes: usize,
}

impl StandIn {
    fn release(&self, topic: &str) {
        self.released.lock().push(topic.to_owned());
        self.release.notify_waiters();
    }

    async fn wait_for(self, topic: String) {
        loop {
            let news = self.release.notified();
            tokio::pin!(news);
            news.as_mut().enable();
            if self.released.lock().contains(&topic) {
                return;
            }
            news.await;
        }
    }
}

impl Handler for StandIn {
    fn handle(&self, _caller: &Caller, request: Request, _claim: Claim) -> BoxFuture<'static, Outcome> {
        let this = self.clone();
        match request {
            Request::Produce(request) => async move {
                let topic = request.topics[0].name.clone();
                this.begun.lock().push(topic.clone());
                this.wait_for(topic).await;
                if request.acks == 0 {
                    return Outcome::Silence;
                }
                let topics = request
                    .topics
                    .into_iter()
                    .map(|topic| ProducedTopic { name: topic.name, partitions: Vec::new() });
                Outcome::Answer(Response::Produce(ProduceResponse { topics: topics.collect() }), None)
            }
            .boxed(),
            Request::Fetch(_) => async move {
                if this.fetch_bytes == 0 {
                    std::future::pending::<()>().await;
                }
                Outcome::Answer(Response::Fetch(bulk(this.fetch_bytes)), None)
            }
            .boxed(),
            Request::Group(_) => std::future::pending().boxed(),
            Request::Metadata(_) => {
                async move { Outcome::Answer(Response::Metadata(MetadataResponse::default()), None) }.boxed()
            }
            other => panic!("nobody asks {other:?} here"),
        }
    }
}

fn bulk(bytes: usize) -> FetchResponse {
    let partition = FetchedPartition {
        index: 0,
        error: ErrorCode::None,
        high_watermark: Offset::ZERO,
        log_start_offset: Offset::ZERO,
        diverging: None,
        leader: None,
        records: vec![Bytes::from(vec![7; bytes])],
    };
    let topic_id = Some(TopicId(uuid::Uuid::from_u128(1)));
    let topic = FetchedTopic { name: None, topic_id, partitions: vec![partition] };
    FetchResponse { error: ErrorCode::None, topics: vec![topic] }
}

struct Running {
    port: u16,
    counts: Counts,
    stop: CancellationToken,
    door: JoinHandle<()>,
}

fn open(stand_in: StandIn, options: KafkaOptions) -> Running {
    let listener = listen("127.0.0.1:0".parse().unwrap()).unwrap();
    let port = listener.local_addr().unwrap().port();
    let stop = CancellationToken::new();
    let counts = Counts::default();
    let door = Door::new(stand_in, options, Clock::system(), counts.clone(), None);
    let door = tokio::spawn(door.serve(listener, stop.clone()));
    Running { port, counts, stop, door }
}

async fn until(condition: impl Fn() -> bool) {
    let holds = async {
        while !condition() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    timeout(PATIENCE, holds).await.expect("the condition comes true");
}

impl Running {
    async fn client(&self) -> Client {
        Client::connect(self.port, "test").await
    }

    async fn link_from(&self, broker: i32) -> Client {
        Client::connect(self.port, &link_client_id(BrokerId(broker))).await
    }
}

async fn is_served(client: &mut Client) -> bool {
    let id = client.send(metadata()).await;
    client.answered().await == Some(id)
}

fn metadata() -> Request {
    Request::Metadata(MetadataRequest { topics: None, allow_auto_create: false })
}

fn produce(topic: &str, acks: i16) -> Request {
    let topics = vec![ProduceTopic { name: topic.to_owned(), partitions: Vec::new() }];
    Request::Produce(ProduceRequest { transactional: false, acks, timeout_ms: 1_000, topics })
}

fn fetch() -> Request {
    Request::Fetch(FetchRequest {
        replica: None,
        max_wait_ms: 0,
        min_bytes: 0,
        max_bytes: i32::MAX,
        session_id: 0,
        session_epoch: -1,
        topics: Vec::new(),
    })
}

#[tokio::test]
async fn a_frame_that_lies_about_its_length_costs_its_own_connection_only() {
    let running = open(StandIn::default(), KafkaOptions::default());
    let mut good = running.client().await;
    assert!(is_served(&mut good).await);
    let lies: [&[u8]; 5] = [
        &[0xff, 0xff, 0xff, 0xff],
        &[0x7f, 0xff, 0xff, 0xff, 0, 3, 0, 12],
        // Five bytes, and none.
        &[0, 0, 0, 5, 0, 3, 0, 12, 0],
        &[0, 0, 0, 0],
        // An array that says it has two thousand million topics.
        &[0, 0, 0, 14, 0, 3, 0, 1, 0, 0, 0, 1, 0xff, 0xff, 0x7f, 0xff, 0xff, 0xff],
    ];
    for lie in lies {
        let mut bad = running.client().await;
        bad.stream.write_all(lie).await.unwrap();
        assert_eq!(bad.frame().await, None, "{lie:?}");
    }
    assert!(is_served(&mut good).await);
}

#[tokio::test]
async fn half_a_request_and_then_silence_is_not_waited_for_for_ever() {
    let options = KafkaOptions { frame_timeout_ms: 50, ..KafkaOptions::default() };
    let running = open(StandIn::default(), options);
    let mut half = running.client().await;
    half.stream.write_all(&[0, 1, 0, 0, 0, 0]).await.unwrap();
    assert_eq!(half.frame().await, None);
    let options = KafkaOptions { idle_timeout_ms: 50, ..KafkaOptions::default() };
    let running = open(StandIn::default(), options);
    assert_eq!(running.client().await.frame().await, None);
}

#[tokio::test]
async fn produces_of_a_client_are_under_way_together_and_answered_in_order() {
    let stand_in = StandIn::default();
    let running = open(stand_in.clone(), KafkaOptions::default());
    let mut client = running.client().await;
    let mut ids = Vec::new();
    for topic in ["a", "b", "c"] {
        ids.push(client.send(produce(topic, -1)).await);
    }
    ids.push(client.send(metadata()).await);
    stand_in.release("c");
    stand_in.release("b");
    until(|| stand_in.begun.lock().len() == 3).await;
    assert_eq!(*stand_in.begun.lock(), ["a", "b", "c"]);
    assert!(client.answered().now_or_never().is_none(), "the first request is not answered yet");
    stand_in.release("a");
    for id in ids {
        assert_eq!(client.answered().await, Some(id));
    }
}

#[tokio::test]
async fn answers_on_a_link_overtake_each_other() {
    let stand_in = StandIn::default();
    let running = open(stand_in.clone(), KafkaOptions::default());
    let mut link = running.link_from(2).await;
    link.send(fetch()).await;
    let slow = link.send(produce("slow", -1)).await;
    let quick = link.send(metadata()).await;
    assert_eq!(link.answered().await, Some(quick));
    stand_in.release("slow");
    assert_eq!(link.answered().await, Some(slow));
}

#[tokio::test]
async fn a_produce_without_acknowledgement_has_no_answer() {
    let stand_in = StandIn::default();
    let running = open(stand_in.clone(), KafkaOptions::default());
    let mut client = running.client().await;
    client.send(produce("a", 0)).await;
    stand_in.release("a");
    let id = client.send(metadata()).await;
    assert_eq!(client.answered().await, Some(id));
}

#[tokio::test]
async fn what_was_sent_before_hanging_up_is_carried_out() {
    let stand_in = StandIn::default();
    let running = open(stand_in.clone(), KafkaOptions::default());
    let mut client = running.client().await;
    for topic in ["a", "b"] {
        client.send(produce(topic, 0)).await;
    }
    client.stream.shutdown().await.unwrap();
    until(|| stand_in.begun.lock().len() == 2).await;
    stand_in.release("a");
    stand_in.release("b");
    assert_eq!(client.frame().await, None);
}

#[tokio::test]
async fn api_versions_of_an_unknown_version_are_answered_as_version_0() {
    let running = open(StandIn::default(), KafkaOptions::default());
    let mut client = running.client().await;
    // Key 18, version 99, correlation 7, client id "x", and a body that nobody can know.
    let request = [0, 0, 0, 13, 0, 18, 0, 99, 0, 0, 0, 7, 0, 1, b'x', 0xaa, 0xbb];
    client.stream.write_all(&request).await.unwrap();
    let frame = client.frame().await.unwrap();
    let (id, response) = decode_response(18, 0, frame).unwrap();
    let Response::ApiVersions(response) = response else { panic!("{response:?}") };
    assert_eq!((id, response.error), (7, ErrorCode::UnsupportedVersion));
    assert!(is_served(&mut client).await);
}

#[tokio::test]
async fn an_unknown_request_closes_the_connection() {
    let running = open(StandIn::default(), KafkaOptions::default());
    for (key, version) in [(99_u8, 0_u8), (3, 99)] {
        let mut client = running.client().await;
        let request = [0, 0, 0, 10, 0, key, 0, version, 0, 0, 0, 7, 0xff, 0xff];
        client.stream.write_all(&request).await.unwrap();
        assert_eq!(client.frame().await, None);
    }
}

#[tokio::test]
async fn clients_without_number_leave_a_place_for_links() {
    let options = KafkaOptions { connections_max: 2, link_connections_max: 1, ..KafkaOptions::default() };
    let running = open(StandIn::default(), options);
    let (mut first, mut second) = (running.client().await, running.client().await);
    assert!(is_served(&mut first).await && is_served(&mut second).await);
    let mut third = running.client().await;
    third.send(metadata()).await;
    assert_eq!(third.frame().await, None);
    let mut link = running.link_from(2).await;
    assert!(is_served(&mut link).await);
    let mut another = running.link_from(3).await;
    let _ = another.stream.write_all(&[0]).await;
    assert_eq!(another.frame().await, None);
    drop(first);
    timeout(PATIENCE, async {
        loop {
            let mut late = running.client().await;
            late.send(metadata()).await;
            if late.frame().await.is_some() {
                return;
            }
        }
    })
    .await
    .unwrap();
}

#[tokio::test]
async fn a_place_for_links_is_not_kept_for_who_does_not_say_that_it_is_one() {
    let options = KafkaOptions {
        connections_max: 0,
        link_connections_max: 1,
        link_greeting_timeout_ms: 20,
        ..KafkaOptions::default()
    };
    let running = open(StandIn::default(), options);
    for greeting in [&[][..], &[0, 0]] {
        let mut silent = running.client().await;
        silent.stream.write_all(greeting).await.unwrap();
        assert_eq!(silent.frame().await, None);
        until(|| running.counts.open.get() == 0).await;
    }
    assert!(is_served(&mut running.link_from(2).await).await);
}

#[tokio::test]
async fn a_client_that_reads_nothing_is_let_go() {
    let options = KafkaOptions { write_timeout_ms: 50, ..KafkaOptions::default() };
    let stand_in = StandIn { fetch_bytes: 32 << 20, ..StandIn::default() };
    let running = open(stand_in, options);
    let mut client = running.client().await;
    client.send(fetch()).await;
    let mut first = [0; 4];
    client.stream.read_exact(&mut first).await.unwrap();
    assert!(i32::from_be_bytes(first) > 32 << 20);
    until(|| running.counts.open.get() == 0).await;
    let mut rest = Vec::new();
    let _ = timeout(PATIENCE, client.stream.read_to_end(&mut rest)).await.unwrap();
    assert!(rest.len() < 32 << 20);
}

#[tokio::test]
async fn who_waits_for_its_group_and_hangs_up_is_let_go() {
    let running = open(StandIn::default(), KafkaOptions::default());
    let group = SyncGroupRequest {
        group_id: "g".to_owned(),
        generation: 1,
        member_id: "m".to_owned(),
        instance_id: None,
        protocol_type: None,
        protocol: None,
        assignments: Vec::new(),
    };
    let mut client = running.client().await;
    client.send(Request::Group(Box::new(GroupRequest::SyncGroup(group)))).await;
    until(|| running.counts.open.get() == 1).await;
    drop(client);
    until(|| running.counts.open.get() == 0).await;
}

#[tokio::test]
async fn stopping_finishes_what_is_under_way_but_no_waiting_read() {
    let stand_in = StandIn::default();
    let running = open(stand_in.clone(), KafkaOptions::default());
    let (mut producer, mut reader) = (running.client().await, running.client().await);
    let id = producer.send(produce("a", -1)).await;
    reader.send(fetch()).await;
    until(|| !stand_in.begun.lock().is_empty()).await;
    running.stop.cancel();
    assert_eq!(reader.frame().await, None);
    stand_in.release("a");
    assert_eq!(producer.answered().await, Some(id));
    assert_eq!(producer.frame().await, None);
    timeout(PATIENCE, running.door).await.unwrap().unwrap();
}

#[tokio::test]
async fn requests_beyond_the_memory_budget_take_turns_and_all_finish() {
    let stand_in = StandIn::default();
    stand_in.release("big");
    let options = KafkaOptions { produce_bytes_in_flight_max: 100_000, ..KafkaOptions::default() };
    let running = open(stand_in, options);
    let partition =
        ProducePartition { index: 0, records: Some(vec![7; 1 << 20].into()), expected_offset: None };
    let topic = ProduceTopic { name: "big".to_owned(), partitions: vec![partition] };
    let request = ProduceRequest { transactional: false, acks: -1, timeout_ms: 1_000, topics: vec![topic] };
    let frame = encode_request(1, "test", Request::Produce(request)).unwrap().concat();
    let (half, rest) = frame.split_at(frame.len() / 3);
    let mut clients = Vec::new();
    for _ in 0..4 {
        let mut client = running.client().await;
        client.stream.write_all(half).await.unwrap();
        clients.push(client);
    }
    let finish = clients.iter_mut().map(|client| async {
        client.stream.write_all(rest).await.unwrap();
        assert_eq!(client.answered().await, Some(1));
    });
    futures_util::future::join_all(finish).await;
}

#[tokio::test]
async fn noise_is_closed_and_forgotten() {
    let running = open(StandIn::default(), KafkaOptions { frame_timeout_ms: 100, ..KafkaOptions::default() });
    let mut good = running.client().await;
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut noise = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()
    };
    for round in 0..100_u8 {
        let mut bytes: Vec<u8> = (0..8).flat_map(|_| noise()).collect();
        if round % 2 == 0 {
            // A believable length and key, and noise behind them.
            bytes[..8].copy_from_slice(&[
                0,
                0,
                0,
                60,
                0,
                [0, 1, 2, 3, 18, 23][usize::from(round) % 6],
                0,
                round % 13,
            ]);
        }
        let mut bad = running.client().await;
        bad.stream.write_all(&bytes).await.unwrap();
        bad.stream.shutdown().await.unwrap();
        while bad.frame().await.is_some() {}
    }
    assert!(is_served(&mut good).await);
    until(|| running.counts.open.get() == 1).await;
}
