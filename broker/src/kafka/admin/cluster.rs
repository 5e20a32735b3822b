//! DescribeCluster: the cluster and the brokers that live, as in Metadata.

use crate::kafka::dispatch::Dispatch;
use crate::wire::{
    ClusterBroker, DescribeClusterRequest, DescribeClusterResponse, ErrorCode, NO_AUTHORIZED_OPERATIONS,
};

/// The kinds of endpoint that clients name.
const BROKERS: i8 = 1;
const CONTROLLERS: i8 = 2;

/// What anybody may do to the cluster, a bit for each of Kafka's operations: create (5), alter (7), describe (8),
/// act as a broker (9), describe settings (10), alter settings (11), write idempotently (12).
const ALLOWED: i32 = 1 << 5 | 1 << 7 | 1 << 8 | 1 << 9 | 1 << 10 | 1 << 11 | 1 << 12;

impl Dispatch {
    pub(super) fn describe_cluster(&self, request: DescribeClusterRequest) -> DescribeClusterResponse {
        let image = self.service.image();
        let mut response = DescribeClusterResponse {
            error: ErrorCode::None,
            error_message: None,
            endpoint_type: request.endpoint_type,
            cluster_id: String::new(),
            controller: None,
            brokers: Vec::new(),
            authorized_operations: NO_AUTHORIZED_OPERATIONS,
        };
        if request.endpoint_type != BROKERS {
            response.error = match request.endpoint_type {
                CONTROLLERS => ErrorCode::MismatchedEndpointType,
                _ => ErrorCode::UnsupportedEndpointType,
            };
            response.error_message =
                Some("this is a broker, and there are no endpoints but brokers".to_owned());
            return response;
        }
        let live = image.live_brokers().filter_map(|id| Some((id, image.endpoint(id)?)));
        let brokers = live.map(|(id, registration)| ClusterBroker {
            id,
            host: registration.kafka.host.clone(),
            port: i32::from(registration.kafka.port),
            rack: registration.rack.clone(),
        });
        response.brokers = brokers.collect();
        response.cluster_id =
            image.cluster.as_ref().map(|cluster| cluster.id.to_string()).unwrap_or_default();
        response.controller =
            image.controller.map(|seat| seat.broker).filter(|id| image.living(*id).is_some());
        if request.authorized_operations {
            response.authorized_operations = ALLOWED;
        }
        response
    }
}
