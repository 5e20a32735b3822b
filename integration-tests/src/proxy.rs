//! A TCP link that a test can cut both ways, one way, or slow down.
//!
//! A cut keeps the bytes and the connections, as a broken wire does: what was sent arrives when the link is whole again.
//! New connections are accepted but lead nowhere meanwhile. [`Link::Refused`] is the other kind of trouble: it closes all.
//!
//! A proxy may tell those who connect apart ([`Proxy::start_apart`]); then each has a link of its own, which the test can
//! cut alone.
//!
//! *Invariant:* bytes are neither lost, reordered nor invented on a connection that lives.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// The state of a link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Link {
    /// Everything passes.
    Whole,
    /// Nothing passes either way.
    Cut,
    /// What clients send does not reach the target; answers still pass.
    CutToTarget,
    /// What the target answers does not reach clients; requests still pass.
    CutFromTarget,
    /// Each piece of up to 64 KiB waits this long, in both directions.
    Slow(Duration),
    /// Connections are closed, and new ones too.
    Refused,
}

/// A listening port whose connections go to another.
#[derive(Debug)]
pub struct Proxy {
    port: u16,
    /// The last one is the link of all who are not told apart.
    links: Vec<watch::Sender<Link>>,
    accepting: JoinHandle<()>,
}

/// Tells from the port of who connects which of the links is its own.
pub type TellApart = Arc<dyn Fn(u16) -> Option<usize> + Send + Sync>;

#[derive(Clone, Copy)]
enum Way {
    ToTarget,
    FromTarget,
}

impl Proxy {
    /// Listens on `port` of 127.0.0.1 and connects to `target`. Needs a running tokio.
    ///
    /// # Errors
    /// If the port is taken.
    pub async fn start(port: u16, target: SocketAddr) -> Result<Self> {
        Self::start_apart(port, target, 0, Arc::new(|_| None)).await
    }

    /// The same, with a link of its own for each of `sources` who can be told apart.
    ///
    /// # Errors
    /// If the port is taken.
    pub async fn start_apart(
        port: u16,
        target: SocketAddr,
        sources: usize,
        whose: TellApart,
    ) -> Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", port)).await.context("binding the proxy's port")?;
        let links: Vec<_> = (0..=sources).map(|_| watch::Sender::new(Link::Whole)).collect();
        let states = links.iter().map(watch::Sender::subscribe).collect();
        let accepting = tokio::spawn(accept(listener, target, states, whose));
        Ok(Self { port, links, accepting })
    }

    /// The port that it listens on.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Changes the links of all, for living and for new connections.
    pub fn set(&self, link: Link) {
        for each in &self.links {
            each.send_replace(link);
        }
    }

    /// Changes the link of one of those who are told apart.
    pub fn set_for(&self, source: usize, link: Link) {
        self.links[source].send_replace(link);
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.set(Link::Refused);
        self.accepting.abort();
    }
}

async fn accept(
    listener: TcpListener,
    target: SocketAddr,
    states: Vec<watch::Receiver<Link>>,
    whose: TellApart,
) {
    while let Ok((client, from)) = listener.accept().await {
        let source = whose(from.port()).unwrap_or(states.len() - 1);
        tokio::spawn(serve(client, target, states[source].clone()));
    }
}

async fn serve(client: TcpStream, target: SocketAddr, mut state: watch::Receiver<Link>) {
    let reaches = |link: &Link| !matches!(link, Link::Cut | Link::CutToTarget);
    let Ok(link) = state.wait_for(reaches).await.map(|link| *link) else { return };
    if link == Link::Refused {
        return;
    }
    let Ok(server) = TcpStream::connect(target).await else { return };
    let _ = (client.set_nodelay(true), server.set_nodelay(true));
    let (client_read, client_write) = client.into_split();
    let (server_read, server_write) = server.into_split();
    let refused = async {
        let _ = state.clone().wait_for(|link| *link == Link::Refused).await;
    };
    tokio::select! {
        () = refused => {}
        () = pump(client_read, server_write, Way::ToTarget, state.clone()) => {}
        () = pump(server_read, client_write, Way::FromTarget, state.clone()) => {}
    }
}

async fn pump(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, way: Way, mut state: watch::Receiver<Link>) {
    let mut piece = vec![0_u8; 64 * 1024];
    loop {
        let Ok(count) = from.read(&mut piece).await else { return };
        let passes = |link: &Link| match way {
            Way::ToTarget => !matches!(link, Link::Cut | Link::CutToTarget),
            Way::FromTarget => !matches!(link, Link::Cut | Link::CutFromTarget),
        };
        let Ok(link) = state.wait_for(passes).await.map(|link| *link) else { return };
        if let Link::Slow(pause) = link {
            tokio::time::sleep(pause).await;
        }
        if count == 0 || to.write_all(&piece[..count]).await.is_err() {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ports::PortBlock;

    async fn echo() -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                tokio::spawn(async move {
                    let (mut read, mut write) = stream.split();
                    let _ = tokio::io::copy(&mut read, &mut write).await;
                });
            }
        });
        address
    }

    async fn answer(stream: &mut TcpStream) -> Option<u8> {
        let mut byte = [0];
        let read = tokio::time::timeout(Duration::from_millis(200), stream.read_exact(&mut byte)).await;
        read.ok().map(|done| done.map(|_| byte[0]).unwrap_or(0))
    }

    #[tokio::test]
    async fn a_cut_holds_the_bytes_until_the_link_is_whole() {
        let mut ports = PortBlock::reserve().unwrap();
        let proxy = Proxy::start(ports.take(), echo().await).await.unwrap();
        let mut stream = TcpStream::connect(("127.0.0.1", proxy.port())).await.unwrap();
        stream.write_all(b"a").await.unwrap();
        assert_eq!(answer(&mut stream).await, Some(b'a'));
        for cut in [Link::Cut, Link::CutToTarget, Link::CutFromTarget] {
            proxy.set(cut);
            stream.write_all(b"b").await.unwrap();
            assert_eq!(answer(&mut stream).await, None, "{cut:?}");
            proxy.set(Link::Whole);
            assert_eq!(answer(&mut stream).await, Some(b'b'), "{cut:?}");
        }
    }

    #[tokio::test]
    async fn a_refused_link_closes_what_is_open() {
        let mut ports = PortBlock::reserve().unwrap();
        let proxy = Proxy::start(ports.take(), echo().await).await.unwrap();
        let mut stream = TcpStream::connect(("127.0.0.1", proxy.port())).await.unwrap();
        stream.write_all(b"a").await.unwrap();
        assert_eq!(answer(&mut stream).await, Some(b'a'));
        proxy.set(Link::Refused);
        let mut rest = Vec::new();
        let closed = tokio::time::timeout(Duration::from_secs(5), stream.read_to_end(&mut rest)).await;
        assert!(closed.is_ok(), "the connection is still open");
    }

    #[tokio::test]
    async fn who_is_told_apart_has_a_link_of_its_own() {
        let mut ports = PortBlock::reserve().unwrap();
        let first: Arc<parking_lot::Mutex<Option<u16>>> = Arc::default();
        let known = Arc::clone(&first);
        let whose: TellApart = Arc::new(move |port| (*known.lock().get_or_insert(port) == port).then_some(0));
        let proxy = Proxy::start_apart(ports.take(), echo().await, 1, whose).await.unwrap();
        let mut one = TcpStream::connect(("127.0.0.1", proxy.port())).await.unwrap();
        one.write_all(b"a").await.unwrap();
        assert_eq!(answer(&mut one).await, Some(b'a'));
        let mut other = TcpStream::connect(("127.0.0.1", proxy.port())).await.unwrap();
        proxy.set_for(0, Link::Cut);
        one.write_all(b"b").await.unwrap();
        other.write_all(b"c").await.unwrap();
        assert_eq!((answer(&mut one).await, answer(&mut other).await), (None, Some(b'c')));
    }
}
