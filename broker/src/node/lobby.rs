//! What answers at both ports until this broker has joined its cluster, which takes as long as etcd is away.
//!
//! *Invariant:* the sockets stay open from the first moment to the last: what comes while the doors change hands waits in
//! the system's queue.

use std::sync::Arc;

use tokio::sync::watch;
use tokio::task::{JoinError, JoinHandle};
use tokio_util::sync::CancellationToken;

use super::NodeError;
use super::startup::Bound;
use crate::http::{HttpOptions, WaitingServer};
use crate::kafka::turn_away;
use crate::metrics::Metrics;
use crate::net::TcpListener;
use crate::tasks::Crash;

/// Both doors while there is no broker behind them.
pub(super) struct Lobby {
    reason: watch::Sender<String>,
    stop: CancellationToken,
    http: JoinHandle<TcpListener>,
    kafka: JoinHandle<TcpListener>,
}

impl Lobby {
    /// Opens both; what is waited for is said at `/readyz`.
    pub(super) fn open(http: Bound, kafka: Bound, metrics: &Arc<Metrics>, options: &HttpOptions) -> Self {
        let (reason, said) = watch::channel("starting".to_owned());
        let stop = CancellationToken::new();
        let server = WaitingServer::new(said, Arc::clone(metrics), options.clone());
        Self {
            reason,
            http: tokio::spawn(server.serve(http.listener, stop.clone())),
            kafka: tokio::spawn(turn_away(kafka.listener, stop.clone())),
            stop,
        }
    }

    /// What is waited for now.
    pub(super) fn says(&self, reason: impl Into<String>) {
        self.reason.send_replace(reason.into());
    }

    /// Closes both and hands their sockets back: HTTP's, then Kafka's.
    pub(super) async fn close(self) -> Result<(TcpListener, TcpListener), NodeError> {
        self.stop.cancel();
        let crashed = |error: JoinError| {
            NodeError::Crashed(Crash { task: "lobby".to_owned(), reason: error.to_string() })
        };
        Ok((self.http.await.map_err(crashed)?, self.kafka.await.map_err(crashed)?))
    }
}
