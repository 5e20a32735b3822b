//! All links of this broker, made when they are first needed.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use parking_lot::Mutex;
use tokio::sync::{mpsc, watch};

use super::driver::Driver;
use super::link::Link;
use super::options::PeerOptions;
use super::probe::is_refused;
use crate::clock::Clock;
use crate::cluster::{HostPort, Image, Probe};
use crate::replication::{LeaderLink, LinkError};
use crate::service::{Forward, ForwardError};
use crate::tasks::Tasks;
use crate::types::BrokerId;
use crate::wire::{FetchRequest, FetchResponse, Request, Response, link_client_id};

/// What a link carries. Large answers hold up small ones on the same connection, so each kind has one of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Lane {
    Replication,
    Writes,
    Reads,
}

/// The links to all other brokers.
#[derive(Debug)]
pub struct Peers {
    images: watch::Receiver<Arc<Image>>,
    clock: Clock,
    options: PeerOptions,
    client_id: String,
    tasks: Tasks,
    links: Mutex<HashMap<(BrokerId, Lane), Arc<Link>>>,
}

impl Peers {
    /// No link yet; brokers are found in `images`, and told that `me` calls.
    #[must_use]
    pub fn new(
        images: watch::Receiver<Arc<Image>>,
        clock: Clock,
        options: PeerOptions,
        me: BrokerId,
        tasks: Tasks,
    ) -> Arc<Self> {
        let client_id = link_client_id(me);
        Arc::new(Self { images, clock, options, client_id, tasks, links: Mutex::default() })
    }

    /// The link to `peer`; its task ends with this value.
    fn link(&self, peer: BrokerId, lane: Lane) -> Arc<Link> {
        let mut links = self.links.lock();
        let link = links.entry((peer, lane)).or_insert_with(|| {
            let (sender, queue) = mpsc::channel(self.options.queued_requests_max);
            let driver = Driver {
                peer,
                images: self.images.clone(),
                clock: self.clock.clone(),
                options: self.options.clone(),
                queue,
            };
            self.tasks.spawn("link", driver.run());
            Arc::new(Link::new(self.clock.clone(), self.client_id.clone(), sender))
        });
        Arc::clone(link)
    }
}

#[async_trait]
impl LeaderLink for Peers {
    async fn fetch(&self, leader: BrokerId, request: FetchRequest) -> Result<FetchResponse, LinkError> {
        let wait_ms = u64::try_from(request.max_wait_ms).unwrap_or(0);
        let limit = Duration::from_millis(wait_ms.saturating_add(self.options.fetch_timeout_ms));
        let deadline = self.clock.now() + limit;
        match self.link(leader, Lane::Replication).call(Request::Fetch(request), deadline).await? {
            Response::Fetch(response) => Ok(response),
            _ => Err(LinkError::Broken("the answer is not one to a fetch".to_owned())),
        }
    }
}

#[async_trait]
impl Forward for Peers {
    async fn call(
        &self,
        to: BrokerId,
        request: Request,
        deadline: Instant,
    ) -> Result<Response, ForwardError> {
        let lane = if matches!(request, Request::Produce(_)) { Lane::Writes } else { Lane::Reads };
        Ok(self.link(to, lane).call(request, deadline).await?)
    }
}

#[async_trait]
impl Probe for Peers {
    async fn refused(&self, _broker: BrokerId, address: &HostPort) -> bool {
        let limit = Duration::from_millis(self.options.probe_timeout_ms);
        is_refused(address, limit).await
    }
}
