//! Bounded attempts on etcd's members.
//!
//! *Invariant:* [`Calls::once`] sends a request to a second member only if the first certainly did nothing with it.

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use etcd_client::Error as ClientError;
use tokio::time::{Instant, timeout_at};

use crate::error::StoreError;
use crate::etcd::EtcdOptions;
use crate::etcd::failure::Failure;
use crate::etcd::members::{Member, Members};

/// A call that gave no answer.
#[derive(Debug)]
pub(super) enum CallError {
    /// For the caller to hand on.
    Store(StoreError),
    /// The lease named does not exist.
    LeaseNotFound,
    /// The revision named is compacted.
    Compacted,
    /// The answer is larger than is accepted.
    TooLarge(String),
}

/// The way to etcd.
#[derive(Clone, Debug)]
pub(super) struct Calls {
    pub(super) members: Arc<Members>,
    attempt_timeout: Duration,
    request_timeout: Duration,
}

impl Calls {
    pub(super) fn new(members: Members, options: &EtcdOptions) -> Self {
        Self {
            members: Arc::new(members),
            attempt_timeout: Duration::from_millis(options.attempt_timeout_ms),
            request_timeout: Duration::from_millis(options.request_timeout_ms),
        }
    }

    /// Makes a call that may be made more than once: each member is tried, and the first one again.
    pub(super) async fn repeatable<R, F>(&self, call: impl Fn(&Member) -> F) -> Result<R, CallError>
    where
        F: Future<Output = Result<R, ClientError>>,
    {
        let deadline = Instant::now() + self.request_timeout;
        let mut last = no_time();
        let mut maybe_applied = false;
        for _ in 0..=self.members.len() {
            let member = self.members.current();
            let now = Instant::now();
            if now >= deadline {
                break;
            }
            let failure = match timeout_at(deadline.min(now + self.attempt_timeout), call(member)).await {
                Ok(Ok(answer)) => {
                    member.answered();
                    return Ok(answer);
                }
                Ok(Err(error)) => Failure::from(error),
                Err(_) => no_answer(self.attempt_timeout),
            };
            self.note(member, &failure);
            match &failure {
                Failure::Elsewhere(_) => {}
                Failure::Ambiguous(_) => maybe_applied = true,
                _ => return Err(call_error(failure, maybe_applied)),
            }
            last = failure;
        }
        Err(call_error(last, maybe_applied))
    }

    /// Makes a call that must not be made twice.
    pub(super) async fn once<R, F>(&self, call: impl Fn(&Member) -> F) -> Result<R, CallError>
    where
        F: Future<Output = Result<R, ClientError>>,
    {
        let deadline = Instant::now() + self.request_timeout;
        let mut last = no_time();
        for _ in 0..self.members.len() {
            let member = self.members.current();
            let now = Instant::now();
            if now >= deadline {
                break;
            }
            let mut running = pin!(call(member));
            let mut answer = timeout_at(deadline.min(now + self.attempt_timeout), &mut running).await;
            if answer.is_err() {
                // this call is bound to its member; the next ones need not be
                self.note(member, &no_answer(self.attempt_timeout));
                answer = timeout_at(deadline, &mut running).await;
            }
            let failure = match answer {
                Ok(Ok(answer)) => {
                    member.answered();
                    return Ok(answer);
                }
                Ok(Err(error)) => Failure::from(error),
                Err(_) => no_answer(self.request_timeout),
            };
            self.note(member, &failure);
            match failure {
                Failure::Elsewhere(_) => last = failure,
                _ => {
                    let maybe_applied = matches!(failure, Failure::Ambiguous(_));
                    return Err(call_error(failure, maybe_applied));
                }
            }
        }
        Err(call_error(last, false))
    }

    /// A refusal is an answer; anything else says that the member does not do its work.
    fn note(&self, member: &Member, failure: &Failure) {
        match failure {
            Failure::Elsewhere(reason) | Failure::Ambiguous(reason) => self.members.failed(member, reason),
            _ => member.answered(),
        }
    }
}

fn no_answer(within: Duration) -> Failure {
    Failure::Ambiguous(format!("no answer within {} ms", within.as_millis()))
}

fn no_time() -> Failure {
    Failure::Elsewhere("no time for an attempt".to_owned())
}

fn call_error(failure: Failure, maybe_applied: bool) -> CallError {
    CallError::Store(match failure {
        Failure::LeaseNotFound => return CallError::LeaseNotFound,
        Failure::Compacted => return CallError::Compacted,
        Failure::TooLarge(reason) => return CallError::TooLarge(reason),
        Failure::Invalid(reason) => StoreError::Invalid { reason },
        Failure::NotNow(reason) | Failure::Elsewhere(reason) | Failure::Ambiguous(reason)
            if maybe_applied =>
        {
            StoreError::Unknown { reason }
        }
        Failure::NotNow(reason) | Failure::Elsewhere(reason) | Failure::Ambiguous(reason) => {
            StoreError::Unavailable { reason }
        }
    })
}
