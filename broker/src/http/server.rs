//! The accept loop and its connections.

use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use super::options::HttpOptions;
use crate::net::TcpListener;
use crate::service::Service;

/// The HTTP door of one broker.
#[derive(Debug)]
pub struct HttpServer {
    service: Arc<Service>,
    options: HttpOptions,
}

impl HttpServer {
    /// A door to `service`.
    #[must_use]
    pub fn new(service: Arc<Service>, options: HttpOptions) -> Self {
        Self { service, options }
    }

    /// Serves connections from `listener` until `stop`; then takes no more, lets those in flight finish within
    /// `drain_ms_max`, and returns.
    pub async fn serve(self, listener: TcpListener, stop: CancellationToken) {
        let _ = (&self.service, &self.options, listener, stop);
        unimplemented!("http")
    }
}
