//! From a request to the file that understands it.

use std::sync::Arc;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use tokio::sync::Semaphore;

use super::handler::{Caller, Handler, Outcome};
use super::memory::Claim;
use super::options::KafkaOptions;
use crate::service::Service;
use crate::wire::{ApiVersionsResponse, Request, Response};

/// Requests carried out by the service.
#[derive(Clone, Debug)]
pub(super) struct Dispatch {
    pub(super) service: Arc<Service>,
    pub(super) auto_create_topics: bool,
    /// Bounds the topics that are under creation by being asked for.
    pub(super) creations: Arc<Semaphore>,
    /// Bounds what administrators have under way.
    pub(super) changes: Arc<Semaphore>,
}

impl Dispatch {
    pub(super) fn new(service: Arc<Service>, options: &KafkaOptions) -> Self {
        let creations = Arc::new(Semaphore::new(options.auto_creations_max));
        let changes = Arc::new(Semaphore::new(options.admin_changes_max));
        Self { service, auto_create_topics: options.auto_create_topics, creations, changes }
    }
}

impl Handler for Dispatch {
    fn handle(&self, caller: &Caller, request: Request, claim: Claim) -> BoxFuture<'static, Outcome> {
        let (this, caller) = (self.clone(), caller.clone());
        let answer = |response| Outcome::Answer(response, None);
        match request {
            Request::ApiVersions => {
                std::future::ready(answer(Response::ApiVersions(ApiVersionsResponse::default()))).boxed()
            }
            Request::Produce(request) => async move { this.produce(caller, request, claim).await }.boxed(),
            Request::Fetch(request) => holding(claim, async move { this.fetch(caller, request).await }),
            Request::Metadata(request) => {
                holding(claim, async move { answer(Response::Metadata(this.metadata(request).await)) })
            }
            Request::ListOffsets(request) => {
                holding(claim, async move { answer(Response::ListOffsets(this.list_offsets(request).await)) })
            }
            Request::DeleteRecords(request) => {
                holding(
                    claim,
                    async move { answer(Response::DeleteRecords(this.delete_records(request).await)) },
                )
            }
            Request::OffsetForLeaderEpoch(request) => {
                let response = self.epoch_ends(request);
                std::future::ready(answer(Response::OffsetForLeaderEpoch(response))).boxed()
            }
            Request::InitProducerId(request) => holding(claim, async move {
                answer(Response::InitProducerId(this.init_producer_id(request).await))
            }),
            Request::Admin(request) => {
                holding(claim, async move { answer(Response::Admin(this.admin(&caller, *request).await)) })
            }
            Request::Group(request) => {
                async move { answer(Response::Group(this.group(caller, *request, claim).await)) }.boxed()
            }
            Request::Instance(request) => {
                holding(
                    claim,
                    async move { answer(Response::Instance(this.instance(&caller, request).await)) },
                )
            }
        }
    }
}

/// A request whose bytes are held to its end.
fn holding(
    claim: Claim,
    outcome: impl Future<Output = Outcome> + Send + 'static,
) -> BoxFuture<'static, Outcome> {
    async move {
        let outcome = outcome.await;
        drop(claim);
        outcome
    }
    .boxed()
}
