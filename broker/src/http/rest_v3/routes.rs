//! All addresses of this face, each with its handlers.

use std::sync::Arc;

use axum::routing::any;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::later::not_served;
use super::{brokers, clusters, configs, groups, lags, partitions, records, topics};
use crate::http::door::Door;

/// What lies in a cluster and is not served yet, under every method.
const LATER: [&str; 7] = [
    "acls",
    "acls:batch",
    "broker-configs:alter",
    "brokers/{broker_id}/configs:alter",
    "topics/-/partitions/-/reassignment",
    "topics/{topic_name}/partitions/-/reassignment",
    "topics/{topic_name}/partitions/{partition_id}/reassignment",
];

/// The addresses, and what the document says of them.
pub(in crate::http) fn addresses() -> OpenApiRouter<Arc<Door>> {
    let mut router = OpenApiRouter::new()
        .routes(routes!(clusters::list))
        .routes(routes!(clusters::get))
        .routes(routes!(brokers::list))
        .routes(routes!(brokers::get))
        .routes(routes!(brokers::replicas))
        .routes(routes!(configs::of_broker))
        .routes(routes!(configs::get_of_broker))
        .routes(routes!(configs::of_each_broker))
        .routes(routes!(configs::of_all_brokers))
        .routes(routes!(configs::get_of_all_brokers))
        .routes(routes!(topics::list, topics::create))
        .routes(routes!(topics::get, topics::grow, topics::delete))
        .routes(routes!(configs::of_topic))
        .routes(routes!(configs::of_all_topics))
        .routes(routes!(configs::get_of_topic, configs::put_of_topic, configs::delete_of_topic))
        .routes(routes!(configs::alter_of_topic))
        .routes(routes!(partitions::list))
        .routes(routes!(partitions::get))
        .routes(routes!(partitions::offset))
        .routes(routes!(partitions::replicas))
        .routes(routes!(partitions::replica))
        .routes(routes!(groups::list))
        .routes(routes!(groups::get))
        .routes(routes!(groups::consumers))
        .routes(routes!(groups::get_consumer))
        .routes(routes!(groups::assignments))
        .routes(routes!(groups::get_assignment))
        .routes(routes!(lags::list))
        .routes(routes!(lags::get))
        .routes(routes!(lags::summary))
        .routes(routes!(records::stream::produce))
        .routes(routes!(records::batch::produce));
    for path in LATER {
        router = router.route(&format!("/v3/clusters/{{cluster_id}}/{path}"), any(not_served));
    }
    // Read they can be; changed not yet.
    for path in ["brokers/{broker_id}/configs/{name}", "broker-configs/{name}"] {
        let path = format!("/v3/clusters/{{cluster_id}}/{path}");
        router = router.route(&path, axum::routing::put(not_served).delete(not_served));
    }
    router
}
