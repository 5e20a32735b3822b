//! Accepting connections up to a bound, and outliving a process that is out of file descriptors.
//!
//! It is not a door: what a connection says is none of its business.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tracing::{debug, warn};

use super::stream::{TcpListener, TcpStream};

/// How long to leave the listener alone after the system refused to accept, for want of descriptors for instance.
const PAUSE: Duration = Duration::from_millis(50);
/// After how many pauses in a row the trouble is logged again.
const PAUSES_PER_LOG: u32 = 200;

/// A listener that hands out at most so many connections at a time.
#[cfg_attr(not(feature = "simulation"), derive(Debug))]
pub struct Acceptor {
    listener: TcpListener,
    places: Arc<Semaphore>,
    pauses: u32,
}

impl Acceptor {
    /// Accepts from `listener` at most `connections_max` at a time.
    #[must_use]
    pub fn new(listener: TcpListener, connections_max: usize) -> Self {
        let places = Arc::new(Semaphore::new(connections_max.min(Semaphore::MAX_PERMITS)));
        Self { listener, places, pauses: 0 }
    }

    /// Where it listens.
    ///
    /// # Errors
    /// What the system said.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// The listener, open on.
    #[must_use]
    pub fn into_listener(self) -> TcpListener {
        self.listener
    }

    /// The next connection and its place, which is free again when the permit is dropped; no place if all are taken, and
    /// then the caller decides. May be dropped and called again at any time.
    pub async fn accept(&mut self) -> (TcpStream, SocketAddr, Option<OwnedSemaphorePermit>) {
        loop {
            match self.listener.accept().await {
                Ok((stream, from)) => {
                    self.pauses = 0;
                    if let Err(error) = stream.set_nodelay(true) {
                        debug!(%from, %error, "a connection was gone before it was served");
                        continue;
                    }
                    let place = Arc::clone(&self.places).try_acquire_owned().ok();
                    return (stream, from, place);
                }
                Err(error) if concerns_one_connection(&error) => {
                    debug!(%error, "a connection was gone before it was accepted");
                }
                Err(error) => {
                    if self.pauses.is_multiple_of(PAUSES_PER_LOG) {
                        warn!(%error, "connections cannot be accepted; open ones go on, new ones wait");
                    }
                    self.pauses = self.pauses.wrapping_add(1);
                    tokio::time::sleep(PAUSE).await;
                }
            }
        }
    }
}

fn concerns_one_connection(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset, Interrupted};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset | Interrupted)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::net::{connect, listen};

    #[tokio::test]
    async fn a_place_is_free_again_when_its_connection_ends() {
        let mut acceptor = Acceptor::new(listen("127.0.0.1:0".parse().unwrap()).unwrap(), 1);
        let port = acceptor.local_addr().unwrap().port();
        let mut dialled = Vec::new();
        for _ in 0..3 {
            dialled.push(connect("127.0.0.1", port, Duration::from_secs(5)).await.unwrap());
        }
        let (_, _, first) = acceptor.accept().await;
        assert!(first.is_some());
        assert!(acceptor.accept().await.2.is_none());
        drop(first);
        assert!(acceptor.accept().await.2.is_some());
    }
}
