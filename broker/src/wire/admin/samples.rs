//! One request and one response of each kind, with every field filled, as the highest version has them.

use super::*;
use crate::types::{BrokerId, TopicId};
use crate::wire::ErrorCode;

fn topic_id() -> Option<TopicId> {
    Some(TopicId(uuid::Uuid::from_u128(7)))
}

fn some(text: &str) -> Option<String> {
    Some(text.to_owned())
}

pub(in crate::wire) fn requests() -> Vec<AdminRequest> {
    let name = || "t".to_owned();
    vec![
        AdminRequest::CreateTopics(CreateTopicsRequest {
            topics: vec![NewTopic {
                name: name(),
                partitions: -1,
                replication_factor: 2,
                assignments: vec![(0, vec![1, 2])],
                configs: vec![("retention.ms".into(), some("5")), ("segment.ms".into(), None)],
            }],
            timeout_ms: 9,
            validate_only: true,
        }),
        AdminRequest::DeleteTopics(DeleteTopicsRequest {
            topics: vec![
                DoomedTopic { name: Some(name()), topic_id: None },
                DoomedTopic { name: None, topic_id: topic_id() },
            ],
            timeout_ms: 9,
        }),
        AdminRequest::CreatePartitions(CreatePartitionsRequest {
            topics: vec![NewPartitions { name: name(), count: 4, assignments: Some(vec![vec![1, 2]]) }],
            timeout_ms: 9,
            validate_only: true,
        }),
        AdminRequest::DescribeConfigs(DescribeConfigsRequest {
            resources: vec![DescribeConfigsResource {
                kind: ResourceKind::Topic,
                name: name(),
                keys: Some(vec!["retention.ms".into()]),
            }],
            synonyms: true,
            documentation: true,
        }),
        AdminRequest::AlterConfigs(AlterConfigsRequest {
            resources: vec![AlterConfigsResource {
                kind: ResourceKind::Broker,
                name: String::new(),
                configs: vec![("log.retention.ms".into(), some("5")), ("log.roll.ms".into(), None)],
            }],
            validate_only: true,
        }),
        AdminRequest::IncrementalAlterConfigs(IncrementalAlterConfigsRequest {
            resources: vec![IncrementalAlterConfigsResource {
                kind: ResourceKind::Other(32),
                name: name(),
                configs: vec![
                    ("cleanup.policy".into(), ConfigOperation::Append, some("compact")),
                    ("retention.ms".into(), ConfigOperation::Delete, None),
                    ("segment.ms".into(), ConfigOperation::Other(9), None),
                ],
            }],
            validate_only: true,
        }),
        AdminRequest::DescribeCluster(DescribeClusterRequest {
            authorized_operations: true,
            endpoint_type: 2,
        }),
    ]
}

pub(in crate::wire) fn responses() -> Vec<AdminResponse> {
    let name = || "t".to_owned();
    let altered = || {
        vec![AlteredConfigs {
            error: ErrorCode::InvalidConfig,
            error_message: some("why"),
            kind: ResourceKind::Topic,
            name: name(),
        }]
    };
    vec![
        AdminResponse::CreateTopics(CreateTopicsResponse { topics: vec![created()] }),
        AdminResponse::DeleteTopics(DeleteTopicsResponse {
            topics: vec![DeletedTopic {
                name: Some(name()),
                topic_id: topic_id(),
                error: ErrorCode::UnknownTopicId,
                error_message: some("why"),
            }],
        }),
        AdminResponse::CreatePartitions(CreatePartitionsResponse {
            topics: vec![CreatedPartitions {
                name: name(),
                error: ErrorCode::InvalidPartitions,
                error_message: some("why"),
            }],
        }),
        AdminResponse::DescribeConfigs(DescribeConfigsResponse { resources: vec![described()] }),
        AdminResponse::AlterConfigs(AlterConfigsResponse { resources: altered() }),
        AdminResponse::IncrementalAlterConfigs(IncrementalAlterConfigsResponse { resources: altered() }),
        AdminResponse::DescribeCluster(DescribeClusterResponse {
            error: ErrorCode::None,
            error_message: None,
            endpoint_type: 2,
            cluster_id: "c".into(),
            controller: Some(BrokerId(1)),
            brokers: vec![ClusterBroker { id: BrokerId(1), host: "h".into(), port: 9_092, rack: some("r") }],
            authorized_operations: 5,
        }),
    ]
}

fn created() -> NewTopicResult {
    NewTopicResult {
        name: "t".into(),
        topic_id: topic_id(),
        error: ErrorCode::TopicAlreadyExists,
        error_message: some("why"),
        partitions: 3,
        replication_factor: 2,
        configs: vec![NewTopicConfig {
            name: "retention.ms".into(),
            value: some("5"),
            read_only: true,
            source: ConfigSource::DynamicTopic,
        }],
    }
}

fn described() -> DescribedConfigs {
    DescribedConfigs {
        error: ErrorCode::None,
        error_message: some("why"),
        kind: ResourceKind::Topic,
        name: "t".into(),
        configs: vec![DescribedConfig {
            name: "retention.ms".into(),
            value: some("5"),
            read_only: true,
            source: ConfigSource::DynamicDefaultBroker,
            synonyms: vec![ConfigSynonym {
                name: "log.retention.ms".into(),
                value: some("5"),
                source: ConfigSource::Default,
            }],
            kind: ConfigKind::Long,
            documentation: some("what it means"),
        }],
    }
}
