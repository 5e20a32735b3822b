//! One connection to another broker while it lasts: requests out, answers in, in one task.
//!
//! *Invariant:* a request whose last byte the socket has not taken when the connection ends was not sent.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use bytes::{Buf, Bytes};
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};
use tokio::sync::{mpsc, oneshot};

use super::call::Call;
use super::error::{CallError, Reason};
use super::options::PeerOptions;
use crate::clock::Clock;
use crate::net::{Chunks, FrameReader};

/// How many bytes may wait to be written before no more requests are taken.
const OUT_BYTES_MAX: usize = 1 << 20;
/// How often silence is looked at, while answers are awaited.
const LOOK_EVERY: Duration = Duration::from_millis(250);

/// Why a conversation ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Ended {
    /// The peer closed or reset the connection, or the network did.
    Closed(String),
    /// It answers no more, though the connection stands.
    Silent(String),
    /// It sent what is no answer.
    Malformed(String),
    /// The broker was registered anew.
    Superseded,
    /// Nobody has called for a while.
    Unused,
    /// No caller is left.
    Abandoned,
}

/// A request that waits for its answer.
struct Unanswered {
    reply: oneshot::Sender<Result<Bytes, CallError>>,
    /// Where in the stream of bytes its frame ends.
    ends_at: u64,
    sent_at: Instant,
    deadline: Instant,
}

/// One connection.
pub(super) struct Conversation<'a, R, W> {
    source: R,
    sink: W,
    clock: &'a Clock,
    options: &'a PeerOptions,
    frames: FrameReader,
    out: Chunks,
    queued: u64,
    written: u64,
    unanswered: HashMap<i32, Unanswered>,
    heard_at: Instant,
    used_at: Instant,
    /// Whether the peer ever answered on this connection.
    answered: bool,
}

impl<'a, R: AsyncRead + Unpin, W: AsyncWrite + Unpin> Conversation<'a, R, W> {
    pub(super) fn new(source: R, sink: W, clock: &'a Clock, options: &'a PeerOptions) -> Self {
        let now = clock.now();
        Self {
            source,
            sink,
            clock,
            options,
            frames: FrameReader::new(options.answer_bytes_max),
            out: Chunks::default(),
            queued: 0,
            written: 0,
            unanswered: HashMap::new(),
            heard_at: now,
            used_at: now,
            answered: false,
        }
    }

    pub(super) fn has_answered(&self) -> bool {
        self.answered
    }

    /// Sends a call that was taken from the queue, unless its caller has gone.
    pub(super) fn send(&mut self, call: Call) {
        if !call.take() {
            return;
        }
        let now = self.clock.now();
        self.queued += call.chunks.iter().map(|chunk| chunk.len() as u64).sum::<u64>();
        self.out.extend(call.chunks);
        self.used_at = now;
        let (reply, deadline) = (call.reply, call.deadline);
        let unanswered = Unanswered { reply, ends_at: self.queued, sent_at: now, deadline };
        self.unanswered.insert(call.correlation_id, unanswered);
    }

    /// Talks until something ends it. `is_current` waits until the peer's registration changed; `holds_lease` tells
    /// whether the peer is alive as far as the cluster knows.
    pub(super) async fn run(
        &mut self,
        queue: &mut mpsc::Receiver<Call>,
        superseded: impl Future<Output = ()>,
        holds_lease: impl Fn() -> bool,
    ) -> Ended {
        let mut look = tokio::time::interval(LOOK_EVERY);
        look.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let idle_limit = Duration::from_millis(self.options.idle_timeout_ms);
        tokio::pin!(superseded);
        loop {
            self.make_room();
            let may_take = self.out.remaining() < OUT_BYTES_MAX
                && self.unanswered.len() < self.options.unanswered_requests_max;
            let is_idle = self.unanswered.is_empty() && !self.out.has_remaining();
            let idle_left =
                idle_limit.saturating_sub(self.clock.now().saturating_duration_since(self.used_at));
            tokio::select! {
                biased;
                read = self.frames.fill(&mut self.source) => match read {
                    Ok(0) => return Ended::Closed("the peer closed the connection".to_owned()),
                    Ok(_) => if let Err(ended) = self.take_answers() { return ended },
                    Err(error) => return Ended::Closed(error.to_string()),
                },
                written = self.sink.write_buf(&mut self.out), if self.out.has_remaining() => match written {
                    Ok(count) => self.written += count as u64,
                    Err(error) => return Ended::Closed(error.to_string()),
                },
                call = queue.recv(), if may_take => match call {
                    Some(call) => self.send(call),
                    None => return Ended::Abandoned,
                },
                () = &mut superseded => return Ended::Superseded,
                () = tokio::time::sleep(idle_left), if is_idle => return Ended::Unused,
                _ = look.tick(), if !is_idle => if let Some(ended) = self.look_for_silence(&holds_lease) {
                    return ended;
                },
            }
        }
    }

    /// Ends what is unanswered, for `reason`.
    pub(super) fn give_up(&mut self, reason: &Reason) {
        for (_, unanswered) in self.unanswered.drain() {
            let sent = unanswered.ends_at <= self.written;
            // A caller that has gone needs no answer.
            let _ = unanswered.reply.send(Err(CallError { sent, reason: reason.clone() }));
        }
        self.out.clear();
    }

    /// Whether anybody still waits for an answer.
    pub(super) fn is_awaited(&self) -> bool {
        self.unanswered.values().any(|unanswered| !unanswered.reply.is_closed())
    }

    /// When too many wait, those whose callers have gone are forgotten; their answers will be skipped.
    fn make_room(&mut self) {
        if self.unanswered.len() >= self.options.unanswered_requests_max {
            self.unanswered.retain(|_, unanswered| !unanswered.reply.is_closed());
        }
    }

    fn take_answers(&mut self) -> Result<(), Ended> {
        self.heard_at = self.clock.now();
        loop {
            let frame = self.frames.next_frame().map_err(|error| Ended::Malformed(error.to_string()))?;
            let Some(frame) = frame else { return Ok(()) };
            let Some(id) = frame.first_chunk().map(|id| i32::from_be_bytes(*id)) else {
                return Err(Ended::Malformed("an answer without a correlation id".to_owned()));
            };
            self.answered = true;
            if let Some(unanswered) = self.unanswered.remove(&id) {
                // A caller that has gone needs no answer.
                let _ = unanswered.reply.send(Ok(frame));
            }
        }
    }

    fn look_for_silence(&self, holds_lease: &impl Fn() -> bool) -> Option<Ended> {
        let now = self.clock.now();
        let overdue =
            |unanswered: &Unanswered| now > unanswered.deadline && self.heard_at <= unanswered.sent_at;
        if self.unanswered.values().any(overdue) {
            return Some(Ended::Silent("the peer answers nothing".to_owned()));
        }
        let silence = Duration::from_millis(self.options.lost_lease_silence_ms);
        let quiet_since = |unanswered: &Unanswered| now > self.heard_at.max(unanswered.sent_at) + silence;
        if !holds_lease() && self.unanswered.values().any(quiet_since) {
            return Some(Ended::Silent("the peer has lost its lease and answers nothing".to_owned()));
        }
        None
    }
}
