//! `scripts/cluster.sh`, as the Makefile calls it: up, up again, status, down, from a path with spaces, two side by side.

use std::path::{Path, PathBuf};
use std::process::Output;

use anyhow::{Context, Result, ensure};
use integration_tests::api::Api;
use integration_tests::broker::program;
use integration_tests::ports::PortBlock;
use integration_tests::slots;
use serde_json::json;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().map(Path::to_owned).unwrap_or_default()
}

struct Script {
    data_dir: PathBuf,
    ports: [u16; 3],
}

impl Script {
    /// Two brokers: two HTTP ports, two Kafka ports, two for etcd.
    fn new(data_dir: PathBuf, ports: &mut PortBlock) -> Self {
        let mut pair = || {
            let first = ports.take();
            ports.take();
            first
        };
        Self { data_dir, ports: [pair(), pair(), pair()] }
    }

    async fn run(&self, command: &str, more: &[&str]) -> Result<Output> {
        let mut script = tokio::process::Command::new(root().join("scripts/cluster.sh"));
        script.arg(command).arg("--data-dir").arg(&self.data_dir).args(more).env("TIDEMARK_BIN", program()?);
        script.output().await.context("running cluster.sh")
    }

    async fn ok(&self, command: &str, more: &[&str]) -> Result<String> {
        let output = self.run(command, more).await?;
        let text = [output.stdout, output.stderr].concat();
        let text = String::from_utf8_lossy(&text).into_owned();
        ensure!(output.status.success(), "cluster.sh {command}: {text}");
        Ok(text)
    }

    async fn up(&self) -> Result<String> {
        let [http, kafka, etcd] = self.ports.map(|port| port.to_string());
        let ports = ["--http-port", &http, "--kafka-port", &kafka, "--etcd-port", &etcd];
        self.ok("up", &[&["--brokers", "2"][..], &ports].concat()).await
    }

    fn api(&self) -> Api {
        Api::new(&format!("http://127.0.0.1:{}", self.ports[0]))
    }

    fn pids(&self) -> Result<Vec<u32>> {
        let mut pids = Vec::new();
        for file in std::fs::read_dir(self.data_dir.join("run"))? {
            let text = std::fs::read_to_string(file?.path())?;
            pids.push(text.split(' ').next().context("a pid")?.parse()?);
        }
        Ok(pids)
    }
}

impl Drop for Script {
    fn drop(&mut self) {
        let mut script = std::process::Command::new(root().join("scripts/cluster.sh"));
        let _ = script.arg("down").arg("--data-dir").arg(&self.data_dir).output();
    }
}

#[tokio::test]
async fn a_cluster_comes_up_twice_and_goes_down_and_keeps_its_data() -> Result<()> {
    let _slot = slots::one().await?;
    let folder = tempfile::Builder::new().prefix("tidemark test ").tempdir()?;
    let mut ports = PortBlock::reserve()?;
    let one = Script::new(folder.path().join("one cluster"), &mut ports);
    let two = Script::new(folder.path().join("another"), &mut ports);
    one.up().await?;
    two.up().await?;
    let pids = one.pids()?;
    assert_eq!(pids.len(), 3);
    one.up().await?;
    assert_eq!(one.pids()?, pids, "a second `up` leaves alone what runs");
    let status = one.ok("status", &[]).await?;
    assert_eq!(status.matches(" ready ").count(), 3, "{status}");

    assert_eq!(one.api().put_json("/v1/topics/t", &json!({"partitions": 1})).await?.status, 201);
    one.api().post_text("t", 0, "kept").await?;
    two.api().get("/v1/topics/t").await?.refused(404)?;

    one.ok("down", &[]).await?;
    assert!(one.pids()?.is_empty());
    assert!(pids.iter().all(|pid| !is_running(*pid)), "{pids:?}");
    assert!(!one.run("status", &[]).await?.status.success());
    assert_eq!(two.ok("status", &[]).await?.matches(" ready ").count(), 3);

    one.up().await?;
    assert_eq!(one.api().read_all("t", 0).await?[0].value.as_deref(), Some("kept"));
    one.ok("down", &[]).await?;
    two.ok("down", &[]).await?;
    one.ok("down", &[]).await?;
    Ok(())
}

#[tokio::test]
async fn a_busy_port_is_named_with_what_to_do() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let mut ports = PortBlock::reserve()?;
    let script = Script::new(folder.path().join("c"), &mut ports);
    let _taken = std::net::TcpListener::bind(("127.0.0.1", script.ports[1] + 1))?;
    let message = format!("{:#}", script.up().await.unwrap_err());
    assert!(message.contains(&(script.ports[1] + 1).to_string()), "{message}");
    assert!(message.contains("--kafka-port"), "{message}");
    assert!(script.pids()?.is_empty(), "nothing was started");
    Ok(())
}

/// Whether a process runs; one that has ended and waits for its parent does not.
fn is_running(pid: u32) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit_once(") ").is_some_and(|(_, rest)| !rest.starts_with('Z'))
}
