//! What an operator sees: quiet logs, small idle brokers, a README whose lines work as printed.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use integration_tests::cluster::{Cluster, Plan, Turn};
use integration_tests::process::usage;
use serde_json::json;

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
            "broker {id}: {} KiB resident, {cpu:?} of {span:?} on a processor",
            now.resident_bytes >> 10
        );
        assert!(now.resident_bytes < 30 << 20, "{} bytes resident", now.resident_bytes);
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

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_readmes_lines_work_as_printed() -> Result<()> {
    let mut cluster = Cluster::start(3).await?;
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().context("the workspace")?;
    let readme = std::fs::read_to_string(root.join("README.md"))?;
    let section = readme.split("## Ten lines of curl").nth(1).context("the section")?;
    let block = section.split("```").nth(1).context("a block of code")?.trim_start_matches("sh\n");
    let mut script = block.to_owned();
    for id in 1..=3 {
        script = script.replace(
            &format!("localhost:{}", 8_081 + id),
            &format!("127.0.0.1:{}", cluster.broker(id).http_port()),
        );
    }
    let commands = script.replace("\\\n", " ");
    let commands: Vec<&str> =
        commands.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#')).collect();
    ensure!(commands.len() == 10, "{} lines: {commands:?}", commands.len());
    for command in commands {
        let output = tokio::process::Command::new("bash").arg("-c").arg(command).output().await?;
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        // A stream ends by curl's own -m.
        ensure!(matches!(output.status.code(), Some(0 | 28)), "{command}: {:?} {text}", output.status);
        // A conditional append may come too late, as the README says.
        ensure!(!text.contains("error_code") || text.contains(" 412 "), "{command}: {text}");
        println!("$ {command}\n{text}");
    }
    cluster.finish()
}
