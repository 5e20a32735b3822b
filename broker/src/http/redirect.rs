//! Sending a client that wants it to the leader itself, instead of forwarding.

use axum::body::Body;
use axum::response::Response;
use http::header::LOCATION;
use http::request::Parts;
use http::{HeaderValue, StatusCode};

use super::door::Door;
use super::errors::Problem;
use super::names::{LEADER, REDIRECT, SERVED_BY};
use super::query::Query;
use crate::service::FetchError;
use crate::types::TopicPartition;

/// A 307 to the leader of `tp`, if the request asks for one and the leader is another broker.
pub(super) fn redirected(
    door: &Door,
    tp: &TopicPartition,
    parts: &Parts,
    query: &Query<'_>,
) -> Result<Option<Response>, Problem> {
    let asked = query.flag("redirect")? || parts.headers.get(REDIRECT).is_some_and(|value| value == "true");
    if !asked {
        return Ok(None);
    }
    let image = door.service.image();
    let leader = image.partition(tp).and_then(|record| record.state.leader);
    if leader == Some(door.service.me()) {
        return Ok(None);
    }
    let none = |reason: &str| FetchError::NoLeader { tp: tp.clone(), reason: reason.to_owned() };
    let leader = leader.ok_or_else(|| none("it has none at the moment"))?;
    let endpoint = image.endpoint(leader.broker).ok_or_else(|| none("its address is not known"))?;
    let path = parts.uri.path_and_query().map_or("/", |path| path.as_str());
    let location = HeaderValue::try_from(format!("http://{}{path}", endpoint.http));
    let location = location.map_err(|_| none("its address cannot be told"))?;
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::TEMPORARY_REDIRECT;
    response.headers_mut().insert(LOCATION, location);
    response.headers_mut().insert(LEADER, HeaderValue::from(leader.broker.0));
    response.headers_mut().insert(SERVED_BY, door.served_by.clone());
    Ok(Some(response))
}
