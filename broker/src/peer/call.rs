//! One request on its way to another broker, shared by the caller and the link.
//!
//! *Invariant:* a call is either taken by the link or withdrawn by its caller, never both: so the caller knows for
//! certain whether it can still be carried out.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::Instant;

use bytes::Bytes;
use tokio::sync::oneshot;

use super::error::CallError;

const WAITING: u8 = 0;
const TAKEN: u8 = 1;
const WITHDRAWN: u8 = 2;

/// The link's half of a call.
#[derive(Debug)]
pub(super) struct Call {
    pub(super) correlation_id: i32,
    /// The whole frame.
    pub(super) chunks: Vec<Bytes>,
    pub(super) deadline: Instant,
    pub(super) reply: oneshot::Sender<Result<Bytes, CallError>>,
    state: Arc<AtomicU8>,
}

/// The caller's half.
#[derive(Debug)]
pub(super) struct Awaited {
    pub(super) answer: oneshot::Receiver<Result<Bytes, CallError>>,
    state: Arc<AtomicU8>,
}

pub(super) fn call(correlation_id: i32, chunks: Vec<Bytes>, deadline: Instant) -> (Call, Awaited) {
    let (reply, answer) = oneshot::channel();
    let state = Arc::new(AtomicU8::new(WAITING));
    (Call { correlation_id, chunks, deadline, reply, state: Arc::clone(&state) }, Awaited { answer, state })
}

impl Call {
    /// Takes the call, to be sent; `false` if the caller has withdrawn it.
    pub(super) fn take(&self) -> bool {
        settle(&self.state, TAKEN) && !self.reply.is_closed()
    }

    /// Ends a call that was not taken.
    pub(super) fn fail(self, error: CallError) {
        // A caller that has gone needs no answer.
        let _ = self.reply.send(Err(error));
    }
}

impl Awaited {
    /// Withdraws the call; `false` if it has been taken.
    pub(super) fn withdraw(&self) -> bool {
        settle(&self.state, WITHDRAWN)
    }
}

fn settle(state: &AtomicU8, as_: u8) -> bool {
    state.compare_exchange(WAITING, as_, Ordering::AcqRel, Ordering::Acquire).is_ok()
}
