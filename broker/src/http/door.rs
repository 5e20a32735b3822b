//! What all handlers share, and how they learn from a request's path which topic and partition it is about.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use axum::extract::{FromRequestParts, RawPathParams};
use http::HeaderValue;
use http::request::Parts;
use tokio_util::sync::CancellationToken;

use super::errors::Problem;
use super::options::HttpOptions;
use super::query::shown;
use crate::service::Service;
use crate::types::{PartitionIndex, TopicName, TopicPartition};

/// The state of the HTTP door.
#[derive(Debug)]
pub(super) struct Door {
    /// The broker's verbs.
    pub(super) service: Arc<Service>,
    /// Bounds.
    pub(super) options: HttpOptions,
    /// Ends streams when the door closes.
    pub(super) stop: CancellationToken,
    /// This broker's number, as a header.
    pub(super) served_by: HeaderValue,
    sticky: AtomicU64,
}

impl Door {
    /// A door to `service` that closes at `stop`.
    pub(super) fn new(service: Arc<Service>, options: HttpOptions, stop: CancellationToken) -> Arc<Self> {
        let served_by = HeaderValue::from(service.me().broker.0);
        Arc::new(Self { service, options, stop, served_by, sticky: AtomicU64::new(0) })
    }

    /// A number that moves on with every request, to spread keyless requests.
    pub(super) fn next_sticky(&self) -> u64 {
        self.sticky.fetch_add(1, Ordering::Relaxed)
    }
}

/// The topic that a path names.
pub(super) struct TopicPath(pub(super) TopicName);

impl<S: Send + Sync> FromRequestParts<S> for TopicPath {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let params = params(parts, state).await?;
        Ok(Self(topic_in(&params)?))
    }
}

/// The partition that a path names.
pub(super) struct PartitionPath(pub(super) TopicPartition);

impl<S: Send + Sync> FromRequestParts<S> for PartitionPath {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let params = params(parts, state).await?;
        let topic = topic_in(&params)?;
        let text = param(&params, "partition");
        let number = text.parse::<i32>().ok().filter(|number| *number >= 0);
        let index = number.ok_or_else(|| {
            let message = format!("'{}' is no partition: use a whole number from 0", shown(text));
            Problem::new(http::StatusCode::NOT_FOUND, message).detail(2)
        })?;
        Ok(Self(TopicPartition::new(topic, PartitionIndex(index))))
    }
}

async fn params<S: Send + Sync>(parts: &mut Parts, state: &S) -> Result<RawPathParams, Problem> {
    let bad = |_| Problem::bad_request("the path is not UTF-8 once percent-decoded");
    RawPathParams::from_request_parts(parts, state).await.map_err(bad)
}

fn param<'a>(params: &'a RawPathParams, name: &str) -> &'a str {
    params.iter().find(|(known, _)| *known == name).map_or("", |(_, value)| value)
}

fn topic_in(params: &RawPathParams) -> Result<TopicName, Problem> {
    TopicName::new(param(params, "topic")).map_err(|error| Problem::bad_request(error.to_string()))
}
