//! The drill itself, from the topic to the verdict.

use std::fs::File;
use std::io::BufWriter;
use std::sync::Arc;
use std::time::Duration;

use uuid::Uuid;

use super::DrillError;
use super::client::Base;
use super::cluster::{Broker, Cluster, Partition};
use super::load::Load;
use super::means::{Act, Means};
use super::options::DrillFlags;
use super::outcome::{Outcome, longest_gap_ms};
use crate::checker::{self, History, Report};
use crate::clock::Clock;

/// Batches in each partition before and after a broker is hurt.
const WARM_UP: usize = 20;
/// A client's number of its own for the last reads.
const LAST_READER: u64 = 1_000_000;

/// A drill, before it begins.
#[derive(Debug)]
pub(super) struct Drill {
    flags: DrillFlags,
    cluster: Cluster,
    means: Means,
    name: String,
    topic: String,
}

impl Drill {
    pub(super) fn prepare(flags: &DrillFlags) -> Result<Self, DrillError> {
        let base = |url: &String| {
            Base::parse(url)
                .ok_or_else(|| DrillError::Flags(format!("'{url}' is not like http://127.0.0.1:8082")))
        };
        let bases = flags.url.iter().map(base).collect::<Result<_, _>>()?;
        let deadline = Duration::from_secs(flags.deadline_s);
        let name = Uuid::new_v4().simple().to_string();
        let topic = flags.topic.clone().unwrap_or_else(|| format!("tidemark-drill-{}", &name[..8]));
        if !topic.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte)) {
            return Err(DrillError::Flags(format!("'{topic}' is no name of a topic")));
        }
        let cluster = Cluster { bases, clock: Clock::system(), deadline };
        Ok(Self { flags: flags.clone(), cluster, means: Means::of(flags), name, topic })
    }

    /// Makes the topic if none was given, hurts and looks, deletes the topic if it was made.
    pub(super) async fn hold(self) -> Result<Outcome, DrillError> {
        let made = self.flags.topic.is_none();
        if made {
            self.cluster.create(&self.topic, self.flags.partitions).await?;
        }
        let held = tokio::select! {
            held = self.hold_on_topic() => held,
            _ = tokio::signal::ctrl_c() => Err(DrillError::Interrupted),
        };
        if made && !self.flags.keep {
            let deleted = self.cluster.delete(&self.topic).await;
            let outcome = held?;
            deleted?;
            return Ok(outcome);
        }
        held
    }

    async fn hold_on_topic(&self) -> Result<Outcome, DrillError> {
        let partitions = self.cluster.whole(&self.topic).await?;
        let brokers = self.cluster.brokers().await?;
        let victims = self.victims(&partitions, &brokers)?;
        let from = partitions.iter().map(|partition| partition.high_watermark.unwrap_or_default()).collect();
        let load = Load::new(self.cluster.clone(), &self.topic, &self.name, from);
        let mut clients = load.start();
        self.progress(&load, 1).await?;
        let begin_us = load.now_us();
        self.progress(&load, WARM_UP).await?;
        let done = self.hurt(&victims, &load).await?;
        self.progress(&load, WARM_UP).await?;
        let end_us = load.now_us();
        load.stop();
        while clients.join_next().await.is_some() {}
        let gaps = (0..partitions.len())
            .map(|partition| longest_gap_ms(&load.acknowledged(partition), begin_us, end_us))
            .collect();
        for (process, partition) in (LAST_READER..).zip(0..partitions.len()) {
            let finished = load.finish(process, partition).await;
            finished.ok_or_else(|| {
                DrillError::Cluster(format!("partition {partition} cannot be read to its end"))
            })?;
        }
        let report = self.judge(&load.take_history())?;
        Ok(Outcome::of(done, &self.topic, gaps, report))
    }

    /// Whom to hurt; nothing has been done yet.
    fn victims(&self, partitions: &[Partition], brokers: &[Broker]) -> Result<Vec<Broker>, DrillError> {
        if self.flags.restart_all {
            for broker in brokers {
                self.means.ensure(Act::Stop, broker.id)?;
                self.means.ensure(Act::Start, broker.id)?;
            }
            return Ok(brokers.to_vec());
        }
        let leaders: Vec<i32> = partitions.iter().filter_map(|partition| partition.leader).collect();
        let Some(victim) = leaders.iter().copied().find(|leader| self.means.may_hurt(*leader)) else {
            let (topic, named) = (&self.topic, self.means.named());
            let why = format!(
                "{topic} is led by {leaders:?}, and only these may be hurt: {named}; nothing was done"
            );
            return Err(DrillError::NotAllowed(why));
        };
        if self.flags.pause {
            self.means.ensure(Act::Pause, victim)?;
            self.means.ensure(Act::Resume, victim)?;
        } else {
            self.means.ensure(Act::Kill, victim)?;
        }
        let found = brokers.iter().find(|broker| broker.id == victim).cloned();
        found
            .map(|broker| vec![broker])
            .ok_or_else(|| DrillError::Cluster(format!("broker {victim} is not registered")))
    }

    /// Hurts, and waits until every partition goes on; says what was done.
    async fn hurt(&self, victims: &[Broker], load: &Arc<Load>) -> Result<String, DrillError> {
        if self.flags.restart_all {
            for broker in victims {
                self.restart(broker).await?;
            }
            return Ok(format!("restarted {} brokers, one after the other", victims.len()));
        }
        let Some(victim) = victims.first() else {
            return Err(DrillError::Cluster("no broker to hurt".to_owned()));
        };
        let id = victim.id;
        if self.flags.pause {
            let paused = self.means.pause(id).await?;
            tokio::time::sleep(Duration::from_millis(self.flags.pause_ms)).await;
            paused.resume()?;
            self.progress(load, WARM_UP).await?;
            self.ready(victim).await?;
            self.cluster.whole(&self.topic).await?;
            return Ok(format!("paused broker {id}, a leader, for {} ms", self.flags.pause_ms));
        }
        self.means.act(Act::Kill, id).await?;
        self.progress(load, WARM_UP).await?;
        if !self.means.has_command(Act::Start) {
            return Ok(format!("killed broker {id}, a leader, which is down now"));
        }
        self.means.act(Act::Start, id).await?;
        self.ready(victim).await?;
        self.cluster.whole(&self.topic).await?;
        Ok(format!("killed broker {id}, a leader, and started it again"))
    }

    async fn restart(&self, broker: &Broker) -> Result<(), DrillError> {
        let id = broker.id;
        self.means.act(Act::Stop, id).await?;
        let is_gone = async || (self.means.has_ended(id) && !broker.answers().await).then_some(());
        let gone = self.cluster.until(is_gone).await;
        gone.ok_or_else(|| DrillError::Cluster(format!("broker {id} does not stop")))?;
        self.means.act(Act::Start, id).await?;
        self.ready(broker).await?;
        self.cluster.whole(&self.topic).await.map(drop)
    }

    async fn ready(&self, broker: &Broker) -> Result<(), DrillError> {
        let ready = self.cluster.until(async || broker.is_ready().await.then_some(())).await;
        ready.ok_or_else(|| DrillError::Cluster(format!("broker {} does not become ready", broker.id)))
    }

    async fn progress(&self, load: &Load, batches: usize) -> Result<(), DrillError> {
        let seconds = self.flags.deadline_s;
        let why =
            || DrillError::Cluster(format!("not every partition took {batches} batches within {seconds} s"));
        load.progress(batches).await.ok_or_else(why)
    }

    fn judge(&self, history: &History) -> Result<Report, DrillError> {
        if let Some(path) = &self.flags.history {
            let write = || history.write_to(&mut BufWriter::new(File::create(path)?));
            write().map_err(|why| DrillError::History { path: path.clone(), why })?;
        }
        checker::check(history.events())
            .map_err(|error| DrillError::Cluster(format!("the drill's own history: {error}")))
    }
}
