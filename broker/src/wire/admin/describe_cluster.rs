//! DescribeCluster (KIP-700): the cluster and the brokers that live.

use kafka_wire::describe_cluster_response as response;

use super::{maybe_text, text};
use crate::types::BrokerId;
use crate::wire::{ErrorCode, WireError};

/// That it was not asked what may be done.
pub const NO_AUTHORIZED_OPERATIONS: i32 = i32::MIN;
/// The kind of endpoint that clients speak to.
const BROKERS: i8 = 1;

/// Asks what the cluster is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DescribeClusterRequest {
    /// Whether to tell what may be done.
    pub authorized_operations: bool,
    /// 1 for brokers, 2 for controllers; 1 before version 1.
    pub endpoint_type: i8,
}

/// What the cluster is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DescribeClusterResponse {
    /// Why it cannot be told, if so.
    pub error: ErrorCode,
    /// The same in words.
    pub error_message: Option<String>,
    /// As it was asked for; not told before version 1.
    pub endpoint_type: i8,
    /// The cluster's id.
    pub cluster_id: String,
    /// The controller, if there is one.
    pub controller: Option<BrokerId>,
    /// The brokers.
    pub brokers: Vec<ClusterBroker>,
    /// A bit for each operation that may be done; [`NO_AUTHORIZED_OPERATIONS`] if that was not asked for.
    pub authorized_operations: i32,
}

/// A broker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClusterBroker {
    /// Its number.
    pub id: BrokerId,
    /// Where it is reached.
    pub host: String,
    /// At which port.
    pub port: i32,
    /// Its rack, if it has one.
    pub rack: Option<String>,
}

impl DescribeClusterRequest {
    pub(super) fn into_codec(self) -> Result<kafka_wire::DescribeClusterRequest, WireError> {
        let mut message = kafka_wire::DescribeClusterRequest::default();
        message.include_cluster_authorized_operations = self.authorized_operations;
        message.endpoint_type = self.endpoint_type;
        Ok(message)
    }

    pub(super) fn from_codec(message: kafka_wire::DescribeClusterRequest, _: i16) -> Result<Self, WireError> {
        Ok(Self {
            authorized_operations: message.include_cluster_authorized_operations,
            endpoint_type: message.endpoint_type,
        })
    }
}

impl DescribeClusterResponse {
    pub(super) fn into_codec(self, version: i16) -> kafka_wire::DescribeClusterResponse {
        let broker = |broker: ClusterBroker| {
            let mut into = response::DescribeClusterBroker::default();
            into.broker_id = broker.id.0;
            into.host = broker.host.into();
            into.port = broker.port;
            into.rack = broker.rack.map(Into::into);
            into
        };
        let mut message = kafka_wire::DescribeClusterResponse::default();
        message.error_code = self.error.code();
        message.error_message = self.error_message.map(Into::into);
        message.endpoint_type = if version >= 1 { self.endpoint_type } else { BROKERS };
        message.cluster_id = self.cluster_id.into();
        message.controller_id = self.controller.map_or(-1, |id| id.0);
        message.brokers = self.brokers.into_iter().map(broker).collect();
        message.cluster_authorized_operations = self.authorized_operations;
        message
    }

    pub(super) fn from_codec(message: kafka_wire::DescribeClusterResponse) -> Self {
        let broker = |broker: response::DescribeClusterBroker| ClusterBroker {
            id: BrokerId(broker.broker_id),
            host: text(broker.host),
            port: broker.port,
            rack: maybe_text(broker.rack),
        };
        Self {
            error: message.error_code.into(),
            error_message: maybe_text(message.error_message),
            endpoint_type: message.endpoint_type,
            cluster_id: text(message.cluster_id),
            controller: Some(message.controller_id).filter(|id| *id >= 0).map(BrokerId),
            brokers: message.brokers.into_iter().map(broker).collect(),
            authorized_operations: message.cluster_authorized_operations,
        }
    }
}
