//! One connection: frames in, requests to the [`Handler`], answers out, all in one task.
//!
//! It does not know what requests mean, except that Produce requests may be under way together, and that any other
//! request of a client has the connection for itself: so it sees what the Produce requests before it did.
//!
//! *Invariant:* a request is read only while there is room for it: in the pipeline, in memory, in the queue of answers.
//! *Invariant:* a connection that makes no progress by its deadline is closed.

use std::net::IpAddr;
use std::sync::Arc;

use bytes::{Buf, Bytes};
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};
use tokio_util::sync::CancellationToken;

use super::handler::{Caller, Handler, Outcome};
use super::memory::{Claim, FrameMemory};
use super::options::KafkaOptions;
use super::patience::{Patience, Waiting};
use super::pipeline::Pipeline;
use crate::clock::Clock;
use crate::net::{Chunks, FrameReader};
use crate::service::Admitted;
use crate::types::BrokerId;
use crate::wire::{
    ApiKey, ApiVersionsResponse, ErrorCode, Request, RequestHeader, Response, WireError, WireLimits,
    broker_of_link, decode_request, encode_response,
};

/// What all connections share.
pub(super) struct Shared<H> {
    pub(super) handler: H,
    pub(super) options: KafkaOptions,
    pub(super) clock: Clock,
    pub(super) produce_memory: Arc<FrameMemory>,
    pub(super) other_memory: Arc<FrameMemory>,
}

/// Why a connection ended.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum End {
    #[error("the client closed it")]
    Closed,
    #[error("the broker stops")]
    Stopped,
    #[error("the socket failed: {0}")]
    Socket(std::io::ErrorKind),
    #[error("{0}")]
    Malformed(String),
    #[error("{0}")]
    Overdue(Waiting),
    #[error("a request without an answer failed: {0}")]
    HungUp(String),
    #[error("all places for clients are taken")]
    NoPlace,
}

/// A request on its way out of the pipeline.
enum Leaving {
    Answer(Vec<Bytes>, Option<Admitted>),
    Nothing,
    End(End),
}

/// A request that is decoded and waits for its turn.
struct Held {
    header: RequestHeader,
    request: Request,
    claim: Claim,
}

/// One connection.
pub(super) struct Connection<H, R, W> {
    shared: Arc<Shared<H>>,
    source: R,
    sink: W,
    frames: FrameReader,
    claim: Claim,
    growing: Option<BoxFuture<'static, Claim>>,
    held: Option<Held>,
    pipeline: Pipeline<(ApiKey, Leaving)>,
    /// Requests under way whose outcome matters even to a client that leaves: see [`is_finished`].
    unfinished: usize,
    /// A request other than Produce is under way and has the connection for itself.
    alone: Option<ApiKey>,
    out: Chunks,
    /// What was admitted for the answers in `out`.
    admitted: Vec<Admitted>,
    caller: Caller,
    /// Nothing has been read from the client yet.
    fresh: bool,
    links_only: bool,
    /// No more is read; what is under way is finished.
    leaving: Option<End>,
    patience: Patience,
}

impl<H: Handler, R: AsyncRead + Unpin, W: AsyncWrite + Unpin> Connection<H, R, W> {
    /// A connection over a socket's halves, to whom it may concern at `host`; with `links_only` it must turn out to be a
    /// link from another broker.
    pub(super) fn new(shared: Arc<Shared<H>>, source: R, sink: W, host: IpAddr, links_only: bool) -> Self {
        let patience = Patience::new(&shared.options, links_only, shared.clock.clone());
        Self {
            frames: FrameReader::new(shared.options.frame_bytes_max),
            claim: Claim::default(),
            growing: None,
            held: None,
            pipeline: Pipeline::new(),
            unfinished: 0,
            alone: None,
            out: Chunks::default(),
            admitted: Vec::new(),
            caller: Caller {
                link: None,
                client_id: Arc::default(),
                host: format!("/{host}").into(),
                turn: Arc::default(),
            },
            fresh: true,
            links_only,
            leaving: None,
            patience,
            shared,
            source,
            sink,
        }
    }

    /// Serves until the connection ends: why, and whose link it was, if it was one.
    pub(super) async fn serve(mut self, stop: CancellationToken) -> (End, Option<BrokerId>) {
        let end = loop {
            if let Err(end) = self.start_requests() {
                break end;
            }
            if self.is_done() {
                break self.leaving.take().unwrap_or(End::Closed);
            }
            if let Err(end) = self.step(&stop).await {
                break end;
            }
        };
        (end, self.caller.link)
    }

    /// Waits for one thing to happen and deals with it.
    async fn step(&mut self, stop: &CancellationToken) -> Result<(), End> {
        let reading = self.may_read();
        let waiting = self.waiting_for(reading);
        self.patience.wait_for(waiting);
        tokio::select! {
            biased;
            leaving = self.pipeline.next() => {
                self.let_out(leaving)?;
                // What else is ready goes out with the same write.
                while let Some(leaving) = self.pipeline.next().now_or_never() {
                    self.let_out(leaving)?;
                }
            }
            written = self.sink.write_buf(&mut self.out), if self.out.has_remaining() => {
                if written.map_err(|error| End::Socket(error.kind()))? == 0 {
                    return Err(End::Closed);
                }
                self.patience.progress();
                if !self.out.has_remaining() {
                    self.admitted.clear();
                }
            }
            claim = grown(&mut self.growing), if self.growing.is_some() => {
                self.growing = None;
                self.claim = claim;
            }
            read = self.frames.fill(&mut self.source), if reading => {
                if read.map_err(|error| End::Socket(error.kind()))? == 0 {
                    self.leaving.get_or_insert(End::Closed);
                }
            }
            () = self.patience.runs_out() => return Err(End::Overdue(waiting)),
            () = stop.cancelled(), if self.leaving.is_none() => self.leaving = Some(End::Stopped),
        }
        Ok(())
    }

    fn waiting_for(&self, reading: bool) -> Waiting {
        if self.out.has_remaining() {
            Waiting::ClientToRead
        } else if reading && self.frames.is_midway() {
            Waiting::RestOfRequest
        } else if self.pipeline.is_empty() && self.growing.is_none() {
            Waiting::Request
        } else {
            Waiting::Broker
        }
    }

    fn may_read(&self) -> bool {
        self.leaving.is_none() && self.held.is_none() && self.growing.is_none() && self.has_room()
    }

    fn has_room(&self) -> bool {
        let options = &self.shared.options;
        let depth =
            if self.caller.link.is_some() { options.link_pipeline_depth } else { options.pipeline_depth };
        self.pipeline.len() < depth && self.out.remaining() < options.answer_bytes_queued_max
    }

    /// Whether a connection that is being left has nothing more to do.
    fn is_done(&self) -> bool {
        match &self.leaving {
            None => false,
            // A broker that closes its link is gone, and with it those who asked.
            Some(End::Closed) if self.caller.link.is_some() => true,
            Some(_) => self.unfinished == 0 && !self.out.has_remaining(),
        }
    }

    /// Takes requests out of what has arrived, as long as there is room and it is their turn.
    fn start_requests(&mut self) -> Result<(), End> {
        loop {
            if let Some(held) = self.held.take_if(|held| {
                let joins = matches!(held.request, Request::Produce(_)) && self.alone.is_none();
                joins || self.caller.link.is_some() || self.pipeline.is_empty()
            }) {
                self.start(held);
            }
            if self.held.is_some() || self.growing.is_some() || !self.has_room() {
                return Ok(());
            }
            let frame = self.frames.next_frame().map_err(|error| End::Malformed(error.to_string()))?;
            let Some(frame) = frame else {
                self.claim_memory();
                return Ok(());
            };
            let claim = std::mem::take(&mut self.claim);
            self.accept(frame, claim)?;
        }
    }

    /// Sees to it that the frame under way may grow.
    fn claim_memory(&mut self) {
        let wanted = self.frames.capacity_wanted();
        let is_produce =
            self.frames.begun().and_then(|(_, key)| key) == Some((ApiKey::Produce as i16).to_be_bytes());
        // A follower's fetch must get through however much the clients send.
        let exempt = self.caller.link.is_some() && !is_produce;
        if wanted == 0 || exempt || self.claim.covers(wanted) {
            return;
        }
        let memory = if is_produce { &self.shared.produce_memory } else { &self.shared.other_memory };
        let claim = std::mem::take(&mut self.claim);
        self.growing = Some(Arc::clone(memory).grow(claim, wanted).boxed());
    }

    fn accept(&mut self, frame: Bytes, claim: Claim) -> Result<(), End> {
        let options = &self.shared.options;
        let limits =
            WireLimits { frame_bytes_max: options.frame_bytes_max, array_items_max: options.array_items_max };
        self.patience.progress();
        match decode_request(frame, &limits) {
            Ok((header, request)) => {
                self.greet(&header)?;
                self.held = Some(Held { header, request, claim });
                Ok(())
            }
            Err(WireError::UnsupportedVersion { header }) if header.api_key == ApiKey::ApiVersions as i16 => {
                // The one answer that every client can read, whatever it asked (KIP-511).
                self.greet(&header)?;
                let answer = ApiVersionsResponse { error: ErrorCode::UnsupportedVersion };
                let header = RequestHeader { api_version: 0, ..header };
                let leaving = encode(&header, Response::ApiVersions(answer), None);
                self.push(ApiKey::ApiVersions, std::future::ready(leaving));
                Ok(())
            }
            Err(error) => Err(End::Malformed(error.to_string())),
        }
    }

    /// Learns from the first request who calls.
    fn greet(&mut self, header: &RequestHeader) -> Result<(), End> {
        if !std::mem::take(&mut self.fresh) {
            return Ok(());
        }
        self.caller.link = header.client_id.as_deref().and_then(broker_of_link);
        if self.caller.link.is_some() {
            self.pipeline.let_answers_overtake();
            self.patience.relax(&self.shared.options);
        } else if self.links_only {
            return Err(End::NoPlace);
        }
        Ok(())
    }

    fn start(&mut self, held: Held) {
        let Held { header, request, claim } = held;
        let key = request.key();
        let client_id = header.client_id.as_deref().unwrap_or_default();
        if *self.caller.client_id != *client_id {
            self.caller.client_id = client_id.into();
        }
        self.alone = Some(key).filter(|key| self.caller.link.is_none() && *key != ApiKey::Produce);
        let outcome = self.shared.handler.handle(&self.caller, request, claim);
        self.push(key, async move {
            match outcome.await {
                Outcome::Answer(response, admitted) => encode(&header, response, admitted),
                Outcome::Silence => Leaving::Nothing,
                Outcome::HangUp(reason) => Leaving::End(End::HungUp(reason)),
            }
        });
    }

    fn push(&mut self, key: ApiKey, request: impl Future<Output = Leaving> + Send + 'static) {
        self.unfinished += usize::from(is_finished(key));
        self.pipeline.push(async move { (key, request.await) });
    }

    fn let_out(&mut self, (key, leaving): (ApiKey, Leaving)) -> Result<(), End> {
        self.unfinished -= usize::from(is_finished(key));
        self.alone = None;
        self.patience.progress();
        match leaving {
            Leaving::Answer(chunks, admitted) => {
                self.out.extend(chunks);
                self.admitted.extend(admitted);
            }
            Leaving::Nothing => {}
            Leaving::End(end) => return Err(end),
        }
        Ok(())
    }
}

/// Whether a request is brought to its end though its client has left. Who waited for records, or for the other members of
/// its group, waits no more.
fn is_finished(key: ApiKey) -> bool {
    !matches!(key, ApiKey::Fetch | ApiKey::JoinGroup | ApiKey::SyncGroup)
}

fn encode(header: &RequestHeader, response: Response, admitted: Option<Admitted>) -> Leaving {
    match encode_response(header, response) {
        Ok(chunks) => Leaving::Answer(chunks, admitted),
        Err(error) => Leaving::End(End::Malformed(error.to_string())),
    }
}

async fn grown(growing: &mut Option<BoxFuture<'static, Claim>>) -> Claim {
    match growing {
        Some(growing) => growing.await,
        None => std::future::pending().await,
    }
}
