//! What an operator sees: quiet logs, small idle brokers, a README whose lines work as printed.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use integration_tests::cluster::{Cluster, Plan, Turn};
use integration_tests::process::usage;
use serde_json::{Value, json};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn idle_brokers_are_small_and_quiet() -> Result<()> {
    let mut cluster = Cluster::start_as(Plan { turn: Turn::Alone, ..Plan::default() }).await?;
    cluster.create_topic("t", 6, json!({})).await?;
    let ids = cluster.ids();
    let mut before = Vec::new();
    for id in &ids {
        before.push((
            usage(cluster.broker(*id).process()?.id())?,
            cluster.broker(*id).output().lines().count(),
        ));
    }
    // Idleness is what is measured, so time has to pass.
    let span = Duration::from_secs(10);
    tokio::time::sleep(span).await;
    for (id, (then, lines)) in ids.into_iter().zip(before) {
        let now = usage(cluster.broker(id).process()?.id())?;
        let cpu = now.cpu - then.cpu;
        println!(
            "broker {id}: {} KiB resident, {} KiB of them code; {cpu:?} of {span:?} on a processor",
            now.resident_bytes >> 10,
            now.file_bytes >> 10
        );
        // The code of an unoptimised build is three times as large as that of a release, so it is not what is judged: with a
        // release's code of some 10 MiB this stays below 30 MiB. Up to 10 MiB of it are free: the document that describes
        // the HTTP interface is put together when a broker starts, and the allocator keeps what it has.
        let own = now.resident_bytes - now.file_bytes;
        assert!(own < 18 << 20, "{own} bytes of its own");
        assert!(cpu < span / 20, "{cpu:?} of {span:?}");
        assert_eq!(
            cluster.broker(id).output().lines().count(),
            lines,
            "{}",
            cluster.broker(id).last_lines(5)
        );
    }
    cluster.finish()
}

/// What a line printed: the body, after the headers if it asked for them, and the status.
pub(crate) struct Printed {
    /// The body.
    pub(crate) text: String,
    /// The status.
    pub(crate) status: u16,
}

impl Printed {
    /// Whether all of this stands in it.
    pub(crate) fn has(&self, facts: &[&str]) -> Result<()> {
        let missing: Vec<_> = facts.iter().filter(|fact| !self.text.contains(**fact)).collect();
        ensure!(missing.is_empty(), "{missing:?} is missing");
        Ok(())
    }

    /// The body as JSON.
    pub(crate) fn json(&self) -> Result<Value> {
        Ok(serde_json::from_str(&self.text)?)
    }
}

/// Runs one line of the README.
pub(crate) async fn run(line: &str) -> Result<Printed> {
    let line = line.replacen("curl ", "curl -sS -w '\n%{http_code}' ", 1);
    let output = tokio::process::Command::new("bash").arg("-c").arg(&line).output().await?;
    let text = String::from_utf8(output.stdout)?;
    let errors = String::from_utf8_lossy(&output.stderr);
    // A stream ends by curl's own -m.
    let ends_by_itself = if line.contains(" -m ") { 28 } else { 0 };
    ensure!(output.status.code() == Some(ends_by_itself), "{:?} {errors} {text}", output.status);
    let (text, status) = text.rsplit_once('\n').context("no status")?;
    Ok(Printed { text: text.to_owned(), status: status.parse()? })
}

/// What line `number` of the README must have printed on a fresh cluster.
fn judge(number: usize, printed: &Printed) -> Result<()> {
    let expected = match number {
        1 => 201,
        6 => 204,
        _ => 200,
    };
    ensure!(printed.status == expected, "status {} and not {expected}", printed.status);
    match number {
        1 => printed.has(&[r#""name":"orders""#, r#""partitions":3"#, r#""replication_factor":3"#]),
        2 => printed.has(&[r#""partition":2,"base_offset":0,"count":1"#]),
        3 => printed.has(&[r#""partition":0,"base_offset":0,"count":2"#]),
        4 => printed.has(&[
            r#""count":2"#,
            r#""partition":2,"base_offset":1,"count":1"#,
            r#""partition":0,"base_offset":2,"count":1"#,
        ]),
        5 => {
            let json = printed.json()?;
            let records = json["records"].as_array().context("no records")?;
            let values: Vec<_> = records.iter().filter_map(|record| record["value"].as_str()).collect();
            ensure!(values == [r#"{"n":1}"#, r#"{"n":2}"#, "tea"], "{values:?}");
            Ok(())
        }
        6 => {
            ensure!(printed.text.is_empty(), "something came");
            Ok(())
        }
        7 => printed.has(&["id: 0\n", "id: 1\n", "id: 2\n", r#""value":"tea""#]),
        8 => printed.has(&["HTTP/1.1 200", r#""partition":0,"base_offset":3,"count":1"#]),
        9 => printed.has(&["HTTP/1.1 200", r#""partition":1,"base_offset":0,"count":1"#]),
        10 => {
            let json = printed.json()?;
            let partitions = json["partitions"].as_array().context("no partitions")?;
            let ends: Vec<_> = partitions.iter().map(|one| one["high_watermark"].as_i64()).collect();
            ensure!(ends == [Some(4), Some(1), Some(2)], "{ends:?}");
            ensure!(partitions.iter().all(|one| one["leader"].is_i64()), "somebody leads each");
            Ok(())
        }
        other => bail!("there is no line {other}"),
    }
}

/// The commands of the block of code that follows `heading`, with the ports of this cluster.
pub(crate) fn lines_of(heading: &str, cluster: &mut Cluster) -> Result<Vec<String>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().context("the workspace")?;
    let readme = std::fs::read_to_string(root.join("README.md"))?;
    let section = readme.split(heading).nth(1).context("the section")?;
    let block = section.split("```").nth(1).context("a block of code")?.trim_start_matches("sh\n");
    let mut script = block.to_owned();
    for id in 1..=3 {
        let port = cluster.broker(id).http_port();
        script = script.replace(&format!("localhost:{}", 8_081 + id), &format!("127.0.0.1:{port}"));
    }
    let lines = script.replace("\\\n", " ");
    let lines = lines.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
    Ok(lines.map(str::to_owned).collect())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_readmes_lines_work_as_printed() -> Result<()> {
    let mut cluster = Cluster::start(3).await?;
    let lines = lines_of("## Ten lines of curl", &mut cluster)?;
    ensure!(lines.len() == 10, "{} lines: {lines:?}", lines.len());
    for (number, line) in (1..).zip(&lines) {
        let printed = run(line).await.with_context(|| format!("{number}. {line}"))?;
        judge(number, &printed).with_context(|| format!("{number}. {line}\n{}", printed.text))?;
    }
    // What lines 8 and 9 say of being repeated.
    let late = run(&lines[7]).await?;
    ensure!(late.status == 412, "a conditional append that comes too late: {} {}", late.status, late.text);
    late.has(&["the next offset is 4", r#""written":"no""#])?;
    let again = run(&lines[8]).await?;
    ensure!(again.status == 200, "a repeat: {} {}", again.status, again.text);
    again.has(&[r#""base_offset":0,"count":1"#, r#""duplicate":true"#])?;

    let more = lines_of("More of them:", &mut cluster)?;
    let expected: [&[&str]; 3] = [
        &["id: 0:4,1:1,2:2\n", r#""value":"tea""#, r#""up_to_date":true"#],
        &[r#""log_start":2"#],
        &[r#""partitions":4"#],
    ];
    ensure!(more.len() == expected.len(), "{more:?}");
    for (line, expected) in more.iter().zip(expected) {
        let printed = run(line).await.with_context(|| line.clone())?;
        ensure!(printed.status == 200, "{line}: {}", printed.status);
        printed.has(expected).with_context(|| format!("{line}\n{}", printed.text))?;
    }
    cluster.finish()
}
