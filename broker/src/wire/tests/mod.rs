//! Every version of every message is read and written as the codec does.

use bytes::Bytes;
use kafka_wire::{KafkaMessage, KafkaResponse};
use kafka_wire_core::{ApiVersion, DecodeLimits, Decoder, KafkaDecode};

use self::bench::{framed, header, versions};
use super::*;
use crate::types::{BrokerEpoch, BrokerId, Incarnation, LeaderEpoch, Offset, TopicId};

pub(super) mod bench;
mod others;
mod records;

fn limits() -> WireLimits {
    WireLimits::default()
}

fn topic_id() -> TopicId {
    TopicId(uuid::Uuid::from_u128(0x1234_5678_9abc_def0_1234_5678_9abc_def0))
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
    check::<kafka_wire::DeleteRecordsRequest>(ApiKey::DeleteRecords);
    check::<kafka_wire::OffsetForLeaderEpochRequest>(ApiKey::OffsetForLeaderEpoch);
    check::<kafka_wire::InitProducerIdRequest>(ApiKey::InitProducerId);
    check::<kafka_wire::FindCoordinatorRequest>(ApiKey::FindCoordinator);
    check::<kafka_wire::JoinGroupRequest>(ApiKey::JoinGroup);
    check::<kafka_wire::SyncGroupRequest>(ApiKey::SyncGroup);
    check::<kafka_wire::HeartbeatRequest>(ApiKey::Heartbeat);
    check::<kafka_wire::LeaveGroupRequest>(ApiKey::LeaveGroup);
    check::<kafka_wire::OffsetCommitRequest>(ApiKey::OffsetCommit);
    check::<kafka_wire::OffsetFetchRequest>(ApiKey::OffsetFetch);
    check::<kafka_wire::OffsetDeleteRequest>(ApiKey::OffsetDelete);
    check::<kafka_wire::ListGroupsRequest>(ApiKey::ListGroups);
    check::<kafka_wire::DescribeGroupsRequest>(ApiKey::DescribeGroups);
    check::<kafka_wire::DeleteGroupsRequest>(ApiKey::DeleteGroups);
    check::<kafka_wire::ConsumerGroupHeartbeatRequest>(ApiKey::ConsumerGroupHeartbeat);
    check::<kafka_wire::ConsumerGroupDescribeRequest>(ApiKey::ConsumerGroupDescribe);
    check::<kafka_wire::CreateTopicsRequest>(ApiKey::CreateTopics);
    check::<kafka_wire::DeleteTopicsRequest>(ApiKey::DeleteTopics);
    check::<kafka_wire::CreatePartitionsRequest>(ApiKey::CreatePartitions);
    check::<kafka_wire::DescribeConfigsRequest>(ApiKey::DescribeConfigs);
    check::<kafka_wire::AlterConfigsRequest>(ApiKey::AlterConfigs);
    check::<kafka_wire::IncrementalAlterConfigsRequest>(ApiKey::IncrementalAlterConfigs);
    check::<kafka_wire::DescribeClusterRequest>(ApiKey::DescribeCluster);
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
        let log =
            [(0, 0, 11), (1, 4, 16), (2, 1, 7), (3, 0, 12), (18, 0, 4), (21, 0, 2), (22, 0, 4), (23, 2, 4)];
        let classic = [(8, 2, 9), (9, 1, 9), (10, 0, 4), (11, 0, 9), (12, 0, 4), (13, 0, 5), (14, 0, 5)];
        let others = [(15, 0, 6), (16, 0, 5), (42, 0, 2), (47, 0, 0)];
        let admin = [(19, 2, 7), (20, 1, 6), (37, 0, 3), (32, 1, 4), (33, 0, 2), (44, 0, 1), (60, 0, 1)];
        let newer = [(68, 0, 1), (69, 0, 1)];
        assert_eq!(table, [&log[..], &classic, &others, &admin, &newer].concat());
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
        Request::DeleteRecords(DeleteRecordsRequest { topics: vec![], timeout_ms: 5 }),
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
