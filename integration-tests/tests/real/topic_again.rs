//! A topic that is deleted and created anew under its name, again and again: nothing of an earlier one is ever in a later
//! one, at any broker, and its files go.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use integration_tests::api::Api;
use integration_tests::cluster::{Cluster, Plan};
use integration_tests::eventually::eventually;
use serde_json::json;
use tokio::task::JoinHandle;

const ROUNDS: usize = 10;
const PARTITIONS: i32 = 3;
const PATIENCE: Duration = Duration::from_secs(60);
/// The broker that is killed in one round and comes back in another, with the files of a topic that is long gone.
const AWAY: i32 = 3;
const KILLED_IN: usize = 3;
const BACK_IN: usize = 6;

/// What one writer was told is stored: partition, offset, value.
type Stored = Vec<(i32, i64, String)>;

/// Writes through every broker in turn until `stop`, whatever it is answered.
async fn write(apis: Vec<Api>, round: usize, writer: usize, stop: Arc<AtomicBool>) -> Stored {
    let mut stored = Stored::new();
    let mut n = 0;
    while !stop.load(Ordering::Relaxed) {
        let partition = i32::try_from(n).unwrap() % PARTITIONS;
        let value = format!("{round}-{writer}-{n}");
        let api = &apis[(n + writer) % apis.len()];
        match api.post_text("t", partition, &value).await {
            Ok(produced) => stored.push((partition, produced.base_offset, value)),
            // Refused, cut off or gone: as any decent client it pauses.
            Err(_) => tokio::time::sleep(Duration::from_millis(20)).await,
        }
        n += 1;
    }
    stored
}

/// All records of the topic as one broker tells them, which must all be of this round.
async fn read_round(api: &Api, round: usize) -> Result<Stored> {
    let mut all = Stored::new();
    for partition in 0..PARTITIONS {
        for record in api.read_all("t", partition).await? {
            let value = record.value.context("every record has a value")?;
            // Not an error that another try could cover up.
            assert!(value.starts_with(&format!("{round}-")), "'{value}' is told in round {round}");
            all.push((partition, record.offset, value));
        }
    }
    Ok(all)
}

fn running(cluster: &mut Cluster) -> Vec<i32> {
    let brokers = cluster.brokers().iter_mut();
    brokers.filter_map(|broker| broker.is_running().then(|| broker.id())).collect()
}

fn folders_of_the_topic(data_dir: &Path) -> Result<Vec<String>> {
    let names =
        std::fs::read_dir(data_dir)?.map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned()));
    let names = names.collect::<Result<Vec<_>>>()?;
    Ok(names.into_iter().filter(|name| name.starts_with("t-")).collect())
}

#[tokio::test]
async fn nothing_of_a_deleted_topic_is_ever_in_the_next_of_its_name() -> Result<()> {
    let settings = ["replica.delete.grace.ms=1000", "log.retention.check.interval.ms=300"];
    let settings = settings.map(str::to_owned).to_vec();
    let mut cluster = Cluster::start_as(Plan { settings, ..Plan::default() }).await?;
    for round in 0..ROUNDS {
        if round == BACK_IN {
            cluster.restart(AWAY).await?;
        }
        let ids = running(&mut cluster);
        cluster.create_topic("t", PARTITIONS, json!({"min.insync.replicas": "1"})).await?;
        let apis: Vec<Api> = ids.iter().map(|id| cluster.api(*id)).collect();
        let stop = Arc::new(AtomicBool::new(false));
        let writers: Vec<JoinHandle<Stored>> = (0..3)
            .map(|writer| tokio::spawn(write(apis.clone(), round, writer, Arc::clone(&stop))))
            .collect();
        let mut before = Stored::new();
        eventually("every broker tells enough of this round", PATIENCE, async || {
            for api in &apis {
                before = read_round(api, round).await?;
                ensure!(before.len() >= 20, "{} so far", before.len());
            }
            Ok(())
        })
        .await?;
        if round == KILLED_IN {
            cluster.broker(AWAY).kill();
        }
        // What every broker has told stays where it is for as long as the topic lives.
        let living = running(&mut cluster);
        let api = cluster.api(living[round % living.len()]);
        eventually("it is read again", PATIENCE, async || {
            let again = read_round(&api, round).await?;
            let gone: Vec<_> = before.iter().filter(|record| !again.contains(record)).collect();
            ensure!(gone.is_empty(), "{gone:?} are gone");
            Ok(())
        })
        .await?;
        eventually("it is deleted, under load", PATIENCE, async || {
            let answer = api.delete("/v1/topics/t").await?;
            ensure!(matches!(answer.status, 204 | 404), "{} {}", answer.status, answer.text());
            Ok(())
        })
        .await?;
        stop.store(true, Ordering::Relaxed);
        let mut stored = 0;
        for writer in writers {
            stored += writer.await?.len();
        }
        ensure!(stored > 0, "nothing was stored in round {round}");
        for id in running(&mut cluster) {
            let api = cluster.api(id);
            eventually("every broker knows that it is gone", PATIENCE, async || {
                api.get("/v1/topics/t/partitions/0/records").await?.refused(404).map(|_| ())
            })
            .await?;
        }
    }
    for id in 1..=3 {
        let folder = cluster.broker(id).data_dir().to_owned();
        eventually("its files go", PATIENCE, async || {
            let left = folders_of_the_topic(&folder)?;
            ensure!(left.is_empty(), "broker {id} still has {left:?}");
            Ok(())
        })
        .await?;
    }
    cluster.finish()
}
