//! A body of chunks that are there already: sent one after the other without being copied, of a length known before.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};

use crate::service::Admitted;

/// Chunks on their way out; what was admitted for them is given back once they are gone.
#[derive(Debug)]
pub(super) struct Chunks {
    chunks: VecDeque<Bytes>,
    bytes: u64,
    _admitted: Option<Admitted>,
}

impl Chunks {
    /// A body of `chunks`.
    pub(super) fn new(chunks: Vec<Bytes>, admitted: Option<Admitted>) -> Self {
        let bytes = chunks.iter().map(|chunk| chunk.len() as u64).sum();
        Self { chunks: chunks.into(), bytes, _admitted: admitted }
    }
}

impl Body for Chunks {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let chunk = self.chunks.pop_front();
        self.bytes -= chunk.as_ref().map_or(0, |chunk| chunk.len() as u64);
        Poll::Ready(chunk.map(|chunk| Ok(Frame::data(chunk))))
    }

    fn is_end_stream(&self) -> bool {
        self.chunks.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.bytes)
    }
}
