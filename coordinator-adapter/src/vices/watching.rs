//! What becomes of a watch's news on its way through an unreliable door.

use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::{mpsc, watch};

use super::chance::Chance;
use super::door::Vices;
use crate::store::{Watch, WatchBatch, WatchEnd};

/// What the dice say about one piece of news.
struct Journey {
    pause: Duration,
    repeated: bool,
    broken: bool,
}

/// Hands on what a watch delivers, late, twice or not at all, until the door is away or gone.
pub(super) async fn hand_on(
    mut watch: Watch,
    mut vices: watch::Receiver<Vices>,
    chance: Arc<Mutex<Chance>>,
    sender: mpsc::Sender<Result<WatchBatch, WatchEnd>>,
) {
    loop {
        let item = tokio::select! {
            biased;
            () = sender.closed() => return,
            () = until_away(&mut vices) => break,
            item = watch.next() => item,
        };
        let journey = embark(&vices.borrow(), &mut chance.lock());
        tokio::select! {
            biased;
            () = sender.closed() => return,
            () = until_away(&mut vices) => break,
            () = tokio::time::sleep(journey.pause) => {}
        }
        let last = item.is_err();
        let times = if journey.repeated && !last { 2 } else { 1 };
        for _ in 0..times {
            if sender.send(item.clone()).await.is_err() {
                return;
            }
        }
        if last {
            return;
        }
        if journey.broken {
            break;
        }
    }
    // the reader may be gone
    let _ = sender.send(Err(WatchEnd::Broken("the stream broke".to_owned()))).await;
}

fn embark(vices: &Vices, chance: &mut Chance) -> Journey {
    Journey {
        pause: Duration::from_millis(chance.within(&vices.watch_delay_ms)),
        repeated: chance.happens(vices.watch_repeated_ppm),
        broken: chance.happens(vices.watch_broken_ppm),
    }
}

async fn until_away(vices: &mut watch::Receiver<Vices>) {
    // an error says that the door itself is gone, which is as good
    let _ = vices.wait_for(|vices| vices.away).await;
}
