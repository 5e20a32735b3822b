//! Proof that the disk forgets: what all brokers had acknowledged and none had fsynced is lost when all are killed and
//! the power goes; with `flush=ack`, nothing is.

use std::time::Duration;

use anyhow::{Result, ensure};
use integration_tests::cluster::{Cluster, Plan, Turn};
use integration_tests::eventually::eventually;
use integration_tests::replicas::ReplicaLog;
use serde_json::json;

use crate::disk;
use crate::plan::{BROKERS, Loss};

const PATIENCE: Duration = Duration::from_secs(60);
const RECORDS: usize = 20;

/// Shows both.
///
/// # Errors
/// If the one loses nothing, or the other something.
pub(crate) async fn prove() -> Result<()> {
    let mut cluster = Cluster::prepare(Plan { turn: Turn::Unasked, ..Plan::default() }).await?;
    cluster.etcd.launch(0)?;
    cluster.etcd.wait_healthy(PATIENCE).await?;
    for broker in cluster.brokers() {
        disk::begin(broker.data_dir())?;
        broker.start()?;
    }
    cluster.wait_ready().await?;
    for flush in ["os", "ack"] {
        cluster.create_topic(flush, 1, json!({"flush": flush})).await?;
        for number in 0..RECORDS {
            cluster.api(1).post_text(flush, 0, &number.to_string()).await?;
        }
    }
    for id in BROKERS {
        cluster.broker(id).kill();
        disk::cut_power(cluster.broker(id).data_dir(), Loss::Unsynced)?;
    }
    for id in BROKERS {
        cluster.broker(id).start()?;
    }
    cluster.wait_ready().await?;
    // A leader that has only just begun tells them once it has heard of the others what is committed.
    eventually("every acknowledged record", PATIENCE, async || {
        let held = cluster.api(2).read_all("ack", 0).await?.len();
        ensure!(held == RECORDS, "with flush=ack {held} of {RECORDS} acknowledged records are left");
        Ok(())
    })
    .await?;
    let mut left = Vec::new();
    for id in BROKERS {
        left.push(ReplicaLog::read(cluster.broker(id).data_dir(), "os", 0)?.end());
    }
    let acknowledged = i64::try_from(RECORDS)?;
    ensure!(left.iter().all(|end| *end < acknowledged), "with flush=os nothing was lost: {left:?}");
    println!(
        "the power went at all three: with flush=ack all {RECORDS} acknowledged records are left, with flush=os {left:?}"
    );
    cluster.finish()
}
