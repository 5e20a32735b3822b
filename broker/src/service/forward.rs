//! How a request reaches the broker that leads; `peer` carries it out.
//!
//! Requests travel in the words of the Kafka port, which is what brokers speak among themselves. A broker that is
//! asked at that port never sends on, so that no request can run in circles.

use std::fmt;
use std::time::Instant;

use async_trait::async_trait;

use crate::types::BrokerId;
use crate::wire::{Request, Response};

/// A way to other brokers.
#[async_trait]
pub trait Forward: fmt::Debug + Send + Sync + 'static {
    /// Sends `request` to broker `to` and returns its answer, or gives up at `deadline`.
    ///
    /// Dropping the future gives the answer up, not the request. A request that may wait for records (a fetch with
    /// `max_wait_ms` above zero) must not hold up others: answers leave a connection in order, so it needs a
    /// connection for itself.
    ///
    /// # Errors
    /// Whether the request was certainly not sent, or may have been carried out.
    async fn call(&self, to: BrokerId, request: Request, deadline: Instant)
    -> Result<Response, ForwardError>;
}

/// Why no answer came.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ForwardError {
    /// Not one byte of the request reached the other broker.
    #[error("the request could not be sent: {0}")]
    NotSent(String),
    /// The request may have been carried out: its answer was lost or did not come in time.
    #[error("no answer came: {0}")]
    Unknown(String),
}
