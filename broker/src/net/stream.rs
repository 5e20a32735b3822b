//! Sockets: listening and connecting.

use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::time::Duration;

use tokio::net::lookup_host;

#[cfg(not(feature = "simulation"))]
pub use tokio::net::{TcpListener, TcpStream};
#[cfg(feature = "simulation")]
pub use turmoil::net::{TcpListener, TcpStream};

/// Why no connection came about.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConnectError {
    /// Somebody answered for that address that nothing listens there.
    #[error("{address} refuses connections: {reason}")]
    Refused {
        /// Who was called.
        address: String,
        /// What the system said.
        reason: String,
    },
    /// Nobody answered in time.
    #[error("{address} did not answer within {waited_ms} ms")]
    TimedOut {
        /// Who was called.
        address: String,
        /// How long it was waited.
        waited_ms: u128,
    },
    /// The call did not get that far: no such name, no route, no file descriptor.
    #[error("{address} cannot be reached: {reason}")]
    Failed {
        /// Who was called.
        address: String,
        /// What the system said.
        reason: String,
    },
}

/// Listens on `address`.
///
/// # Errors
/// What the system said, for instance that the port is taken.
#[cfg(not(feature = "simulation"))]
pub fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    use tokio::net::TcpSocket;

    /// How many connections may wait to be accepted.
    const BACKLOG: u32 = 1024;

    let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

/// Listens on `address` of the simulated host that asks.
///
/// # Errors
/// The port is taken.
#[cfg(feature = "simulation")]
pub fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    use futures_util::FutureExt as _;

    TcpListener::bind(address).now_or_never().expect("a simulated port is bound at once")
}

/// Connects to `host` and `port` within `limit`, trying each address that the name has, with small writes sent at once.
///
/// # Errors
/// [`ConnectError::Refused`] only if an address refused and none did anything better.
pub async fn connect(host: &str, port: u16, limit: Duration) -> Result<TcpStream, ConnectError> {
    let address = format!("{host}:{port}");
    let attempt = async {
        let mut worst = io::Error::new(ErrorKind::NotFound, "the name has no address");
        for target in lookup_host((host, port)).await? {
            match TcpStream::connect(target).await {
                Ok(stream) => return stream.set_nodelay(true).map(|()| stream),
                Err(error) => worst = error,
            }
        }
        Err(worst)
    };
    match tokio::time::timeout(limit, attempt).await {
        Ok(Ok(stream)) => Ok(stream),
        Ok(Err(error)) if is_refusal(&error) => {
            Err(ConnectError::Refused { address, reason: error.to_string() })
        }
        Ok(Err(error)) => Err(ConnectError::Failed { address, reason: error.to_string() }),
        Err(_) => Err(ConnectError::TimedOut { address, waited_ms: limit.as_millis() }),
    }
}

/// Writes a last word without waiting, as far as the socket takes it, and closes. Whether the peer hears it is its affair.
pub fn dismiss(stream: TcpStream, last_word: &[u8]) {
    #[cfg(not(feature = "simulation"))]
    if let Ok(mut stream) = stream.into_std() {
        let _ = io::Write::write(&mut stream, last_word);
    }
    #[cfg(feature = "simulation")]
    let _ = stream.try_write(last_word);
}

fn is_refusal(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::ConnectionRefused | ErrorKind::ConnectionReset)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_refused_connection_is_told_from_a_missing_name() {
        let listener = listen("127.0.0.1:0".parse().unwrap()).unwrap();
        let port = listener.local_addr().unwrap().port();
        let limit = Duration::from_secs(5);
        assert!(connect("127.0.0.1", port, limit).await.is_ok());
        drop(listener);
        assert!(matches!(connect("127.0.0.1", port, limit).await, Err(ConnectError::Refused { .. })));
        assert!(matches!(
            connect("no-such-host.invalid", port, limit).await,
            Err(ConnectError::Failed { .. })
        ));
    }
}
