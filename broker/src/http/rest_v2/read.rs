//! `GET /topics/{topic}/partitions/{partition}/records?offset=…`: Redpanda's read by offset, which needs no consumer.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Request, State};
use axum::response::Response;

use super::fault::Fault;
use super::openapi::{RestReadParams, RestRecordAnswer, RestRefusals};
use super::params::Params;
use super::path::PartitionPath;
use super::render::{counted, fits, write_record};
use super::told::{Told, text};
use crate::groups::instances::EmbeddedFormat;
use crate::http::chunked::counted_body;
use crate::http::door::Door;
use crate::http::query::shown;
use crate::http::read::{describe, fetched_with_records};
use crate::http::selection::{Bounds, Selection};
use crate::record::Record;
use crate::service::{Fetch, FetchFrom};
use crate::types::{Offset, TopicPartition};

/// How long to wait for records when the reader does not say; Redpanda's.
const TIMEOUT_MS: i64 = 100;

/// Reads records of a partition from an offset.
#[utoipa::path(
    get, path = "/topics/{topic}/partitions/{partition}/records", tag = "rest-proxy", operation_id = "rest_read_records",
    params(crate::http::openapi::PartitionParams, RestReadParams),
    responses(
        (status = 200, description = "Records, or none in time", content(
            (Vec<RestRecordAnswer> = "application/vnd.kafka.binary.v2+json"),
            (Vec<RestRecordAnswer> = "application/vnd.kafka.json.v2+json"),
            (Vec<RestRecordAnswer> = "application/vnd.kafka.text.v2+json"),
        )),
        (status = 410, description = "The offset lies below the first one kept", body = super::openapi::RestProblemAnswer, content_type = "application/vnd.kafka.v2+json"),
        (status = 416, description = "The offset lies beyond the end", body = super::openapi::RestProblemAnswer, content_type = "application/vnd.kafka.v2+json"),
        RestRefusals,
    ),
)]
pub(in crate::http) async fn read(
    State(door): State<Arc<Door>>,
    told: Told,
    PartitionPath(_, tp): PartitionPath,
    request: Request,
) -> Result<Response, Fault> {
    let params = Params::parse(request.uri().query())?;
    let format = told.0.format(door.options.plain_json());
    if !format.is_served() {
        let message =
            format!("there is no schema registry here to read {} with: ask for binary", format.name());
        return Err(Fault::unprocessable(message));
    }
    let default_bytes = door.service.options().fetch_bytes_default;
    let max_bytes = params.number::<i64>("max_bytes")?.and_then(|bytes| usize::try_from(bytes).ok());
    let most = door.service.options().fetch_bytes_max;
    let max_bytes = max_bytes.filter(|bytes| *bytes > 0).unwrap_or(default_bytes).min(most);
    let timeout_ms = params.number::<i64>("timeout")?.unwrap_or(TIMEOUT_MS);
    let fetch = Fetch {
        tp: tp.clone(),
        from: from(&params)?,
        max_bytes,
        min_bytes: 1,
        wait: Duration::from_millis(u64::try_from(timeout_ms).unwrap_or(0)),
        leader_epoch: None,
        forward: true,
    };
    let mut fetched = fetched_with_records(&door, fetch).await?;
    let bounds = Bounds { until: None, bytes_max: usize::MAX, records_max: usize::MAX };
    let mut records = Selection::new(&fetched, bounds, door.service.options().inflated_bytes_max);
    let mut out = b"[".to_vec();
    let (mut bytes, mut next) = (0, fetched.from);
    while let Some(record) = records.next()? {
        let is_first = out.len() == 1;
        bytes += counted(&record);
        if !is_first && (bytes > max_bytes || !fits(&record, format)) {
            break;
        }
        if !fits(&record, format) {
            return Err(unreadable(&tp, &record, format));
        }
        if !is_first {
            out.push(b',');
        }
        write_record(&mut out, &tp, &record, format);
        next = records.next_offset();
    }
    out.push(b']');
    let next = if out.len() == 2 { records.next_offset() } else { next };
    let media_type = told.0.answer_in(format).unwrap_or(super::media::media_type(format));
    drop(fetched.admitted.take());
    let mut response = text(&door, media_type, counted_body(&door, out)?);
    describe(response.headers_mut(), &fetched, next);
    Ok(response)
}

fn from(params: &Params) -> Result<FetchFrom, Fault> {
    let Some(given) = params.text("offset") else {
        return Err(Fault::bad_parameter("Missing mandatory parameter 'offset'"));
    };
    let bad = || {
        let message = format!(
            "Invalid parameter 'offset': use a whole number from 0, earliest or latest, not '{}'",
            shown(given)
        );
        Fault::bad_parameter(message)
    };
    match given {
        "earliest" => Ok(FetchFrom::Earliest),
        "latest" => Ok(FetchFrom::Latest),
        number => {
            let offset = number.parse::<i64>().ok().filter(|offset| *offset >= 0);
            offset.map(|offset| FetchFrom::Offset(Offset(offset))).ok_or_else(bad)
        }
    }
}

/// What a reader is told of a value that is not of its format.
pub(super) fn unreadable(tp: &TopicPartition, record: &Record, format: EmbeddedFormat) -> Fault {
    let offset = record.offset;
    let message = format!(
        "value deserialization error for format {}: the value at offset {offset} of {tp} is not of this format; read it \
         as binary, or go on from offset {}",
        format.name(),
        offset.next()
    );
    Fault::unprocessable(message)
}
