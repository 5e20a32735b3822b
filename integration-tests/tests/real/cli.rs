//! The command line and the settings: what is wrong is said at once, with what would be right.

use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use anyhow::{Context, Result};
use integration_tests::broker::{clean_environment, program};
use integration_tests::cluster::{Cluster, Plan};
use serde_json::json;

const PATIENCE: Duration = Duration::from_secs(30);

fn run(arguments: &[&str], variables: &[(&str, &str)]) -> Result<Output> {
    // Whatever should have been refused would run for ever; timeout(1) ends it.
    let mut command = Command::new("timeout");
    clean_environment(&mut command);
    command.arg("15").arg(program()?).args(arguments).envs(variables.iter().copied());
    command.stdin(Stdio::null()).output().context("running the program")
}

fn refused(arguments: &[&str], variables: &[(&str, &str)], hints: &[&str]) -> Result<()> {
    let output = run(arguments, variables)?;
    let message = String::from_utf8_lossy(&output.stderr).into_owned();
    let code = output.status.code();
    assert!(
        code.is_some_and(|code| code != 0 && code != 124),
        "{arguments:?} ended with {code:?}: {message}"
    );
    for hint in hints {
        assert!(message.contains(hint), "{arguments:?} does not say {hint:?}: {message}");
    }
    assert!(!message.contains("panicked"), "{message}");
    Ok(())
}

#[test]
fn help_and_version_are_there() -> Result<()> {
    for arguments in [
        &["--help"][..],
        &["check", "--help"],
        &["drill", "--help"],
        &["broker", "--help"],
        &["dev", "--help"],
        &["--version"],
    ] {
        let output = run(arguments, &[])?;
        assert!(output.status.success() && !output.stdout.is_empty(), "{arguments:?}");
    }
    let help = String::from_utf8(run(&["broker", "--help"], &[])?.stdout)?;
    for flag in [
        "--id",
        "--etcd",
        "--data-dir",
        "--http-listen",
        "--kafka-listen",
        "--advertised-http",
        "--advertised-kafka",
        "--rack",
        "--config",
        "--cluster",
    ] {
        assert!(help.contains(flag), "no {flag} in {help}");
    }
    Ok(())
}

#[test]
fn bad_flags_are_refused_with_what_is_right() -> Result<()> {
    refused(&["brokr"], &[], &["broker"])?;
    refused(&["broker", "--idd", "1"], &[], &["--id"])?;
    refused(&["broker", "--etcd", "http://127.0.0.1:1"], &[], &["id"])?;
    refused(
        &["broker", "--id", "one", "--etcd", "http://127.0.0.1:1", "--data-dir", "/tmp/x"],
        &[],
        &["broker.id"],
    )?;
    refused(&["dev", "--http-listen", "nowhere"], &[], &["http.listen"])?;
    refused(&["dev", "--set", "log.retention.check.interval=5"], &[], &["log.retention.check.interval.ms"])
}

#[test]
fn unknown_and_bad_settings_are_refused_from_file_and_environment() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("tidemark.toml");
    let file_name = file.to_str().context("a plain path")?;
    let with_file = ["dev", "--config", file_name];
    std::fs::write(&file, "replica.lag.time.max.m = 5\n")?;
    refused(&with_file, &[], &["replica.lag.time.max.m", "replica.lag.time.max.ms"])?;
    std::fs::write(&file, "replica.lag.time.max.ms = \"soon\"\n")?;
    refused(&with_file, &[], &["replica.lag.time.max.ms", "soon"])?;
    std::fs::write(&file, "this is no TOML\n")?;
    refused(&with_file, &[], &["tidemark.toml"])?;
    refused(&["dev", "--config", "/nowhere/at/all.toml"], &[], &["/nowhere/at/all.toml"])?;
    refused(&["dev"], &[("TIDEMARK_NUM_PARTITION", "3")], &["num.partitions"])
}

#[tokio::test]
async fn a_config_file_and_the_environment_are_used_and_flags_win() -> Result<()> {
    let mut cluster = Cluster::prepare(Plan { brokers: 1, etcd_members: 0, ..Plan::default() }).await?;
    let file = cluster.folder().join("tidemark.toml");
    std::fs::write(&file, "num.partitions = 5\nhttp.listen = \"127.0.0.1:1\"\n")?;
    let file = file.to_str().context("a plain path")?.to_owned();
    cluster.broker(1).spec_mut().before = Some(format!("export TIDEMARK_CONFIG='{file}'"));
    cluster.broker(1).start()?;
    cluster.wait_ready().await?;
    let api = cluster.api(1);
    assert_eq!(api.put_json("/v1/topics/t", &json!({})).await?.status, 201);
    let partitions = api.get("/v1/topics/t/partitions").await?.json()?;
    assert_eq!(partitions["partitions"].as_array().map(Vec::len), Some(5));
    cluster.finish()
}

#[tokio::test]
async fn a_data_directory_has_one_owner_and_keeps_its_identity() -> Result<()> {
    let mut cluster = Cluster::start(1).await?;
    let data_dir = cluster.broker(1).data_dir().to_owned();
    let etcd = cluster.etcd.endpoints().join(",");
    let start = |id: &'static str, data_dir: &Path| {
        let data_dir = data_dir.to_str().unwrap().to_owned();
        let etcd = etcd.clone();
        move |hints: &[&str]| {
            let listen = ["--http-listen", "127.0.0.1:0", "--kafka-listen", "127.0.0.1:0"];
            let arguments = ["broker", "--id", id, "--etcd", &etcd, "--data-dir", &data_dir];
            refused(&[&arguments[..], &listen].concat(), &[], hints)
        }
    };
    start("1", &data_dir)(&["in use by process"])?;
    cluster.broker(1).stop(PATIENCE).await?;
    start("2", &data_dir)(&["belongs to broker 1"])?;
    cluster.restart(1).await?;
    cluster.finish()
}

#[tokio::test]
async fn a_busy_port_is_named() -> Result<()> {
    let mut cluster = Cluster::dev(&[]).await?;
    let port = cluster.broker(1).http_port();
    let folder = tempfile::tempdir()?;
    let data_dir = folder.path().to_str().context("a plain path")?;
    let http = format!("127.0.0.1:{port}");
    let arguments = ["dev", "--data-dir", data_dir, "--http-listen", &http, "--kafka-listen", "127.0.0.1:0"];
    refused(&arguments, &[], &[&port.to_string()])?;
    cluster.finish()
}
