//! The rounds: every figure once in each, floors and brokers in turn, then the table.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result};
use integration_tests::api::Api;
use integration_tests::cluster::{Cluster, Plan as ClusterPlan, Turn};
use integration_tests::eventually::eventually;
use integration_tests::ports::PortBlock;
use integration_tests::process::{Process, usage};
use serde_json::json;
use tokio::runtime::Runtime;

use crate::arguments::Plan;
use crate::bulk::{self, PARTITIONS, Target};
use crate::figures::Taken;
use crate::{floor, page_cache, posts, report};

const PATIENCE: Duration = Duration::from_secs(30);

struct Bench<'a> {
    plan: &'a Plan,
    runtime: Runtime,
    cluster: Cluster,
    empty: Target,
    _empty_server: Process,
    taken: Taken,
}

/// Measures, and gives the table.
pub(crate) fn run(plan: &Plan) -> Result<String> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
    let cluster = ClusterPlan { turn: Turn::Unasked, ..ClusterPlan::default() };
    let cluster = runtime.block_on(Cluster::start_as(cluster))?;
    let folder = cluster.folder().to_owned();
    let mut ports = PortBlock::reserve()?;
    let port = ports.take();
    let mut command = Command::new(std::env::current_exe()?);
    command.arg("empty-server").arg(port.to_string());
    let server = Process::start("the empty server", &mut command, &folder.join("empty-server.log"))?;
    let empty =
        Target { topic: "t".to_owned(), leaders: vec![port; PARTITIONS], processes: vec![server.id()] };
    let api = Api::new(&format!("http://127.0.0.1:{port}"));
    runtime.block_on(eventually("the empty server", PATIENCE, async || {
        api.get("/readyz").await?.ok().map(drop)
    }))?;

    let mut bench = Bench { plan, runtime, cluster, empty, _empty_server: server, taken: Taken::default() };
    if plan.wants("idle") {
        bench.idle()?;
    }
    if plan.parts.iter().all(|part| part != "idle") || plan.parts.len() > 1 {
        if plan.wants("bulk") {
            eprintln!("filling free memory with clean page cache");
            page_cache::fill(&folder)?;
        }
        for round in 0..plan.rounds {
            eprintln!("round {} of {}", round + 1, plan.rounds);
            bench.round(round)?;
        }
    }
    bench.cluster.finish()?;
    Ok(report::table(&bench.taken, plan))
}

impl Bench<'_> {
    fn processes(&mut self) -> Result<Vec<u32>> {
        self.cluster.brokers().iter_mut().map(|broker| Ok(broker.process()?.id())).collect()
    }

    /// What the brokers take while nothing is asked of them.
    fn idle(&mut self) -> Result<()> {
        for pid in self.processes()? {
            let before = usage(pid)?;
            std::thread::sleep(self.plan.span);
            let after = usage(pid)?;
            let cpu = (after.cpu - before.cpu).as_secs_f64() / self.plan.span.as_secs_f64() * 100.0;
            self.taken.note("idle_cpu", cpu);
            self.taken.note("idle_resident", mebibytes(after.resident_bytes));
        }
        Ok(())
    }

    fn round(&mut self, round: usize) -> Result<()> {
        let plan = self.plan;
        if plan.wants("posts") {
            let rate = posts::rate(plan, &self.empty)?;
            self.taken.note("floor_posts", rate.per_s);
            self.taken.note("cpu_floor_posts", rate.cpu_us);
        }
        if plan.wants("bulk") || plan.wants("posts") {
            self.page_cache_only(&format!("os-{round}"))?;
        }
        self.durable(&format!("ack-{round}"))
    }

    /// The cases with `flush=os`, and reading.
    fn page_cache_only(&mut self, topic: &str) -> Result<()> {
        let (plan, folder) = (self.plan, self.cluster.folder().to_owned());
        if plan.wants("bulk") {
            let bulk = self.floor(&folder, false)?;
            self.taken.note("floor_os", bulk.bytes_per_s);
            self.taken.note("floor_cpu", bulk.cpu_s_per_gb);
            self.taken.note("floor_read", floor::read(plan, &folder)?.bytes_per_s);
            floor::clean(&folder)?;
        }
        let target = self.topic(topic, "os")?;
        if plan.wants("bulk") {
            let bulk = bulk::produce(plan, &target)?;
            self.taken.note("produce_os", bulk.bytes_per_s);
            self.taken.note("cpu_os", bulk.cpu_s_per_gb);
            let bulk = bulk::read(plan, &target)?;
            self.taken.note("read", bulk.bytes_per_s);
            self.taken.note("cpu_read", bulk.cpu_s_per_gb);
        }
        if plan.wants("posts") {
            let rate = posts::rate(plan, &target)?;
            self.taken.note("posts_os", rate.per_s);
            self.taken.note("cpu_posts_os", rate.cpu_us);
        }
        self.delete(topic)
    }

    /// The cases with `flush=ack`.
    fn durable(&mut self, topic: &str) -> Result<()> {
        let (plan, folder) = (self.plan, self.cluster.folder().to_owned());
        if plan.wants("bulk") {
            let bulk = self.floor(&folder, true)?;
            self.taken.note("floor_ack", bulk.bytes_per_s);
            floor::clean(&folder)?;
        }
        let target = self.topic(topic, "ack")?;
        if plan.wants("bulk") {
            let bulk = bulk::produce(plan, &target)?;
            self.taken.note("produce_ack", bulk.bytes_per_s);
            self.taken.note("cpu_ack", bulk.cpu_s_per_gb);
        }
        if plan.wants("posts") {
            let rate = posts::rate(plan, &target)?;
            self.taken.note("posts_ack", rate.per_s);
            self.taken.note("cpu_posts_ack", rate.cpu_us);
        }
        if plan.wants("steady") {
            let latency = posts::steady(plan, &target)?;
            self.taken.note("p50_ms", latency.p50.as_secs_f64() * 1e3);
            self.taken.note("p99_ms", latency.p99.as_secs_f64() * 1e3);
        }
        for pid in self.processes()? {
            self.taken.note("resident", mebibytes(usage(pid)?.resident_bytes));
        }
        self.delete(topic)
    }

    fn floor(&self, folder: &Path, fsync: bool) -> Result<bulk::Bulk> {
        page_cache::fill(folder)?;
        rustix::fs::sync();
        floor::produce(self.plan, folder, fsync)
    }

    fn topic(&mut self, name: &str, flush: &str) -> Result<Target> {
        let folder = self.cluster.folder().to_owned();
        if self.plan.wants("bulk") {
            page_cache::fill(&folder)?;
        }
        rustix::fs::sync();
        let partitions = i32::try_from(PARTITIONS)?;
        self.runtime.block_on(self.cluster.create_topic(name, partitions, json!({"flush": flush})))?;
        let mut leaders = Vec::new();
        for partition in 0..partitions {
            let state = self.runtime.block_on(self.cluster.partition(name, partition))?;
            let leader = state.leader.context("a partition without a leader")?;
            leaders.push(self.cluster.broker(leader).http_port());
        }
        Ok(Target { topic: name.to_owned(), leaders, processes: self.processes()? })
    }

    fn delete(&mut self, topic: &str) -> Result<()> {
        let api = self.cluster.api(1);
        self.runtime.block_on(api.delete(&format!("/v1/topics/{topic}")))?.ok()?;
        Ok(())
    }
}

#[expect(clippy::cast_precision_loss, reason = "a figure for display")]
fn mebibytes(bytes: u64) -> f64 {
    bytes as f64 / f64::from(1 << 20)
}
