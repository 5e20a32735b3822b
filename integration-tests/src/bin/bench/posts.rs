//! Posts of one record of 200 bytes: as many as 64 connections bring, and a steady thousand a second.
//!
//! The client is one thread: all connections are tasks on it, with requests built beforehand. Latency at the steady rate
//! counts from the moment when a post was due, not from when it could be sent, so that a stall shows in all that it delayed.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Duration;

use anyhow::{Result, ensure};
use integration_tests::process::usage;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::task::LocalSet;
use tokio::time::Instant;

use crate::arguments::Plan;
use crate::bulk::Target;
use crate::wire;

const CONNECTIONS: usize = 64;
const RECORD_BYTES: usize = 200;
const STEADY_PER_S: u32 = 1_000;

/// Latencies at the steady rate.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Latency {
    /// The median.
    pub(crate) p50: Duration,
    /// 99 of 100 are faster.
    pub(crate) p99: Duration,
}

struct Connection {
    stream: TcpStream,
    buffer: Vec<u8>,
    request: Vec<u8>,
}

impl Connection {
    async fn open(port: u16, topic: &str, partition: usize) -> Result<Self> {
        let stream = TcpStream::connect(("127.0.0.1", port)).await?;
        stream.set_nodelay(true)?;
        let path = format!("/v1/topics/{topic}/partitions/{partition}/records");
        let request = wire::post(&path, "application/octet-stream", &[b'x'; RECORD_BYTES]);
        Ok(Self { stream, buffer: vec![0; 4096], request })
    }

    async fn call(&mut self) -> Result<()> {
        self.stream.write_all(&self.request).await?;
        let mut filled = 0;
        loop {
            let count = self.stream.read(&mut self.buffer[filled..]).await?;
            ensure!(count > 0, "the connection was closed, or the answer is too long");
            filled += count;
            if let Some(head) = wire::head(&self.buffer[..filled])?
                && filled >= head.bytes + head.body_bytes
            {
                return Ok(());
            }
        }
    }
}

async fn open_all(target: &Target) -> Result<Vec<Connection>> {
    let mut connections = Vec::new();
    for n in 0..CONNECTIONS {
        let partition = n % target.leaders.len();
        connections.push(Connection::open(target.leaders[partition], &target.topic, partition).await?);
    }
    Ok(connections)
}

fn on_one_thread<T>(work: impl Future<Output = Result<T>>) -> Result<T> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    LocalSet::new().block_on(&runtime, work)
}

/// What as many posts as possible have reached.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rate {
    /// Posts a second.
    pub(crate) per_s: f64,
    /// Processor time of the processes under test for each post, in microseconds.
    pub(crate) cpu_us: f64,
}

/// Posts a second over all connections, each with one post at a time.
#[expect(clippy::cast_precision_loss, reason = "a figure for display")]
pub(crate) fn rate(plan: &Plan, target: &Target) -> Result<Rate> {
    let cpu = || -> Result<Duration> { target.processes.iter().map(|pid| Ok(usage(*pid)?.cpu)).sum() };
    on_one_thread(async {
        let (count, stop) = (Rc::new(Cell::new(0_u64)), Rc::new(Cell::new(false)));
        let mut tasks = Vec::new();
        for mut connection in open_all(target).await? {
            let (count, stop) = (count.clone(), stop.clone());
            tasks.push(tokio::task::spawn_local(async move {
                while !stop.get() {
                    connection.call().await?;
                    count.set(count.get() + 1);
                }
                Ok::<(), anyhow::Error>(())
            }));
        }
        tokio::time::sleep(plan.warm_up()).await;
        let (before, used, begin) = (count.get(), cpu()?, Instant::now());
        tokio::time::sleep(plan.span).await;
        let posts = (count.get() - before) as f64;
        let per_s = posts / begin.elapsed().as_secs_f64();
        let rate = Rate { per_s, cpu_us: (cpu()? - used).as_secs_f64() * 1e6 / posts };
        stop.set(true);
        for task in tasks {
            task.await??;
        }
        Ok(rate)
    })
}

/// Latencies of a steady thousand posts a second.
pub(crate) fn steady(plan: &Plan, target: &Target) -> Result<Latency> {
    on_one_thread(async {
        let idle = Rc::new(RefCell::new(open_all(target).await?));
        let latencies = Rc::new(RefCell::new(Vec::new()));
        let mut tasks = Vec::new();
        let begin = Instant::now();
        let total = u32::try_from((plan.warm_up() + plan.span).as_millis())? * STEADY_PER_S / 1_000;
        for n in 0..total {
            let due = begin + Duration::from_secs(1) * n / STEADY_PER_S;
            tokio::time::sleep_until(due).await;
            let connection = idle.borrow_mut().pop();
            let mut connection = match connection {
                Some(connection) => connection,
                None => Connection::open(target.leaders[0], &target.topic, 0).await?,
            };
            let (idle, latencies) = (idle.clone(), latencies.clone());
            tasks.push(tokio::task::spawn_local(async move {
                connection.call().await?;
                latencies.borrow_mut().push((due, due.elapsed()));
                idle.borrow_mut().insert(0, connection);
                Ok::<(), anyhow::Error>(())
            }));
        }
        for task in tasks {
            task.await??;
        }
        let counted_from = begin + plan.warm_up();
        let all = latencies.borrow();
        let mut counted: Vec<Duration> =
            all.iter().filter(|(due, _)| *due >= counted_from).map(|(_, latency)| *latency).collect();
        counted.sort();
        ensure!(!counted.is_empty(), "nothing was counted");
        Ok(Latency { p50: counted[counted.len() / 2], p99: counted[counted.len() * 99 / 100] })
    })
}
