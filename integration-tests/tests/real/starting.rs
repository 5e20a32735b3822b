//! A broker that is started before its etcd: what answers meanwhile, and that it joins by itself.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use integration_tests::cluster::{Cluster, Plan};
use integration_tests::eventually::eventually;
use serde_json::json;
use tokio::io::AsyncReadExt as _;
use tokio::net::TcpStream;

const PATIENCE: Duration = Duration::from_secs(30);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_broker_started_before_its_etcd_says_so_and_joins_when_it_comes() -> Result<()> {
    let mut cluster = Cluster::prepare(Plan { brokers: 1, ..Plan::default() }).await?;
    cluster.broker(1).start()?;
    let api = cluster.api(1);
    let healthy = eventually("the port to answer", PATIENCE, async || api.get("/healthz").await);
    healthy.await?.ok()?;
    let endpoint = cluster.etcd.endpoints().remove(0);
    let ready = eventually("the reason", PATIENCE, async || {
        let ready = api.get("/readyz").await?;
        ensure!(ready.text().contains("etcd"), "{}", ready.text());
        Ok(ready)
    });
    let ready = ready.await?;
    assert_eq!((ready.status, ready.header("retry-after")), (503, "1".to_owned()));
    assert!(ready.text().contains(&format!("waiting for etcd at {endpoint}")), "{}", ready.text());
    let figures = api.get("/metrics").await?.ok()?.text();
    assert!(figures.ends_with("# EOF\n"), "{figures}");
    let refused = api.get("/v1/topics").await?;
    assert_eq!(refused.header("retry-after"), "1");
    let refusal = refused.refused(503)?;
    assert!(refusal.message.contains(&endpoint), "{}", refusal.message);
    assert_eq!(refused.json()?["retriable"], true);
    let refusal = api.post("/v1/topics/t/records", "text/plain", "early").await?.refused(503)?;
    assert_eq!(refusal.written.as_deref(), Some("no"));

    // A Kafka client is not left hanging, whatever it would have asked.
    let mut stream = TcpStream::connect(("127.0.0.1", cluster.broker(1).kafka_port())).await?;
    let end = tokio::time::timeout(Duration::from_secs(5), stream.read(&mut [0; 1])).await;
    assert!(!matches!(end.context("the Kafka port lets clients hang")?, Ok(1..)), "nothing is said");

    cluster.etcd.launch(0)?;
    cluster.wait_ready().await?;
    cluster.create_topic("t", 1, json!({})).await?;
    assert_eq!(api.post_text("t", 0, "at last").await?.base_offset, 0);
    cluster.finish()
}
