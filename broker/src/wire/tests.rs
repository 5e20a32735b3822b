//! Every version of every message is read and written as the codec does.

use bytes::{Bytes, BytesMut};
use kafka_wire::{KafkaMessage, KafkaRequest, KafkaResponse, OutboundFrameLimits};
use kafka_wire_core::{ApiVersion, DecodeLimits, Decoder, KafkaDecode};

use super::*;
use crate::types::{BrokerEpoch, BrokerId, Incarnation, LeaderEpoch, Offset, TopicId};

fn limits() -> WireLimits {
    WireLimits::default()
}

fn topic_id() -> TopicId {
    TopicId(uuid::Uuid::from_u128(0x1234_5678_9abc_def0_1234_5678_9abc_def0))
}

fn header(key: ApiKey, api_version: i16) -> RequestHeader {
    RequestHeader { api_key: key.code(), api_version, correlation_id: 77, client_id: Some("me".into()) }
}

fn versions(key: ApiKey) -> std::ops::RangeInclusive<i16> {
    let range = supported_apis().iter().find(|range| range.key == key).unwrap();
    range.min..=range.max
}

/// A request as the codec frames it, without its length.
fn framed(request: &(impl KafkaRequest + kafka_wire_core::KafkaEncode), version: i16) -> Bytes {
    let mut bytes = BytesMut::new();
    let (version, limits) = (ApiVersion::new(version), OutboundFrameLimits::new(1 << 20));
    kafka_wire::encode_request(&mut bytes, 77, Some("me".into()), request, version, limits).unwrap();
    bytes.freeze().slice(4..)
}

/// Chunks as one frame, without its length, which is checked.
fn joined(chunks: &[Bytes]) -> Bytes {
    let frame = Bytes::from(chunks.concat());
    let length = i32::from_be_bytes(frame[..4].try_into().unwrap());
    assert_eq!(length as usize, frame.len() - 4);
    frame.slice(4..)
}

/// The body of a response as the codec reads it.
fn read_by_codec<R: KafkaResponse + KafkaDecode>(chunks: &[Bytes], version: i16) -> R {
    let version = ApiVersion::new(version);
    let mut decoder = Decoder::new(joined(chunks), DecodeLimits::default()).unwrap();
    assert_eq!(decoder.read_i32(), Ok(77));
    if R::is_flexible(version) && R::API_KEY.value() != ApiKey::ApiVersions.code() {
        assert!(decoder.read_tagged_fields().unwrap().is_empty());
    }
    let message = R::decode(&mut decoder, version).unwrap();
    decoder.finish().unwrap();
    message
}

fn produce_request(flexible: bool) -> ProduceRequest {
    let partition = |index, records, expected_offset| ProducePartition { index, records, expected_offset };
    ProduceRequest {
        transactional: false,
        acks: -1,
        timeout_ms: 1_500,
        topics: vec![
            ProduceTopic {
                name: "orders".into(),
                partitions: vec![
                    partition(0, Some(Bytes::from_static(b"some records")), flexible.then_some(Offset(12))),
                    partition(3, None, None),
                    partition(4, Some(Bytes::new()), None),
                ],
            },
            ProduceTopic { name: "empty".into(), partitions: vec![] },
        ],
    }
}

fn produce_response() -> ProduceResponse {
    let detail = ProduceDetail {
        duplicate: true,
        written: 1,
        log_end_offset: Offset(99),
        expected_sequence: 8,
        producer_epoch: 2,
        leader_epoch: LeaderEpoch(6),
    };
    let partition = ProducedPartition {
        index: 3,
        error: ErrorCode::NotLeaderOrFollower,
        base_offset: Offset(41),
        log_append_time_ms: 1_700_000_000_000,
        log_start_offset: Offset(5),
        error_message: Some("not here".into()),
        leader: Some((BrokerId(2), LeaderEpoch(7))),
        detail: Some(detail),
    };
    let plain = ProducedPartition { leader: None, detail: None, error_message: None, ..partition.clone() };
    ProduceResponse {
        topics: vec![ProducedTopic { name: "orders".into(), partitions: vec![partition, plain] }],
    }
}

fn fetch_request(version: i16) -> FetchRequest {
    let epoch = BrokerEpoch(if version >= 15 { 9_021 } else { -1 });
    let since = |first, value, before| if version >= first { value } else { before };
    FetchRequest {
        replica: Some(Incarnation { broker: BrokerId(3), epoch }),
        max_wait_ms: 500,
        min_bytes: 1,
        max_bytes: 1 << 20,
        session_id: 0,
        session_epoch: -1,
        topics: vec![FetchTopic {
            name: (version < 13).then(|| "orders".into()),
            topic_id: (version >= 13).then(topic_id),
            partitions: vec![FetchPartition {
                index: 1,
                current_leader_epoch: LeaderEpoch(since(9, 4, -1)),
                fetch_offset: Offset(1_000),
                last_fetched_epoch: LeaderEpoch(since(12, 3, -1)),
                log_start_offset: Offset(i64::from(since(5, 10, -1))),
                max_bytes: 4_096,
            }],
        }],
    }
}

fn fetch_response(version: i16) -> FetchResponse {
    let partition = FetchedPartition {
        index: 1,
        error: ErrorCode::None,
        high_watermark: Offset(1_000),
        log_start_offset: Offset(if version >= 5 { 10 } else { -1 }),
        diverging: (version >= 12).then_some((LeaderEpoch(3), Offset(900))),
        leader: (version >= 12).then_some((BrokerId(2), LeaderEpoch(7))),
        records: vec![Bytes::from_static(b"one batch, "), Bytes::new(), Bytes::from_static(b"another batch")],
    };
    let empty = FetchedPartition { records: vec![], diverging: None, leader: None, ..partition.clone() };
    FetchResponse {
        error: if version >= 7 { ErrorCode::FetchSessionIdNotFound } else { ErrorCode::None },
        topics: vec![FetchedTopic {
            name: (version < 13).then(|| "orders".into()),
            topic_id: (version >= 13).then(topic_id),
            partitions: vec![partition.clone(), empty, partition],
        }],
    }
}

/// Puts each partition's chunks together, as a reader sees them.
fn with_joined_records(mut response: FetchResponse) -> FetchResponse {
    for partition in response.topics.iter_mut().flat_map(|topic| &mut topic.partitions) {
        let joined = partition.records.concat();
        partition.records = if joined.is_empty() { vec![] } else { vec![joined.into()] };
    }
    response
}

fn metadata_response(version: i16) -> MetadataResponse {
    let partition = MetadataPartition {
        error: ErrorCode::LeaderNotAvailable,
        index: 2,
        leader: None,
        leader_epoch: LeaderEpoch(if version >= 7 { 4 } else { -1 }),
        replicas: vec![BrokerId(1), BrokerId(2)],
        isr: vec![BrokerId(1)],
        offline: if version >= 5 { vec![BrokerId(2)] } else { vec![] },
    };
    let led = MetadataPartition { leader: Some(BrokerId(1)), error: ErrorCode::None, ..partition.clone() };
    let unknown = if version >= 12 { None } else { Some(String::new()) };
    let topic = |name, partitions| MetadataTopic {
        error: ErrorCode::None,
        name,
        topic_id: (version >= 10).then(topic_id),
        is_internal: version >= 1,
        partitions,
    };
    MetadataResponse {
        brokers: vec![MetadataBroker {
            id: BrokerId(1),
            host: "here".into(),
            port: 9092,
            rack: (version >= 1).then(|| "r1".into()),
        }],
        cluster_id: (version >= 2).then(|| "main".into()),
        controller: (version >= 1).then_some(BrokerId(1)),
        topics: vec![topic(Some("orders".into()), vec![partition, led]), topic(unknown, vec![])],
    }
}

#[test]
fn flexible_versions_are_those_of_the_codec() {
    fn check<M: KafkaMessage>(key: ApiKey) {
        for version in versions(key) {
            assert_eq!(
                key.is_flexible(version),
                M::is_flexible(ApiVersion::new(version)),
                "{key:?} {version}"
            );
            assert!(
                M::supports(ApiVersion::new(version)) || (key == ApiKey::Produce && version < 3),
                "{key:?}"
            );
        }
    }
    check::<kafka_wire::ProduceRequest>(ApiKey::Produce);
    check::<kafka_wire::FetchRequest>(ApiKey::Fetch);
    check::<kafka_wire::ListOffsetsRequest>(ApiKey::ListOffsets);
    check::<kafka_wire::MetadataRequest>(ApiKey::Metadata);
    check::<kafka_wire::ApiVersionsRequest>(ApiKey::ApiVersions);
    check::<kafka_wire::OffsetForLeaderEpochRequest>(ApiKey::OffsetForLeaderEpoch);
    check::<kafka_wire::InitProducerIdRequest>(ApiKey::InitProducerId);
}

#[test]
fn produce_requests_of_every_version_are_read() {
    for version in 3..=11 {
        let flexible = version >= 9;
        let mut message = kafka_wire::ProduceRequest::default();
        (message.acks, message.timeout_ms) = (-1, 1_500);
        message.transactional_id = (version == 3).then(|| "t".into());
        for topic in produce_request(flexible).topics {
            let mut into = kafka_wire::produce_request::TopicProduceData::default();
            into.name = topic.name.into();
            for partition in topic.partitions {
                let mut data = kafka_wire::produce_request::PartitionProduceData::default();
                (data.index, data.records) = (partition.index, partition.records);
                if let Some(offset) = partition.expected_offset {
                    let field = kafka_wire_core::TaggedField::new(
                        PRIVATE_TAG,
                        offset.0.to_be_bytes().to_vec().into(),
                    );
                    data.unknown_tagged_fields =
                        kafka_wire_core::TaggedFields::from_sorted(vec![field]).unwrap();
                }
                into.partition_data.push(data);
            }
            message.topic_data.push(into);
        }
        let expected = ProduceRequest { transactional: version == 3, ..produce_request(flexible) };
        let (header, request) = decode_request(framed(&message, version), &limits()).unwrap();
        assert_eq!(header, self::header(ApiKey::Produce, version));
        assert_eq!(request, Request::Produce(expected), "{version}");
    }
}

#[test]
fn produce_before_the_codecs_first_version_is_read_and_answered() {
    // Key 0, version 2, correlation 77, client "me"; acks 1, 1500 ms, one topic, one partition, two bytes.
    let frame =
        b"\0\0\0\x02\0\0\0\x4d\0\x02me\0\x01\0\0\x05\xdc\0\0\0\x01\0\x01t\0\0\0\x01\0\0\0\x05\0\0\0\x02ab";
    let (header, request) = decode_request(Bytes::from_static(frame), &limits()).unwrap();
    let partition = ProducePartition { index: 5, records: Some("ab".into()), expected_offset: None };
    let topics = vec![ProduceTopic { name: "t".into(), partitions: vec![partition] }];
    let expected = ProduceRequest { transactional: false, acks: 1, timeout_ms: 1_500, topics };
    assert_eq!(request, Request::Produce(expected));

    let refused = ProducedPartition {
        index: 5,
        error: ErrorCode::UnsupportedVersion,
        base_offset: Offset::NONE,
        log_append_time_ms: -1,
        log_start_offset: Offset::NONE,
        error_message: None,
        leader: None,
        detail: None,
    };
    let topics = vec![ProducedTopic { name: "t".into(), partitions: vec![refused] }];
    let chunks = encode_response(&header, Response::Produce(ProduceResponse { topics })).unwrap();
    let expected = b"\0\0\0\x4d\0\0\0\x01\0\x01t\0\0\0\x01\0\0\0\x05\0\x23\xff\xff\xff\xff\xff\xff\xff\xff\
        \xff\xff\xff\xff\xff\xff\xff\xff\0\0\0\0";
    assert_eq!(joined(&chunks), expected[..]);
}

#[test]
fn produce_responses_of_every_version_are_as_the_codec_reads_them() {
    for version in 3..=11 {
        let mut expected = produce_response();
        for partition in &mut expected.topics[0].partitions {
            let since = |first| version >= first;
            partition.log_start_offset = if since(5) { partition.log_start_offset } else { Offset::NONE };
            partition.error_message = partition.error_message.take().filter(|_| since(8));
            partition.leader = partition.leader.filter(|_| since(10));
            partition.detail = partition.detail.filter(|_| since(9));
        }
        let header = header(ApiKey::Produce, version);
        let chunks = encode_response(&header, Response::Produce(produce_response())).unwrap();
        let read: kafka_wire::ProduceResponse = read_by_codec(&chunks, version);
        assert_eq!(ProduceResponse::from_codec(read), expected, "{version}");
        let (correlation, decoded) = decode_response(0, version, joined(&chunks)).unwrap();
        assert_eq!((correlation, decoded), (77, Response::Produce(expected)), "{version}");
    }
}

#[test]
fn fetch_requests_of_every_version_are_read() {
    for version in versions(ApiKey::Fetch) {
        let expected = fetch_request(version);
        let mut message = expected.clone().into_codec();
        message.isolation_level = 1;
        if version < 15 {
            message.replica_id = message.replica_state.replica_id;
            message.replica_state = Default::default();
        }
        if version < 13 {
            message.topics[0].topic = "orders".into();
        }
        let (_, request) = decode_request(framed(&message, version), &limits()).unwrap();
        assert_eq!(request, Request::Fetch(expected), "{version}");
    }
    let consumer = FetchRequest { replica: None, ..fetch_request(16) };
    let frame = framed(&consumer.clone().into_codec(), 16);
    assert_eq!(decode_request(frame, &limits()).unwrap().1, Request::Fetch(consumer));
}

#[test]
fn fetch_responses_of_every_version_are_as_the_codec_reads_them() {
    for version in versions(ApiKey::Fetch) {
        let response = fetch_response(version);
        let header = header(ApiKey::Fetch, version);
        let chunks = encode_response(&header, Response::Fetch(response.clone())).unwrap();
        let read: kafka_wire::FetchResponse = read_by_codec(&chunks, version);
        assert_eq!(read.throttle_time_ms, 0);
        let partition = &read.responses[0].partitions[0];
        assert_eq!((partition.last_stable_offset, partition.preferred_read_replica), (1_000, -1));
        assert_eq!(partition.aborted_transactions, None);
        assert_eq!(read.responses[0].partitions[1].records, Some(Bytes::new()));
        assert_eq!(
            FetchResponse::from_codec(read, version),
            with_joined_records(response.clone()),
            "{version}"
        );
        let (correlation, decoded) = decode_response(1, version, joined(&chunks)).unwrap();
        assert_eq!((correlation, decoded), (77, Response::Fetch(with_joined_records(response))), "{version}");
    }
}

#[test]
fn metadata_of_every_version_is_read_and_written() {
    for version in versions(ApiKey::Metadata) {
        let by_id = MetadataTopicRequest { name: None, topic_id: Some(topic_id()) };
        let by_name = MetadataTopicRequest { name: Some("orders".into()), topic_id: None };
        let topics = if version >= 12 { vec![by_name, by_id] } else { vec![by_name] };
        let all = |topics| MetadataRequest { topics, allow_auto_create: true };
        for expected in [all(Some(topics)), all(None), MetadataRequest { topics: Some(vec![]), ..all(None) }]
        {
            let mut message = expected.clone().into_codec();
            if version == 0 && message.topics.is_none() {
                message.topics = Some(vec![]);
            }
            let (_, request) = decode_request(framed(&message, version), &limits()).unwrap();
            let none_is_all = version == 0 && expected.topics.as_ref().is_none_or(Vec::is_empty);
            assert_eq!(
                request,
                Request::Metadata(if none_is_all { all(None) } else { expected }),
                "{version}"
            );
        }

        let full = metadata_response(12);
        let header = header(ApiKey::Metadata, version);
        let chunks = encode_response(&header, Response::Metadata(full)).unwrap();
        let (_, decoded) = decode_response(3, version, joined(&chunks)).unwrap();
        assert_eq!(decoded, Response::Metadata(metadata_response(version)), "{version}");
    }
}

#[test]
fn list_offsets_of_every_version_is_read_and_written() {
    for version in versions(ApiKey::ListOffsets) {
        let epoch = LeaderEpoch(if version >= 4 { 3 } else { -1 });
        let asked = ListOffsetsPartition { index: 2, current_leader_epoch: epoch, timestamp_ms: -2 };
        let topics = vec![ListOffsetsTopic { name: "orders".into(), partitions: vec![asked] }];
        let expected = ListOffsetsRequest { replica: Some(BrokerId(3)), topics };
        let frame = framed(&expected.clone().into_codec(), version);
        assert_eq!(decode_request(frame, &limits()).unwrap().1, Request::ListOffsets(expected), "{version}");

        let listed = |leader_epoch| ListOffsetsResponse {
            topics: vec![ListedTopic {
                name: "orders".into(),
                partitions: vec![ListedPartition {
                    index: 2,
                    error: ErrorCode::None,
                    timestamp_ms: 5,
                    offset: Offset(41),
                    leader_epoch,
                }],
            }],
        };
        let header = header(ApiKey::ListOffsets, version);
        let chunks = encode_response(&header, Response::ListOffsets(listed(LeaderEpoch(3)))).unwrap();
        let (_, decoded) = decode_response(2, version, joined(&chunks)).unwrap();
        assert_eq!(decoded, Response::ListOffsets(listed(epoch)), "{version}");
    }
}

#[test]
fn offset_for_leader_epoch_of_every_version_is_read_and_written() {
    for version in versions(ApiKey::OffsetForLeaderEpoch) {
        let asked =
            EpochPartition { index: 2, current_leader_epoch: LeaderEpoch(5), leader_epoch: LeaderEpoch(3) };
        let topics = vec![EpochTopic { name: "orders".into(), partitions: vec![asked] }];
        let replica = (version >= 3).then_some(BrokerId(3));
        let expected = OffsetForLeaderEpochRequest { replica, topics };
        let frame = framed(&expected.clone().into_codec(), version);
        let request = decode_request(frame, &limits()).unwrap().1;
        assert_eq!(request, Request::OffsetForLeaderEpoch(expected), "{version}");

        let end = EpochEndPartition {
            index: 2,
            error: ErrorCode::None,
            leader_epoch: LeaderEpoch(3),
            end_offset: Offset(41),
        };
        let topics = vec![EpochEndTopic { name: "orders".into(), partitions: vec![end] }];
        let response = Response::OffsetForLeaderEpoch(OffsetForLeaderEpochResponse { topics });
        let header = header(ApiKey::OffsetForLeaderEpoch, version);
        let chunks = encode_response(&header, response.clone()).unwrap();
        assert_eq!(decode_response(23, version, joined(&chunks)), Ok((77, response)), "{version}");
    }
}

#[test]
fn init_producer_id_of_every_version_is_read_and_written() {
    for version in versions(ApiKey::InitProducerId) {
        let current = if version >= 3 { (7, 2) } else { (-1, -1) };
        for transactional in [false, true] {
            let expected = InitProducerIdRequest { transactional, current };
            let frame = framed(&expected.clone().into_codec(), version);
            let request = decode_request(frame, &limits()).unwrap().1;
            assert_eq!(request, Request::InitProducerId(expected), "{version}");
        }
        let given = InitProducerIdResponse { error: ErrorCode::None, producer_id: 1_000, producer_epoch: 3 };
        for response in [given, InitProducerIdResponse::refused(ErrorCode::CoordinatorLoadInProgress)] {
            let response = Response::InitProducerId(response);
            let chunks = encode_response(&header(ApiKey::InitProducerId, version), response.clone()).unwrap();
            assert_eq!(decode_response(22, version, joined(&chunks)), Ok((77, response)), "{version}");
        }
    }
}

#[test]
fn api_versions_tells_the_table_in_every_version() {
    for version in versions(ApiKey::ApiVersions) {
        let frame = framed(&api_versions::request_into_codec(), version);
        let (header, request) = decode_request(frame, &limits()).unwrap();
        assert_eq!(request, Request::ApiVersions);
        let chunks = encode_response(&header, Response::ApiVersions(ApiVersionsResponse::default())).unwrap();
        let read: kafka_wire::ApiVersionsResponse = read_by_codec(&chunks, version);
        let table: Vec<_> =
            read.api_keys.iter().map(|key| (key.api_key, key.min_version, key.max_version)).collect();
        let log = [(0, 0, 11), (1, 4, 16), (2, 1, 7), (3, 0, 12), (18, 0, 4), (22, 0, 4), (23, 2, 4)];
        let classic = [(8, 2, 9), (9, 1, 9), (10, 0, 4), (11, 0, 9), (12, 0, 4), (13, 0, 5), (14, 0, 5)];
        let others = [(15, 0, 6), (16, 0, 5), (42, 0, 2), (47, 0, 0), (68, 0, 1), (69, 0, 1)];
        assert_eq!(table, [&log[..], &classic, &others].concat());
        assert_eq!(decode_response(18, version, joined(&chunks)).unwrap().1.key(), ApiKey::ApiVersions);
    }
}

#[test]
fn an_unknown_version_of_api_versions_is_answered_in_version_0() {
    let frame = Bytes::from_static(b"\0\x12\0\x63\0\0\0\x4d\0\x02me\0 whatever comes");
    let Err(WireError::UnsupportedVersion { header }) = decode_request(frame, &limits()) else { panic!() };
    assert_eq!(header, self::header(ApiKey::ApiVersions, 99));
    let error = ApiVersionsResponse { error: ErrorCode::UnsupportedVersion };
    let chunks = encode_response(&header, Response::ApiVersions(error)).unwrap();
    let read: kafka_wire::ApiVersionsResponse = read_by_codec(&chunks, 0);
    assert_eq!((read.error_code, read.api_keys.len()), (35, supported_apis().len()));
}

#[test]
fn what_we_send_is_what_we_read() {
    let sent = [
        Request::ApiVersions,
        Request::Produce(produce_request(true)),
        Request::Fetch(fetch_request(FETCH_VERSION)),
        Request::Metadata(MetadataRequest { topics: None, allow_auto_create: false }),
        Request::ListOffsets(ListOffsetsRequest { replica: None, topics: vec![] }),
        Request::OffsetForLeaderEpoch(OffsetForLeaderEpochRequest { replica: None, topics: vec![] }),
        Request::InitProducerId(InitProducerIdRequest { transactional: false, current: (-1, -1) }),
    ];
    for request in sent {
        let chunks = encode_request(77, "me", request.clone()).unwrap();
        let expected = header(request.key(), request.version_sent());
        assert_eq!(request.version_sent(), *versions(request.key()).end());
        assert_eq!(decode_request(joined(&chunks), &limits()), Ok((expected, request)));
    }
}

#[test]
fn a_response_that_does_not_fit_its_request_is_not_written() {
    let answer = || Response::Fetch(FetchResponse::default());
    assert!(encode_response(&header(ApiKey::Produce, 9), answer()).is_err());
    assert!(encode_response(&header(ApiKey::Fetch, 3), answer()).is_err());
    assert!(encode_response(&header(ApiKey::Fetch, 17), answer()).is_err());
    let long = MetadataBroker { id: BrokerId(1), host: "x".repeat(40_000), port: 1, rack: None };
    let response = MetadataResponse { brokers: vec![long], ..MetadataResponse::default() };
    assert!(encode_response(&header(ApiKey::Metadata, 1), Response::Metadata(response)).is_err());
}
