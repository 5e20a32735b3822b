//! What operators do and see: partitions that move, brokers that are emptied and forgotten, load that is spread, preferred
//! leaders.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;

use super::broker::Service;
use super::describe::BrokerView;
use super::errors::{AdminError, Refusal, Wrong};
use crate::cluster::balance::Move;
use crate::cluster::move_commands::holdings;
use crate::cluster::reassignment::absent;
use crate::cluster::{ClusterError, Election, Image, MoveWish, Reassignment};
use crate::tasks;
use crate::types::{
    BrokerId, LeaderEpoch, Offset, PartitionIndex, PartitionState, TopicName, TopicPartition,
};
use crate::wire::{
    DEBUGGING_REPLICA, ListOffsetsPartition, ListOffsetsRequest, ListOffsetsTopic, Request, Response,
};

/// Partitions whose copies are asked how far they are, at most; the others are shown without.
const ASKED_MAX: usize = 1_000;

/// One partition that moves, or is to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MoveView {
    /// The partition.
    pub tp: TopicPartition,
    /// `queued`, `moving` or `cancelling`.
    pub state: &'static str,
    /// What it waits for.
    pub waits_for: String,
    /// Where copies belong now, on the way.
    pub replicas: Vec<BrokerId>,
    /// Which of them are new.
    pub adding: Vec<BrokerId>,
    /// Which of them will go.
    pub removing: Vec<BrokerId>,
    /// Where they shall be in the end.
    pub target: Vec<BrokerId>,
    /// Which are in sync.
    pub isr: Vec<BrokerId>,
    /// Who leads.
    pub leader: Option<BrokerId>,
    /// When it was asked for, if that is known.
    pub requested_unix_ms: Option<i64>,
    /// When it began.
    pub started_unix_ms: Option<i64>,
    /// Who asked.
    pub requested_by: Option<String>,
    /// Its limit, or the cluster's.
    pub throttle_bytes_per_second: Option<u64>,
    /// One past the last record of the leader, if it answered.
    pub log_end: Option<Offset>,
    /// The new copies, with how far each is, if it answered.
    pub copies: Vec<(BrokerId, Option<Offset>)>,
}

/// How far the emptying of a broker is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DrainView {
    /// When it was asked for.
    pub requested_unix_ms: i64,
    /// By whom.
    pub requested_by: String,
    /// Partitions that are on their way.
    pub moving: usize,
    /// Partitions that wait for a broker that can take them.
    pub waiting: usize,
    /// Whether it holds nothing any more, and may be removed.
    pub done: bool,
}

/// One broker, with what it holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BrokerDetail {
    /// As in the list.
    pub view: BrokerView,
    /// How many copies it holds, or is about to.
    pub replicas: usize,
    /// How many partitions it leads.
    pub leaders: usize,
    /// If it is to be emptied, how far that is.
    pub drain: Option<DrainView>,
}

impl Service {
    /// All partitions that move or are to, with how far their new copies are.
    pub async fn moves(&self) -> Vec<MoveView> {
        let image = self.image();
        let mut views = move_views(&image);
        let asked = views.iter().filter(|view| view.state != "queued").take(ASKED_MAX);
        let mut wanted: BTreeMap<BrokerId, BTreeSet<TopicPartition>> = BTreeMap::new();
        for view in asked {
            for broker in view.adding.iter().chain(&view.leader) {
                wanted.entry(*broker).or_default().insert(view.tp.clone());
            }
        }
        let ends = join_all(wanted.into_iter().map(|(broker, tps)| self.copies_ends(broker, tps))).await;
        let ends: BTreeMap<(BrokerId, TopicPartition), Offset> = ends.into_iter().flatten().collect();
        let end = |broker: BrokerId, tp: &TopicPartition| ends.get(&(broker, tp.clone())).copied();
        for view in &mut views {
            view.log_end = view.leader.and_then(|leader| end(leader, &view.tp));
            for (broker, copied) in &mut view.copies {
                *copied = end(*broker, &view.tp);
            }
        }
        views
    }

    /// How far a broker's own logs of these partitions go, whoever leads them.
    async fn copies_ends(
        &self,
        broker: BrokerId,
        tps: BTreeSet<TopicPartition>,
    ) -> Vec<((BrokerId, TopicPartition), Offset)> {
        if broker == self.parts.me.broker {
            let here = tps.into_iter().filter_map(|tp| Some((self.replica_end(&tp)?, tp)));
            return here.map(|(end, tp)| ((broker, tp), end)).collect();
        }
        let deadline = self.parts.clock.now() + Duration::from_millis(self.parts.options.describe_ms_max);
        let mut topics: BTreeMap<TopicName, Vec<ListOffsetsPartition>> = BTreeMap::new();
        for tp in tps {
            topics.entry(tp.topic).or_default().push(ListOffsetsPartition {
                index: tp.partition.0,
                current_leader_epoch: LeaderEpoch::NONE,
                timestamp_ms: -1,
            });
        }
        let topics = topics
            .into_iter()
            .map(|(name, partitions)| ListOffsetsTopic { name: name.as_str().to_owned(), partitions });
        let request = ListOffsetsRequest { replica: Some(DEBUGGING_REPLICA), topics: topics.collect() };
        let Ok(Response::ListOffsets(answer)) =
            self.parts.forward.call(broker, Request::ListOffsets(request), deadline).await
        else {
            return Vec::new();
        };
        let mut ends = Vec::new();
        for topic in answer.topics {
            let Ok(name) = TopicName::new(&topic.name) else { continue };
            for found in topic.partitions.into_iter().filter(|found| found.error.is_none()) {
                let tp = TopicPartition::new(name.clone(), PartitionIndex(found.index));
                ends.push(((broker, tp), found.offset));
            }
        }
        ends
    }

    /// Where the log of the copy here ends, whoever leads; none if there is no copy.
    #[must_use]
    pub fn replica_end(&self, tp: &TopicPartition) -> Option<Offset> {
        self.parts.replicas.get(tp).map(|partition| partition.status().log_end)
    }

    /// Orders moves, or only tells what they would be.
    ///
    /// # Errors
    /// What is wrong with the wish; then nothing is ordered, unless it says otherwise.
    pub async fn move_partitions(&self, mut wish: MoveWish, dry_run: bool) -> Result<Vec<Move>, AdminError> {
        if dry_run {
            return Ok(self.parts.commands.plan_moves(&wish)?);
        }
        wish.requested_by = self.by("request");
        let moves = self.parts.commands.order_moves(&wish).await?;
        self.shows_orders(&moves).await;
        Ok(moves)
    }

    /// Orders the moves that spread load over all brokers, or only tells them.
    ///
    /// # Errors
    /// What the store said.
    pub async fn rebalance(
        &self,
        throttle_bytes_per_second: Option<u64>,
        dry_run: bool,
    ) -> Result<Vec<Move>, AdminError> {
        if throttle_bytes_per_second == Some(0) {
            let reason = "throttle_bytes_per_second must be 1 or more; leave it out for no limit".to_owned();
            return Err(AdminError::Invalid { what: Wrong::Command, reason });
        }
        let commands = Arc::clone(&self.parts.commands);
        // Planning for many partitions takes its time.
        let planned = tasks::lend(move || commands.plan_rebalance()).await;
        let moves = planned.map_err(|_| AdminError::Invalid {
            what: Wrong::Command,
            reason: "the plan failed".to_owned(),
        })?;
        if dry_run || moves.is_empty() {
            return Ok(moves);
        }
        let wish = MoveWish {
            partitions: Vec::new(),
            throttle_bytes_per_second,
            force: false,
            requested_by: self.by("rebalance"),
        };
        self.parts.commands.order_rebalance(&moves, &wish).await?;
        self.shows_orders(&moves).await;
        Ok(moves)
    }

    async fn shows_orders(&self, moves: &[Move]) {
        // The last one was written last. It may have been carried out already.
        let Some(last) = moves.last() else { return };
        let shows = |image: &Image| {
            image.reassignments.contains_key(&last.tp)
                || image.partition(&last.tp).is_some_and(|record| record.state.replicas == last.to)
        };
        self.settled(shows).await;
    }

    /// Takes the order of one partition back, or all.
    ///
    /// # Errors
    /// If the one asked for has none; what the store said.
    pub async fn cancel_moves(
        &self,
        only: Option<&TopicPartition>,
    ) -> Result<Vec<TopicPartition>, AdminError> {
        let cancelled = self.parts.commands.cancel_moves(only).await?;
        let shows = |image: &Image| {
            cancelled.iter().all(|tp| image.reassignments.get(tp).is_none_or(|order| order.cancelled))
        };
        self.settled(shows).await;
        Ok(cancelled)
    }

    /// Sets how fast new copies may be filled.
    ///
    /// # Errors
    /// What is wrong with it, or what the store said.
    pub async fn set_move_throttle(&self, bytes_per_second: Option<u64>) -> Result<(), AdminError> {
        self.parts.commands.set_move_throttle(bytes_per_second).await?;
        self.settled(|image| image.move_limits.throttle_bytes_per_second == bytes_per_second).await;
        Ok(())
    }

    /// One broker with what it holds.
    ///
    /// # Errors
    /// If there is none of this number.
    pub fn describe_broker(&self, broker: BrokerId) -> Result<BrokerDetail, AdminError> {
        let image = self.image();
        let view = self.cluster().brokers.into_iter().find(|view| view.id == broker);
        let view = view.ok_or(ClusterError::UnknownBroker(broker))?;
        let leads = |state: &PartitionState| state.leader.is_some_and(|leader| leader.broker == broker);
        let leaders = image.partitions().filter(|(_, _, record)| leads(&record.state)).count();
        Ok(BrokerDetail {
            view,
            replicas: holdings(&image, broker),
            leaders,
            drain: drain_view(&image, broker),
        })
    }

    /// Has a broker emptied. Returns how it stands, and whether that is new.
    ///
    /// # Errors
    /// Why not.
    pub async fn drain_broker(
        &self,
        broker: BrokerId,
        force: bool,
    ) -> Result<(BrokerDetail, bool), AdminError> {
        let (_, new) = self.parts.commands.drain(broker, self.by("request"), force).await?;
        self.settled(|image| image.drains.contains_key(&broker)).await;
        Ok((self.describe_broker(broker)?, new))
    }

    /// Takes that back.
    ///
    /// # Errors
    /// If it is not being emptied; what the store said.
    pub async fn undo_drain(&self, broker: BrokerId) -> Result<BrokerDetail, AdminError> {
        self.parts.commands.undo_drain(broker).await?;
        self.settled(|image| !image.drains.contains_key(&broker)).await;
        self.describe_broker(broker)
    }

    /// Forgets a broker.
    ///
    /// # Errors
    /// What is in the way.
    pub async fn forget_broker(&self, broker: BrokerId) -> Result<(), AdminError> {
        self.parts.commands.forget_broker(broker).await?;
        self.settled(|image| !image.brokers.contains_key(&broker)).await;
        Ok(())
    }

    /// Lets preferred leaders lead, of these partitions or of all.
    ///
    /// # Errors
    /// If one of them does not exist.
    pub async fn elect_preferred(
        &self,
        only: Option<Vec<TopicPartition>>,
    ) -> Result<Vec<Election>, AdminError> {
        let before = self.image().revision;
        let elections = self.parts.commands.elect_preferred(only).await?;
        if elections.iter().any(|(_, _, outcome)| *outcome == crate::cluster::Elected::Now) {
            self.settled(|image| image.revision > before).await;
        }
        Ok(elections)
    }

    fn by(&self, what: &str) -> String {
        format!("{what} through broker {}", self.parts.me.broker)
    }
}

/// All moves that the image shows, ordered by partition.
fn move_views(image: &Image) -> Vec<MoveView> {
    let mut views: BTreeMap<TopicPartition, MoveView> = BTreeMap::new();
    for (tp, order) in &image.reassignments {
        views.insert(tp.clone(), move_view(image, tp, Some(order)));
    }
    for (tp, _, record) in image.partitions() {
        if record.state.is_moving() && !views.contains_key(&tp) {
            views.insert(tp.clone(), move_view(image, &tp, None));
        }
    }
    views.into_values().collect()
}

fn move_view(image: &Image, tp: &TopicPartition, order: Option<&Arc<Reassignment>>) -> MoveView {
    let state = image.partition(tp).map(|record| &record.state);
    let moving = state.is_some_and(PartitionState::is_moving);
    let cancelled = order.is_some_and(|order| order.cancelled);
    let list = |of: fn(&PartitionState) -> &Vec<BrokerId>| state.map(of).cloned().unwrap_or_default();
    let (replicas, adding, removing) =
        (list(|state| &state.replicas), list(|state| &state.adding), list(|state| &state.removing));
    let without =
        |others: &[BrokerId]| replicas.iter().copied().filter(|broker| !others.contains(broker)).collect();
    let target = match order {
        _ if cancelled => without(&adding),
        Some(order) => order.target.clone(),
        None => without(&removing),
    };
    let isr: Vec<BrokerId> =
        state.map(|state| state.isr.iter().map(|member| member.broker).collect()).unwrap_or_default();
    let limit = order.and_then(|order| order.throttle_bytes_per_second);
    MoveView {
        tp: tp.clone(),
        state: if cancelled {
            "cancelling"
        } else if moving {
            "moving"
        } else {
            "queued"
        },
        waits_for: waits_for(image, &target, &replicas, &isr, (cancelled, moving)),
        leader: state.and_then(|state| state.leader).map(|leader| leader.broker),
        copies: adding.iter().map(|broker| (*broker, None)).collect(),
        replicas,
        adding,
        removing,
        target,
        isr,
        requested_unix_ms: order.map(|order| order.requested_unix_ms),
        started_unix_ms: order.and_then(|order| order.started_unix_ms),
        requested_by: order.map(|order| order.requested_by.clone()),
        throttle_bytes_per_second: limit.or(image.move_limits.throttle_bytes_per_second),
        log_end: None,
    }
}

fn waits_for(
    image: &Image,
    target: &[BrokerId],
    replicas: &[BrokerId],
    isr: &[BrokerId],
    (cancelled, moving): (bool, bool),
) -> String {
    let names = |brokers: &[BrokerId]| {
        let names: Vec<String> = brokers.iter().map(ToString::to_string).collect();
        names.join(", ")
    };
    let behind: Vec<BrokerId> = target.iter().copied().filter(|broker| !isr.contains(broker)).collect();
    let gone = absent(image, &behind);
    if cancelled {
        return "enough of the old replicas to be in sync".to_owned();
    }
    if !moving {
        let added: Vec<BrokerId> =
            target.iter().copied().filter(|broker| !replicas.contains(broker)).collect();
        let gone = absent(image, &added);
        return if gone.is_empty() {
            "its turn".to_owned()
        } else {
            format!("broker {} to serve", names(&gone))
        };
    }
    if behind.is_empty() {
        "the controller".to_owned()
    } else if gone.is_empty() {
        format!("broker {} to be in sync", names(&behind))
    } else {
        format!("broker {} to be in sync; broker {} does not serve", names(&behind), names(&gone))
    }
}

fn drain_view(image: &Image, broker: BrokerId) -> Option<DrainView> {
    let drain = image.drains.get(&broker)?;
    let (mut moving, mut held) = (0, 0);
    for topic in image.topics.values() {
        for (index, assigned) in topic.assignment.iter().enumerate() {
            let Ok(index) = i32::try_from(index) else { break };
            let tp = TopicPartition::new(topic.name.clone(), PartitionIndex(index));
            let here = topic
                .record(tp.partition)
                .map_or(assigned.contains(&broker), |record| record.state.has_replica(broker));
            held += usize::from(here);
            let leaving = image.reassignments.get(&tp).is_some_and(|order| !order.target.contains(&broker));
            moving += usize::from(here && leaving);
        }
    }
    Some(DrainView {
        requested_unix_ms: drain.requested_unix_ms,
        requested_by: drain.requested_by.clone(),
        moving,
        waiting: held - moving,
        done: holdings(image, broker) == 0,
    })
}

impl AdminError {
    /// What an operator's command was refused with, if it was one.
    pub(super) fn of_operators(error: &ClusterError, reason: &str) -> Option<Self> {
        let refusal = match error {
            ClusterError::UnknownPartition { .. } => Refusal::UnknownPartition,
            ClusterError::UnknownBroker(_) => Refusal::UnknownBroker,
            ClusterError::NoMove { .. } => Refusal::NoMove,
            ClusterError::NotDrained(_) => Refusal::NotDrained,
            ClusterError::MoveInProgress { .. } => Refusal::MoveInProgress,
            ClusterError::NotNow { .. } => Refusal::NotNow,
            _ => return None,
        };
        Some(Self::Operating { refusal, reason: reason.to_owned() })
    }
}
