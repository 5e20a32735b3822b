//! Instances come and go: `POST /consumers/{group}`, `PUT` and `DELETE /consumers/{group}/instances/{instance}`.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::response::Response;
use http::request::Parts;
use http::{HeaderName, HeaderValue, StatusCode};
use serde::Serialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;

use super::address::base_uri;
use super::config::{self, InstanceWish};
use super::path::{GroupPath, InstancePath};
use crate::groups::instances::Dialect;
use crate::groups::{GroupId, InstanceName};
use crate::http::door::Door;
use crate::http::query::shown;
use crate::http::rest_v2::body::{Typed, command};
use crate::http::rest_v2::fault::Fault;
use crate::http::rest_v2::openapi::{RestInstanceParams, RestInstanceRefusals, RestInstanceWish};
use crate::http::rest_v2::params::Params;
use crate::http::rest_v2::told::{Told, nothing};
use crate::service::{CreatedInstance, OnExisting};

/// Answers: whose meaning of committed offsets is in force.
const DIALECT: HeaderName = HeaderName::from_static("tidemark-dialect");

/// An instance.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = RestInstanceAnswer)]
pub(in crate::http) struct InstanceAnswer {
    /// Its name.
    instance_id: String,
    /// Where it is found; any other broker serves it too.
    base_uri: String,
    /// What its commits mean: confluent (the last record processed) or strimzi (the next one to read).
    dialect: &'static str,
}

/// Creates an instance.
#[utoipa::path(
    post, path = "/consumers/{group}", tag = "rest-proxy", operation_id = "rest_create_instance",
    params(
        crate::http::openapi::GroupParam,
        ("dialect" = Option<String>, Query, description = "confluent or strimzi: what an offset in a commit means"),
    ),
    request_body(content = Option<RestInstanceWish>, content_type = "application/vnd.kafka.v2+json"),
    responses(
        (status = 200, description = "It is there", body = InstanceAnswer, content_type = "application/vnd.kafka.v2+json"),
        RestInstanceRefusals,
    ),
)]
pub(in crate::http) async fn create(
    State(door): State<Arc<Door>>,
    told: Told,
    GroupPath(group): GroupPath,
    request: Request,
) -> Result<Response, Fault> {
    let (parts, wish) = wish_of(&door, request).await?;
    let InstanceWish { name, spec } = wish;
    let created = door.service.create_instance(&group, name, spec, OnExisting::Refuse).await?;
    Ok(answer(&door, &told, &parts, StatusCode::OK, &group, &created))
}

/// Creates an instance, or goes on with it if it is there.
#[utoipa::path(
    put, path = "/consumers/{group}/instances/{instance}", tag = "rest-proxy", operation_id = "rest_put_instance",
    params(
        RestInstanceParams,
        ("dialect" = Option<String>, Query, description = "confluent or strimzi: what an offset in a commit means"),
    ),
    request_body(content = Option<RestInstanceWish>, content_type = "application/vnd.kafka.v2+json"),
    responses(
        (status = 200, description = "It was there, and goes on as it was created", body = InstanceAnswer, content_type = "application/vnd.kafka.v2+json"),
        (status = 201, description = "It is new", body = InstanceAnswer, content_type = "application/vnd.kafka.v2+json"),
        RestInstanceRefusals,
    ),
)]
pub(in crate::http) async fn create_or_resume(
    State(door): State<Arc<Door>>,
    told: Told,
    InstancePath(group, instance): InstancePath,
    request: Request,
) -> Result<Response, Fault> {
    let (parts, wish) = wish_of(&door, request).await?;
    let InstanceWish { name, spec } = wish;
    if name.is_some_and(|name| name != instance) {
        let message =
            "Invalid consumer configuration: name differs from the name in the address; leave it out";
        return Err(Fault::unprocessable(message).code(42_204));
    }
    let name: InstanceName = config::name_of(instance.as_str())?;
    let created = door.service.create_instance(&group, Some(name), spec, OnExisting::Resume).await?;
    let status = if created.created { StatusCode::CREATED } else { StatusCode::OK };
    Ok(answer(&door, &told, &parts, status, &group, &created))
}

/// Deletes an instance.
#[utoipa::path(
    delete, path = "/consumers/{group}/instances/{instance}", tag = "rest-proxy", operation_id = "rest_delete_instance",
    params(RestInstanceParams),
    responses((status = 204, description = "It is gone"), RestInstanceRefusals),
)]
pub(in crate::http) async fn delete(
    State(door): State<Arc<Door>>,
    _: Told,
    InstancePath(group, instance): InstancePath,
) -> Result<Response, Fault> {
    door.service.delete_instance(&group, &instance).await?;
    Ok(nothing(&door))
}

async fn wish_of(door: &Door, request: Request) -> Result<(Parts, InstanceWish), Fault> {
    let (parts, body) = request.into_parts();
    let params = Params::parse(parts.uri.query())?;
    let dialect = params.text("dialect").map(|name| {
        let unknown = || {
            let name = shown(name);
            Fault::bad_parameter(format!(
                "Invalid parameter 'dialect': use confluent or strimzi, not '{name}'"
            ))
        };
        Dialect::from_name(name).ok_or_else(unknown)
    });
    let config: Option<Map<String, Value>> = command(door, &parts.headers, body, Typed::Needed).await?;
    let wish = config::parse(&config.unwrap_or_default(), dialect.transpose()?)?;
    Ok((parts, wish))
}

fn answer(
    door: &Door,
    told: &Told,
    parts: &Parts,
    status: StatusCode,
    group: &GroupId,
    created: &CreatedInstance,
) -> Response {
    let image = door.service.image();
    let advertised = image.endpoint(door.service.me().broker).map(|endpoint| endpoint.http.to_string());
    let names = (group.as_str(), created.name.as_str());
    let trusted = door.options.forwarded_trusted;
    let base_uri =
        base_uri(&parts.uri, &parts.headers, trusted, advertised.as_deref().unwrap_or("localhost"), names);
    let dialect = created.spec.dialect.name();
    let instance_id = created.name.as_str().to_owned();
    let mut response = told.with(door, status, &InstanceAnswer { instance_id, base_uri, dialect });
    response.headers_mut().insert(DIALECT, HeaderValue::from_static(dialect));
    response
}
