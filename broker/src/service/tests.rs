//! The verbs over a real log and a real image; other brokers are played by the test.

use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};

use super::test_support::{Bench, ME, OTHER, life, tp};
use super::*;
use crate::record::{BatchBuilder, BatchHeader, ProducerStamp, REQUEST_SEQUENCED, partition_for_key};
use crate::replication::{Acks, Written};
use crate::types::{LeaderEpoch, Offset, PartitionIndex, TopicName, TopicPartition};
use crate::wire::{
    DeleteRecordsResponse, DeletedRecords, DeletedRecordsTopic, ErrorCode, FetchResponse, FetchedPartition,
    FetchedTopic, ListOffsetsResponse, ListedPartition, ListedTopic, ProduceDetail, ProduceResponse,
    ProducedPartition, ProducedTopic, Request, Response,
};

const LONG: Duration = Duration::from_secs(20);

fn batch(values: &[&str], producer: Option<ProducerStamp>) -> BytesMut {
    let mut builder = BatchBuilder::new();
    for value in values {
        builder.push(1_000, None, Some(value.as_bytes()), &[]);
    }
    builder.finish_mut(producer)
}

fn sequenced(seq: i32) -> Option<ProducerStamp> {
    Some(ProducerStamp { producer_id: 7 | REQUEST_SEQUENCED, producer_epoch: 0, base_sequence: seq })
}

fn produce(tp: &TopicPartition, batch: BytesMut) -> Produce {
    Produce {
        tp: tp.clone(),
        batch,
        origin: BatchOrigin::Built,
        acks: Acks::All,
        timeout: LONG,
        expected_offset: None,
        forward: true,
    }
}

fn fetch(tp: &TopicPartition, from: FetchFrom) -> Fetch {
    Fetch {
        tp: tp.clone(),
        from,
        max_bytes: 1 << 20,
        min_bytes: 1,
        wait: Duration::ZERO,
        leader_epoch: None,
        forward: true,
    }
}

fn detail(written: i8) -> ProduceDetail {
    ProduceDetail {
        duplicate: false,
        written,
        log_end_offset: Offset::NONE,
        expected_sequence: -1,
        producer_epoch: -1,
        leader_epoch: LeaderEpoch(3),
    }
}

fn produced(error: ErrorCode, base_offset: i64, written: i8) -> Response {
    let partition = ProducedPartition {
        index: 0,
        error,
        base_offset: Offset(base_offset),
        log_append_time_ms: -1,
        log_start_offset: Offset(0),
        error_message: None,
        leader: None,
        detail: Some(detail(written)),
    };
    let topic = ProducedTopic { name: "t".to_owned(), partitions: vec![partition] };
    Response::Produce(ProduceResponse { topics: vec![topic] })
}

/// A bench with topic `t`, one partition, led by the other broker.
async fn led_elsewhere() -> (Bench, TopicPartition) {
    let bench = Bench::new().await;
    bench.topic("t", 1, &[]).await;
    bench.set_live(OTHER, true).await;
    bench.lead(&tp("t", 0), Some(OTHER), 1).await;
    (bench, tp("t", 0))
}

#[tokio::test]
async fn what_is_produced_is_read() {
    let bench = Bench::new().await;
    bench.topic("t", 1, &[]).await;
    let tp = tp("t", 0);
    let stored = bench.service.produce(produce(&tp, batch(&["a", "b"], None))).await.unwrap();
    assert_eq!((stored.base_offset, stored.count, stored.leader), (Offset(0), 2, ME));
    let stored = bench.service.produce(produce(&tp, batch(&["c"], None))).await.unwrap();
    assert_eq!(stored.base_offset, Offset(2));
    for (from, next, is_empty) in [
        (FetchFrom::Earliest, 3, false),
        (FetchFrom::Offset(Offset(1)), 3, false),
        (FetchFrom::Tail(1), 3, false),
        (FetchFrom::Timestamp(0), 3, false),
        (FetchFrom::Timestamp(2_000), 3, true),
        (FetchFrom::Latest, 3, true),
    ] {
        let read = bench.service.fetch(fetch(&tp, from)).await.unwrap();
        assert_eq!((read.next_offset, read.batches.is_empty()), (Offset(next), is_empty), "{from:?}");
        assert_eq!((read.high_watermark, read.log_start), (Offset(3), Offset(0)));
    }
    let beyond = bench.service.fetch(fetch(&tp, FetchFrom::Offset(Offset(9)))).await.unwrap_err();
    assert_eq!(beyond, FetchError::BeyondEnd { asked: Offset(9), end: Offset(3) });
}

#[tokio::test]
async fn unknown_names_are_told_apart() {
    let bench = Bench::new().await;
    bench.topic("t", 2, &[]).await;
    let error = bench.service.produce(produce(&tp("u", 0), batch(&["a"], None))).await.unwrap_err();
    assert_eq!(error, ProduceError::UnknownTopic(tp("u", 0).topic));
    let error = bench.service.produce(produce(&tp("t", 2), batch(&["a"], None))).await.unwrap_err();
    assert_eq!(error, ProduceError::UnknownPartition { tp: tp("t", 2), partitions: 2 });
    let error = bench.service.fetch(fetch(&tp("t", -1), FetchFrom::Latest)).await.unwrap_err();
    assert_eq!(error, FetchError::UnknownPartition { tp: tp("t", -1), partitions: 2 });
}

#[tokio::test]
async fn what_comes_from_outside_is_validated() {
    let bench = Bench::new().await;
    bench.topic("t", 1, &[("max.message.bytes", "200")]).await;
    let mut lying = batch(&["a"], None);
    let last = lying.len() - 1;
    lying[last] ^= 1;
    let from_outside = |batch| Produce { origin: BatchOrigin::Outside, ..produce(&tp("t", 0), batch) };
    let error = bench.service.produce(from_outside(lying)).await.unwrap_err();
    assert!(matches!(error, ProduceError::Invalid(_)), "{error}");
    let large = batch(&["x".repeat(300).as_str()], None);
    let error = bench.service.produce(from_outside(large)).await.unwrap_err();
    assert!(matches!(error, ProduceError::TooLarge { limit: 200, .. }), "{error}");
    assert_eq!(error.written(), Written::No);
    assert!(bench.service.produce(from_outside(batch(&["a"], None))).await.is_ok());
}

#[tokio::test]
async fn a_failover_shows_as_latency() {
    let (bench, tp) = led_elsewhere().await;
    // The other broker refuses, provably before an append; then it is not reached; then this broker is elected.
    bench.other.will_answer(Ok(produced(ErrorCode::NotLeaderOrFollower, -1, 0)));
    bench.other.will_answer(Err(ForwardError::NotSent("connection refused".to_owned())));
    let service = Arc::clone(&bench.service);
    let sent = tokio::spawn({
        let tp = tp.clone();
        async move { service.produce(produce(&tp, batch(&["a"], None))).await }
    });
    eventually(|| bench.other.asked().len() >= 2).await;
    bench.lead(&tp, None, 2).await;
    bench.lead(&tp, Some(ME), 3).await;
    let stored = sent.await.unwrap().unwrap();
    assert_eq!((stored.leader, stored.leader_epoch, stored.base_offset), (ME, LeaderEpoch(3), Offset(0)));
}

#[tokio::test]
async fn an_unknown_outcome_is_not_tried_again_unless_the_log_would_tell() {
    let (bench, tp) = led_elsewhere().await;
    let lost = || Err(ForwardError::Unknown("connection reset".to_owned()));
    bench.other.will_answer(lost());
    let error = bench.service.produce(produce(&tp, batch(&["a"], None))).await.unwrap_err();
    assert!(matches!(error, ProduceError::OutcomeUnknown { .. }), "{error}");
    assert_eq!((error.written(), bench.other.asked().len()), (Written::Maybe, 1));

    bench.other.will_answer(lost());
    bench.other.will_answer(Ok(produced(ErrorCode::None, 5, 2)));
    let stored = bench.service.produce(produce(&tp, batch(&["a"], sequenced(0)))).await.unwrap();
    assert_eq!((stored.base_offset, stored.leader), (Offset(5), OTHER));
    assert_eq!(bench.other.asked().len(), 3);

    // A condition would be judged anew against a log that may hold the records already.
    bench.other.will_answer(lost());
    let conditional =
        Produce { expected_offset: Some(Offset(5)), ..produce(&tp, batch(&["a"], sequenced(1))) };
    assert_eq!(bench.service.produce(conditional).await.unwrap_err().written(), Written::Maybe);
}

/// Simulated seed 25: the first leader's machine died with the records, which another had already; the second attempt
/// found no leader, and that nothing was written was told of both.
#[tokio::test]
async fn a_certain_refusal_does_not_take_back_an_earlier_doubt() {
    let (bench, tp) = led_elsewhere().await;
    bench.other.will_answer(Err(ForwardError::Unknown("connection reset".to_owned())));
    bench.other.will_answer(Ok(produced(ErrorCode::NotEnoughReplicas, -1, 2)));
    let error = bench.service.produce(produce(&tp, batch(&["a"], sequenced(0)))).await.unwrap_err();
    assert_eq!((error.written(), bench.other.asked().len()), (Written::Maybe, 2), "{error}");
}

#[tokio::test]
async fn a_deposed_leader_is_not_waited_for() {
    let (bench, tp) = led_elsewhere().await;
    let service = Arc::clone(&bench.service);
    let sent = tokio::spawn({
        let tp = tp.clone();
        async move { service.produce(produce(&tp, batch(&["a"], None))).await }
    });
    eventually(|| bench.other.asked().len() == 1).await;
    bench.lead(&tp, Some(ME), 2).await;
    let error = tokio::time::timeout(LONG / 2, sent).await.unwrap().unwrap().unwrap_err();
    assert!(matches!(error, ProduceError::OutcomeUnknown { .. }), "{error}");
}

#[tokio::test]
async fn without_a_leader_the_deadline_holds() {
    let bench = Bench::new().await;
    bench.topic("t", 1, &[]).await;
    bench.lead(&tp("t", 0), None, 1).await;
    let short = Produce { timeout: Duration::from_millis(60), ..produce(&tp("t", 0), batch(&["a"], None)) };
    let error = bench.service.produce(short).await.unwrap_err();
    assert!(matches!(error, ProduceError::NoLeader { .. }), "{error}");
    assert!(error.is_retriable() && error.written() == Written::No);
}

#[tokio::test]
async fn a_request_that_was_sent_on_is_not_sent_on_again() {
    let (bench, tp) = led_elsewhere().await;
    let at_kafka_port = Produce { forward: false, ..produce(&tp, batch(&["a"], None)) };
    let error = bench.service.produce(at_kafka_port).await.unwrap_err();
    let expected =
        ProduceError::NotLeader { tp: tp.clone(), leader: Some(life(OTHER)), epoch: LeaderEpoch(1) };
    assert_eq!(error, expected);
    let at_kafka_port = Fetch { forward: false, ..fetch(&tp, FetchFrom::Earliest) };
    assert!(matches!(bench.service.fetch(at_kafka_port).await, Err(FetchError::NotLeader { .. })));
    assert!(bench.other.asked().is_empty());
}

#[tokio::test]
async fn refusals_of_the_leader_keep_their_meaning() {
    let (bench, tp) = led_elsewhere().await;
    let cases: [(ErrorCode, i8, fn(&ProduceError) -> bool); 7] = [
        (ErrorCode::NotEnoughReplicas, 0, |e| matches!(e, ProduceError::NotEnoughReplicas { .. })),
        (ErrorCode::RequestTimedOut, 1, |e| matches!(e, ProduceError::TimedOut { base_offset: Offset(4) })),
        (ErrorCode::NotLeaderOrFollower, 1, |e| matches!(e, ProduceError::LeadershipLost { .. })),
        (ErrorCode::OffsetOutOfRange, 0, |e| matches!(e, ProduceError::UnexpectedOffset { .. })),
        (ErrorCode::InvalidProducerEpoch, 0, |e| matches!(e, ProduceError::FencedProducer { .. })),
        (ErrorCode::CorruptMessage, 0, |e| matches!(e, ProduceError::Refused { .. })),
        (ErrorCode::ThrottlingQuotaExceeded, 0, |e| matches!(e, ProduceError::Overloaded)),
    ];
    for (code, written, is_it) in cases {
        bench.other.will_answer(Ok(produced(code, 4, written)));
        let error = bench.service.produce(produce(&tp, batch(&["a"], None))).await.unwrap_err();
        assert!(is_it(&error), "{code:?}: {error:?}");
        assert_eq!(error.written() == Written::No, written == 0, "{code:?}");
    }
}

#[tokio::test]
async fn a_wait_ends_when_a_record_is_committed_or_with_its_time() {
    let bench = Bench::new().await;
    bench.topic("t", 1, &[]).await;
    let tp = tp("t", 0);
    let waiting = |wait| Fetch { wait, ..fetch(&tp, FetchFrom::Latest) };
    let nothing = bench.service.fetch(waiting(Duration::from_millis(30))).await.unwrap();
    assert!(nothing.batches.is_empty());
    let service = Arc::clone(&bench.service);
    let reader = tokio::spawn({
        let fetch = waiting(LONG);
        async move { service.fetch(fetch).await }
    });
    eventually(|| bench.service.metrics().waiting_reads.get() == 1).await;
    bench.service.produce(produce(&tp, batch(&["a"], None))).await.unwrap();
    let read = tokio::time::timeout(LONG / 2, reader).await.unwrap().unwrap().unwrap();
    assert_eq!(read.next_offset, Offset(1));
    assert_eq!(bench.service.metrics().waiting_reads.get(), 0, "the seat is free again");
}

#[tokio::test]
async fn waiting_readers_have_a_bound_of_their_own() {
    let bench = Bench::with(ServiceOptions { waiting_reads_max: 0, ..ServiceOptions::default() }).await;
    bench.topic("t", 1, &[]).await;
    let tp = tp("t", 0);
    let waiting = Fetch { wait: LONG, ..fetch(&tp, FetchFrom::Latest) };
    assert_eq!(bench.service.fetch(waiting).await.unwrap_err(), FetchError::Overloaded);
    assert!(
        bench.service.fetch(fetch(&tp, FetchFrom::Latest)).await.is_ok(),
        "who does not wait needs no seat"
    );
    assert!(bench.service.produce(produce(&tp, batch(&["a"], None))).await.is_ok());
}

#[tokio::test]
async fn a_read_elsewhere_asks_for_the_end_first_and_then_for_records() {
    let (bench, tp) = led_elsewhere().await;
    let listed = ListedPartition {
        index: 0,
        error: ErrorCode::None,
        timestamp_ms: -1,
        offset: Offset(40),
        leader_epoch: LeaderEpoch(1),
    };
    let topic = ListedTopic { name: "t".to_owned(), partitions: vec![listed] };
    bench.other.will_answer(Ok(Response::ListOffsets(ListOffsetsResponse { topics: vec![topic] })));
    let mut records = batch(&["a", "b"], None);
    crate::record::stamp_leader(&mut records, Offset(40), LeaderEpoch(1));
    let read = FetchedPartition {
        index: 0,
        error: ErrorCode::None,
        high_watermark: Offset(42),
        log_start_offset: Offset(10),
        diverging: None,
        leader: None,
        records: vec![records.freeze()],
    };
    let topic = FetchedTopic { name: None, topic_id: None, partitions: vec![read] };
    // A first answer is lost; a read changes nothing, so it is asked again, from the same offset.
    bench.other.will_answer(Err(ForwardError::Unknown("reset".to_owned())));
    bench
        .other
        .will_answer(Ok(Response::Fetch(FetchResponse { error: ErrorCode::None, topics: vec![topic] })));
    let fetched = bench.service.fetch(fetch(&tp, FetchFrom::Latest)).await.unwrap();
    assert_eq!((fetched.from, fetched.next_offset), (Offset(40), Offset(42)));
    assert_eq!((fetched.high_watermark, fetched.log_start, fetched.leader), (Offset(42), Offset(10), OTHER));
    let asked = bench.other.asked();
    assert!(matches!(asked[0].1, Request::ListOffsets(_)));
    for (_, request) in &asked[1..] {
        let Request::Fetch(request) = request else { panic!("{request:?}") };
        assert_eq!(request.topics[0].partitions[0].fetch_offset, Offset(40));
        assert_eq!(request.topics[0].partitions[0].current_leader_epoch, LeaderEpoch(1));
    }
}

#[tokio::test]
async fn many_partitions_are_waited_for_with_one_bell() {
    let bench = Bench::new().await;
    bench.topic("t", 2, &[]).await;
    let one = |partition| FetchOne {
        key: PartitionKey::Name(tp("t", partition)),
        from: Offset(0),
        leader_epoch: LeaderEpoch::NONE,
        last_fetched_epoch: LeaderEpoch::NONE,
        log_start: Offset::NONE,
        max_bytes: 1 << 20,
    };
    let many = |wait| FetchMany {
        reader: Reader::Consumer,
        partitions: vec![one(0), one(1)],
        wait,
        min_bytes: 1,
        max_bytes: 1 << 20,
    };
    let service = Arc::clone(&bench.service);
    let waiting = many(LONG);
    let reader = tokio::spawn(async move { service.fetch_many(waiting).await });
    eventually(|| bench.service.metrics().waiting_reads.get() == 1).await;
    bench.service.produce(produce(&tp("t", 1), batch(&["a"], None))).await.unwrap();
    let answers = tokio::time::timeout(LONG / 2, reader).await.unwrap().unwrap();
    assert_eq!(answers.iter().map(|answer| answer.batches.len()).collect::<Vec<_>>(), [0, 1]);
    assert!(answers.iter().all(|answer| answer.error.is_none()));

    let missing = FetchOne { key: PartitionKey::Name(tp("u", 0)), ..one(0) };
    let with_missing = FetchMany { partitions: vec![one(0), missing], ..many(LONG) };
    let answers = bench.service.fetch_many(with_missing).await;
    assert_eq!(
        answers[1].error,
        Some(FetchError::UnknownTopic(tp("u", 0).topic)),
        "an error is told at once"
    );
}

#[tokio::test]
async fn keys_choose_as_kafka_does_and_keyless_records_avoid_the_leaderless() {
    let bench = Bench::new().await;
    bench.topic("t", 3, &[]).await;
    let topic = TopicName::new("t").unwrap();
    let pick = |key: Option<&[u8]>, sticky| bench.service.pick_partition(&topic, key, sticky).unwrap();
    assert_eq!(pick(Some(b"ann"), 1), partition_for_key(b"ann", 3));
    assert_eq!([0, 1, 2, 3].map(|sticky| pick(None, sticky).0), [0, 1, 2, 0]);
    bench.lead(&tp("t", 1), None, 1).await;
    assert_eq!([0, 1, 2, 3].map(|sticky| pick(None, sticky).0), [0, 2, 2, 0]);
    assert_eq!(pick(Some(b"ann"), 1), partition_for_key(b"ann", 3), "a key's partition never changes");
}

#[tokio::test]
async fn a_broker_that_stops_refuses_only_what_another_can_take_over() {
    let bench = Bench::new().await;
    bench.topic("t", 1, &[]).await;
    let partition = bench.service.parts.replicas.get(&tp("t", 0)).unwrap();
    let (service, vitals) = (&bench.service, &bench.service.parts.vitals);
    bench.let_in(&tp("t", 0), OTHER).await;
    bench.set_live(OTHER, true).await;
    assert!(!service.is_handing_over(&partition), "it does not stop");
    vitals.set_draining(true);
    assert!(service.is_handing_over(&partition));
    vitals.set_coordinator_contact(false);
    assert!(!service.is_handing_over(&partition), "without the store nobody can take over");
    vitals.set_coordinator_contact(true);
    bench.set_live(OTHER, false).await;
    assert!(!service.is_handing_over(&partition), "nobody else is there");
}

#[tokio::test]
async fn readiness_says_why_not() {
    let bench = Bench::new().await;
    assert_eq!(bench.service.readiness(), Readiness::default());
    bench.topic("t", 1, &[]).await;
    assert!(bench.service.readiness().is_ready());
    bench.set_live(ME, false).await;
    let readiness = bench.service.readiness();
    assert!(readiness.reasons[0].contains("lease"), "{readiness:?}");
}

#[tokio::test]
async fn an_epoch_that_the_leader_has_not_reached_is_waited_for() {
    let bench = Bench::new().await;
    bench.topic("t", 1, &[]).await;
    let tp = tp("t", 0);
    let newer = Fetch { leader_epoch: Some(LeaderEpoch(2)), ..fetch(&tp, FetchFrom::Earliest) };
    let service = Arc::clone(&bench.service);
    let reader = tokio::spawn(async move { service.fetch(newer).await });
    bench.lead(&tp, Some(ME), 2).await;
    assert_eq!(reader.await.unwrap().unwrap().leader_epoch, LeaderEpoch(2));
}

#[tokio::test]
async fn partitions_are_described_with_their_offsets() {
    let bench = Bench::new().await;
    bench.topic("t", 1, &[]).await;
    bench.service.produce(produce(&tp("t", 0), batch(&["a", "b"], None))).await.unwrap();
    let views = bench.service.describe_partitions(&TopicName::new("t").unwrap()).await.unwrap();
    let view = &views[0];
    assert_eq!((view.partition, view.leader, view.isr.as_slice()), (PartitionIndex(0), Some(ME), &[ME][..]));
    assert_eq!(
        (view.log_start, view.high_watermark, view.log_end),
        (Some(Offset(0)), Some(Offset(2)), Some(Offset(2)))
    );
}

#[test]
fn a_built_batch_has_the_header_that_is_counted() {
    let bytes: Bytes = batch(&["a", "b", "c"], None).freeze();
    assert_eq!(BatchHeader::read(&bytes).unwrap().record_count, 3);
}

/// Waits until `is_so`, which happens soon or never.
async fn eventually(is_so: impl Fn() -> bool) {
    let waiting = async {
        while !is_so() {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    };
    tokio::time::timeout(LONG, waiting).await.expect("it happens in time");
}

fn deleted(error: ErrorCode, low_watermark: i64) -> Result<Response, ForwardError> {
    let told = DeletedRecords { index: 0, low_watermark: Offset(low_watermark), error };
    let topic = DeletedRecordsTopic { name: "t".to_owned(), partitions: vec![told] };
    Ok(Response::DeleteRecords(DeleteRecordsResponse { topics: vec![topic] }))
}

#[tokio::test]
async fn records_are_deleted_at_the_leader_however_often_that_has_to_be_asked() {
    let bench = Bench::new().await;
    bench.topic("t", 1, &[]).await;
    bench.set_live(OTHER, true).await;
    bench.lead(&tp("t", 0), Some(OTHER), 1).await;
    let wish = |millis| DeleteRecords {
        tp: tp("t", 0),
        before: DeleteBefore::Offset(Offset(7)),
        timeout: Duration::from_millis(millis),
        forward: true,
    };
    // Asking for the same again changes nothing, so a lost answer is no reason to give up.
    bench.other.will_answer(Err(ForwardError::Unknown("reset".to_owned())));
    bench.other.will_answer(deleted(ErrorCode::NotLeaderOrFollower, -1));
    bench.other.will_answer(deleted(ErrorCode::None, 7));
    assert_eq!(bench.service.delete_records(wish(20_000)).await, Ok(Offset(7)));
    for (to, request) in bench.other.asked() {
        let Request::DeleteRecords(request) = request else { panic!("{request:?}") };
        assert_eq!((to, request.topics[0].partitions[0].offset), (OTHER, Offset(7)));
        assert!(request.timeout_ms < 20_000, "the leader answers before we give up");
    }
    bench.other.will_answer(deleted(ErrorCode::RequestTimedOut, -1));
    let late = bench.service.delete_records(wish(20_000)).await;
    assert!(matches!(late, Err(DeleteRecordsError::Unconfirmed { .. })), "{late:?}");
    bench.set_live(OTHER, false).await;
    let refused = bench.service.delete_records(wish(30)).await;
    assert!(matches!(refused, Err(DeleteRecordsError::Refused(FetchError::NoLeader { .. }))), "{refused:?}");
    bench.set_live(OTHER, true).await;
    // More than there is time to ask for.
    for _ in 0..1_000 {
        bench.other.will_answer(Err(ForwardError::Unknown("reset".to_owned())));
    }
    let unsure = bench.service.delete_records(wish(30)).await;
    assert!(matches!(unsure, Err(DeleteRecordsError::Unconfirmed { .. })), "{unsure:?}");
    let here_only = DeleteRecords { forward: false, ..wish(30) };
    let elsewhere = bench.service.delete_records(here_only).await;
    assert!(matches!(elsewhere, Err(DeleteRecordsError::Refused(FetchError::NotLeader { .. }))));
}
