//! A broker whose link to our Kafka door broke may have died: calling it back tells, and only a refusal is reported.
//!
//! This is how a leader learns of a follower's death at once: followers call leaders, not the other way round.

use std::sync::Arc;

use tokio::sync::{mpsc, watch};

use crate::cluster::{Image, Probe};
use crate::types::BrokerId;

/// Calls back the brokers in `lost`, and hands those that refuse on to `suspects`, until the door is gone.
pub(super) async fn call_back(
    mut lost: mpsc::Receiver<BrokerId>,
    images: watch::Receiver<Arc<Image>>,
    probe: Arc<dyn Probe>,
    suspects: mpsc::Sender<BrokerId>,
) {
    while let Some(broker) = lost.recv().await {
        let address = images.borrow().endpoint(broker).map(|registration| registration.kafka.clone());
        let Some(address) = address else { continue };
        if probe.refused(broker, &address).await {
            // A full queue means that enough is known to be in trouble.
            let _ = suspects.try_send(broker);
        }
    }
}
