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
use crate::figures::{Figures, Table};
use crate::{floor, page_cache, posts};

const PATIENCE: Duration = Duration::from_secs(30);

#[derive(Default)]
struct All {
    floor_os: Figures,
    floor_ack: Figures,
    floor_read: Figures,
    floor_posts: Figures,
    floor_cpu: Figures,
    produce_os: Figures,
    produce_ack: Figures,
    read: Figures,
    posts_os: Figures,
    posts_ack: Figures,
    p50: Figures,
    p99: Figures,
    cpu_os: Figures,
    cpu_ack: Figures,
    cpu_read: Figures,
    resident: Figures,
    idle_resident: Figures,
    idle_cpu: Figures,
}

struct Bench<'a> {
    plan: &'a Plan,
    runtime: Runtime,
    cluster: Cluster,
    empty: Target,
    _empty_server: Process,
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

    eprintln!("filling free memory with clean page cache");
    page_cache::fill(&folder)?;
    let mut bench = Bench { plan, runtime, cluster, empty, _empty_server: server };
    let mut all = All::default();
    bench.idle(&mut all)?;
    for round in 0..plan.rounds {
        eprintln!("round {} of {}", round + 1, plan.rounds);
        bench.round(round, &mut all)?;
    }
    bench.cluster.finish()?;
    Ok(table(&all, plan))
}

impl Bench<'_> {
    fn processes(&mut self) -> Result<Vec<u32>> {
        self.cluster.brokers().iter_mut().map(|broker| Ok(broker.process()?.id())).collect()
    }

    /// What the brokers take while nothing is asked of them.
    fn idle(&mut self, all: &mut All) -> Result<()> {
        let processes = self.processes()?;
        for pid in processes {
            let before = usage(pid)?;
            std::thread::sleep(self.plan.span);
            let after = usage(pid)?;
            all.idle_cpu.push((after.cpu - before.cpu).as_secs_f64() / self.plan.span.as_secs_f64() * 100.0);
            all.idle_resident.push(mebibytes(after.resident_bytes));
        }
        Ok(())
    }

    fn round(&mut self, round: usize, all: &mut All) -> Result<()> {
        let folder = self.cluster.folder().to_owned();
        let (os, ack) = (format!("os-{round}"), format!("ack-{round}"));

        let bulk = self.floor(&folder, false)?;
        all.floor_os.push(bulk.bytes_per_s);
        all.floor_cpu.push(bulk.cpu_s_per_gb);
        all.floor_read.push(floor::read(self.plan, &folder)?.bytes_per_s);
        floor::clean(&folder)?;
        let target = self.topic(&os, "os")?;
        let bulk = bulk::produce(self.plan, &target)?;
        all.produce_os.push(bulk.bytes_per_s);
        all.cpu_os.push(bulk.cpu_s_per_gb);
        let bulk = bulk::read(self.plan, &target)?;
        all.read.push(bulk.bytes_per_s);
        all.cpu_read.push(bulk.cpu_s_per_gb);
        all.floor_posts.push(posts::rate(self.plan, &self.empty)?);
        all.posts_os.push(posts::rate(self.plan, &target)?);
        self.delete(&os)?;

        let bulk = self.floor(&folder, true)?;
        all.floor_ack.push(bulk.bytes_per_s);
        floor::clean(&folder)?;
        let target = self.topic(&ack, "ack")?;
        let bulk = bulk::produce(self.plan, &target)?;
        all.produce_ack.push(bulk.bytes_per_s);
        all.cpu_ack.push(bulk.cpu_s_per_gb);
        all.posts_ack.push(posts::rate(self.plan, &target)?);
        let latency = posts::steady(self.plan, &target)?;
        all.p50.push(latency.p50.as_secs_f64() * 1e3);
        all.p99.push(latency.p99.as_secs_f64() * 1e3);
        for pid in self.processes()? {
            all.resident.push(mebibytes(usage(pid)?.resident_bytes));
        }
        self.delete(&ack)
    }

    fn floor(&self, folder: &Path, fsync: bool) -> Result<bulk::Bulk> {
        page_cache::fill(folder)?;
        rustix::fs::sync();
        floor::produce(self.plan, folder, fsync)
    }

    fn topic(&mut self, name: &str, flush: &str) -> Result<Target> {
        let folder = self.cluster.folder().to_owned();
        page_cache::fill(&folder)?;
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

fn table(all: &All, plan: &Plan) -> String {
    let mut table = Table::new(&["case", "unit", "tidemark", "floor", "ratio", "goal", "broker CPU s/GB"]);
    let mut compared =
        |case: &str, unit: &str, scale: f64, ours: &Figures, floor: &Figures, goal: f64, cpu: &str| {
            let ratio = ours.over(floor);
            let verdict = if ratio.median() >= goal { "met" } else { "missed" };
            table.row(vec![
                case.to_owned(),
                unit.to_owned(),
                format!("{:.0}", ours.times(scale)),
                format!("{:.0}", floor.times(scale)),
                format!("{ratio:.2}"),
                format!("{goal:.2} {verdict}"),
                cpu.to_owned(),
            ]);
        };
    let cpu = |figures: &Figures| format!("{figures:.1}");
    let (mega, one) = (1e-6, 1.0);
    let bulk = "NDJSON 1 KiB in 1 MiB bodies";
    compared(
        &format!("{bulk}, flush=os"),
        "MB/s",
        mega,
        &all.produce_os,
        &all.floor_os,
        0.4,
        &cpu(&all.cpu_os),
    );
    compared(
        &format!("{bulk}, flush=ack"),
        "MB/s",
        mega,
        &all.produce_ack,
        &all.floor_ack,
        0.4,
        &cpu(&all.cpu_ack),
    );
    compared("raw batches read back", "MB/s", mega, &all.read, &all.floor_os, 0.6, &cpu(&all.cpu_read));
    let read_floor = "the same, against sendfile to a socket";
    compared(read_floor, "MB/s", mega, &all.read, &all.floor_read, 0.0, "");
    let post = "200-byte posts, 64 connections";
    compared(&format!("{post}, flush=os"), "1/s", one, &all.posts_os, &all.floor_posts, 0.25, "");
    compared(&format!("{post}, flush=ack"), "1/s", one, &all.posts_ack, &all.floor_posts, 0.25, "");
    let verdict = if all.p99.median() < 10.0 { "met" } else { "missed" };
    format!(
        "\nThree brokers, three replicas, six partitions, acks=all; {} rounds of {:?}: median (least..most)\n\n{table}\n\
         1,000 posts/s, flush=ack: p50 {:.2} ms, p99 {:.2} ms; goal p99 under 10 ms: {verdict}\n\
         resident per broker: idle {:.0} MiB, after load {:.0} MiB; idle CPU per broker {:.2} %\n\
         the bulk floor itself: {:.1} CPU s/GB for client, leaders and followers together\n",
        plan.rounds,
        plan.span,
        all.p50,
        all.p99,
        all.idle_resident,
        all.resident,
        all.idle_cpu,
        all.floor_cpu,
    )
}
