//! Hostile frames are refused, never a panic; and record bytes pass through uncopied.

use bytes::{BufMut, Bytes, BytesMut};
use proptest::collection::vec;
use proptest::prelude::*;

use super::*;
use crate::types::{BrokerId, LeaderEpoch, Offset, TopicId};

fn limits() -> WireLimits {
    WireLimits { frame_bytes_max: 1 << 20, array_items_max: 1_000 }
}

/// The head of a request, with tagged fields as the version has them.
fn head(key: ApiKey, version: i16) -> BytesMut {
    let mut frame = BytesMut::new();
    frame.put_i16(key.code());
    frame.put_i16(version);
    frame.put_i32(1);
    frame.put_i16(-1);
    if key.is_flexible(version) {
        frame.put_u8(0);
    }
    frame
}

fn decode(frame: &[u8]) -> Result<(RequestHeader, Request), WireError> {
    decode_request(Bytes::copy_from_slice(frame), &limits())
}

fn is_malformed<T>(result: &Result<T, WireError>) -> bool {
    matches!(result, Err(WireError::Malformed { .. }))
}

/// One request of each kind, as we send it.
fn requests() -> Vec<Request> {
    let records = Some(Bytes::from_static(b"some records"));
    let produced = ProducePartition { index: 1, records, expected_offset: Some(Offset(7)) };
    let fetched = FetchPartition {
        index: 1,
        current_leader_epoch: LeaderEpoch(2),
        fetch_offset: Offset(3),
        last_fetched_epoch: LeaderEpoch(1),
        log_start_offset: Offset(0),
        max_bytes: 9,
    };
    let topic_id = Some(TopicId(uuid::Uuid::from_u128(7)));
    let listed = ListOffsetsPartition { index: 1, current_leader_epoch: LeaderEpoch(2), timestamp_ms: -1 };
    let ended =
        EpochPartition { index: 1, current_leader_epoch: LeaderEpoch(2), leader_epoch: LeaderEpoch(1) };
    vec![
        Request::Instance(InstanceRequest { question: Bytes::from_static(b"{}") }),
        Request::Produce(ProduceRequest {
            transactional: false,
            acks: -1,
            timeout_ms: 1,
            topics: vec![ProduceTopic { name: "t".into(), partitions: vec![produced] }],
        }),
        Request::Fetch(FetchRequest {
            replica: None,
            max_wait_ms: 1,
            min_bytes: 1,
            max_bytes: 1,
            session_id: 0,
            session_epoch: -1,
            topics: vec![FetchTopic { name: None, topic_id, partitions: vec![fetched] }],
        }),
        Request::Metadata(MetadataRequest {
            topics: Some(vec![MetadataTopicRequest { name: Some("t".into()), topic_id: None }]),
            allow_auto_create: true,
        }),
        Request::ListOffsets(ListOffsetsRequest {
            replica: Some(BrokerId(1)),
            topics: vec![ListOffsetsTopic { name: "t".into(), partitions: vec![listed] }],
        }),
        Request::DeleteRecords(DeleteRecordsRequest {
            topics: vec![DeleteRecordsTopic {
                name: "t".into(),
                partitions: vec![DeleteRecordsPartition { index: 1, offset: Offset(2) }],
            }],
            timeout_ms: 1,
        }),
        Request::OffsetForLeaderEpoch(OffsetForLeaderEpochRequest {
            replica: Some(BrokerId(1)),
            topics: vec![EpochTopic { name: "t".into(), partitions: vec![ended] }],
        }),
        Request::InitProducerId(InitProducerIdRequest { transactional: false, current: (7, 1) }),
    ]
}

fn frame_of(request: Request) -> Bytes {
    Bytes::from(encode_request(1, "me", request).unwrap().concat()).slice(4..)
}

#[test]
fn a_frame_without_a_whole_header_is_malformed() {
    for len in 0..8 {
        assert!(is_malformed(&decode(&[0, 18, 0, 0, 0, 0, 0, 1][..len])), "{len}");
    }
    assert!(is_malformed(&decode(b"\0\x03\0\x01\0")), "five bytes");
}

#[test]
fn a_key_or_version_that_is_not_served_is_named() {
    let mut frame = head(ApiKey::Fetch, 4);
    frame[1] = 99;
    let Err(WireError::UnknownApi { header }) = decode(&frame) else { panic!() };
    assert_eq!((header.api_key, header.correlation_id), (99, 1));
    // Even where the rest of the head cannot be read.
    assert!(matches!(decode(&frame[..8]), Err(WireError::UnknownApi { .. })));
    for (key, version) in
        [(ApiKey::Fetch, 3), (ApiKey::Fetch, 17), (ApiKey::Metadata, -1), (ApiKey::Produce, 12)]
    {
        let refused = decode(&head(key, version));
        assert!(
            matches!(refused, Err(WireError::UnsupportedVersion { .. })),
            "{key:?} {version}: {refused:?}"
        );
    }
}

#[test]
fn a_frame_over_the_limit_is_refused_before_it_is_read() {
    let large = vec![0; (1 << 20) + 1];
    assert_eq!(decode(&large), Err(WireError::TooLarge { bytes: large.len(), limit: 1 << 20 }));
    let mut plain = head(ApiKey::Metadata, 1);
    plain.resize(9 << 20, 0);
    let refused = decode_request(plain.freeze(), &WireLimits::default());
    assert!(
        matches!(refused, Err(WireError::TooLarge { .. })),
        "a request without records is never so large"
    );
}

#[test]
fn lengths_that_lie_are_refused() {
    for lie in [i32::MAX, i32::MIN, -2, 1_001, 1_000] {
        let with = |key, version, before: &[u8]| {
            let mut frame = head(key, version);
            frame.put_slice(before);
            frame.put_i32(lie);
            decode(&frame)
        };
        assert!(is_malformed(&with(ApiKey::Metadata, 1, &[])), "topics {lie}");
        assert!(is_malformed(&with(ApiKey::ListOffsets, 1, &[0; 4])), "topics {lie}");
        assert!(is_malformed(&with(ApiKey::Produce, 3, &[0; 8])), "topics {lie}");
        assert!(
            is_malformed(&with(ApiKey::Produce, 3, b"\0\0\0\0\0\0\0\0\0\0\0\x01\0\x01t")),
            "partitions {lie}"
        );
        let records = b"\0\0\0\0\0\0\0\0\0\0\0\x01\0\x01t\0\0\0\x01\0\0\0\0";
        assert!(is_malformed(&with(ApiKey::Produce, 3, records)), "records {lie}");
    }
    // Compact lengths and counts of tagged fields, up to the longest varint.
    for lie in [&[0xff, 0xff, 0xff, 0xff, 0x0f][..], &[0xff; 9], &[0xe9, 0x07], &[0x80]] {
        for before in [&[][..], &[1], &[2, 0, 0]] {
            let mut frame = head(ApiKey::Metadata, 9);
            frame.put_slice(before);
            frame.put_slice(lie);
            assert!(is_malformed(&decode(&frame)), "{before:?} {lie:?}");
        }
    }
    let mut negative_string = head(ApiKey::Metadata, 1);
    negative_string.put_slice(&[0, 0, 0, 1, 0xff, 0xfe]);
    assert!(is_malformed(&decode(&negative_string)));
}

#[test]
fn the_partitions_of_a_produce_are_bounded_over_all_its_topics() {
    let produce = |topics: usize, partitions: usize| {
        let partition = |index| ProducePartition { index, records: None, expected_offset: None };
        let topic =
            || ProduceTopic { name: "t".into(), partitions: (0..).map(partition).take(partitions).collect() };
        let topics = std::iter::repeat_with(topic).take(topics).collect();
        Request::Produce(ProduceRequest { transactional: false, acks: 1, timeout_ms: 1, topics })
    };
    assert!(decode_request(frame_of(produce(2, 500)), &limits()).is_ok());
    assert!(is_malformed(&decode_request(frame_of(produce(3, 500)), &limits())));
}

#[test]
fn every_frame_cut_short_is_refused_and_what_follows_one_is_passed_over() {
    for request in requests() {
        let frame = frame_of(request.clone());
        for len in 0..frame.len() {
            assert!(decode_request(frame.slice(..len), &limits()).is_err(), "{request:?} {len}");
        }
        let longer = [&frame[..], &[0]].concat();
        assert_eq!(decode(&longer).unwrap().1, request);
    }
}

#[test]
fn an_expected_offset_is_never_silently_lost() {
    let mut frame = head(ApiKey::Produce, 9);
    // No transaction, acks 1, 1 ms, one topic, one partition 0, no records, one tag: 10000, of four bytes.
    frame.put_slice(b"\0\0\x01\0\0\0\x01\x02\x02t\x02\0\0\0\0\0\x01\x90\x4e\x04\0\0\0\0\0\0");
    assert!(is_malformed(&decode(&frame)));
    frame.truncate(head(ApiKey::Produce, 9).len());
    // A later layout: nine bytes, of which we know eight.
    frame.put_slice(b"\0\0\x01\0\0\0\x01\x02\x02t\x02\0\0\0\0\0\x01\x90\x4e\x09\0\0\0\0\0\0\0\x05\xff\0\0");
    let (_, Request::Produce(request)) = decode(&frame).unwrap() else { panic!() };
    assert_eq!(request.topics[0].partitions[0].expected_offset, Some(Offset(5)));
}

#[test]
fn record_bytes_are_not_copied() {
    let records = Bytes::from(vec![7; 1_000]);
    let is_in = |chunks: &[Bytes]| chunks.iter().any(|chunk| chunk.as_ptr() == records.as_ptr());

    let partition = ProducePartition { index: 1, records: Some(records.clone()), expected_offset: None };
    let topics = vec![ProduceTopic { name: "t".into(), partitions: vec![partition] }];
    let request = ProduceRequest { transactional: false, acks: 1, timeout_ms: 1, topics };
    let chunks = encode_request(1, "me", Request::Produce(request)).unwrap();
    assert!(is_in(&chunks));
    let frame = Bytes::from(chunks.concat()).slice(4..);
    let (_, Request::Produce(read)) = decode_request(frame.clone(), &limits()).unwrap() else { panic!() };
    let read = read.topics[0].partitions[0].records.clone().unwrap();
    assert!(frame.as_ptr_range().contains(&read.as_ptr()));

    let partition = FetchedPartition {
        index: 1,
        error: ErrorCode::None,
        high_watermark: Offset(1),
        log_start_offset: Offset(0),
        diverging: None,
        leader: None,
        records: vec![records.clone(), records.clone()],
    };
    let topics = vec![FetchedTopic { name: None, topic_id: None, partitions: vec![partition] }];
    let response = Response::Fetch(FetchResponse { error: ErrorCode::None, topics });
    let header = RequestHeader { api_key: 1, api_version: 16, correlation_id: 1, client_id: None };
    let chunks = encode_response(&header, response).unwrap();
    assert_eq!(chunks.iter().filter(|chunk| chunk.as_ptr() == records.as_ptr()).count(), 2);
    let frame = Bytes::from(chunks.concat()).slice(4..);
    let (_, Response::Fetch(read)) = decode_response(1, 16, frame.clone()).unwrap() else { panic!() };
    assert!(frame.as_ptr_range().contains(&read.topics[0].partitions[0].records[0].as_ptr()));
}

proptest! {
    #[test]
    fn random_bodies_never_panic(
        which: prop::sample::Index,
        version in -1..18_i16,
        body in vec(prop_oneof![Just(0_u8), Just(1), Just(2), any::<u8>()], 0..200),
    ) {
        let key = which.get(super::supported_apis()).key;
        let mut frame = head(key, version);
        frame.put_slice(&body);
        let _ = decode_request(frame.freeze(), &limits());
        let _ = decode_response(key.code(), version, Bytes::from(body));
    }

    #[test]
    fn random_frames_never_panic(frame in vec(any::<u8>(), 0..200)) {
        let _ = decode(&frame);
    }

    #[test]
    fn a_damaged_request_never_panics(at: prop::sample::Index, byte: u8) {
        let groups = super::groups::samples::requests().into_iter().map(|request| Request::Group(Box::new(request)));
        let admins = super::admin::samples::requests().into_iter().map(|request| Request::Admin(Box::new(request)));
        for request in requests().into_iter().chain(groups).chain(admins) {
            let mut frame = BytesMut::from(&frame_of(request)[..]);
            let at = at.index(frame.len());
            frame[at] = byte;
            let _ = decode_request(frame.freeze(), &limits());
        }
    }
}
