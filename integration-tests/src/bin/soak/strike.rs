//! Does to a cluster what the plan says, and takes it back.
//!
//! *Invariant:* one task owns the cluster; whatever two faults make of each other, [`Field::heal_all`] leaves nothing wrong.

use std::time::Duration;

use anyhow::{Result, ensure};
use integration_tests::cluster::Cluster;
use integration_tests::eventually::eventually;
use integration_tests::proxy::Link;
use reqwest::Method;
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::disk::{self, Trouble};
use crate::plan::{BROKERS, Fault, Loss};

/// How long a broker that is told to stop may take.
const STOP_DEADLINE: Duration = Duration::from_secs(40);

/// How long a cluster may take to be whole again when nothing goes wrong any more.
const WHOLE_DEADLINE: Duration = Duration::from_secs(120);

/// A topic of the cluster.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Topic {
    pub(crate) name: &'static str,
    pub(crate) partitions: i32,
    pub(crate) replicas: usize,
}

/// A cluster to which things happen.
#[derive(Debug)]
pub(crate) struct Field {
    pub(crate) cluster: Cluster,
    etcd_members: usize,
    /// The topic that stays, and the one whose partitions move.
    topics: [Topic; 2],
    /// Until when a broker stays down that was taken down.
    down_until: [Option<Instant>; 3],
    /// Brokers whose fsyncs fail: they may end by themselves.
    failing: [Option<Loss>; 3],
    /// Where the words of a broker's present life begin in its log.
    life_from: [usize; 3],
    troubles: u64,
    /// What must not have happened.
    pub(crate) surprises: Vec<String>,
}

fn index(broker: i32) -> usize {
    usize::try_from(broker - 1).unwrap_or(0)
}

impl Field {
    pub(crate) fn new(cluster: Cluster, etcd_members: usize, topics: [Topic; 2]) -> Self {
        Self {
            cluster,
            etcd_members,
            topics,
            down_until: [None; 3],
            failing: [None; 3],
            life_from: [0; 3],
            troubles: 0,
            surprises: Vec::new(),
        }
    }

    /// Lets a fault begin. An error is one of the tool, or of a cluster that is away; the fault then does not count.
    pub(crate) async fn strike(&mut self, fault: &Fault, lasts: Duration) -> Result<()> {
        match fault {
            Fault::Kill(who, loss) => {
                for id in who {
                    self.kill(*id, *loss, lasts)?;
                }
            }
            Fault::Stop(id) => self.stop(*id, lasts).await?,
            Fault::Freeze(id) => self.cluster.broker(*id).process()?.freeze()?,
            Fault::Isolate(id, link) => self.isolate(*id, *link),
            Fault::Pair(from, to, link) => self.pair(*from, *to, *link),
            Fault::AllLinks(link) => self.cluster.broker_links.iter().for_each(|proxy| proxy.set(*link)),
            Fault::AwayFromEtcd(id, member, link) => self.etcd_links(*id, *member, *link),
            Fault::FullDisk(id, room) => {
                self.trouble(*id, Trouble { room: Some(*room), ..Trouble::default() })?;
            }
            Fault::FailingFsync(id, seed) => {
                self.failing[index(*id)] = Some(Loss::Chosen(*seed));
                self.trouble(*id, Trouble { syncs_fail: true, ..Trouble::default() })?;
            }
            Fault::FreezeEtcd(members) => {
                for member in members {
                    self.cluster.etcd.freeze(*member)?;
                }
            }
            Fault::KillEtcd(members) => members.iter().for_each(|member| self.cluster.etcd.kill(*member)),
            Fault::RevokeLease(id) => self.revoke(*id).await?,
            Fault::Move(partition, to) => {
                let wish = json!({"topic": self.topics[1].name, "partition": partition, "replicas": to});
                self.ask(Method::POST, "/v1/reassignments", &json!({ "partitions": [wish] })).await?;
            }
            Fault::MinIsr(count) => self.min_isr(*count).await?,
        }
        Ok(())
    }

    /// Lets a fault be over. What cannot be taken back is so for a good reason: another fault came over it.
    pub(crate) async fn heal(&mut self, fault: &Fault) -> Result<()> {
        match fault {
            // Who was taken down is started by `tend`.
            Fault::Kill(..) | Fault::Stop(_) | Fault::RevokeLease(_) | Fault::Move(..) => {}
            Fault::Freeze(id) => drop(self.cluster.broker(*id).process().and_then(|process| process.thaw())),
            Fault::Isolate(id, _) => self.isolate(*id, Link::Whole),
            Fault::Pair(from, to, _) => self.pair(*from, *to, Link::Whole),
            Fault::AllLinks(_) => self.cluster.broker_links.iter().for_each(|proxy| proxy.set(Link::Whole)),
            Fault::AwayFromEtcd(id, member, _) => self.etcd_links(*id, *member, Link::Whole),
            // A broker that met a failed fsync may still be on its way to its end.
            Fault::FullDisk(id, _) | Fault::FailingFsync(id, _) => self.trouble(*id, Trouble::default())?,
            Fault::FreezeEtcd(members) => {
                for member in members {
                    drop(self.cluster.etcd.thaw(*member));
                }
            }
            Fault::KillEtcd(members) => {
                for member in members {
                    self.revive_etcd(*member)?;
                }
            }
            Fault::MinIsr(_) => drop(self.min_isr(2).await),
        }
        Ok(())
    }

    /// Starts whoever is down and should not be, and notes who ended by itself.
    pub(crate) fn tend(&mut self) -> Result<()> {
        for id in BROKERS {
            if self.cluster.broker(id).is_running() {
                continue;
            }
            match self.down_until[index(id)] {
                Some(until) if Instant::now() < until => continue,
                Some(_) => {}
                None => self.ended_by_itself(id)?,
            }
            self.down_until[index(id)] = None;
            self.life_from[index(id)] = self.cluster.broker(id).output().len();
            self.cluster.broker(id).start()?;
        }
        Ok(())
    }

    /// A broker whose disk fails is right to end; it finds another disk when it comes back. So is one that cannot begin its
    /// life because its disk is full; whoever supervises it starts it again.
    fn ended_by_itself(&mut self, id: i32) -> Result<()> {
        let last = self.cluster.broker(id).last_lines(3);
        let output = self.cluster.broker(id).output();
        let life = output.get(self.life_from[index(id)]..).unwrap_or_default();
        if life.contains("tidemark: the disk is full") && !life.contains(": registered ") {
            return Ok(());
        }
        match self.failing[index(id)].take() {
            Some(loss) if !last.contains("panicked") => {
                self.trouble(id, Trouble::default())?;
                disk::cut_power(self.cluster.broker(id).data_dir(), loss)?;
            }
            _ => self.surprises.push(format!("broker {id} ended by itself: {last}")),
        }
        Ok(())
    }

    /// Takes everything back, and waits until the cluster is whole.
    pub(crate) async fn heal_all(&mut self) -> Result<()> {
        for proxy in self.cluster.broker_links.iter().chain(&self.cluster.etcd_links) {
            proxy.set(Link::Whole);
        }
        for member in 0..self.etcd_members {
            self.revive_etcd(member)?;
        }
        for id in BROKERS {
            self.trouble(id, Trouble::default())?;
            drop(self.cluster.broker(id).process().and_then(|process| process.thaw()));
            self.down_until[index(id)] = self.down_until[index(id)].map(|_| Instant::now());
        }
        self.cluster.etcd.wait_healthy(WHOLE_DEADLINE).await?;
        let mut asked = false;
        eventually("a whole cluster", WHOLE_DEADLINE, async || {
            self.tend()?;
            if !asked {
                self.min_isr(2).await?;
                asked = true;
            }
            self.ensure_whole().await
        })
        .await
    }

    /// Whether every broker is ready, and every partition has a leader and all its replicas in sync.
    ///
    /// # Errors
    /// What is not so.
    pub(crate) async fn ensure_whole(&mut self) -> Result<()> {
        for id in BROKERS {
            let answer = self.cluster.api(id).get("/readyz").await?;
            ensure!(answer.status == 200, "broker {id}: {} {}", answer.status, answer.text());
        }
        for topic in &self.topics {
            for partition in 0..topic.partitions {
                let state = self.cluster.partition(topic.name, partition).await?;
                let is_whole = state.leader.is_some()
                    && state.isr.len() == state.replicas.len()
                    && state.replicas.len() == topic.replicas;
                ensure!(is_whole, "{}/{partition} is {state:?}", topic.name);
            }
        }
        Ok(())
    }

    fn revive_etcd(&mut self, member: usize) -> Result<()> {
        // Frozen or running: only one that was killed cannot be thawed.
        if self.cluster.etcd.thaw(member).is_err() { self.cluster.etcd.launch(member) } else { Ok(()) }
    }

    fn kill(&mut self, id: i32, loss: Loss, lasts: Duration) -> Result<()> {
        self.cluster.broker(id).kill();
        self.down_until[index(id)] = Some(Instant::now() + lasts);
        disk::cut_power(self.cluster.broker(id).data_dir(), loss)
    }

    async fn stop(&mut self, id: i32, lasts: Duration) -> Result<()> {
        if self.cluster.broker(id).is_running() {
            self.down_until[index(id)] = Some(Instant::now() + lasts);
            let broker = self.cluster.broker(id);
            drop(broker.process()?.thaw());
            // With etcd away or its disk failing it may not come to its end in good order.
            if broker.stop(STOP_DEADLINE).await.is_err() {
                broker.kill();
            }
            self.down_until[index(id)] = Some(Instant::now() + lasts);
        }
        Ok(())
    }

    fn isolate(&self, id: i32, link: Link) {
        for other in BROKERS.into_iter().filter(|other| *other != id) {
            self.pair(id, other, link);
            self.pair(other, id, link);
        }
    }

    fn pair(&self, from: i32, to: i32, link: Link) {
        self.cluster.broker_links[index(to)].set_for(index(from), link);
    }

    fn etcd_links(&self, id: i32, member: Option<usize>, link: Link) {
        let first = index(id) * self.etcd_members;
        for (number, proxy) in self.cluster.etcd_links[first..first + self.etcd_members].iter().enumerate() {
            if member.is_none_or(|member| member == number) {
                proxy.set(link);
            }
        }
    }

    fn trouble(&mut self, id: i32, trouble: Trouble) -> Result<()> {
        self.troubles += 1;
        disk::set_trouble(self.cluster.broker(id).data_dir(), self.troubles, trouble)
    }

    async fn revoke(&mut self, id: i32) -> Result<()> {
        let key = format!("/tidemark/main/live/{id}");
        if let Some(entry) = self.cluster.etcd.get(&key).await? {
            self.cluster.etcd.ctl(&["lease", "revoke", &format!("{:x}", entry.lease)]).await?;
        }
        Ok(())
    }

    async fn min_isr(&mut self, count: i32) -> Result<()> {
        let wish = json!({"config": {"min.insync.replicas": count.to_string()}});
        self.ask(Method::PATCH, &format!("/v1/topics/{}", self.topics[0].name), &wish).await
    }

    /// Asks one broker after the other, each for a short time.
    async fn ask(&mut self, method: Method, path: &str, wish: &Value) -> Result<()> {
        let mut last = None;
        for id in BROKERS {
            let api = self.cluster.api(id);
            let asked = tokio::time::timeout(Duration::from_secs(5), api.json(method.clone(), path, wish));
            match asked.await {
                Ok(Ok(answer)) if answer.status < 500 => return Ok(()),
                Ok(Ok(answer)) => last = Some(format!("{}: {}", answer.status, answer.text())),
                Ok(Err(error)) => last = Some(format!("{error:#}")),
                Err(_) => last = Some("no answer in time".to_owned()),
            }
        }
        ensure!(last.is_none(), "{method} {path}: {}", last.unwrap_or_default());
        Ok(())
    }
}
