//! etcd as children: one member or three, which can be killed, frozen, compacted, and looked into.
//!
//! *Invariant:* asked through `etcdctl`, as a person would; nothing here shares code with the coordinator adapter.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde_json::Value;

use crate::eventually::eventually;
use crate::ports::PortBlock;
use crate::process::Process;

const START_DEADLINE: Duration = Duration::from_secs(30);

/// An etcd cluster.
#[derive(Debug)]
pub struct Etcd {
    members: Vec<Member>,
}

#[derive(Debug)]
struct Member {
    name: String,
    client_port: u16,
    peer_port: u16,
    initial_cluster: String,
    folder: PathBuf,
    process: Option<Process>,
}

/// A key with what etcd knows about it.
#[derive(Clone, Debug)]
pub struct Entry {
    /// The value; Tidemark's are JSON.
    pub value: Value,
    /// The revision of its last write.
    pub mod_revision: i64,
    /// The revision at which it was created.
    pub create_revision: i64,
    /// The lease that it lives under, 0 for none.
    pub lease: i64,
}

impl Etcd {
    /// Starts `count` members with their data under `folder`, and waits until they serve.
    ///
    /// # Errors
    /// If etcd is not installed or does not come up.
    pub async fn start(count: usize, folder: &Path, ports: &mut PortBlock) -> Result<Self> {
        let mut etcd = Self::prepare(count, folder, ports)?;
        for index in 0..count {
            etcd.launch(index)?;
        }
        etcd.wait_healthy(START_DEADLINE).await?;
        Ok(etcd)
    }

    /// Reserves ports and folders, and starts nothing.
    ///
    /// # Errors
    /// If the folders cannot be created.
    pub fn prepare(count: usize, folder: &Path, ports: &mut PortBlock) -> Result<Self> {
        let numbered: Vec<(String, u16, u16)> =
            (0..count).map(|n| (format!("etcd-{}", n + 1), ports.take(), ports.take())).collect();
        let all: Vec<String> =
            numbered.iter().map(|(name, _, peer)| format!("{name}=http://127.0.0.1:{peer}")).collect();
        let member = |(name, client_port, peer_port): (String, u16, u16)| {
            let folder = folder.join(&name);
            std::fs::create_dir_all(&folder).with_context(|| format!("creating {}", folder.display()))?;
            Ok(Member { name, client_port, peer_port, initial_cluster: all.join(","), folder, process: None })
        };
        Ok(Self { members: numbered.into_iter().map(member).collect::<Result<_>>()? })
    }

    /// Starts member `index` (again).
    ///
    /// # Errors
    /// If it cannot be started.
    pub fn launch(&mut self, index: usize) -> Result<()> {
        let member = &mut self.members[index];
        member.process = Some(member.start()?);
        Ok(())
    }

    /// Waits until all running members answer with a leader.
    ///
    /// # Errors
    /// If they do not within the deadline.
    pub async fn wait_healthy(&mut self, deadline: Duration) -> Result<()> {
        eventually("a healthy etcd", deadline, async || {
            for member in &mut self.members {
                if let Some(process) = &mut member.process {
                    ensure!(process.is_running(), "{} has ended:\n{}", member.name, process.last_lines(10));
                    etcdctl_at(&member.url(), &["endpoint", "health"]).await?;
                }
            }
            Ok(())
        })
        .await
    }

    /// The client addresses of all members.
    #[must_use]
    pub fn endpoints(&self) -> Vec<String> {
        self.members.iter().map(Member::url).collect()
    }

    /// The client port of member `index`.
    #[must_use]
    pub fn client_port(&self, index: usize) -> u16 {
        self.members[index].client_port
    }

    /// kill -9 of member `index`.
    pub fn kill(&mut self, index: usize) {
        self.members[index].process = None;
    }

    /// SIGSTOP of member `index`.
    ///
    /// # Errors
    /// If it does not run.
    pub fn freeze(&mut self, index: usize) -> Result<()> {
        self.members[index].running()?.freeze()
    }

    /// SIGCONT of member `index`.
    ///
    /// # Errors
    /// If it does not run.
    pub fn thaw(&mut self, index: usize) -> Result<()> {
        self.members[index].running()?.thaw()
    }

    /// Runs etcdctl against the members that run.
    ///
    /// # Errors
    /// If etcdctl fails; its own words are the message.
    pub async fn ctl(&self, arguments: &[&str]) -> Result<String> {
        let running: Vec<String> =
            self.members.iter().filter(|member| member.process.is_some()).map(Member::url).collect();
        etcdctl_at(&running.join(","), arguments).await
    }

    /// Every key with a prefix, by name.
    ///
    /// # Errors
    /// If etcdctl fails, or a value is not JSON.
    pub async fn list(&self, prefix: &str) -> Result<BTreeMap<String, Entry>> {
        let answer: Value =
            serde_json::from_str(&self.ctl(&["get", "--prefix", prefix, "-w", "json"]).await?)?;
        let Some(entries) = answer["kvs"].as_array() else { return Ok(BTreeMap::new()) };
        entries.iter().map(parse_entry).collect()
    }

    /// One key, if it is there.
    ///
    /// # Errors
    /// As [`Etcd::list`].
    pub async fn get(&self, key: &str) -> Result<Option<Entry>> {
        Ok(self.list(key).await?.remove(key))
    }

    /// etcd's newest revision.
    ///
    /// # Errors
    /// If etcdctl fails.
    pub async fn revision(&self) -> Result<i64> {
        let answer: Value = serde_json::from_str(&self.ctl(&["get", "none", "-w", "json"]).await?)?;
        answer["header"]["revision"].as_i64().context("an answer without a revision")
    }
}

impl Member {
    fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.client_port)
    }

    fn running(&mut self) -> Result<&mut Process> {
        self.process.as_mut().with_context(|| format!("{} is not running", self.name))
    }

    fn start(&self) -> Result<Process> {
        let peer = format!("http://127.0.0.1:{}", self.peer_port);
        let mut command = Command::new("etcd");
        command.arg("--name").arg(&self.name).arg("--data-dir").arg(self.folder.join("data"));
        command.arg("--listen-client-urls").arg(self.url()).arg("--advertise-client-urls").arg(self.url());
        command.arg("--listen-peer-urls").arg(&peer).arg("--initial-advertise-peer-urls").arg(&peer);
        command.arg("--initial-cluster").arg(&self.initial_cluster).arg("--log-level").arg("warn");
        let started = Process::start(&self.name, &mut command, &self.folder.join("log"));
        started.context("is etcd installed? scripts/install-tools.sh does it")
    }
}

async fn etcdctl_at(endpoints: &str, arguments: &[&str]) -> Result<String> {
    let mut command = tokio::process::Command::new("etcdctl");
    command.env("ETCDCTL_API", "3").arg(format!("--endpoints={endpoints}"));
    command.arg("--dial-timeout=2s").arg("--command-timeout=5s").args(arguments).kill_on_drop(true);
    let output = command.output().await.context("is etcdctl installed? scripts/install-tools.sh does it")?;
    if !output.status.success() {
        bail!("etcdctl {}: {}", arguments.join(" "), String::from_utf8_lossy(&output.stderr).trim());
    }
    Ok(String::from_utf8(output.stdout)?)
}

fn parse_entry(entry: &Value) -> Result<(String, Entry)> {
    let text =
        |name: &str| -> Result<Vec<u8>> { Ok(BASE64.decode(entry[name].as_str().unwrap_or_default())?) };
    let key = String::from_utf8(text("key")?)?;
    let value =
        serde_json::from_slice(&text("value")?).with_context(|| format!("{key} does not hold JSON"))?;
    let number = |name: &str| entry[name].as_i64().unwrap_or(0);
    let (mod_revision, create_revision) = (number("mod_revision"), number("create_revision"));
    Ok((key, Entry { value, mod_revision, create_revision, lease: number("lease") }))
}
