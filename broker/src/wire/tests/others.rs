//! Requests about partitions and producers: every version read and written as the codec reads and writes it.

use super::*;

/// librdkafka 2.x (its issue 5049): the array of topics, which is not there, takes four bytes instead of one.
#[test]
fn what_follows_a_request_is_passed_over() {
    let mut frame = framed(&kafka_wire::MetadataRequest::default(), 12).to_vec();
    frame.extend_from_slice(&[1, 0, 0]);
    assert!(matches!(decode_request(frame.into(), &limits()), Ok((_, Request::Metadata(_)))));
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
fn delete_records_of_every_version_is_read_and_written() {
    for version in versions(ApiKey::DeleteRecords) {
        let asked = DeleteRecordsPartition { index: 2, offset: Offset(41) };
        let topics = vec![DeleteRecordsTopic { name: "orders".into(), partitions: vec![asked] }];
        let expected = DeleteRecordsRequest { topics, timeout_ms: 1_500 };
        let frame = framed(&expected.clone().into_codec(), version);
        let request = decode_request(frame, &limits()).unwrap().1;
        assert_eq!(request, Request::DeleteRecords(expected), "{version}");

        let deleted =
            DeletedRecords { index: 2, low_watermark: Offset(41), error: ErrorCode::RequestTimedOut };
        let topics = vec![DeletedRecordsTopic { name: "orders".into(), partitions: vec![deleted] }];
        let response = Response::DeleteRecords(DeleteRecordsResponse { topics });
        let header = header(ApiKey::DeleteRecords, version);
        let chunks = encode_response(&header, response.clone()).unwrap();
        assert_eq!(decode_response(21, version, joined(&chunks)), Ok((77, response)), "{version}");
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
