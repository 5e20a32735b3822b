//! The task behind one link: connects when somebody calls, talks, and says at once when the peer refuses.
//!
//! *Invariant:* while the peer cannot be reached, calls fail at once; nothing waits for it to come back.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::{mpsc, watch};
use tracing::{debug, info};

use super::call::Call;
use super::conversation::{Conversation, Ended};
use super::error::{CallError, Reason};
use super::options::PeerOptions;
use crate::clock::Clock;
use crate::cluster::{HostPort, Image};
use crate::net::{TcpStream, connect};
use crate::types::{BrokerEpoch, BrokerId, Incarnation};

/// Where a broker is reached in one of its lives.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Endpoint {
    address: HostPort,
    epoch: BrokerEpoch,
}

/// What was learned when the peer could not be reached.
struct Failure {
    endpoint: Endpoint,
    reason: Reason,
    /// Until then it is not tried again.
    until: Instant,
    pause: Duration,
}

/// The task.
pub(super) struct Driver {
    pub(super) peer: BrokerId,
    pub(super) images: watch::Receiver<Arc<Image>>,
    pub(super) clock: Clock,
    pub(super) options: PeerOptions,
    pub(super) queue: mpsc::Receiver<Call>,
}

impl Driver {
    /// Serves the callers until none is left.
    pub(super) async fn run(mut self) {
        let mut failure: Option<Failure> = None;
        while let Some(call) = self.queue.recv().await {
            let Some(endpoint) = self.endpoint() else {
                call.fail(CallError::not_sent(Reason::UnknownBroker(self.peer)));
                continue;
            };
            if let Some(known) = failure.as_ref().filter(|known| known.endpoint == endpoint)
                && self.clock.now() < known.until
            {
                call.fail(CallError::not_sent(known.reason.clone()));
                continue;
            }
            failure = self.serve(call, endpoint, failure).await;
        }
    }

    /// Connects and talks, again and again while the connection is only lost and not refused.
    async fn serve(&mut self, call: Call, endpoint: Endpoint, before: Option<Failure>) -> Option<Failure> {
        let mut before = before.filter(|before| before.endpoint == endpoint);
        let mut stream = match self.connect(&endpoint).await {
            Ok(stream) => stream,
            Err(reason) => {
                call.fail(CallError::not_sent(reason.clone()));
                return Some(self.failed(endpoint, reason, before));
            }
        };
        let mut first = Some(call);
        loop {
            let options = self.options.clone();
            let clock = self.clock.clone();
            let (source, sink) = stream.into_split();
            let mut conversation = Conversation::new(source, sink, &clock, &options);
            if let Some(call) = first.take() {
                conversation.send(call);
            }
            let superseded = wait_until_superseded(self.images.clone(), self.peer, endpoint.clone());
            let images = self.images.clone();
            let life = Incarnation { broker: self.peer, epoch: endpoint.epoch };
            let holds_lease = || images.borrow().is_live(life);
            let ended = conversation.run(&mut self.queue, superseded, holds_lease).await;
            debug!(peer = %life, ?ended, "a link ended");
            if conversation.has_answered() && before.take().is_some() {
                info!(peer = %life, "a broker is reached again");
            }
            let lost = match ended {
                Ended::Unused | Ended::Abandoned => return None,
                Ended::Superseded => {
                    conversation.give_up(&Reason::Broken("the broker has started anew".to_owned()));
                    return None;
                }
                Ended::Silent(reason) | Ended::Malformed(reason) => {
                    let reason = Reason::Broken(reason);
                    conversation.give_up(&reason);
                    return Some(self.failed(endpoint, reason, before));
                }
                Ended::Closed(reason) => reason,
            };
            if !conversation.is_awaited() {
                return None;
            }
            // The process is gone, or only the connection? Calling again at once tells.
            match self.connect(&endpoint).await {
                Ok(again) if conversation.has_answered() => {
                    conversation.give_up(&Reason::Broken(lost));
                    stream = again;
                }
                Ok(_) => {
                    let reason = Reason::Broken(lost);
                    conversation.give_up(&reason);
                    return Some(self.failed(endpoint, reason, before));
                }
                Err(reason) => {
                    conversation.give_up(&reason);
                    return Some(self.failed(endpoint, reason, before));
                }
            }
        }
    }

    fn endpoint(&self) -> Option<Endpoint> {
        endpoint_in(&self.images.borrow(), self.peer)
    }

    async fn connect(&self, endpoint: &Endpoint) -> Result<TcpStream, Reason> {
        let HostPort { host, port } = &endpoint.address;
        let limit = Duration::from_millis(self.options.connect_timeout_ms);
        let stream = connect(host, *port, limit).await?;
        debug!(peer = %self.peer, address = %endpoint.address, "linked");
        Ok(stream)
    }

    /// Remembers that the peer cannot be reached, and fails all that wait for it.
    fn failed(&mut self, endpoint: Endpoint, reason: Reason, before: Option<Failure>) -> Failure {
        let pause_min = Duration::from_millis(self.options.reconnect_pause_ms_min);
        let pause_max = Duration::from_millis(self.options.reconnect_pause_ms_max);
        let pause = before.as_ref().map_or(pause_min, |before| before.pause.saturating_mul(2).min(pause_max));
        if before.is_none() {
            info!(peer = %self.peer, address = %endpoint.address, %reason, "a broker cannot be reached");
        }
        while let Ok(call) = self.queue.try_recv() {
            call.fail(CallError::not_sent(reason.clone()));
        }
        Failure { endpoint, reason, until: self.clock.now() + pause, pause }
    }
}

fn endpoint_in(image: &Image, broker: BrokerId) -> Option<Endpoint> {
    let registration = image.endpoint(broker)?;
    Some(Endpoint { address: registration.kafka.clone(), epoch: registration.epoch })
}

async fn wait_until_superseded(mut images: watch::Receiver<Arc<Image>>, peer: BrokerId, endpoint: Endpoint) {
    let superseded = |image: &Arc<Image>| endpoint_in(image, peer).is_some_and(|newest| newest != endpoint);
    if images.wait_for(superseded).await.is_err() {
        // No newer image will ever come.
        std::future::pending().await
    }
}
