//! Requests to one broker with real logs, and what each mistake in them is answered.

use std::io::Write as _;

use bytes::{Bytes, BytesMut};
use flate2::Compression;
use flate2::write::GzEncoder;

use super::client::Client;
use super::fixture::{Broker, ORDERS};
use crate::record::{BatchBuilder, HEADER_LEN, ProducerStamp, REQUEST_SEQUENCED};
use crate::types::{BrokerId, LeaderEpoch, Offset, TopicId};
use crate::wire::{
    ApiKey, DeleteRecordsPartition, DeleteRecordsRequest, DeleteRecordsTopic, EpochPartition, EpochTopic,
    ErrorCode, FetchPartition, FetchRequest, FetchResponse, FetchTopic, FetchedPartition,
    InitProducerIdRequest, InitProducerIdResponse, ListOffsetsPartition, ListOffsetsRequest,
    ListOffsetsTopic, ListedPartition, OffsetForLeaderEpochRequest, PRODUCE_VERSION, ProducePartition,
    ProduceRequest, ProduceTopic, ProducedPartition, Request, Response, link_client_id,
};

fn batch(values: &[&str]) -> Bytes {
    let mut builder = BatchBuilder::new();
    for (value, time) in values.iter().zip(1_000..) {
        builder.push(time, None, Some(value.as_bytes()), &[]);
    }
    builder.finish(None)
}

/// The same with its records compressed.
fn gzipped(batch: &[u8]) -> Bytes {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::none());
    encoder.write_all(&batch[HEADER_LEN..]).unwrap();
    let mut bytes = BytesMut::from(&batch[..HEADER_LEN]);
    bytes.extend_from_slice(&encoder.finish().unwrap());
    let length = i32::try_from(bytes.len() - 12).unwrap();
    bytes[8..12].copy_from_slice(&length.to_be_bytes());
    bytes[22] |= 1;
    let crc = crc32c::crc32c(&bytes[21..]);
    bytes[17..21].copy_from_slice(&crc.to_be_bytes());
    bytes.freeze()
}

fn produce(index: i32, records: Option<Bytes>) -> Request {
    produce_with(-1, "orders", index, records, None)
}

fn produce_with(
    acks: i16,
    topic: &str,
    index: i32,
    records: Option<Bytes>,
    expected_offset: Option<Offset>,
) -> Request {
    let partitions = vec![ProducePartition { index, records, expected_offset }];
    let topics = vec![ProduceTopic { name: topic.to_owned(), partitions }];
    Request::Produce(ProduceRequest { transactional: false, acks, timeout_ms: 5_000, topics })
}

fn produced(response: Response) -> ProducedPartition {
    let Response::Produce(mut response) = response else { panic!("{response:?}") };
    response.topics.remove(0).partitions.remove(0)
}

fn fetch(topic_id: TopicId, index: i32, from: i64, max_wait_ms: i32) -> FetchRequest {
    let partition = FetchPartition {
        index,
        current_leader_epoch: LeaderEpoch::NONE,
        fetch_offset: Offset(from),
        last_fetched_epoch: LeaderEpoch::NONE,
        log_start_offset: Offset::NONE,
        max_bytes: 1 << 20,
    };
    let topic = FetchTopic { name: None, topic_id: Some(topic_id), partitions: vec![partition] };
    FetchRequest {
        replica: None,
        max_wait_ms,
        min_bytes: 1,
        max_bytes: 1 << 20,
        session_id: 0,
        session_epoch: -1,
        topics: vec![topic],
    }
}

fn fetched(response: Response) -> (FetchResponse, Option<FetchedPartition>) {
    let Response::Fetch(mut response) = response else { panic!("{response:?}") };
    let partition = response.topics.first_mut().map(|topic| topic.partitions.remove(0));
    (response, partition)
}

#[tokio::test]
async fn records_come_back_as_they_went_in() {
    let broker = Broker::start().await;
    let mut client = Client::connect(broker.port, "test").await;
    let sent = batch(&["a", "b"]);
    let first = produced(client.ask(produce(0, Some(sent.clone()))).await);
    assert_eq!((first.error, first.base_offset, first.detail), (ErrorCode::None, Offset(0), None));
    let second = produced(client.ask(produce(0, Some(gzipped(&sent)))).await);
    assert_eq!((second.error, second.base_offset), (ErrorCode::None, Offset(2)));
    let (_, partition) = fetched(client.ask(Request::Fetch(fetch(ORDERS, 0, 0, 0))).await);
    let partition = partition.unwrap();
    let bytes = partition.records.concat();
    assert_eq!((partition.error, partition.high_watermark), (ErrorCode::None, Offset(4)));
    assert_eq!(bytes[HEADER_LEN..sent.len()], sent[HEADER_LEN..]);
    assert_eq!(bytes.len(), sent.len() + gzipped(&sent).len());
}

#[tokio::test]
async fn a_slow_batch_is_not_overtaken_by_a_quick_one_behind_it() {
    let broker = Broker::start().await;
    let mut client = Client::connect(broker.port, "test").await;
    let long = "x".repeat(200_000);
    let slow = gzipped(&batch(&[&long]));
    let mut ids = Vec::new();
    for _ in 0..10 {
        ids.push(client.send(produce(0, Some(slow.clone()))).await);
        ids.push(client.send(produce(0, Some(batch(&["quick"])))).await);
    }
    for (id, offset) in ids.into_iter().zip(0..) {
        let partition = produced(client.answer(ApiKey::Produce.code(), PRODUCE_VERSION, id).await);
        assert_eq!((partition.error, partition.base_offset), (ErrorCode::None, Offset(offset)));
    }
}

#[tokio::test]
async fn every_refused_produce_says_why() {
    let broker = Broker::start().await;
    let mut client = Client::connect(broker.port, "test").await;
    let good = batch(&["a"]);
    let mut damaged = BytesMut::from(&good[..]);
    damaged[HEADER_LEN] ^= 1;
    let mut old = BytesMut::from(&good[..]);
    old[16] = 1;
    let twice = [&good[..], &good[..]].concat();
    let huge = "x".repeat(9 << 20);
    let refusals = [
        (produce(0, Some(damaged.freeze())), ErrorCode::CorruptMessage),
        (produce(0, Some(good.slice(..good.len() - 1))), ErrorCode::CorruptMessage),
        (produce(0, Some(old.freeze())), ErrorCode::UnsupportedForMessageFormat),
        (produce(0, Some(twice.into())), ErrorCode::InvalidRecord),
        (produce(0, Some(Bytes::new())), ErrorCode::CorruptMessage),
        (produce(0, None), ErrorCode::InvalidRecord),
        (produce(0, Some(batch(&[&huge]))), ErrorCode::MessageTooLarge),
        (produce(9, Some(good.clone())), ErrorCode::UnknownTopicOrPartition),
        (produce(-1, Some(good.clone())), ErrorCode::UnknownTopicOrPartition),
        (produce(3, Some(good.clone())), ErrorCode::LeaderNotAvailable),
        (produce(4, Some(good.clone())), ErrorCode::NotLeaderOrFollower),
        (produce_with(2, "orders", 0, Some(good.clone()), None), ErrorCode::InvalidRequiredAcks),
        (produce_with(1, "nothing", 0, Some(good.clone()), None), ErrorCode::UnknownTopicOrPartition),
        (produce_with(1, "..", 0, Some(good.clone()), None), ErrorCode::InvalidTopic),
    ];
    for (request, error) in refusals {
        let shown: String = format!("{request:?}").chars().take(200).collect();
        let partition = produced(client.ask(request).await);
        assert_eq!((partition.error, partition.base_offset), (error, Offset::NONE), "{shown}");
    }
    let elsewhere = produced(client.ask(produce(4, Some(good.clone()))).await);
    assert_eq!(elsewhere.leader, Some((BrokerId(3), LeaderEpoch(4))));
    let stored = produced(client.ask(produce(0, Some(good))).await);
    assert_eq!(stored.base_offset, Offset(0), "nothing that was refused is in the log");
}

#[tokio::test]
async fn a_client_may_not_use_the_producer_ids_of_the_http_door() {
    let broker = Broker::start().await;
    let of = |producer_id| {
        let mut builder = BatchBuilder::new();
        builder.push(1_000, None, Some(b"a"), &[]);
        let stamp = ProducerStamp { producer_id, producer_epoch: 0, base_sequence: 0 };
        Some(builder.finish(Some(stamp)))
    };
    let mut client = Client::connect(broker.port, "test").await;
    for id in [REQUEST_SEQUENCED, REQUEST_SEQUENCED | 5, i64::MAX] {
        let refused = produced(client.ask(produce(0, of(id))).await);
        assert_eq!((refused.error, refused.base_offset), (ErrorCode::InvalidRecord, Offset::NONE), "{id:#x}");
        assert!(refused.error_message.is_some_and(|message| message.contains("bit 62")), "{id:#x}");
    }
    let stored = produced(client.ask(produce(0, of(REQUEST_SEQUENCED - 1))).await);
    assert_eq!((stored.error, stored.base_offset), (ErrorCode::None, Offset(0)), "nothing was stored before");
    let mut link = Client::connect(broker.port, &link_client_id(BrokerId(2))).await;
    let sent_on = produced(link.ask(produce(0, of(REQUEST_SEQUENCED | 5))).await);
    assert_eq!((sent_on.error, sent_on.base_offset), (ErrorCode::None, Offset(1)), "a broker sends on");
}

#[tokio::test]
async fn a_broker_that_sends_a_produce_on_is_told_more() {
    let broker = Broker::start().await;
    let mut link = Client::connect(broker.port, &link_client_id(BrokerId(2))).await;
    let stored = produced(link.ask(produce(0, Some(batch(&["a", "b"])))).await);
    let detail = stored.detail.unwrap();
    assert_eq!((detail.written, detail.leader_epoch, detail.duplicate), (2, LeaderEpoch(4), false));
    let request = produce_with(-1, "orders", 0, Some(batch(&["c"])), Some(Offset(1)));
    let refused = produced(link.ask(request).await);
    let detail = refused.detail.unwrap();
    assert_eq!(refused.error, ErrorCode::OffsetOutOfRange);
    assert_eq!((detail.written, detail.log_end_offset), (0, Offset(2)));
    let elsewhere = produced(link.ask(produce(4, Some(batch(&["c"])))).await);
    assert_eq!((elsewhere.error, elsewhere.detail.unwrap().written), (ErrorCode::NotLeaderOrFollower, 0));
}

#[tokio::test]
async fn a_silent_produce_that_fails_closes_the_connection() {
    let broker = Broker::start().await;
    let mut client = Client::connect(broker.port, "test").await;
    client.send(produce_with(0, "orders", 0, Some(batch(&["a"])), None)).await;
    let (_, partition) = fetched(client.ask(Request::Fetch(fetch(ORDERS, 0, 0, 0))).await);
    assert_eq!(partition.unwrap().high_watermark, Offset(1), "a fetch sees the produce before it");
    client.send(produce_with(0, "orders", 4, Some(batch(&["a"])), None)).await;
    assert_eq!(client.frame().await, None);
}

#[tokio::test]
async fn a_waiting_fetch_wakes_when_records_come() {
    let broker = Broker::start().await;
    let mut reader = Client::connect(broker.port, "test").await;
    let mut writer = Client::connect(broker.port, "test").await;
    let read = reader.ask(Request::Fetch(fetch(ORDERS, 0, 0, 15_000)));
    let write = async {
        // Written after the fetch or before it: either way it is answered with the record.
        tokio::task::yield_now().await;
        produced(writer.ask(produce(0, Some(batch(&["a"])))).await)
    };
    let (read, written) = tokio::join!(read, write);
    assert_eq!(written.error, ErrorCode::None);
    let (_, partition) = fetched(read);
    assert_eq!(partition.unwrap().records.concat().len(), batch(&["a"]).len());
}

#[tokio::test]
async fn every_refused_fetch_says_why() {
    let broker = Broker::start().await;
    let mut client = Client::connect(broker.port, "test").await;
    let unknown = TopicId(uuid::Uuid::from_u128(99));
    let refusals = [
        (fetch(unknown, 0, 0, 0), ErrorCode::UnknownTopicId),
        (fetch(ORDERS, 9, 0, 0), ErrorCode::UnknownTopicOrPartition),
        (fetch(ORDERS, 4, 0, 0), ErrorCode::NotLeaderOrFollower),
        (fetch(ORDERS, 0, 5, 0), ErrorCode::OffsetOutOfRange),
        (fetch(ORDERS, 0, -7, 0), ErrorCode::OffsetOutOfRange),
    ];
    for (request, error) in refusals {
        let shown = format!("{request:?}");
        let (_, partition) = fetched(client.ask(Request::Fetch(request)).await);
        assert_eq!(partition.map(|partition| partition.error), Some(error), "{shown}");
    }
    let session = FetchRequest { session_id: 5, session_epoch: 1, ..fetch(ORDERS, 0, 0, 0) };
    let (response, _) = fetched(client.ask(Request::Fetch(session)).await);
    assert_eq!(response.error, ErrorCode::FetchSessionIdNotFound);
}

#[tokio::test]
async fn offsets_are_found_by_end_by_time_and_by_epoch() {
    let broker = Broker::start().await;
    let mut client = Client::connect(broker.port, "test").await;
    produced(client.ask(produce(0, Some(batch(&["a", "b", "c"])))).await);
    let mut list = async |index, timestamp_ms| -> ListedPartition {
        let current_leader_epoch = LeaderEpoch::NONE;
        let partitions = vec![ListOffsetsPartition { index, current_leader_epoch, timestamp_ms }];
        let topics = vec![ListOffsetsTopic { name: "orders".to_owned(), partitions }];
        let request = Request::ListOffsets(ListOffsetsRequest { replica: None, topics });
        let Response::ListOffsets(mut response) = client.ask(request).await else { panic!("another answer") };
        response.topics.remove(0).partitions.remove(0)
    };
    for (timestamp_ms, offset, time) in
        [(-1, 3, -1), (-2, 0, -1), (-3, 2, 1_002), (0, 0, 1_000), (1_001, 1, 1_001), (5_000, -1, -1)]
    {
        let found = list(0, timestamp_ms).await;
        assert_eq!((found.error, found.offset, found.timestamp_ms), (ErrorCode::None, Offset(offset), time));
    }
    assert_eq!(list(0, -9).await.error, ErrorCode::InvalidRequest);
    assert_eq!(list(4, -1).await.error, ErrorCode::NotLeaderOrFollower);
    assert_eq!(list(9, -1).await.error, ErrorCode::UnknownTopicOrPartition);

    let mut epoch_end = async |current, asked| {
        let current_leader_epoch = LeaderEpoch(current);
        let partition = EpochPartition { index: 0, current_leader_epoch, leader_epoch: LeaderEpoch(asked) };
        let topics = vec![EpochTopic { name: "orders".to_owned(), partitions: vec![partition] }];
        let request = Request::OffsetForLeaderEpoch(OffsetForLeaderEpochRequest { replica: None, topics });
        let Response::OffsetForLeaderEpoch(mut response) = client.ask(request).await else {
            panic!("another answer")
        };
        let end = response.topics.remove(0).partitions.remove(0);
        (end.error, end.leader_epoch, end.end_offset)
    };
    assert_eq!(epoch_end(-1, 4).await, (ErrorCode::None, LeaderEpoch(4), Offset(3)));
    assert_eq!(epoch_end(3, 4).await.0, ErrorCode::FencedLeaderEpoch);
    assert_eq!(epoch_end(5, 4).await.0, ErrorCode::UnknownLeaderEpoch);
}

async fn producer_id(
    client: &mut Client,
    transactional: bool,
    current: (i64, i16),
) -> InitProducerIdResponse {
    let request = InitProducerIdRequest { transactional, current };
    match client.ask(Request::InitProducerId(request)).await {
        Response::InitProducerId(response) => response,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn producer_ids_are_handed_out_but_not_for_transactions() {
    let broker = Broker::start().await;
    let mut client = Client::connect(broker.port, "test").await;
    let given =
        |producer_id| InitProducerIdResponse { error: ErrorCode::None, producer_id, producer_epoch: 0 };
    assert_eq!(producer_id(&mut client, false, (-1, -1)).await, given(0));
    assert_eq!(producer_id(&mut client, false, (0, 4)).await, given(1), "a new id stands for a newer epoch");
    for half in [(0, -1), (-1, 4)] {
        let refused = InitProducerIdResponse::refused(ErrorCode::InvalidRequest);
        assert_eq!(producer_id(&mut client, false, half).await, refused);
    }
    let refused = InitProducerIdResponse::refused(ErrorCode::TransactionalIdAuthorizationFailed);
    assert_eq!(producer_id(&mut client, true, (-1, -1)).await, refused);
    broker.door.cut();
    for expected in 2..1_000 {
        assert_eq!(producer_id(&mut client, false, (-1, -1)).await, given(expected));
    }
    let later = InitProducerIdResponse::refused(ErrorCode::CoordinatorLoadInProgress);
    assert_eq!(producer_id(&mut client, false, (-1, -1)).await, later);
}

/// Appends so many records of a producer, and tells what came of it: error and base offset.
async fn sequenced(client: &mut Client, epoch: i16, sequence: i32, count: usize) -> (ErrorCode, i64) {
    let mut builder = BatchBuilder::new();
    for _ in 0..count {
        builder.push(1_000, None, Some(b"a"), &[]);
    }
    let stamp = ProducerStamp { producer_id: 12, producer_epoch: epoch, base_sequence: sequence };
    let answer = produced(client.ask(produce(0, Some(builder.finish(Some(stamp))))).await);
    (answer.error, answer.base_offset.0)
}

#[tokio::test]
async fn an_idempotent_producer_is_answered_as_by_kafka() {
    let broker = Broker::start().await;
    let mut client = Client::connect(broker.port, "test").await;
    let gap = (ErrorCode::OutOfOrderSequence, -1);
    // Nothing is known of it: whatever it begins with is right (KIP-360), here just before the sequences wrap.
    assert_eq!(sequenced(&mut client, 3, i32::MAX - 1, 4).await, (ErrorCode::None, 0));
    assert_eq!(
        sequenced(&mut client, 3, i32::MAX - 1, 4).await,
        (ErrorCode::None, 0),
        "a repeat is a success"
    );
    assert_eq!(sequenced(&mut client, 3, 3, 1).await, gap);
    for n in 0..5 {
        assert_eq!(sequenced(&mut client, 3, 2 + n, 1).await, (ErrorCode::None, i64::from(4 + n)));
    }
    assert_eq!(sequenced(&mut client, 3, 2, 1).await, (ErrorCode::None, 4), "the fifth before the end");
    assert_eq!(sequenced(&mut client, 3, i32::MAX - 1, 4).await, gap, "the sixth is not remembered");
    assert_eq!(sequenced(&mut client, 4, 7, 1).await, gap, "a new epoch begins at 0");
    assert_eq!(sequenced(&mut client, 4, 0, 1).await, (ErrorCode::None, 9));
    assert_eq!(sequenced(&mut client, 3, 7, 1).await, (ErrorCode::InvalidProducerEpoch, -1));
    assert_eq!(sequenced(&mut client, 4, 1, 1).await, (ErrorCode::None, 10), "nothing refused was stored");
}

#[tokio::test]
async fn records_are_deleted_up_to_the_high_watermark() {
    let broker = Broker::start().await;
    let mut client = Client::connect(broker.port, "test").await;
    produced(client.ask(produce(0, Some(batch(&["a", "b", "c"])))).await);
    let mut delete = async |topic: &str, index, offset| {
        let partitions = vec![DeleteRecordsPartition { index, offset: Offset(offset) }];
        let topics = vec![DeleteRecordsTopic { name: topic.to_owned(), partitions }];
        let request = Request::DeleteRecords(DeleteRecordsRequest { topics, timeout_ms: 5_000 });
        let Response::DeleteRecords(mut response) = client.ask(request).await else {
            panic!("another answer")
        };
        let told = response.topics.remove(0).partitions.remove(0);
        (told.error, told.low_watermark.0)
    };
    assert_eq!(delete("orders", 0, 2).await, (ErrorCode::None, 2));
    assert_eq!(delete("orders", 0, 1).await, (ErrorCode::None, 2));
    assert_eq!(delete("orders", 0, 4).await, (ErrorCode::OffsetOutOfRange, -1));
    assert_eq!(delete("orders", 0, -2).await, (ErrorCode::OffsetOutOfRange, -1));
    assert_eq!(delete("orders", 0, -1).await, (ErrorCode::None, 3));
    assert_eq!(delete("orders", 4, 0).await.0, ErrorCode::NotLeaderOrFollower);
    assert_eq!(delete("orders", 9, 0).await.0, ErrorCode::UnknownTopicOrPartition);
    assert_eq!(delete("no such", 0, 0).await.0, ErrorCode::UnknownTopicOrPartition);
    let (_, partition) = fetched(client.ask(Request::Fetch(fetch(ORDERS, 0, 1, 0))).await);
    assert_eq!(partition.map(|partition| partition.error), Some(ErrorCode::OffsetOutOfRange));
}
