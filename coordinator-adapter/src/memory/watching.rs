//! Carries a store's history to one watch, at the watch's own pace.
//!
//! Nothing is queued for a slow reader: its place in the history is all that is kept, and if the history goes on
//! without it, it is told so.

use std::sync::Weak;

use tokio::sync::{mpsc, watch};

use crate::memory::state::News;
use crate::memory::store::Shared;
use crate::store::{Revision, WatchBatch, WatchEnd};

/// About how many events one batch holds; a revision is never split.
const BATCH_EVENTS_MAX: usize = 1_000;

/// Runs until the reader is gone, the store is gone, or the history has overtaken the reader.
pub(super) async fn carry(
    shared: Weak<Shared>,
    mut revisions: watch::Receiver<Revision>,
    prefix: String,
    mut from: Revision,
    sender: mpsc::Sender<Result<WatchBatch, WatchEnd>>,
) {
    loop {
        revisions.borrow_and_update();
        let Some(store) = shared.upgrade() else { break };
        let asked = prefix.clone();
        let news = Shared::run(store, move |inner| inner.state.news(&asked, from, BATCH_EVENTS_MAX)).await;
        match news {
            Some(News::Batch(batch, next)) => {
                from = next;
                if sender.send(Ok(batch)).await.is_err() {
                    return;
                }
            }
            Some(News::None(next)) => {
                from = next;
                tokio::select! {
                    biased; // a simulation repeats itself
                    changed = revisions.changed() => if changed.is_err() { break },
                    () = sender.closed() => return,
                }
            }
            Some(News::Compacted(oldest)) => {
                // the reader may be gone: then nobody needs to know
                let _ = sender.send(Err(WatchEnd::Compacted(oldest))).await;
                return;
            }
            None => break,
        }
    }
    // as above
    let _ = sender.send(Err(WatchEnd::Broken("the store was closed".to_owned()))).await;
}
