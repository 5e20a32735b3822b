//! The Kafka door of a process that has not joined its cluster yet: it hangs up on everyone.
//!
//! No answer would help: Kafka has no error for "not a broker yet" that all requests can carry, and a client that is
//! left without an answer waits for its whole request time-out. One whose connection is closed tries the next bootstrap
//! server at once, and comes back here after its reconnect backoff.

use tokio_util::sync::CancellationToken;

use crate::net::{Acceptor, TcpListener};

/// Hangs up on everyone until `stop`; hands the listener back, open on.
pub async fn turn_away(listener: TcpListener, stop: CancellationToken) -> TcpListener {
    // A connection is over before the next is taken: there is never more than one.
    let mut acceptor = Acceptor::new(listener, 1);
    let mut is_said = false;
    loop {
        let (stream, from, _place) = tokio::select! {
            biased;
            () = stop.cancelled() => return acceptor.into_listener(),
            accepted = acceptor.accept() => accepted,
        };
        drop(stream);
        if !std::mem::replace(&mut is_said, true) {
            tracing::info!(%from, "Kafka clients are hung up on until this broker has joined its cluster");
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::io::AsyncReadExt as _;

    use super::*;
    use crate::net::{connect, listen};

    #[tokio::test]
    async fn a_client_is_hung_up_on_and_the_port_stays_open() {
        let listener = listen("127.0.0.1:0".parse().unwrap()).unwrap();
        let port = listener.local_addr().unwrap().port();
        let stop = CancellationToken::new();
        let door = tokio::spawn(turn_away(listener, stop.clone()));
        let limit = Duration::from_secs(20);
        for _ in 0..3 {
            let mut stream = connect("127.0.0.1", port, limit).await.unwrap();
            let end = tokio::time::timeout(limit, stream.read_u8()).await.expect("nobody is left waiting");
            assert!(end.is_err(), "nothing is said");
        }
        stop.cancel();
        let listener = tokio::time::timeout(limit, door).await.unwrap().unwrap();
        let dialled = tokio::spawn(connect_to(port, limit));
        assert!(listener.accept().await.is_ok());
        dialled.await.unwrap();
    }

    async fn connect_to(port: u16, limit: Duration) {
        connect("127.0.0.1", port, limit).await.unwrap();
    }
}
