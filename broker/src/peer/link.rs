//! The callers' end of one link: puts requests into its queue and waits for their answers.

use std::sync::atomic::{AtomicI32, Ordering};
use std::time::Instant;

use tokio::sync::mpsc;

use super::call::{Call, call};
use super::error::{CallError, Reason};
use crate::clock::Clock;
use crate::wire::{Request, Response, decode_response, encode_request};

/// A way to one broker.
#[derive(Debug)]
pub(super) struct Link {
    clock: Clock,
    client_id: String,
    queue: mpsc::Sender<Call>,
    next_correlation_id: AtomicI32,
}

impl Link {
    pub(super) fn new(clock: Clock, client_id: String, queue: mpsc::Sender<Call>) -> Self {
        Self { clock, client_id, queue, next_correlation_id: AtomicI32::new(0) }
    }

    /// Sends `request` and waits for its answer until `deadline`. Dropping the future gives the answer up.
    pub(super) async fn call(&self, request: Request, deadline: Instant) -> Result<Response, CallError> {
        let (key, version) = (request.key(), request.version_sent());
        let correlation_id = self.next_correlation_id.fetch_add(1, Ordering::Relaxed);
        let malformed = |error: crate::wire::WireError| Reason::Broken(error.to_string());
        let chunks = encode_request(correlation_id, &self.client_id, request)
            .map_err(|error| CallError::not_sent(malformed(error)))?;
        let (call, mut awaited) = call(correlation_id, chunks, deadline);
        let exchange = async {
            let closed = || Reason::Broken("the link has ended".to_owned());
            self.queue.send(call).await.map_err(|_| CallError::not_sent(closed()))?;
            match (&mut awaited.answer).await {
                Ok(answer) => answer,
                // The link ended without a word: it had taken the call, or will not any more.
                Err(_) => Err(CallError { sent: !awaited.withdraw(), reason: closed() }),
            }
        };
        let left = deadline.saturating_duration_since(self.clock.now());
        let frame = match tokio::time::timeout(left, exchange).await {
            Ok(answer) => answer?,
            Err(_) => return Err(CallError { sent: !awaited.withdraw(), reason: Reason::TimedOut }),
        };
        let decoded = decode_response(key as i16, version, frame);
        decoded.map(|(_, response)| response).map_err(|error| CallError::sent(malformed(error)))
    }
}
