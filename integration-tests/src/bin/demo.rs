//! The demonstration behind `make demo`: a real text file goes in through one broker, line by line in large requests, and
//! comes back through another while a third is killed with `kill -9` and started again; then the checksums are compared.
//!
//! It runs on a cluster of its own, on free ports and in a temporary directory, so that a cluster in use is left alone.
//! The text is the list of all files of all installed packages (or of `/usr`, where there is no dpkg); an argument names
//! another file, whose empty lines are left out.

#![expect(clippy::print_stdout, reason = "it is there to be watched")]

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use integration_tests::api::Api;
use integration_tests::cluster::{Cluster, Plan, Turn};
use integration_tests::eventually::eventually;
use serde_json::json;
use tokio::time::Instant;

const TOPIC: &str = "demo";
const PARTITIONS: usize = 3;
const REQUEST_BYTES: usize = 512 * 1024;
const TEXT_BYTES_MIN: usize = 4 << 20;
const TEXT_BYTES_MAX: usize = 64 << 20;
const PATIENCE: Duration = Duration::from_secs(30);

const WRITER: i32 = 1;
const READER: i32 = 2;
const VICTIM: i32 = 3;

/// A piece of the text, and where it was stored.
struct Piece {
    partition: usize,
    offset: i64,
    count: i64,
}

#[tokio::main]
async fn main() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let (what, text) = text(std::env::args_os().nth(1).map(PathBuf::from))?;
    let lines = text.lines().count();
    println!("text     {what}: {} in {lines} lines", megabytes(text.len()));
    let mut cluster = Cluster::start_as(Plan { turn: Turn::Unasked, ..Plan::default() }).await?;
    println!("cluster  etcd and three brokers of their own: {}", cluster.urls().join(" "));
    cluster.create_topic(TOPIC, i32::try_from(PARTITIONS)?, json!({})).await?;
    println!(
        "topic    '{TOPIC}', {PARTITIONS} partitions with a replica on every broker; an answer means fsynced on all"
    );

    let begin = Instant::now();
    let pieces = send(&cluster.api(WRITER), &text).await?;
    rate("sent", &format!("through broker {WRITER}"), text.len(), lines, begin.elapsed());

    let begin = Instant::now();
    let back = receive(&mut cluster, &pieces).await?;
    rate("read", &format!("through broker {READER}"), back.len(), lines, begin.elapsed());

    for partition in 0..PARTITIONS {
        cluster.wait_isr(TOPIC, i32::try_from(partition)?, 3).await?;
    }
    println!("healed   broker {VICTIM} has caught up: every replica is in sync again");
    let sums = [checksum(folder.path(), "sent", &text)?, checksum(folder.path(), "read", &back)?];
    println!("sha256   {} sent\n         {} read", sums[0], sums[1]);
    ensure!(sums[0] == sums[1], "the checksums differ");
    println!("the same");
    cluster.finish()
}

async fn send(api: &Api, text: &str) -> Result<Vec<Piece>> {
    let (mut pieces, mut sent, mut shown) = (Vec::new(), 0, 0);
    for (n, piece) in cut(text).into_iter().enumerate() {
        let partition = n % PARTITIONS;
        let path = format!("/v1/topics/{TOPIC}/partitions/{partition}/records");
        let produced = api.post(&path, "application/x-ndjson", piece.to_owned()).await?.produced()?;
        pieces.push(Piece { partition, offset: produced.base_offset, count: produced.count });
        sent += piece.len();
        progress("sending", sent, text.len(), &mut shown);
    }
    Ok(pieces)
}

async fn receive(cluster: &mut Cluster, pieces: &[Piece]) -> Result<String> {
    let api = cluster.api(READER);
    let (mut text, mut shown) = (String::new(), 0);
    for (n, piece) in pieces.iter().enumerate() {
        if n == pieces.len() / 3 {
            cluster.broker(VICTIM).kill();
            println!("killed   broker {VICTIM}, with kill -9");
        }
        if n == pieces.len() * 2 / 3 {
            cluster.broker(VICTIM).start()?;
            println!("started  broker {VICTIM} again");
        }
        let begin = Instant::now();
        read_piece(&api, piece, &mut text).await?;
        let time = begin.elapsed();
        if time > Duration::from_millis(100) {
            println!("waited   {time:.2?} for another leader of partition {}", piece.partition);
        }
        progress("reading", n + 1, pieces.len(), &mut shown);
    }
    Ok(text)
}

async fn read_piece(api: &Api, piece: &Piece, text: &mut String) -> Result<()> {
    let end = piece.offset + piece.count;
    let mut from = piece.offset;
    while from < end {
        let range = format!("offset={from}&until_offset={end}&max_bytes={}", 2 * REQUEST_BYTES);
        let path = format!("/v1/topics/{TOPIC}/partitions/{}/records?{range}", piece.partition);
        let answer = eventually("a leader to read from", PATIENCE, async || {
            api.get_as(&path, "text/plain").await?.ok()
        });
        let answer = answer.await?;
        from = answer.header("tidemark-next-offset").parse().context("an answer without its next offset")?;
        text.push_str(std::str::from_utf8(&answer.body)?);
    }
    Ok(())
}

/// Cuts a text into pieces of whole lines.
fn cut(text: &str) -> Vec<&str> {
    let (mut pieces, mut rest) = (Vec::new(), text);
    while rest.len() > REQUEST_BYTES {
        let end = rest.as_bytes()[..REQUEST_BYTES].iter().rposition(|byte| *byte == b'\n');
        let end = end.or_else(|| rest.bytes().position(|byte| byte == b'\n')).map_or(rest.len(), |at| at + 1);
        let (piece, after) = rest.split_at(end);
        pieces.push(piece);
        rest = after;
    }
    if !rest.is_empty() {
        pieces.push(rest);
    }
    pieces
}

/// The text to send, and what it is.
fn text(file: Option<PathBuf>) -> Result<(String, String)> {
    if let Some(path) = file {
        let bytes = std::fs::read(&path).with_context(|| format!("reading {}", path.display()))?;
        return Ok((path.display().to_string(), without_empty_lines(&String::from_utf8_lossy(&bytes))));
    }
    let mut all = String::new();
    if let Ok(entries) = std::fs::read_dir("/var/lib/dpkg/info") {
        let mut lists: Vec<PathBuf> = entries.filter_map(|entry| Some(entry.ok()?.path())).collect();
        lists.retain(|path| path.extension().is_some_and(|extension| extension == "list"));
        lists.sort();
        for path in lists {
            all.push_str(&std::fs::read_to_string(path).unwrap_or_default());
        }
    }
    let mut what = "the files of all installed packages, from dpkg's database";
    if all.len() < TEXT_BYTES_MIN {
        what = "the names of all files in /usr";
        list(Path::new("/usr"), &mut all);
    }
    Ok((what.to_owned(), without_empty_lines(&all)))
}

fn list(folder: &Path, to: &mut String) {
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        if to.len() > TEXT_BYTES_MAX {
            return;
        }
        // Writing to a string cannot fail.
        let _ = writeln!(to, "{}", entry.path().display());
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            list(&entry.path(), to);
        }
    }
}

fn without_empty_lines(text: &str) -> String {
    let mut kept = String::with_capacity(text.len());
    for line in text.lines().filter(|line| !line.trim().is_empty()) {
        kept.push_str(line);
        kept.push('\n');
    }
    kept
}

fn checksum(folder: &Path, name: &str, text: &str) -> Result<String> {
    let path = folder.join(name);
    std::fs::write(&path, text)?;
    let output = Command::new("sha256sum").arg(&path).output().context("is sha256sum installed?")?;
    let sum = String::from_utf8(output.stdout)?;
    Ok(sum.split(' ').next().context("a checksum")?.to_owned())
}

/// A line at every quarter.
fn progress(what: &str, done: usize, all: usize, shown: &mut usize) {
    let quarter = done * 4 / all.max(1);
    if quarter > *shown {
        *shown = quarter;
        println!("{what:<8} {:>3} %", quarter * 25);
    }
}

fn rate(what: &str, through: &str, bytes: usize, lines: usize, time: Duration) {
    #[expect(clippy::cast_precision_loss, reason = "for display")]
    let (bytes_per_s, lines_per_s) = (bytes as f64 / time.as_secs_f64(), lines as f64 / time.as_secs_f64());
    println!(
        "{what:<8} {} {through} in {time:.2?}: {:.1} MB/s, {lines_per_s:.0} lines/s",
        megabytes(bytes),
        bytes_per_s / 1e6
    );
}

#[expect(clippy::cast_precision_loss, reason = "for display")]
fn megabytes(bytes: usize) -> String {
    format!("{:.1} MB", bytes as f64 / 1e6)
}
