//! Carries one stream of etcd's to one watch.
//!
//! *Invariant:* the watch ends, with a reason, within twice the silence that is allowed, however etcd stops: broken
//! stream, cancelled watch, or no sign of life.

use std::sync::Arc;
use std::time::Duration;

use etcd_client::{
    Error as ClientError, WatchOptions, WatchRequestSender, WatchResponse, WatchResponseStream,
};
use tokio::sync::mpsc;
use tokio::time::timeout;

use crate::etcd::assemble::Assembler;
use crate::etcd::convert;
use crate::etcd::members::{Member, Members};
use crate::store::{Revision, WatchBatch, WatchEnd};

/// A stream that etcd has confirmed.
pub(super) struct Stream {
    place: usize,
    requests: WatchRequestSender,
    responses: WatchResponseStream,
    /// The answer that confirmed it; it may say "compacted" as well.
    first: Option<WatchResponse>,
    assembler: Assembler,
}

/// Opens a stream and waits for etcd to confirm it; the future does not hold on to the member.
pub(super) fn open(
    member: &Member,
    prefix: &str,
    from: Revision,
) -> impl Future<Output = Result<Stream, ClientError>> + use<> {
    let place = member.place();
    let mut client = member.watches();
    let (key, end) = convert::prefix_range(prefix);
    let options = WatchOptions::new().with_range(end).with_start_revision(from.0).with_fragment();
    async move {
        let (requests, mut responses) = client.watch(key, Some(options)).await?.split();
        match responses.message().await? {
            Some(first) if first.compact_revision() != 0 || (first.created() && !first.canceled()) => {
                Ok(Stream { place, requests, responses, first: Some(first), assembler: Assembler::new(from) })
            }
            Some(response) => {
                Err(ClientError::WatchError(format!("not created: {}", response.cancel_reason())))
            }
            None => Err(ClientError::WatchError("closed before it was created".to_owned())),
        }
    }
}

/// Runs until the reader is gone or the stream has ended.
pub(super) async fn carry(
    mut stream: Stream,
    members: Arc<Members>,
    silence: Duration,
    sender: mpsc::Sender<Result<WatchBatch, WatchEnd>>,
) {
    loop {
        let step = tokio::select! {
            biased;
            () = sender.closed() => return,
            step = stream.next(silence) => step,
        };
        let ended = match step {
            Ok(None) => continue,
            Ok(Some(batch)) => sender.send(Ok(batch)).await.is_err(),
            Err(end) => {
                if let WatchEnd::Broken(reason) = &end {
                    // the next watch had better not begin with the same member
                    members.failed(members.at(stream.place), reason);
                }
                // the reader may be gone
                let _ = sender.send(Err(end)).await;
                true
            }
        };
        if ended {
            return;
        }
    }
}

impl Stream {
    /// The next changes, if the next answer makes any whole.
    async fn next(&mut self, silence: Duration) -> Result<Option<WatchBatch>, WatchEnd> {
        if let Some(first) = self.first.take() {
            return self.take(first);
        }
        let response = match timeout(silence, self.responses.message()).await {
            Ok(response) => response,
            Err(_) => {
                // what it says is of no use (it may overtake events), that it comes is
                let asked = timeout(silence, self.requests.request_progress()).await;
                if !matches!(asked, Ok(Ok(()))) {
                    return Err(WatchEnd::Broken("the stream takes no requests".to_owned()));
                }
                let silent = format!("no sign of life within {} ms", 2 * silence.as_millis());
                timeout(silence, self.responses.message()).await.map_err(|_| WatchEnd::Broken(silent))?
            }
        };
        match response {
            Ok(Some(response)) => self.take(response),
            Ok(None) => Err(WatchEnd::Broken("etcd closed the stream".to_owned())),
            Err(error) => Err(WatchEnd::Broken(error.to_string())),
        }
    }

    fn take(&mut self, response: WatchResponse) -> Result<Option<WatchBatch>, WatchEnd> {
        if response.compact_revision() != 0 {
            return Err(WatchEnd::Compacted(Revision(response.compact_revision())));
        }
        if response.canceled() {
            return Err(WatchEnd::Broken(format!("etcd cancelled the watch: {}", response.cancel_reason())));
        }
        let fragment = response.0.fragment;
        let events = response.0.events.into_iter().filter_map(convert::event);
        Ok(self.assembler.push(events, fragment))
    }
}
