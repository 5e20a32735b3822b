//! A socket lent to hyper, that comes back when hyper is done with it, so that it can be closed politely.
//!
//! Closing a socket while bytes of its peer are unread makes the system reset the connection, and the peer then loses
//! the answer that it was about to read: the very refusal of a body that is too large. So the rest is read, and thrown
//! away, for a moment.
//!
//! A peer that takes nothing of an answer for too long is cut off: its answer has a place in the budget.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, ReadBuf};
use tokio::sync::oneshot;
use tokio::time::Sleep;

use crate::net::TcpStream;

/// How long the peer has for seeing that we are done.
const PARTING: Duration = Duration::from_secs(2);
/// How much of what it still sends is thrown away.
const PARTING_BYTES_MAX: u64 = 64 << 20;

/// A socket on loan.
#[derive(Debug)]
pub(super) struct Loan {
    stream: Option<TcpStream>,
    back: Option<oneshot::Sender<TcpStream>>,
    /// Runs while the peer takes nothing.
    stall: Option<Pin<Box<Sleep>>>,
    stall_max: Duration,
    /// Whether the peer has said that it sends no more: then there is nothing to wait for.
    ended: bool,
}

impl Loan {
    /// Lends `stream`; the receiver gets it back, unless the peer has ended it or it has failed.
    pub(super) fn of(stream: TcpStream, stall_max: Duration) -> (Self, oneshot::Receiver<TcpStream>) {
        let (sender, receiver) = oneshot::channel();
        (Self { stream: Some(stream), back: Some(sender), stall: None, stall_max, ended: false }, receiver)
    }

    fn unless_stalled(
        &mut self,
        cx: &mut Context<'_>,
        outcome: Poll<io::Result<usize>>,
    ) -> Poll<io::Result<usize>> {
        if outcome.is_ready() {
            self.stall = None;
            return outcome;
        }
        let stall_max = self.stall_max;
        let stall = self.stall.get_or_insert_with(|| Box::pin(tokio::time::sleep(stall_max)));
        stall.as_mut().poll(cx).map(|()| Err(io::ErrorKind::TimedOut.into()))
    }

    fn stream(&mut self) -> Pin<&mut TcpStream> {
        Pin::new(self.stream.as_mut().expect("the stream is there until the drop"))
    }
}

impl Drop for Loan {
    fn drop(&mut self) {
        if let (Some(stream), Some(back), false) = (self.stream.take(), self.back.take(), self.ended) {
            // Nobody waits for it if its task was cut: then it closes here.
            let _ = back.send(stream);
        }
    }
}

/// Says goodbye on a socket that came back: a last word if there is one, then no more from us, and what the peer still
/// sends is thrown away for a while.
pub(super) async fn part(back: oneshot::Receiver<TcpStream>, last_word: Option<Vec<u8>>) {
    let Ok(mut stream) = back.await else { return };
    let goodbye = async {
        if let Some(last_word) = last_word {
            stream.write_all(&last_word).await?;
        }
        stream.shutdown().await?;
        tokio::io::copy(&mut (&mut stream).take(PARTING_BYTES_MAX), &mut tokio::io::sink()).await
    };
    // However it ends, it is closed now.
    let _ = tokio::time::timeout(PARTING, goodbye).await;
}

impl AsyncRead for Loan {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        let outcome = self.stream().poll_read(cx, buf);
        let nothing = buf.filled().len() == before && buf.remaining() > 0;
        match &outcome {
            Poll::Ready(Ok(())) if nothing => self.ended = true,
            Poll::Ready(Err(_)) => self.ended = true,
            _ => {}
        }
        outcome
    }
}

impl AsyncWrite for Loan {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let outcome = self.stream().poll_write(cx, buf);
        self.unless_stalled(cx, outcome)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.stream().poll_flush(cx)
    }

    /// Not yet: [`part`] may have a last word. A stream that does not come back is shut down by its drop.
    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let outcome = self.stream().poll_write_vectored(cx, bufs);
        self.unless_stalled(cx, outcome)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.as_ref().is_some_and(AsyncWrite::is_write_vectored)
    }
}
