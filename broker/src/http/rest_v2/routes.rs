//! All addresses of this face, each with its handlers.

use std::sync::Arc;

use utoipa::OpenApi as _;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::consumers::{assignments, lifecycle, offsets, positions, records, subscription};
use super::openapi::Words;
use super::{admin, metadata, produce, read};
use crate::http::door::Door;

/// The addresses, and what the document says of them.
pub(in crate::http) fn addresses() -> OpenApiRouter<Arc<Door>> {
    OpenApiRouter::with_openapi(Words::openapi())
        .routes(routes!(metadata::root, metadata::post_root))
        .routes(routes!(metadata::brokers))
        .routes(routes!(metadata::topics))
        .routes(routes!(metadata::topic, produce::to_topic))
        .routes(routes!(metadata::partitions))
        .routes(routes!(metadata::partition, produce::to_partition))
        .routes(routes!(metadata::offsets))
        .routes(routes!(read::read))
        .routes(routes!(admin::create_topic))
        .routes(routes!(lifecycle::create))
        .routes(routes!(lifecycle::create_or_resume, lifecycle::delete))
        .routes(routes!(subscription::get, subscription::subscribe, subscription::unsubscribe))
        .routes(routes!(assignments::get, assignments::assign))
        .routes(routes!(positions::seek))
        .routes(routes!(positions::beginning))
        .routes(routes!(positions::end))
        .routes(routes!(records::poll))
        .routes(routes!(offsets::committed, offsets::commit))
}
