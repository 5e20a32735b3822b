//! stand-ins
use crate::cluster::*;
use crate::replication::*;
use crate::service::*;
use crate::types::*;
use async_trait::async_trait;
use std::sync::Arc;
use std::time::Instant;
use tokio::sync::watch;
#[derive(Debug)]
pub(super) struct Peers;
impl Peers {
    pub(super) fn new(
        _: watch::Receiver<Arc<Image>>,
        _: crate::clock::Clock,
        _: Arc<crate::metrics::Metrics>,
        _: crate::peer::PeerOptions,
        _: i32,
    ) -> Arc<Self> {
        Arc::new(Self)
    }
}
#[async_trait]
impl LeaderLink for Peers {
    async fn fetch(
        &self,
        _: BrokerId,
        _: crate::wire::FetchRequest,
    ) -> Result<crate::wire::FetchResponse, LinkError> {
        Err(LinkError::UnknownBroker)
    }
}
#[async_trait]
impl Forward for Peers {
    async fn call(
        &self,
        _: BrokerId,
        _: crate::wire::Request,
        _: Instant,
    ) -> Result<crate::wire::Response, ForwardError> {
        Err(ForwardError::NotSent(String::new()))
    }
}
#[async_trait]
impl Probe for Peers {
    async fn refused(&self, _: BrokerId, _: &HostPort) -> bool {
        false
    }
}
pub(super) struct KafkaServer;
impl KafkaServer {
    pub(super) fn new(_: Arc<Service>, _: crate::kafka::KafkaOptions) -> Self {
        Self
    }
    pub(super) async fn serve(self, _: crate::net::TcpListener, s: tokio_util::sync::CancellationToken) {
        s.cancelled().await
    }
}
