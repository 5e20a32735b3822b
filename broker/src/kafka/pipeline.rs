//! The requests of one connection that are under way, and the order in which their answers leave.

use std::collections::BTreeMap;
use std::future::poll_fn;
use std::task::{Context, Poll};

use futures_util::future::BoxFuture;
use futures_util::stream::{FuturesUnordered, StreamExt};

/// Requests under way. Each is first polled in the order in which it was pushed.
pub(super) struct Pipeline<T> {
    running: FuturesUnordered<BoxFuture<'static, (u64, T)>>,
    /// Answers that came before their turn.
    parked: BTreeMap<u64, T>,
    pushed: u64,
    popped: u64,
    in_order: bool,
}

impl<T: Send + 'static> Pipeline<T> {
    pub(super) fn new() -> Self {
        Self {
            running: FuturesUnordered::new(),
            parked: BTreeMap::new(),
            pushed: 0,
            popped: 0,
            in_order: true,
        }
    }

    /// From now on answers leave as they come.
    pub(super) fn let_answers_overtake(&mut self) {
        assert!(self.is_empty(), "the order of answers is settled before the first request");
        self.in_order = false;
    }

    /// Requests without an answer that has left.
    pub(super) fn len(&self) -> usize {
        self.running.len() + self.parked.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Adds a request; it makes progress in [`Pipeline::next`].
    pub(super) fn push(&mut self, request: impl Future<Output = T> + Send + 'static) {
        let turn = self.pushed;
        self.pushed += 1;
        self.running.push(Box::pin(async move { (turn, request.await) }));
    }

    /// The next answer whose turn it is; waits for ever if nothing is under way. May be dropped at any time.
    pub(super) async fn next(&mut self) -> T {
        poll_fn(|context| self.poll_next(context)).await
    }

    fn poll_next(&mut self, context: &mut Context<'_>) -> Poll<T> {
        loop {
            if let Some(answer) = self.parked.remove(&self.popped) {
                self.popped += 1;
                return Poll::Ready(answer);
            }
            match self.running.poll_next_unpin(context) {
                Poll::Ready(Some((turn, answer))) if self.in_order => {
                    self.parked.insert(turn, answer);
                }
                Poll::Ready(Some((_, answer))) => return Poll::Ready(answer),
                // With nothing under way there is nothing to wait for: whoever pushes polls again.
                Poll::Ready(None) | Poll::Pending => return Poll::Pending,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;
    use tokio::sync::oneshot;

    use super::*;

    async fn answers(overtaking: bool) -> Vec<u32> {
        let mut pipeline = Pipeline::new();
        if overtaking {
            pipeline.let_answers_overtake();
        }
        let (senders, receivers): (Vec<_>, Vec<_>) = (0..3).map(|_| oneshot::channel()).unzip();
        for receiver in receivers {
            pipeline.push(receiver.map(Result::unwrap));
        }
        let mut left = Vec::new();
        for (number, sender) in senders.into_iter().enumerate().rev() {
            assert!(pipeline.next().now_or_never().is_none());
            sender.send(u32::try_from(number).unwrap()).unwrap();
            while let Some(answer) = pipeline.next().now_or_never() {
                left.push(answer);
            }
        }
        assert!(pipeline.is_empty());
        left
    }

    #[tokio::test]
    async fn answers_leave_in_the_order_of_requests_unless_they_may_overtake() {
        assert_eq!(answers(false).await, [0, 1, 2]);
        assert_eq!(answers(true).await, [2, 1, 0]);
    }
}
