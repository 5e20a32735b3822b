//! A body of chunks that are there already: sent one after the other without being copied, of a length known before.
//!
//! They leave in pieces, so that what a slow reader has not taken stays here, and in the budget.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use axum::body::Body as AnyBody;
use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};

use super::door::Door;
use super::errors::Problem;
use crate::service::Admitted;

/// How many bytes are handed on at once.
const PIECE_BYTES_MAX: usize = 128 << 10;

/// Bodies of fewer bytes are not counted.
const SMALL_BYTES: usize = 64 << 10;

/// Chunks on their way out; what was admitted for them is given back once they are gone.
#[derive(Debug)]
pub(super) struct Chunks {
    chunks: VecDeque<Bytes>,
    bytes: u64,
    _admitted: Vec<Admitted>,
}

impl Chunks {
    /// A body of `chunks`.
    pub(super) fn new(chunks: Vec<Bytes>, admitted: impl IntoIterator<Item = Admitted>) -> Self {
        let bytes = chunks.iter().map(|chunk| chunk.len() as u64).sum();
        Self { chunks: chunks.into(), bytes, _admitted: admitted.into_iter().collect() }
    }
}

/// A body of bytes with a place in the budget of answers, until its reader has taken them; too many are refused.
pub(super) fn counted_body(door: &Door, bytes: impl Into<Bytes>) -> Result<AnyBody, Problem> {
    let bytes = bytes.into();
    if bytes.len() < SMALL_BYTES {
        return Ok(AnyBody::from(bytes));
    }
    let admitted = door.service.reads().admit(bytes.len())?;
    Ok(AnyBody::new(Chunks::new(vec![bytes], Some(admitted))))
}

impl Body for Chunks {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let Some(first) = self.chunks.front_mut() else { return Poll::Ready(None) };
        let piece = first.split_to(first.len().min(PIECE_BYTES_MAX));
        if first.is_empty() {
            self.chunks.pop_front();
        }
        self.bytes -= piece.len() as u64;
        Poll::Ready(Some(Ok(Frame::data(piece))))
    }

    fn is_end_stream(&self) -> bool {
        self.chunks.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.bytes)
    }
}
