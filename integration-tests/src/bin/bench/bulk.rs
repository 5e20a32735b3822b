//! Bulk through the brokers: NDJSON lines of 1 KiB in bodies of 1 MiB, one connection a partition, to its leader; and
//! reading them back as raw batches.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result};
use integration_tests::process::usage;
use tokio::time::Instant;

use crate::arguments::Plan;
use crate::wire::{self, Connection};

/// Partitions, and connections.
pub(crate) const PARTITIONS: usize = 6;
/// Bytes of a body.
pub(crate) const REQUEST_BYTES: usize = 1 << 20;
const LINE_BYTES: usize = 1 << 10;
const READ_BYTES_MAX: usize = 4 << 20;

/// A topic to measure on: its name, and for each partition the HTTP port of its leader.
#[derive(Clone, Debug)]
pub(crate) struct Target {
    /// The topic.
    pub(crate) topic: String,
    /// The leaders' HTTP ports.
    pub(crate) leaders: Vec<u16>,
    /// The brokers' processes.
    pub(crate) processes: Vec<u32>,
}

/// What a bulk case has reached.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bulk {
    /// Payload bytes a second.
    pub(crate) bytes_per_s: f64,
    /// Processor seconds of the processes under test for each GB of payload.
    pub(crate) cpu_s_per_gb: f64,
}

/// Samples a counter of bytes over the span of the plan, after its warm-up.
#[expect(clippy::cast_precision_loss, reason = "a figure for display")]
pub(crate) fn measure(plan: &Plan, done: &AtomicU64, processes: &[u32]) -> Result<Bulk> {
    thread::sleep(plan.warm_up());
    let cpu = || -> Result<Duration> { processes.iter().map(|pid| Ok(usage(*pid)?.cpu)).sum() };
    let (bytes, used, begin) = (done.load(Ordering::Relaxed), cpu()?, Instant::now());
    thread::sleep(plan.span);
    let (bytes, used, time) = ((done.load(Ordering::Relaxed) - bytes) as f64, cpu()? - used, begin.elapsed());
    Ok(Bulk { bytes_per_s: bytes / time.as_secs_f64(), cpu_s_per_gb: used.as_secs_f64() / (bytes / 1e9) })
}

/// Produces for the span of the plan.
pub(crate) fn produce(plan: &Plan, target: &Target) -> Result<Bulk> {
    let line = format!("{{\"pad\":\"{:x<1$}\"}}\n", "", LINE_BYTES - 11);
    let body = line.repeat(REQUEST_BYTES / LINE_BYTES);
    let requests = (0..PARTITIONS).map(|partition| {
        let path = format!("/v1/topics/{}/partitions/{partition}/records", target.topic);
        wire::post(&path, "application/x-ndjson", body.as_bytes())
    });
    let requests: Vec<Vec<u8>> = requests.collect();
    drive(plan, target, |partition, connection| {
        connection.call(&requests[partition])?;
        Ok(REQUEST_BYTES as u64)
    })
}

/// Reads for the span of the plan, each partition from its start, over and over.
pub(crate) fn read(plan: &Plan, target: &Target) -> Result<Bulk> {
    let offsets: Vec<AtomicU64> = (0..PARTITIONS).map(|_| AtomicU64::new(0)).collect();
    drive(plan, target, |partition, connection| {
        let offset = offsets[partition].load(Ordering::Relaxed);
        let path = format!(
            "/v1/topics/{}/partitions/{partition}/records?offset={offset}&max_bytes={READ_BYTES_MAX}",
            target.topic
        );
        let head = connection.call(&wire::get(&path, "application/vnd.tidemark.batch"))?;
        let next = u64::try_from(head.next_offset.context("an answer without its next offset")?)?;
        // A short answer is the end: start again, rather than ask for what is not there.
        let again = head.body_bytes < READ_BYTES_MAX / 2;
        offsets[partition].store(if again { 0 } else { next }, Ordering::Relaxed);
        Ok(head.body_bytes as u64)
    })
}

/// One thread and connection for each partition, until the plan's time is over.
fn drive(
    plan: &Plan,
    target: &Target,
    step: impl Fn(usize, &mut Connection) -> Result<u64> + Sync,
) -> Result<Bulk> {
    let (done, stop) = (Arc::new(AtomicU64::new(0)), AtomicBool::new(false));
    thread::scope(|scope| {
        let mut threads = Vec::new();
        for (partition, port) in target.leaders.iter().enumerate() {
            let (done, stop, step) = (&done, &stop, &step);
            threads.push(scope.spawn(move || -> Result<()> {
                let mut connection = Connection::open(*port)?;
                while !stop.load(Ordering::Relaxed) {
                    done.fetch_add(step(partition, &mut connection)?, Ordering::Relaxed);
                }
                Ok(())
            }));
        }
        let bulk = measure(plan, &done, &target.processes);
        stop.store(true, Ordering::Relaxed);
        for thread in threads {
            thread.join().ok().context("a client panicked")??;
        }
        bulk
    })
}
