//! `tidemark drill` on a real cluster, and `tidemark check` on the history that it writes.

use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use integration_tests::broker::{clean_environment, program};
use integration_tests::cluster::{Cluster, Plan, Turn};
use integration_tests::eventually::eventually;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

const DRILL_DEADLINE: Duration = Duration::from_secs(180);

async fn alone() -> Result<Cluster> {
    Cluster::start_as(Plan { turn: Turn::Alone, ..Plan::default() }).await
}

fn tidemark(arguments: &[String]) -> Result<Command> {
    let mut command = Command::new(program()?);
    clean_environment(&mut command);
    command.args(arguments).stdin(Stdio::null());
    Ok(command)
}

/// Flags that let a drill hurt these brokers, and ask this test to start them again.
fn flags(cluster: &mut Cluster, may_hurt: &[i32], what: &[&str]) -> Result<Vec<String>> {
    let mut flags: Vec<String> =
        ["drill", "--json"].iter().chain(what).map(|flag| (*flag).to_owned()).collect();
    for url in cluster.urls() {
        flags.extend(["--url".to_owned(), url]);
    }
    for id in may_hurt {
        let pid = cluster.broker(*id).process()?.id();
        flags.extend(["--may-hurt".to_owned(), format!("{id}=pid:{pid}")]);
    }
    let wanted = cluster.folder().join("start-{broker}");
    flags.extend(["--start-with".to_owned(), format!("touch '{}'", wanted.display())]);
    flags.extend(["--history".to_owned(), history_of(cluster)]);
    Ok(flags)
}

fn history_of(cluster: &Cluster) -> String {
    cluster.folder().join("history.ndjson").display().to_string()
}

/// Runs a drill to its end, and starts brokers when it asks for that; gives its exit code, and both its outputs.
async fn drill(cluster: &mut Cluster, flags: &[String]) -> Result<(i32, String, String)> {
    let child = tidemark(flags)?.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
    let waited = tokio::task::spawn_blocking(move || child.wait_with_output());
    eventually("the drill to end", DRILL_DEADLINE, async || {
        for id in cluster.ids() {
            if std::fs::remove_file(cluster.folder().join(format!("start-{id}"))).is_ok() {
                ensure!(!cluster.broker(id).is_running(), "broker {id} still runs");
                cluster.broker(id).start()?;
            }
        }
        ensure!(waited.is_finished(), "it runs");
        Ok(())
    })
    .await?;
    let output = waited.await??;
    let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
    Ok((output.status.code().context("ended by a signal")?, text(output.stdout), text(output.stderr)))
}

/// The outcome of a drill in which nothing went wrong.
async fn clean(cluster: &mut Cluster, flags: &[String]) -> Result<Value> {
    let (code, out, err) = drill(cluster, flags).await?;
    ensure!(code == 0, "{code}: {out}{err}");
    let outcome: Value = serde_json::from_str(&out)?;
    for zero in ["lost", "duplicated", "reordered"] {
        ensure!(outcome[zero] == 0, "{zero}: {out}");
    }
    ensure!(outcome["acknowledged"].as_u64() > Some(500), "{out}");
    let topics = cluster.api(1).get("/v1/topics").await?.text();
    ensure!(!topics.contains("tidemark-drill-"), "its topic is still there: {topics}");
    Ok(outcome)
}

fn check(history: &str) -> Result<(Option<i32>, String)> {
    let output = tidemark(&["check".to_owned(), history.to_owned()])?.output()?;
    Ok((output.status.code(), String::from_utf8_lossy(&output.stdout).into_owned()))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_drill_that_kills_a_leader_tells_the_gap_and_finds_nothing_lost() -> Result<()> {
    let mut cluster = alone().await?;
    let flags = flags(&mut cluster, &[1, 2, 3], &["--kill-leader"])?;
    let outcome = clean(&mut cluster, &flags).await?;
    let gap_ms = outcome["gap_ms"].as_u64().context("a gap")?;
    ensure!((20..10_000).contains(&gap_ms), "{outcome}");

    let history = history_of(&cluster);
    let (code, text) = check(&history)?;
    ensure!(code == Some(0) && text.contains("no anomaly"), "{code:?}: {text}");
    // One acknowledged batch that no read returned.
    let mut lines = std::fs::read_to_string(&history)?;
    lines.push_str(
        r#"{"time_us":1,"process":77,"id":9000001,"phase":"invoke","op":{"send":{"at":{"topic":"x","partition":0},"values":[9000001]}}}
{"time_us":2,"process":77,"id":9000001,"phase":"ok","op":{"send":{"at":{"topic":"x","partition":0},"base_offset":0}}}
"#,
    );
    std::fs::write(&history, &lines)?;
    let (code, text) = check(&history)?;
    ensure!(code == Some(1) && text.contains("unseen: x/0: value 9000001"), "{code:?}: {text}");
    std::fs::write(&history, lines + "{}\n")?;
    ensure!(check(&history)?.0 == Some(2));
    cluster.finish()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_drill_that_pauses_a_leader_lets_it_go_on() -> Result<()> {
    let mut cluster = alone().await?;
    let flags = flags(&mut cluster, &[1, 2, 3], &["--pause", "--pause-ms", "9000"])?;
    let outcome = clean(&mut cluster, &flags).await?;
    // A frozen leader refuses nothing: it is found out by its lease.
    ensure!(outcome["gap_ms"].as_u64() > Some(1_000), "{outcome}");
    cluster.wait_ready().await?;
    cluster.finish()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_drill_that_restarts_all_brokers_finds_nothing_lost() -> Result<()> {
    let mut cluster = alone().await?;
    let before: Vec<u32> = pids(&mut cluster)?;
    let flags = flags(&mut cluster, &[1, 2, 3], &["--restart-all"])?;
    clean(&mut cluster, &flags).await?;
    let after = pids(&mut cluster)?;
    ensure!(before.iter().all(|pid| !after.contains(pid)), "{before:?} {after:?}");
    cluster.finish()
}

fn pids(cluster: &mut Cluster) -> Result<Vec<u32>> {
    cluster.brokers().iter_mut().map(|broker| Ok(broker.process()?.id())).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_drill_hurts_nobody_but_whom_it_was_told() -> Result<()> {
    let mut cluster = Cluster::start(3).await?;
    cluster.create_topic("t", 1, serde_json::json!({})).await?;
    let leader = cluster.partition("t", 0).await?.leader.context("a leader")?;
    let before = pids(&mut cluster)?;
    let other = leader % 3 + 1;
    let pid_of_other = cluster.broker(other).process()?.id();
    let on_t = ["--kill-leader", "--topic", "t"];
    let cases = [
        (flags(&mut cluster, &[other], &on_t)?, format!("only these may be hurt: {other}")),
        (flags(&mut cluster, &[other], &["--restart-all"])?, format!("may not be hurt, only {other}")),
        (without_pids(flags(&mut cluster, &[1, 2, 3], &on_t)?), "give --kill-with, or --may-hurt".to_owned()),
        (with_pid(flags(&mut cluster, &[leader], &on_t)?, std::process::id()), "is no broker".to_owned()),
        (with_pid(flags(&mut cluster, &[leader], &on_t)?, pid_of_other), format!("where broker {leader} is")),
        (
            with_pid(flags(&mut cluster, &[1, 2], &on_t)?, pid_of_other),
            "cannot be broker 1 and broker 2".to_owned(),
        ),
        (
            flags(&mut cluster, &[leader], &["--pause", "--topic", "none"])?,
            "topic 'none' not found".to_owned(),
        ),
    ];
    for (flags, hint) in cases {
        let (code, out, err) = drill(&mut cluster, &flags).await?;
        ensure!(code == 2 && err.contains(&hint), "{flags:?}: {code}: {out}{err}");
    }
    ensure!(pids(&mut cluster)? == before && cluster.brokers().iter_mut().all(|broker| broker.is_running()));
    ensure!(std::fs::read(history_of(&cluster)).is_ok_and(|history| history.is_empty()));
    cluster.finish()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_drill_tells_only_what_it_saw_and_leaves_nothing_behind() -> Result<()> {
    let mut cluster = alone().await?;
    let before = pids(&mut cluster)?;
    let nothing = ["--kill-leader", "--kill-with", "true"];
    let no_pause = ["--pause", "--pause-with", "true", "--resume-with", "true", "--pause-ms", "3000"];
    for (what, hint) in [(&nothing[..], "goes on answering"), (&no_pause[..], "goes on answering")] {
        let flags = flags(&mut cluster, &[1, 2, 3], what)?;
        let (code, out, err) = drill(&mut cluster, &flags).await?;
        ensure!(code == 2 && err.contains(hint), "{what:?}: {code}: {out}{err}");
        let (code, text) = check(&history_of(&cluster))?;
        ensure!(code == Some(0), "the history is told all the same: {code:?}: {text}");
    }

    // Whoever is told to end lets the broker go on that it has frozen, and deletes its topic.
    let flags = flags(&mut cluster, &[1, 2, 3], &["--pause", "--pause-ms", "100000"])?;
    let child = tidemark(&flags)?.stdout(Stdio::null()).stderr(Stdio::piped()).spawn()?;
    let drill = Pid::from_child(&child);
    eventually("a broker to be frozen", DRILL_DEADLINE, async || {
        ensure!(before.iter().any(|pid| is_frozen(*pid)), "none is");
        Ok(())
    })
    .await?;
    kill_process(drill, Signal::TERM)?;
    let output = tokio::task::spawn_blocking(move || child.wait_with_output()).await??;
    ensure!(output.status.code() == Some(2), "{output:?}");
    ensure!(pids(&mut cluster)? == before && !before.iter().any(|pid| is_frozen(*pid)));
    cluster.wait_ready().await?;
    let topics = cluster.api(1).get("/v1/topics").await?.text();
    ensure!(!topics.contains("tidemark-drill-"), "its topic is still there: {topics}");
    cluster.finish()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_drill_that_cannot_start_a_broker_again_says_which_is_down() -> Result<()> {
    let mut cluster = alone().await?;
    let mut flags = flags(&mut cluster, &[1, 2, 3], &["--restart-all"])?;
    for flag in &mut flags {
        if flag.starts_with("touch ") {
            *flag = "exit 3".to_owned();
        }
    }
    let (code, out, err) = drill(&mut cluster, &flags).await?;
    ensure!(
        code == 2 && err.contains("broker 1 was stopped, and is not started again"),
        "{code}: {out}{err}"
    );
    ensure!(check(&history_of(&cluster))?.0 == Some(0), "the history is told all the same");
    cluster.broker(1).start()?;
    cluster.wait_ready().await?;
    cluster.finish()
}

/// Whether a process is stopped by a signal.
fn is_frozen(pid: u32) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit(") ").next().is_some_and(|rest| rest.starts_with('T'))
}

fn without_pids(flags: Vec<String>) -> Vec<String> {
    let bare = |flag: String| flag.split_once("=pid:").map_or(flag.clone(), |(broker, _)| broker.to_owned());
    flags.into_iter().map(bare).collect()
}

fn with_pid(flags: Vec<String>, pid: u32) -> Vec<String> {
    let other = |flag: String| {
        flag.split_once("=pid:").map_or(flag.clone(), |(broker, _)| format!("{broker}=pid:{pid}"))
    };
    flags.into_iter().map(other).collect()
}
