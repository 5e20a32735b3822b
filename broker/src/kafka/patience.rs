//! How long a connection may stand still, depending on what it waits for. One timer per connection, moved rarely.

use std::fmt;
use std::pin::Pin;
use std::time::{Duration, Instant};

use tokio::time::Sleep;

use super::options::KafkaOptions;
use crate::clock::Clock;

/// What a connection waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Waiting {
    Request,
    RestOfRequest,
    ClientToRead,
    /// Requests have deadlines of their own.
    Broker,
}

impl fmt::Display for Waiting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Request => "no request came for too long",
            Self::RestOfRequest => "the rest of a request did not come in time",
            Self::ClientToRead => "the client does not read its answers",
            Self::Broker => "a request took too long",
        })
    }
}

/// The timer of one connection.
pub(super) struct Patience {
    clock: Clock,
    idle: Duration,
    frame: Duration,
    write: Duration,
    waiting: Waiting,
    since: Instant,
    timer: Pin<Box<Sleep>>,
    armed_for: Instant,
}

impl Patience {
    /// With a connection that must still show, in a `hurry`, that it may be here at all.
    pub(super) fn new(options: &KafkaOptions, hurry: bool, clock: Clock) -> Self {
        let now = clock.now();
        let (idle, frame) = if hurry {
            let greeting = Duration::from_millis(options.link_greeting_timeout_ms);
            (greeting, greeting)
        } else {
            limits(options)
        };
        Self {
            idle,
            frame,
            write: Duration::from_millis(options.write_timeout_ms),
            waiting: Waiting::Request,
            since: now,
            timer: Box::pin(tokio::time::sleep(idle)),
            armed_for: now + idle,
            clock,
        }
    }

    /// It has shown that it may be here.
    pub(super) fn relax(&mut self, options: &KafkaOptions) {
        (self.idle, self.frame) = limits(options);
    }

    /// Says what the connection waits for now; the time runs from the first call that says so.
    pub(super) fn wait_for(&mut self, waiting: Waiting) {
        if self.waiting != waiting {
            self.waiting = waiting;
            self.since = self.clock.now();
        }
        // The timer is only ever moved forward here; when it rings too early it is wound up again.
        if let Some(due) = self.due().filter(|due| *due < self.armed_for) {
            self.wind(due);
        }
    }

    /// Something moved (a whole request, an answer, bytes of one): the time starts again.
    pub(super) fn progress(&mut self) {
        self.since = self.clock.now();
    }

    /// Ends when it was waited too long. May be dropped at any time.
    pub(super) async fn runs_out(&mut self) {
        loop {
            self.timer.as_mut().await;
            let now = self.clock.now();
            match self.due() {
                Some(due) if due <= now => return,
                Some(due) => self.wind(due),
                None => self.wind(now + self.idle),
            }
        }
    }

    fn due(&self) -> Option<Instant> {
        let limit = match self.waiting {
            Waiting::Request => self.idle,
            Waiting::RestOfRequest => self.frame,
            Waiting::ClientToRead => self.write,
            Waiting::Broker => return None,
        };
        Some(self.since + limit)
    }

    fn wind(&mut self, due: Instant) {
        let left = due.saturating_duration_since(self.clock.now());
        self.timer.as_mut().reset(tokio::time::Instant::now() + left);
        self.armed_for = due;
    }
}

/// How long a connection may be silent, and how long a request may take to arrive.
fn limits(options: &KafkaOptions) -> (Duration, Duration) {
    (Duration::from_millis(options.idle_timeout_ms), Duration::from_millis(options.frame_timeout_ms))
}
