//! Partitions on the move between real brokers: under load, over kills, taken back; brokers emptied, removed and added;
//! racks.

use std::collections::BTreeSet;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use integration_tests::api::Api;
use integration_tests::cluster::{Cluster, Plan};
use integration_tests::eventually::eventually;
use integration_tests::load::{Load, LoadPlan};
use reqwest::Method;
use serde_json::{Value, json};

const PATIENCE: Duration = Duration::from_secs(60);
const MIB: u64 = 1 << 20;

/// Room for `all` brokers, of which the first `first` run.
async fn growing(all: i32, first: i32, settings: &[&str]) -> Result<Cluster> {
    let mut settings: Vec<String> = settings.iter().map(|setting| (*setting).to_owned()).collect();
    settings.push("replica.delete.grace.ms=200".to_owned());
    let plan = Plan { brokers: all, settings, ..Plan::default() };
    let mut cluster = Cluster::prepare(plan).await?;
    cluster.etcd.launch(0)?;
    cluster.etcd.wait_healthy(PATIENCE).await?;
    for id in 1..=first {
        cluster.broker(id).start()?;
    }
    cluster.wait_ready().await?;
    Ok(cluster)
}

async fn post(api: &Api, path: &str, body: &Value) -> Result<integration_tests::api::Answer> {
    api.json(Method::POST, path, body).await
}

async fn order(api: &Api, partition: i32, replicas: &[i32], more: Value) -> Result<()> {
    let mut wish = json!({"partitions": [{"topic": "t", "partition": partition, "replicas": replicas}]});
    for (name, value) in more.as_object().into_iter().flatten() {
        wish[name] = value.clone();
    }
    let answer = post(api, "/v1/reassignments", &wish).await?;
    ensure!(answer.status == 202, "ordering: {} {}", answer.status, answer.text());
    Ok(())
}

/// Waits until a partition's copies are exactly where they should be, and all in sync.
async fn wait_replicas(cluster: &Cluster, partition: i32, replicas: &[i32]) -> Result<()> {
    eventually(&format!("t/{partition} on {replicas:?}"), PATIENCE, async || {
        let state = cluster.partition("t", partition).await?;
        let isr: BTreeSet<i32> = state.isr.iter().copied().collect();
        let target: BTreeSet<i32> = replicas.iter().copied().collect();
        ensure!(state.replicas == replicas && isr == target && state.leader.is_some(), "it is {state:?}");
        Ok(())
    })
    .await
}

/// Waits until no partition moves any more, and no order is left.
async fn wait_no_moves(api: &Api) -> Result<()> {
    eventually("no moves", PATIENCE, async || {
        let moves = api.get("/v1/reassignments").await?.ok()?.json()?;
        ensure!(moves["reassignments"] == json!([]), "{moves}");
        Ok(())
    })
    .await
}

async fn wait_deleted(cluster: &mut Cluster, id: i32, folder: &str) -> Result<()> {
    let path = cluster.broker(id).data_dir().join(folder);
    eventually(&format!("{} to be deleted", path.display()), PATIENCE, async || {
        ensure!(!path.exists(), "it is there");
        Ok(())
    })
    .await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_move_under_load_survives_kills_of_the_controller_and_of_the_leader() -> Result<()> {
    let mut cluster = growing(4, 4, &[]).await?;
    let spec = json!({"partitions": 2, "replication_factor": 3});
    let answer = cluster.api(1).put_json("/v1/topics/t", &spec).await?;
    ensure!(answer.status == 201, "{}", answer.text());
    for partition in 0..2 {
        cluster.wait_isr("t", partition, 3).await?;
    }
    let load = Load::start(&cluster.urls(), LoadPlan { padding: 2_000, ..LoadPlan::on("t", 2) });
    load.wait_stored(200, PATIENCE).await?;
    for round in 0..2 {
        for partition in 0..2 {
            // The leader leaves, and the broker that has no copy comes.
            let state = cluster.partition("t", partition).await?;
            let newcomer = (1..=4).find(|id| !state.replicas.contains(id)).context("a newcomer")?;
            let leader = state.leader.context("a leader")?;
            let target: Vec<i32> =
                state.replicas.iter().map(|id| if *id == leader { newcomer } else { *id }).collect();
            let through = cluster.a_running_broker()?;
            order(&cluster.api(through), partition, &target, json!({"throttle_bytes_per_second": 64 * 1024}))
                .await?;
            let victim = if round == 0 { cluster.controller().await? } else { leader };
            cluster.broker(victim).kill();
            cluster.broker(victim).start()?;
            cluster.wait_ready().await?;
            let id = cluster.a_running_broker()?;
            let lifted = json!({"throttle_bytes_per_second": null});
            cluster.api(id).json(Method::PATCH, "/v1/reassignments", &lifted).await?.ok()?;
            wait_replicas(&cluster, partition, &target).await?;
            load.wait_stored(50, PATIENCE).await?;
            wait_deleted(&mut cluster, leader, &format!("t-{partition}")).await?;
        }
    }
    let tally = load.stop_and_check().await?;
    ensure!(tally.sends_ok > 0, "{tally:?}");
    cluster.finish()
}

#[tokio::test]
async fn a_throttled_move_shows_its_progress_and_is_taken_back() -> Result<()> {
    let mut cluster = growing(4, 4, &[]).await?;
    let answer =
        cluster.api(1).put_json("/v1/topics/t", &json!({"partitions": 1, "replication_factor": 3})).await?;
    ensure!(answer.status == 201, "{}", answer.text());
    let before = cluster.wait_isr("t", 0, 3).await?.replicas;
    let value = "x".repeat(MIB as usize);
    for _ in 0..8 {
        cluster.api(1).post_text("t", 0, &value).await?;
    }
    let newcomer = (1..=4).find(|id| !before.contains(id)).context("a newcomer")?;
    let target = [newcomer, before[1], before[2]];
    let api = cluster.api(before[1]);
    order(&api, 0, &target, json!({"throttle_bytes_per_second": 256 * 1024})).await?;
    let wish = json!({"partitions": [{"topic": "t", "partition": 0, "replicas": target}]});
    assert_eq!(post(&api, "/v1/reassignments", &wish).await?.refused(409)?.error_code, 40_930);
    let seen = eventually("progress", PATIENCE, async || {
        let found = api.get("/v1/reassignments").await?.ok()?.json()?["reassignments"][0].clone();
        let copy = &found["progress"][0];
        let behind = copy["offsets_behind"].as_i64().context("no progress yet")?;
        ensure!(copy["log_end"].as_i64() > Some(0) && behind > 0, "{found}");
        Ok(found)
    })
    .await?;
    assert_eq!((&seen["state"], &seen["target"]), (&json!("moving"), &json!(target)));
    assert_eq!((&seen["adding"], &seen["removing"]), (&json!([newcomer]), &json!([before[0]])));
    assert!(
        seen["started_unix_ms"].is_i64() && seen["waits_for"] == format!("broker {newcomer} to be in sync")
    );
    let described = api.describe("t", 0).await?;
    assert_eq!((&described["adding"], &described["removing"]), (&seen["adding"], &seen["removing"]));

    // 8 MiB at 256 KiB a second would take half a minute: it is far from done.
    api.delete("/v1/reassignments/t/0").await?.ok()?;
    wait_replicas(&cluster, 0, &before).await?;
    wait_no_moves(&api).await?;
    wait_deleted(&mut cluster, newcomer, "t-0").await?;
    api.delete("/v1/reassignments/t/0").await?.refused(404)?;

    // The same again; a target that dies stops it, visibly, and it is taken back all the same.
    order(&api, 0, &target, json!({"throttle_bytes_per_second": 256 * 1024})).await?;
    eventually("the move", PATIENCE, async || {
        ensure!(cluster.partition("t", 0).await?.replicas.len() == 4, "not yet");
        Ok(())
    })
    .await?;
    cluster.broker(newcomer).kill();
    eventually("the death to be seen", PATIENCE, async || {
        let found = api.get("/v1/reassignments").await?.ok()?.json()?["reassignments"][0].clone();
        let says = found["waits_for"].as_str().unwrap_or_default();
        ensure!(says.contains(&format!("broker {newcomer} does not serve")), "{found}");
        Ok(())
    })
    .await?;
    api.delete("/v1/reassignments").await?.ok()?;
    wait_replicas(&cluster, 0, &before).await?;
    cluster.restart(newcomer).await?;
    wait_deleted(&mut cluster, newcomer, "t-0").await?;

    // And once more to the end, with the limit lifted on the way.
    order(&api, 0, &target, json!({"throttle_bytes_per_second": 1024})).await?;
    api.json(Method::PATCH, "/v1/reassignments", &json!({"throttle_bytes_per_second": null})).await?.ok()?;
    wait_replicas(&cluster, 0, &target).await?;
    wait_deleted(&mut cluster, before[0], "t-0").await?;
    let read = cluster.api(before[0]).read_all("t", 0).await?;
    ensure!(read.len() == 8, "{} records", read.len());
    cluster.finish()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_broker_joins_and_another_is_drained_and_removed_under_load() -> Result<()> {
    let mut cluster = growing(4, 3, &[]).await?;
    cluster.create_topic("t", 6, json!({})).await?;
    let load = Load::start(&cluster.urls()[..3], LoadPlan { writers: 4, readers: 2, ..LoadPlan::on("t", 6) });
    load.wait_stored(100, PATIENCE).await?;
    let api = cluster.api(2);
    let nowhere = api.json(Method::POST, "/v1/brokers/1/drain", &json!({})).await?.refused(409)?;
    ensure!(nowhere.message.contains("too few brokers remain"), "{nowhere:?}");

    cluster.restart(4).await?;
    let plan = post(&api, "/v1/cluster/rebalance", &json!({"dry_run": true})).await?.ok()?.json()?;
    let moves = plan["reassignments"].as_array().context("a plan")?.len();
    ensure!(moves >= 4, "18 copies over 4 brokers: 4 or 5 go to the new one: {plan}");
    assert_eq!(post(&api, "/v1/cluster/rebalance", &json!({})).await?.status, 202);
    wait_no_moves(&api).await?;
    let fourth = api.get("/v1/brokers/4").await?.ok()?.json()?;
    ensure!((4..=5).contains(&fourth["replicas"].as_i64().unwrap_or(0)), "{fourth}");
    ensure!(fourth["leaders"].as_i64() > Some(0), "the new one leads, too: {fourth}");
    load.wait_stored(50, PATIENCE).await?;

    assert_eq!(post(&api, "/v1/brokers/1/drain", &json!({})).await?.status, 202);
    api.delete("/v1/brokers/1").await?.refused(409)?;
    eventually("broker 1 to be empty", PATIENCE, async || {
        let drain = api.get("/v1/brokers/1").await?.ok()?.json()?["drain"].clone();
        ensure!(drain["done"] == true, "{drain}");
        Ok(())
    })
    .await?;
    for partition in 0..6 {
        let state = cluster.partition("t", partition).await?;
        ensure!(!state.replicas.contains(&1) && state.leader != Some(1), "{state:?}");
    }
    load.wait_stored(50, PATIENCE).await?;
    let tally = load.stop_and_check().await?;
    ensure!(tally.sends_ok > 0, "{tally:?}");

    assert_eq!(api.delete("/v1/brokers/1").await?.status, 204);
    eventually("the removed broker to end", PATIENCE, async || {
        ensure!(!cluster.broker(1).is_running(), "it runs");
        Ok(())
    })
    .await?;
    api.get("/v1/brokers/1").await?.refused(404)?;
    let listed = api.get("/v1/brokers").await?.ok()?.json()?;
    assert_eq!(listed["brokers"].as_array().map(Vec::len), Some(3));
    cluster.finish()
}

#[tokio::test]
async fn a_dead_broker_is_replaced_and_removed() -> Result<()> {
    let mut cluster = growing(4, 4, &[]).await?;
    cluster.create_topic("t", 4, json!({})).await?;
    for partition in 0..4 {
        cluster.api(1).post_text("t", partition, "kept").await?;
    }
    cluster.broker(3).kill();
    let api = cluster.api(1);
    eventually("the death to be seen", PATIENCE, async || {
        let broker = api.get("/v1/brokers/3").await?.ok()?.json()?;
        ensure!(broker["state"] == "down", "{broker}");
        Ok(())
    })
    .await?;
    let held = api.delete("/v1/brokers/3").await?.refused(409)?;
    ensure!(held.message.contains("still holds"), "{held:?}");
    assert_eq!(post(&api, "/v1/brokers/3/drain", &json!({})).await?.status, 202);
    eventually("all to be elsewhere", PATIENCE, async || {
        let answer = api.delete("/v1/brokers/3").await?;
        ensure!(answer.status == 204, "{}", answer.text());
        Ok(())
    })
    .await?;
    for partition in 0..4 {
        let state = cluster.wait_isr("t", partition, 3).await?;
        ensure!(!state.replicas.contains(&3), "{state:?}");
        assert_eq!(cluster.api(4).read_all("t", partition).await?[0].value.as_deref(), Some("kept"));
    }
    cluster.finish()
}

#[tokio::test]
async fn topics_drains_and_rebalances_spread_over_racks() -> Result<()> {
    let mut cluster = Cluster::prepare(Plan { brokers: 4, ..Plan::default() }).await?;
    for (id, rack) in [(1, "a"), (2, "a"), (3, "b"), (4, "b")] {
        cluster.broker(id).spec_mut().settings.push(format!("broker.rack={rack}"));
    }
    cluster.etcd.launch(0)?;
    cluster.etcd.wait_healthy(PATIENCE).await?;
    for id in 1..=4 {
        cluster.broker(id).start()?;
    }
    cluster.wait_ready().await?;
    let api = cluster.api(1);
    let answer = api.put_json("/v1/topics/t", &json!({"partitions": 4, "replication_factor": 2})).await?;
    ensure!(answer.status == 201, "{}", answer.text());
    let in_two_racks = async |cluster: &Cluster| -> Result<()> {
        for partition in 0..4 {
            let replicas = cluster.wait_isr("t", partition, 2).await?.replicas;
            let racks: BTreeSet<bool> = replicas.iter().map(|id| *id <= 2).collect();
            ensure!(racks.len() == 2, "t/{partition} stands in one rack: {replicas:?}");
        }
        Ok(())
    };
    in_two_racks(&cluster).await?;
    assert_eq!(post(&api, "/v1/brokers/4/drain", &json!({})).await?.status, 202);
    eventually("broker 4 to be empty", PATIENCE, async || {
        let drain = api.get("/v1/brokers/4").await?.ok()?.json()?["drain"].clone();
        ensure!(drain["done"] == true, "{drain}");
        Ok(())
    })
    .await?;
    in_two_racks(&cluster).await?;
    // Into one rack by hand, and out of it again.
    order(&api, 0, &[1, 2], json!({})).await?;
    wait_no_moves(&api).await?;
    api.delete("/v1/brokers/4/drain").await?.ok()?;
    assert_eq!(post(&api, "/v1/cluster/rebalance", &json!({})).await?.status, 202);
    wait_no_moves(&api).await?;
    in_two_racks(&cluster).await?;
    cluster.finish()
}

/// The lines of the README's section, with the ports of this cluster.
fn readme_lines(cluster: &mut Cluster) -> Result<Vec<String>> {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).parent().context("the workspace")?;
    let readme = std::fs::read_to_string(root.join("README.md"))?;
    let section = readme.split("## Operating a cluster").nth(1).context("the section")?;
    let block = section.split("```").nth(1).context("a block of code")?.trim_start_matches("sh\n");
    let mut script = block.to_owned();
    for id in 1..=4 {
        let port = cluster.broker(id).http_port();
        script = script.replace(&format!("localhost:{}", 8_081 + id), &format!("127.0.0.1:{port}"));
    }
    let lines = script.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
    Ok(lines.map(str::to_owned).collect())
}

#[tokio::test]
async fn the_readmes_lines_on_operating_work_as_printed() -> Result<()> {
    let mut cluster = Cluster::start(4).await?;
    let spec = json!({"partitions": 3, "replication_factor": 3});
    ensure!(cluster.api(1).put_json("/v1/topics/orders", &spec).await?.status == 201, "a topic");
    for partition in 0..3 {
        cluster.wait_isr("orders", partition, 3).await?;
    }
    let lines = readme_lines(&mut cluster)?;
    ensure!(lines.len() == 11, "{} lines: {lines:?}", lines.len());
    let answers = [
        (200, r#""id":4"#),
        (200, r#""to":[4,3,2]"#),
        (202, r#""dry_run":false"#),
        (200, r#""reassignments":["#),
        (200, r#"{"throttle_bytes_per_second":null}"#),
        (200, r#""cancelled":["#),
        (200, r#""dry_run":true"#),
        (200, r#""elected":"#),
        (202, r#""drain":{"#),
        (200, r#""drain":null"#),
    ];
    for (number, (line, (status, says))) in (1..).zip(lines.iter().zip(answers)) {
        let line = line.replacen("curl ", "curl -sS -w '\n%{http_code}' ", 1);
        let output = tokio::process::Command::new("bash").arg("-c").arg(&line).output().await?;
        let text = String::from_utf8(output.stdout)?;
        let (text, printed) = text.trim_end().rsplit_once('\n').context("no status")?;
        ensure!(printed.parse() == Ok(status), "{number}. {line}: {printed} {text}");
        ensure!(text.contains(says), "{number}. {line}: {text}");
    }
    let arguments: Vec<&str> = lines[10].split(' ').skip(1).collect();
    cluster.etcd.ctl(&arguments).await?;
    wait_no_moves(&cluster.api(1)).await?;
    cluster.finish()
}
