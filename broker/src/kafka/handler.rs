//! What a connection asks of whoever understands requests.

use std::sync::Arc;

use futures_util::future::BoxFuture;
use tokio::sync::Mutex;

use super::memory::Claim;
use crate::service::Admitted;
use crate::types::BrokerId;
use crate::wire::{Request, Response};

/// Whose request it is.
#[derive(Clone, Debug)]
pub(super) struct Caller {
    /// The broker whose link it is; `None` for a client.
    pub(super) link: Option<BrokerId>,
    /// What it calls itself: `client.id` of the request.
    pub(super) client_id: Arc<str>,
    /// Where it calls from, as Kafka writes it.
    pub(super) host: Arc<str>,
    /// Held by the one Produce request of the connection that is on its way to the log. Fair: first come, first served.
    pub(super) turn: Arc<Mutex<()>>,
}

/// What becomes of a request.
#[derive(Debug)]
pub(super) enum Outcome {
    /// It is answered; the bytes stay admitted until the answer is written.
    Answer(Response, Option<Admitted>),
    /// It wants no answer (Produce with `acks=0`).
    Silence,
    /// It wants no answer and failed: only closing the connection tells the client.
    HangUp(String),
}

/// Carries out requests.
pub(super) trait Handler: Send + Sync + 'static {
    /// Carries out `request`. A connection polls its requests for the first time in the order in which they arrived; a
    /// Produce takes its turn in that first poll.
    ///
    /// `claim` is the memory of the request's bytes, to be given back as soon as they are no longer held.
    fn handle(&self, caller: &Caller, request: Request, claim: Claim) -> BoxFuture<'static, Outcome>;
}
