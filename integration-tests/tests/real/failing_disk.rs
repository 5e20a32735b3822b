//! A disk that fails under a leader: it gives its leaderships away, says why, and ends; nothing acknowledged is lost.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result};
use integration_tests::cluster::{Cluster, Plan};
use integration_tests::load::{Load, LoadPlan};
use serde_json::json;

const PARTITIONS: i32 = 3;
const PATIENCE: Duration = Duration::from_secs(30);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_leader_whose_disk_fails_hands_over_and_ends() -> Result<()> {
    let mut cluster = Cluster::prepare(Plan::default()).await?;
    let disk = cluster.folder().join("disk");
    std::fs::create_dir_all(&disk)?;
    if !cluster.broker(1).mount_thin_disk(&disk, 32)? {
        println!("not tested: this user may not mount a disk over a file");
        return cluster.finish();
    }
    cluster.broker(1).spec_mut().data_dir = disk.join("disk/data");
    cluster.etcd.launch(0)?;
    cluster.etcd.wait_healthy(PATIENCE).await?;
    for id in cluster.ids() {
        cluster.broker(id).start()?;
    }
    cluster.wait_ready().await?;
    cluster.create_topic("t", PARTITIONS, json!({})).await?;
    let load = Load::start(&cluster.urls(), LoadPlan::on("t", PARTITIONS));
    load.wait_stored(60, PATIENCE).await?;
    let mut leads = 0;
    for partition in 0..PARTITIONS {
        leads += i32::from(cluster.wait_isr("t", partition, 3).await?.leader == Some(1));
    }
    assert!(leads > 0, "the broker with the bad disk leads something");

    // What lies behind its disk is used up; the disk itself still promises plenty.
    let seen = PathBuf::from(format!("/proc/{}/root", cluster.broker(1).process()?.id()));
    let filler = seen.join(disk.strip_prefix("/")?).join("filler");
    let _ = std::fs::write(&filler, vec![0; 64 << 20]);

    let status = cluster.broker(1).process()?.wait(PATIENCE).await?;
    assert_eq!(status.code(), Some(1), "it ends by itself, with an error");
    let said = cluster.broker(1).last_lines(1);
    assert!(said.contains("disk failed the log of t-") && said.contains("recovery"), "{said}");
    for partition in 0..PARTITIONS {
        let state = cluster.wait_isr("t", partition, 2).await?;
        assert_ne!(state.leader.context("a leader")?, 1);
    }
    load.wait_stored(60, PATIENCE).await?;
    let tally = load.stop_and_check().await?;
    println!("{leads} of {PARTITIONS} partitions moved: {tally:?}");
    cluster.finish()
}
