//! Poll: `GET /consumers/{group}/instances/{instance}/records`.
//!
//! A poll acknowledges what the one before it brought. An answer that was lost is had again with `?replay=true`.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::response::Response;

use super::path::InstancePath;
use http::Method;

use crate::groups::instances::EmbeddedFormat;
use crate::groups::{GroupId, InstanceName};
use crate::http::chunked::Chunks;
use crate::http::door::Door;
use crate::http::rest_v2::fault::Fault;
use crate::http::rest_v2::media::{Wanted, media_type};
use crate::http::rest_v2::openapi::{
    RestInstanceParams, RestInstanceRefusals, RestPollParams, RestRecordAnswer,
};
use crate::http::rest_v2::params::Params;
use crate::http::rest_v2::render::write_record;
use crate::http::rest_v2::told::{Told, text};
use crate::http::rest_v2::unknown::no_method;
use crate::service::PollInstance;

/// Returns the next records of an instance as soon as there are some, or none in time.
#[utoipa::path(
    get, path = "/consumers/{group}/instances/{instance}/records", tag = "rest-proxy", operation_id = "rest_poll",
    params(RestInstanceParams, RestPollParams),
    responses(
        (status = 200, description = "Records, or none in time", content(
            (Vec<RestRecordAnswer> = "application/vnd.kafka.binary.v2+json"),
            (Vec<RestRecordAnswer> = "application/vnd.kafka.json.v2+json"),
            (Vec<RestRecordAnswer> = "application/vnd.kafka.text.v2+json"),
        )),
        RestInstanceRefusals,
    ),
)]
pub(in crate::http) async fn poll(
    State(door): State<Arc<Door>>,
    told: Told,
    InstancePath(group, instance): InstancePath,
    request: Request,
) -> Result<Response, Fault> {
    if request.method() == Method::HEAD {
        // It would deliver records to nobody.
        return Err(no_method(request.method()));
    }
    let params = Params::parse(request.uri().query())?;
    let positive =
        |given: Option<i64>| given.and_then(|given| u64::try_from(given).ok()).filter(|given| *given > 0);
    let timeout = positive(params.number::<i64>("timeout")?).map(Duration::from_millis);
    let max_bytes = positive(params.number::<i64>("max_bytes")?);
    let max_bytes = max_bytes.map(|bytes| usize::try_from(bytes).unwrap_or(usize::MAX));
    let poll = PollInstance {
        timeout,
        max_bytes: max_bytes.unwrap_or(door.service.options().fetch_bytes_default),
        replay: params.flag("replay")?,
        wants: wanted(&door, &told, &group, &instance).await?,
    };
    let polled = door.service.poll_instance(&group, &instance, poll).await?;
    let mut out = b"[".to_vec();
    for (number, one) in polled.records.iter().enumerate() {
        if number > 0 {
            out.push(b',');
        }
        write_record(&mut out, &one.tp, &one.record, polled.format);
    }
    out.push(b']');
    let media_type = told.0.answer_in(polled.format).unwrap_or(media_type(polled.format));
    // What was delivered is not refused any more: it keeps the places that its records had.
    let body = Body::new(Chunks::new(vec![out.into()], polled.admitted));
    Ok(text(&door, media_type, body))
}

/// The format that the request insists on, for the coordinator to compare with the instance's.
async fn wanted(
    door: &Door,
    told: &Told,
    group: &GroupId,
    instance: &InstanceName,
) -> Result<Option<EmbeddedFormat>, Fault> {
    match told.0.wanted() {
        Wanted::Any => Ok(None),
        Wanted::Only(format) => Ok(Some(format)),
        // Several would do: which of them the instance has must be known first.
        Wanted::OneOf(first) => {
            let has = door.service.instance(group, instance).await?.spec.format;
            Ok(Some(if told.0.answer_in(has).is_some() { has } else { first }))
        }
    }
}
