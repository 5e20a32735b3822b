//! Every version of every message of administrators is read and written as the codec does.

use bytes::Bytes;
use kafka_wire::KafkaRequest;
use kafka_wire_core::KafkaEncode;

use super::samples::{requests, responses};
use super::*;
use crate::wire::tests::bench::{framed, header, versions};
use crate::wire::{
    Request, Response, WireLimits, decode_request, decode_response, encode_request, encode_response,
};

/// A request as the codec frames it in a version, read by us.
fn read<M: KafkaRequest + KafkaEncode>(message: &M, version: i16) -> AdminRequest {
    let (_, request) = decode_request(framed(message, version), &WireLimits::default()).unwrap();
    let Request::Admin(request) = request else { panic!("{request:?}") };
    *request
}

/// A response, written by us in a version and read back.
fn written(response: AdminResponse, version: i16) -> AdminResponse {
    let key = response.key();
    let chunks = encode_response(&header(key, version), Response::Admin(response)).unwrap();
    let (correlation, read) =
        decode_response(key.code(), version, Bytes::from(chunks.concat()).slice(4..)).unwrap();
    let (77, Response::Admin(response)) = (correlation, read) else { panic!("{key:?} {version}") };
    response
}

#[test]
fn what_is_sent_is_what_is_read() {
    for request in requests() {
        let (key, version) = (request.key(), request.version_sent());
        assert_eq!(version, *versions(key).end(), "{key:?}");
        let chunks = encode_request(77, "me", Request::Admin(Box::new(request.clone()))).unwrap();
        let read = decode_request(Bytes::from(chunks.concat()).slice(4..), &WireLimits::default());
        assert_eq!(read, Ok((header(key, version), Request::Admin(Box::new(request)))));
    }
    for response in responses() {
        let version = *versions(response.key()).end();
        assert_eq!(written(response.clone(), version), response);
    }
}

#[test]
fn requests_are_read_in_every_version() {
    for request in requests() {
        for version in versions(request.key()) {
            let (mut expected, read) = (request.clone(), in_version(request.clone(), version));
            match &mut expected {
                AdminRequest::DeleteTopics(expected) if version < 6 => expected.topics.truncate(1),
                AdminRequest::DescribeConfigs(expected) if version < 3 => expected.documentation = false,
                AdminRequest::DescribeCluster(expected) if version < 1 => expected.endpoint_type = 1,
                _ => {}
            }
            assert_eq!(read, expected, "{version}");
        }
    }
}

/// A request as a client of this version would send it, read by us.
fn in_version(request: AdminRequest, version: i16) -> AdminRequest {
    match request {
        AdminRequest::CreateTopics(request) => read(&request.into_codec().unwrap(), version),
        AdminRequest::DeleteTopics(request) => {
            let mut message = request.into_codec().unwrap();
            if version < 6 {
                message.topic_names = message.topics.drain(..).filter_map(|topic| topic.name).collect();
            }
            read(&message, version)
        }
        AdminRequest::CreatePartitions(request) => read(&request.into_codec().unwrap(), version),
        AdminRequest::DescribeConfigs(request) => {
            let mut message = request.into_codec().unwrap();
            message.include_documentation &= version >= 3;
            read(&message, version)
        }
        AdminRequest::AlterConfigs(request) => read(&request.into_codec().unwrap(), version),
        AdminRequest::IncrementalAlterConfigs(request) => read(&request.into_codec().unwrap(), version),
        AdminRequest::DescribeCluster(request) => {
            let mut message = request.into_codec().unwrap();
            if version < 1 {
                message.endpoint_type = 1;
            }
            read(&message, version)
        }
    }
}

#[test]
fn responses_are_written_in_every_version() {
    for response in responses() {
        for version in versions(response.key()) {
            let mut expected = response.clone();
            match &mut expected {
                AdminResponse::CreateTopics(expected) => {
                    let topic = &mut expected.topics[0];
                    topic.topic_id = topic.topic_id.filter(|_| version >= 7);
                    if version < 5 {
                        (topic.partitions, topic.replication_factor) = (-1, -1);
                        topic.configs.clear();
                    }
                }
                AdminResponse::DeleteTopics(expected) => {
                    let topic = &mut expected.topics[0];
                    topic.topic_id = topic.topic_id.filter(|_| version >= 6);
                    topic.error_message = topic.error_message.take().filter(|_| version >= 5);
                }
                AdminResponse::DescribeConfigs(expected) if version < 3 => {
                    let config = &mut expected.resources[0].configs[0];
                    (config.kind, config.documentation) = (ConfigKind::Other(0), Some(String::new()));
                }
                AdminResponse::DescribeCluster(expected) if version < 1 => expected.endpoint_type = 1,
                _ => {}
            }
            assert_eq!(written(response.clone(), version), expected, "{version}");
        }
    }
}
