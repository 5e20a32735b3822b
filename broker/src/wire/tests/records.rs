//! Requests that carry records: every version read and written as the codec reads and writes it.

use super::*;

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
