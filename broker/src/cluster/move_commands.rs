//! What operators ask for: moves of partitions, brokers that are emptied and forgotten, preferred leaders.
//!
//! Here the wishes are judged and written down as orders; the controller carries them out ([`super::reassignment`],
//! [`super::chores`]). Only preferred leaders are elected at once, by compare-and-put on the record that the image shows.
//!
//! *Invariant:* a wish is judged as a whole before any of it is written; an order never takes the place of another.
//! *Invariant:* a broker is forgotten only when it holds nothing, and is gone or was emptied.

use std::collections::BTreeSet;

use coordinator_adapter::{Compare, Op, Revision, Txn};
use futures_util::future::join_all;

use crate::types::{BrokerId, PartitionIndex, TopicPartition};

use super::balance::{self, Move};
use super::commands::Commands;
use super::error::ClusterError;
use super::guarded::{Change, malformed, update};
use super::image::{Image, Topic};
use super::keyspace::Key;
use super::orders::{DRAIN_OF, Drain, MoveLimits, Reassignment};
use super::reassignment::{absent, settled_replicas, without};
use super::values::{VERSION, decode, encode};

/// Orders in one transaction.
const ORDERS_PER_TXN: usize = 100;
/// Writes of single keys under way at once.
const IN_FLIGHT_MAX: usize = 16;

/// Moves that somebody wants.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MoveWish {
    /// Each partition with where its copies shall be, preferred leader first.
    pub partitions: Vec<(TopicPartition, Vec<BrokerId>)>,
    /// How fast the new copies may be filled; the cluster's limit if not given.
    pub throttle_bytes_per_second: Option<u64>,
    /// Whether brokers that do not serve now, or are to be emptied, are taken for targets.
    pub force: bool,
    /// Who asks.
    pub requested_by: String,
}

impl Commands {
    /// Judges a wish, and tells the moves that it comes to; nothing is written. A partition that stands as wished is left
    /// out.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn plan_moves(&self, wish: &MoveWish) -> Result<Vec<Move>, ClusterError> {
        let image = self.image();
        if wish.throttle_bytes_per_second == Some(0) {
            let reason = "throttle_bytes_per_second must be 1 or more; leave it out for no limit".to_owned();
            return Err(ClusterError::InvalidAssignment { reason });
        }
        if wish.partitions.is_empty() {
            let reason = "partitions must name at least one partition".to_owned();
            return Err(ClusterError::InvalidAssignment { reason });
        }
        let mut seen = BTreeSet::new();
        let mut moves = Vec::with_capacity(wish.partitions.len());
        for (tp, to) in &wish.partitions {
            if !seen.insert(tp) {
                let reason = format!("partition {tp} is named twice");
                return Err(ClusterError::InvalidAssignment { reason });
            }
            moves.push(judge(&image, tp, to, wish.force)?);
        }
        moves.retain(|found| found.from != found.to);
        Ok(moves)
    }

    /// Judges a wish and writes it down.
    ///
    /// # Errors
    /// What is wrong with it, or what the store said; unless that is that nothing was changed, look again.
    pub async fn order_moves(&self, wish: &MoveWish) -> Result<Vec<Move>, ClusterError> {
        let moves = self.plan_moves(wish)?;
        self.write_orders(&moves, wish, false).await?;
        Ok(moves)
    }

    /// The moves that spread copies and leaders over all brokers that serve, as a plan.
    #[must_use]
    pub fn plan_rebalance(&self) -> Vec<Move> {
        balance::rebalance(&self.image())
    }

    /// Writes a plan down: a wish of which only the particulars count.
    ///
    /// # Errors
    /// As [`Self::order_moves`].
    pub async fn order_rebalance(&self, moves: &[Move], wish: &MoveWish) -> Result<(), ClusterError> {
        self.write_orders(moves, wish, true).await
    }

    async fn write_orders(
        &self,
        moves: &[Move],
        wish: &MoveWish,
        elect_preferred: bool,
    ) -> Result<(), ClusterError> {
        let requested_unix_ms = self.clock.unix_ms();
        let order = |found: &Move| Reassignment {
            v: VERSION,
            topic_id: found.topic_id,
            target: found.to.clone(),
            original: found.from.clone(),
            requested_unix_ms,
            requested_by: wish.requested_by.clone(),
            started_unix_ms: None,
            throttle_bytes_per_second: wish.throttle_bytes_per_second,
            force: wish.force,
            elect_preferred,
            cancelled: false,
        };
        for (number, batch) in moves.chunks(ORDERS_PER_TXN).enumerate() {
            let mut txn = Txn::default();
            for found in batch {
                let key = self.keyspace.path(&Key::Reassignment(found.tp.clone()));
                txn.compares.push(Compare::Missing(key.clone()));
                txn.failure.push(Op::Get { key: key.clone() });
                txn.success.push(Op::Put { key, value: encode(&order(found)), lease: None });
            }
            let outcome = self.store.txn(txn).await?;
            if !outcome.succeeded {
                let taken = outcome.reads.iter().position(Option::is_some).and_then(|at| batch.get(at));
                let tp = taken.or(batch.first()).map(|found| found.tp.clone());
                let tp = tp.expect("a batch has at least one move");
                return Err(ClusterError::MoveInProgress { tp, others_ordered: number * ORDERS_PER_TXN });
            }
        }
        Ok(())
    }

    /// Takes orders back: that of one partition, or all. Returns whose.
    ///
    /// # Errors
    /// [`ClusterError::NoMove`] if the one asked for has no order; what the store said.
    pub async fn cancel_moves(
        &self,
        only: Option<&TopicPartition>,
    ) -> Result<Vec<TopicPartition>, ClusterError> {
        match only {
            Some(tp) => {
                let image = self.image();
                let topic =
                    image.topic(&tp.topic).ok_or_else(|| ClusterError::UnknownTopic(tp.topic.clone()))?;
                within(topic, tp.partition)?;
                self.cancel(tp).await?;
                Ok(vec![tp.clone()])
            }
            None => self.cancel_where(|_| true).await,
        }
    }

    async fn cancel_where(
        &self,
        meant: impl Fn(&Reassignment) -> bool,
    ) -> Result<Vec<TopicPartition>, ClusterError> {
        let image = self.image();
        let orders = image.reassignments.iter().filter(|(_, order)| !order.cancelled && meant(order));
        let tps: Vec<TopicPartition> = orders.map(|(tp, _)| tp.clone()).collect();
        self.cancel_all(tps).await
    }

    async fn cancel_all(&self, tps: Vec<TopicPartition>) -> Result<Vec<TopicPartition>, ClusterError> {
        let mut cancelled = Vec::new();
        for group in tps.chunks(IN_FLIGHT_MAX) {
            let outcomes = join_all(group.iter().map(|tp| self.cancel(tp))).await;
            for (tp, outcome) in group.iter().zip(outcomes) {
                match outcome {
                    Ok(()) => cancelled.push(tp.clone()),
                    // It came to its end meanwhile.
                    Err(ClusterError::NoMove { .. }) => {}
                    Err(error) => return Err(error),
                }
            }
        }
        Ok(cancelled)
    }

    async fn cancel(&self, tp: &TopicPartition) -> Result<(), ClusterError> {
        let key = self.keyspace.path(&Key::Reassignment(tp.clone()));
        let changed = update(&self.store, &key, |current: Option<Reassignment>| match current {
            None => Err(ClusterError::NoMove { tp: tp.clone() }),
            Some(order) if order.cancelled => Ok(Change::Keep(())),
            Some(order) => Ok(Change::Put(Reassignment { cancelled: true, ..order }, ())),
        });
        changed.await.map(|changed| changed.result)
    }

    /// Sets how fast new copies may be filled where their orders say nothing, or takes the limit away; and, for those
    /// under way that have a limit of their own, this instead.
    ///
    /// # Errors
    /// What the store said.
    pub async fn set_move_throttle(&self, bytes_per_second: Option<u64>) -> Result<(), ClusterError> {
        if bytes_per_second == Some(0) {
            let reason = "throttle_bytes_per_second must be 1 or more, or null for no limit".to_owned();
            return Err(ClusterError::InvalidAssignment { reason });
        }
        let key = self.keyspace.path(&Key::MoveLimits);
        update(&self.store, &key, |current: Option<MoveLimits>| {
            let limits = MoveLimits { v: VERSION, throttle_bytes_per_second: bytes_per_second };
            Ok(if current.as_ref() == Some(&limits) { Change::Keep(()) } else { Change::Put(limits, ()) })
        })
        .await?;
        let image = self.image();
        for (tp, _) in
            image.reassignments.iter().filter(|(_, order)| order.throttle_bytes_per_second.is_some())
        {
            let key = self.keyspace.path(&Key::Reassignment(tp.clone()));
            update(&self.store, &key, |current: Option<Reassignment>| match current {
                Some(order) if order.throttle_bytes_per_second.is_some() => {
                    Ok(Change::Put(Reassignment { throttle_bytes_per_second: None, ..order }, ()))
                }
                _ => Ok(Change::Keep(())),
            })
            .await?;
        }
        Ok(())
    }

    /// Marks a broker as to be emptied. Returns the mark, and whether it is new.
    ///
    /// # Errors
    /// [`ClusterError::UnknownBroker`]; [`ClusterError::NotNow`] if too few brokers would remain, unless `force`; what the
    /// store said.
    pub async fn drain(
        &self,
        broker: BrokerId,
        requested_by: String,
        force: bool,
    ) -> Result<(Drain, bool), ClusterError> {
        let image = self.image();
        if !image.brokers.contains_key(&broker) {
            return Err(ClusterError::UnknownBroker(broker));
        }
        if !force {
            enough_remain(&image, broker)?;
        }
        let requested_unix_ms = self.clock.unix_ms();
        let key = self.keyspace.path(&Key::Drain(broker));
        let changed = update(&self.store, &key, |current: Option<Drain>| match current {
            Some(drain) => Ok(Change::Keep((drain, false))),
            None => {
                let drain = Drain { v: VERSION, requested_unix_ms, requested_by: requested_by.clone() };
                Ok(Change::Put(drain.clone(), (drain, true)))
            }
        });
        Ok(changed.await?.result)
    }

    /// Takes the mark away, and the orders that it brought about back: all of them, for none is written any more once the
    /// mark is gone (see [`super::chores`]), and the store itself is asked, not an image that may be behind it.
    ///
    /// # Errors
    /// [`ClusterError::UnknownBroker`], [`ClusterError::NotDrained`], or what the store said.
    pub async fn undo_drain(&self, broker: BrokerId) -> Result<(), ClusterError> {
        if !self.image().brokers.contains_key(&broker) {
            return Err(ClusterError::UnknownBroker(broker));
        }
        let key = self.keyspace.path(&Key::Drain(broker));
        update(&self.store, &key, |current: Option<Drain>| match current {
            Some(_) => Ok(Change::Delete(())),
            None => Err(ClusterError::NotDrained(broker)),
        })
        .await?;
        let listing = self.store.list(&self.keyspace.reassignments()).await?;
        let of_this_drain = |order: &Reassignment| {
            order.requested_by.starts_with(DRAIN_OF)
                && without(&order.original, &order.target).contains(&broker)
        };
        let mut tps = Vec::new();
        for entry in &listing.entries {
            let order =
                decode::<Reassignment>(&entry.value).map_err(|reason| malformed(&entry.key, reason))?;
            if let Some(Key::Reassignment(tp)) = self.keyspace.parse(&entry.key)
                && !order.cancelled
                && of_this_drain(&order)
            {
                tps.push(tp);
            }
        }
        self.cancel_all(tps).await?;
        Ok(())
    }

    /// Forgets a broker: it must hold nothing, and be gone or have been emptied. One that still runs ends when it hears of
    /// it.
    ///
    /// # Errors
    /// [`ClusterError::UnknownBroker`], [`ClusterError::NotNow`] with what is in the way, or what the store said.
    pub async fn forget_broker(&self, broker: BrokerId) -> Result<(), ClusterError> {
        let image = self.image();
        let registration = image.brokers.get(&broker).ok_or(ClusterError::UnknownBroker(broker))?;
        let live = image.live.contains_key(&broker);
        if live && !image.drains.contains_key(&broker) {
            let reason = format!(
                "broker {broker} is live: drain it first (POST /v1/brokers/{broker}/drain), or stop it"
            );
            return Err(ClusterError::NotNow { reason });
        }
        let held = holdings(&image, broker);
        if held > 0 {
            let reason = format!(
                "broker {broker} still holds {held} replicas: drain it (POST /v1/brokers/{broker}/drain) and wait until \
                 GET /v1/brokers/{broker} says that it holds none"
            );
            return Err(ClusterError::NotNow { reason });
        }
        let path = |key| self.keyspace.path(&key);
        let (mine, sign) = (path(Key::Broker(broker)), path(Key::Live(broker)));
        let mut txn = Txn {
            compares: vec![Compare::ModRevision(mine.clone(), Revision(registration.epoch.0))],
            ..Txn::default()
        };
        if !live {
            txn.compares.push(Compare::Missing(sign.clone()));
        }
        if let Some(seen) = image.version_of(&Key::Drain(broker)) {
            // Kept after all, or kept and emptied anew: then it may hold more than is known here.
            txn.compares.push(Compare::ModRevision(path(Key::Drain(broker)), seen));
        }
        txn.success = [mine, path(Key::Drain(broker)), sign].map(|key| Op::Delete { key }).to_vec();
        let outcome = self.store.txn(txn).await?;
        if outcome.succeeded {
            return Ok(());
        }
        Err(ClusterError::Contended { what: format!("the registration of broker {broker}") })
    }
}

/// What moving `tp` to `to` comes to.
fn judge(image: &Image, tp: &TopicPartition, to: &[BrokerId], force: bool) -> Result<Move, ClusterError> {
    let wrong = |reason: String| Err(ClusterError::InvalidAssignment { reason });
    let topic = image.topic(&tp.topic).ok_or_else(|| ClusterError::UnknownTopic(tp.topic.clone()))?;
    let assigned = within(topic, tp.partition)?;
    let state = topic.record(tp.partition).map(|record| &record.state);
    if image.reassignments.contains_key(tp) || state.is_some_and(|state| state.is_moving()) {
        return Err(ClusterError::MoveInProgress { tp: tp.clone(), others_ordered: 0 });
    }
    let from = state.map_or_else(|| assigned.clone(), settled_replicas);
    if to.is_empty() {
        return wrong(format!(
            "partition {tp} needs at least one replica: name the brokers, preferred leader first"
        ));
    }
    if to.iter().collect::<BTreeSet<_>>().len() != to.len() {
        return wrong(format!("partition {tp} names a broker twice"));
    }
    if let Some(stranger) = to.iter().find(|broker| !image.brokers.contains_key(broker)) {
        return wrong(format!(
            "partition {tp} names broker {stranger}, which is not known: GET /v1/brokers lists them"
        ));
    }
    let added = without(to, &from);
    if let Some(gone) = absent(image, &added).first().filter(|_| !force) {
        return wrong(format!(
            "partition {tp} names broker {gone}, which does not serve now: start it, choose another, or send \"force\":true"
        ));
    }
    if let Some(leaving) = added.iter().find(|broker| image.drains.contains_key(broker) && !force) {
        return wrong(format!(
            "partition {tp} names broker {leaving}, which is being drained: choose another, or send \"force\":true"
        ));
    }
    Ok(Move { tp: tp.clone(), topic_id: topic.id, from, to: to.to_vec() })
}

/// Where a partition's copies were assigned to, if the topic has it.
pub(super) fn within(topic: &Topic, partition: PartitionIndex) -> Result<&Vec<BrokerId>, ClusterError> {
    let assigned = usize::try_from(partition.0).ok().and_then(|index| topic.assignment.get(index));
    assigned.ok_or_else(|| ClusterError::UnknownPartition {
        tp: TopicPartition::new(topic.name.clone(), partition),
        partitions: topic.assignment.len(),
    })
}

/// Whether others could take what `broker` holds.
fn enough_remain(image: &Image, broker: BrokerId) -> Result<(), ClusterError> {
    let remain = balance::places(image).iter().filter(|place| place.broker != broker).count();
    for topic in image.topics.values() {
        let lists = topic.assignment.iter().filter(|list| list.contains(&broker));
        let needed = lists.map(Vec::len).max().unwrap_or(0);
        if needed > remain {
            let reason = format!(
                "too few brokers remain without broker {broker}: {remain} serve, and topic '{}' has {needed} replicas: \
                 add a broker first, or send force=true to move only what can be",
                topic.name
            );
            return Err(ClusterError::NotNow { reason });
        }
    }
    Ok(())
}

/// How many copies stand on `broker`, or are on their way to it or from it.
#[must_use]
pub fn holdings(image: &Image, broker: BrokerId) -> usize {
    let mut held = 0;
    for topic in image.topics.values() {
        for (index, assigned) in topic.assignment.iter().enumerate() {
            let Ok(index) = i32::try_from(index) else { break };
            let partition = PartitionIndex(index);
            let here = match topic.record(partition) {
                Some(record) => record.state.has_replica(broker),
                None => false,
            };
            let tp = TopicPartition::new(topic.name.clone(), partition);
            let ordered = image.reassignments.get(&tp).is_some_and(|order| order.target.contains(&broker));
            held += usize::from(here || ordered || assigned.contains(&broker));
        }
    }
    held
}
