//! The drill itself, from the topic to the verdict.

use std::fs::{File, OpenOptions};
use std::io::{self, BufWriter};
use std::path::Path;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use tokio::signal::unix::{Signal, SignalKind, signal};
use uuid::Uuid;

use super::DrillError;
use super::client::Base;
use super::cluster::{ANSWER_MAX, Broker, Cluster, Partition};
use super::load::Load;
use super::means::{Act, Means};
use super::options::DrillFlags;
use super::outcome::{Outcome, longest_gap_ms};
use crate::clock::Clock;

/// Batches in each partition before and after a broker is hurt.
const WARM_UP: usize = 20;
/// How long it may take until it shows that a broker was hurt.
const HURT_MAX: Duration = Duration::from_secs(10);
/// How long a drill that was given up reads what is there.
const LAST_READS_MAX: Duration = Duration::from_secs(10);
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
    /// Once there is one.
    load: OnceLock<Arc<Load>>,
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
        let means = Means::of(flags)?;
        if let Some(path) = &flags.history {
            // Not at the end, when a broker has been hurt for it. What is in the file stays until then.
            let opened = OpenOptions::new().create(true).append(true).open(path);
            opened.map_err(|why| DrillError::History { path: path.clone(), why })?;
        }
        Ok(Self { flags: flags.clone(), cluster, means, name, topic, load: OnceLock::new() })
    }

    /// Makes the topic if none was given, hurts and looks, writes the history, deletes the topic if it was made.
    pub(super) async fn hold(self) -> Result<Outcome, DrillError> {
        let made = self.flags.topic.is_none();
        self.look_before(made).await?;
        if made {
            self.cluster.create(&self.topic, self.flags.partitions).await?;
        }
        let held = tokio::select! {
            held = self.hold_on_topic() => held,
            () = ended() => Err(DrillError::Interrupted),
        };
        if let (Err(DrillError::Means(_) | DrillError::Cluster(_)), Some(load)) = (&held, self.load.get()) {
            // What was acknowledged and not read yet would look lost in the history.
            let _ = tokio::time::timeout(LAST_READS_MAX, self.read_all(load)).await;
        }
        let written = self.write_history();
        let deleted = if made && !self.flags.keep { self.cluster.delete(&self.topic).await } else { Ok(()) };
        let outcome = held?;
        written.and(deleted).map(|()| outcome)
    }

    /// What can be known to be wrong before anything is made.
    async fn look_before(&self, made: bool) -> Result<(), DrillError> {
        let brokers = self.cluster.brokers().await?;
        let named = brokers.iter().filter(|broker| self.means.may_hurt(broker.id));
        for broker in
            if self.flags.restart_all { brokers.iter().collect::<Vec<_>>() } else { named.collect() }
        {
            for act in self.flags.acts() {
                self.means.ensure(*act, broker)?;
            }
        }
        if !made {
            self.cluster.partitions(&self.topic).await?;
        }
        Ok(())
    }

    async fn hold_on_topic(&self) -> Result<Outcome, DrillError> {
        let partitions = self.cluster.whole(&self.topic).await?;
        let brokers = self.cluster.brokers().await?;
        let victims = self.victims(&partitions, &brokers)?;
        let from = partitions.iter().map(|partition| partition.high_watermark.unwrap_or_default()).collect();
        let load = self.load.get_or_init(|| Load::new(self.cluster.clone(), &self.topic, &self.name, from));
        let mut clients = load.start();
        self.progress(load, 1).await?;
        let begin_us = load.now_us();
        self.progress(load, WARM_UP).await?;
        let done = self.hurt(&victims, load).await?;
        self.progress(load, WARM_UP).await?;
        let end_us = load.now_us();
        load.stop();
        while clients.join_next().await.is_some() {}
        let gaps = (0..partitions.len())
            .map(|partition| longest_gap_ms(&load.acknowledged(partition), begin_us, end_us))
            .collect();
        self.read_all(load).await?;
        let report = load.judge().map_err(|error| {
            DrillError::Cluster(format!("the drill's own history makes no sense: {error}"))
        })?;
        Ok(Outcome::of(done, &self.topic, gaps, report))
    }

    /// Reads every partition to its end.
    async fn read_all(&self, load: &Load) -> Result<(), DrillError> {
        for (process, partition) in (LAST_READER..).zip(0..load.partitions()) {
            let finished = load.finish(process, partition).await;
            finished.ok_or_else(|| {
                DrillError::Cluster(format!("partition {partition} cannot be read to its end"))
            })?;
        }
        Ok(())
    }

    /// Whom to hurt; nothing has been done yet.
    fn victims(&self, partitions: &[Partition], brokers: &[Broker]) -> Result<Vec<Broker>, DrillError> {
        if self.flags.restart_all {
            return Ok(brokers.to_vec());
        }
        let leaders: Vec<i32> = partitions.iter().filter_map(|partition| partition.leader).collect();
        let Some(victim) = leaders.iter().copied().find(|leader| self.means.may_hurt(*leader)) else {
            let (topic, named) = (&self.topic, self.means.named());
            let why =
                format!("{topic} is led by {leaders:?}, and only these may be hurt: {named}; nobody was");
            return Err(DrillError::NotAllowed(why));
        };
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
            let paused = self.means.pause(victim).await?;
            let lasts = Duration::from_millis(self.flags.pause_ms);
            let answers = victim.answers_within(lasts.min(ANSWER_MAX));
            let ((), answers) = tokio::join!(tokio::time::sleep(lasts), answers);
            paused.resume()?;
            if answers {
                return Err(not_hurt(id, "was paused"));
            }
            self.progress(load, WARM_UP).await?;
            self.ready(victim).await?;
            self.cluster.whole(&self.topic).await?;
            return Ok(format!("paused broker {id}, a leader, for {} ms", self.flags.pause_ms));
        }
        self.means.act(Act::Kill, victim).await?;
        let is_hit = async || self.is_hit(victim).await.then_some(());
        self.cluster.within(HURT_MAX, is_hit).await.ok_or_else(|| not_hurt(id, "was killed"))?;
        self.progress(load, WARM_UP).await?;
        if !self.means.has_command(Act::Start) {
            let now = if victim.answers().await {
                "which was started again by others"
            } else {
                "which is down now"
            };
            return Ok(format!("killed broker {id}, a leader, {now}"));
        }
        self.start(victim, "killed").await?;
        self.ready(victim).await?;
        self.cluster.whole(&self.topic).await?;
        Ok(format!("killed broker {id}, a leader, and started it again"))
    }

    async fn restart(&self, broker: &Broker) -> Result<(), DrillError> {
        let id = broker.id;
        self.means.act(Act::Stop, broker).await?;
        let is_gone = async || (self.means.has_ended(id) && !broker.answers().await).then_some(());
        let gone = self.cluster.until(is_gone).await;
        gone.ok_or_else(|| DrillError::Cluster(format!("broker {id} does not stop")))?;
        self.start(broker, "stopped").await?;
        self.ready(broker).await?;
        self.cluster.whole(&self.topic).await.map(drop)
    }

    /// Starts again what is down now.
    async fn start(&self, broker: &Broker, was: &str) -> Result<(), DrillError> {
        let id = broker.id;
        self.means.act(Act::Start, broker).await.map_err(|error| {
            DrillError::Means(format!(
                "broker {id} was {was}, and is not started again: {error}; start it yourself"
            ))
        })
    }

    /// Whether a broker that was killed shows it: nobody answers, or another life of it.
    async fn is_hit(&self, victim: &Broker) -> bool {
        if !victim.answers().await {
            return true;
        }
        let brokers = self.cluster.brokers().await.unwrap_or_default();
        brokers.iter().any(|broker| broker.id == victim.id && broker.epoch != victim.epoch)
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

    /// However the drill ended: the history is wanted most where it did not end well.
    fn write_history(&self) -> Result<(), DrillError> {
        let (Some(path), Some(load)) = (&self.flags.history, self.load.get()) else { return Ok(()) };
        let write = |path: &Path| load.write_history(&mut BufWriter::new(File::create(path)?));
        write(path).map_err(|why: io::Error| DrillError::History { path: path.clone(), why })
    }
}

fn not_hurt(id: i32, what: &str) -> DrillError {
    DrillError::Means(format!(
        "it was said that broker {id} {what}, but it goes on answering: nothing is shown by this drill"
    ))
}

/// Ctrl-C, or a signal that ends programs.
async fn ended() {
    let listen = |kind| signal(kind).ok();
    let (mut terminate, mut hang_up) = (listen(SignalKind::terminate()), listen(SignalKind::hangup()));
    tokio::select! {
        _ = tokio::signal::ctrl_c() => {}
        Some(()) = next(&mut terminate) => {}
        Some(()) = next(&mut hang_up) => {}
    }
}

async fn next(signal: &mut Option<Signal>) -> Option<()> {
    signal.as_mut()?.recv().await
}
