//! Carries the controller's writes to the store: a few transactions of many partitions each, in order of urgency.
//!
//! It plans nothing and remembers nothing. A batch of which one compare fails is sent again partition by partition with
//! the same guards, so that one record that moved on does not hold up the others.
//!
//! *Invariant:* no write is sent without its guards: the seat, the record's version, the topic's version, the version of
//! the order that it carries out.

use std::sync::Arc;

use coordinator_adapter::{Compare, Fence, Op, Revision, Store, StoreError, Txn, TxnOutcome};
use futures_util::future::join_all;

use crate::clock::Clock;
use crate::types::Incarnation;

use super::chores::Chore;
use super::guards::guards_of_write;
use super::keyspace::{Key, Keyspace};
use super::reconcile::PartitionWrite;
use super::values::encode;
use super::why::{Why, encode_noted};

/// How many transactions are under way at once.
const IN_FLIGHT_MAX: usize = 4;
/// The same for writes of single keys.
const CHORES_IN_FLIGHT_MAX: usize = 16;
/// The most partitions in one transaction: each takes up to three compares, the seat one, of the 128 that etcd allows.
const TXN_PARTITIONS_MAX: usize = 42;

/// Sends writes to the store.
#[derive(Debug)]
pub(super) struct CarryOut {
    store: Arc<dyn Store>,
    keyspace: Keyspace,
    batch: usize,
    me: Incarnation,
    clock: Clock,
}

/// What became of the writes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Done {
    /// For each write whether it is known to stand.
    pub(super) written: Vec<bool>,
    /// The last revision that wrote something.
    pub(super) revision: Option<Revision>,
    /// Whether a guard or the store said no to some, or did not answer.
    pub(super) failed: bool,
    /// Whether the seat is held by nobody, or by another.
    pub(super) seat_lost: bool,
}

/// What became of one transaction.
enum Sent {
    Written(Revision),
    /// A record or a topic has moved on.
    Stale,
    SeatLost,
    Failed(StoreError),
}

impl CarryOut {
    /// Writes go out in the name of `me`.
    pub(super) fn new(
        store: Arc<dyn Store>,
        keyspace: Keyspace,
        txn_partitions_max: usize,
        me: Incarnation,
        clock: Clock,
    ) -> Self {
        Self { store, keyspace, batch: txn_partitions_max.clamp(1, TXN_PARTITIONS_MAX), me, clock }
    }

    /// Writes what can be written.
    pub(super) async fn carry_out(&self, fence: &Fence, writes: &[PartitionWrite]) -> Done {
        let mut done = Done { written: Vec::with_capacity(writes.len()), ..Done::default() };
        let batches: Vec<&[PartitionWrite]> = writes.chunks(self.batch).collect();
        for group in batches.chunks(IN_FLIGHT_MAX) {
            let mut under_way = Vec::with_capacity(group.len());
            for batch in group {
                under_way.push(self.batch(fence, batch));
            }
            for batch in join_all(under_way).await {
                done.written.extend(batch.written);
                done.revision = done.revision.max(batch.revision);
                done.failed |= batch.failed;
                done.seat_lost |= batch.seat_lost;
            }
            if done.seat_lost {
                break;
            }
        }
        done
    }

    /// Writes what is to be written beside the records: each by itself, since none waits for another.
    pub(super) async fn carry_out_chores(&self, fence: &Fence, chores: &[Chore]) -> Done {
        let mut done = Done::default();
        for group in chores.chunks(CHORES_IN_FLIGHT_MAX) {
            let under_way = group.iter().map(|chore| self.store.txn(self.chore_txn(fence, chore)));
            for outcome in join_all(under_way).await {
                match outcome {
                    Ok(outcome) if outcome.succeeded => {
                        done.written.push(true);
                        done.revision = done.revision.max(Some(outcome.revision));
                        continue;
                    }
                    Ok(outcome) => {
                        let seat = outcome.reads.into_iter().flatten().next();
                        done.seat_lost |=
                            seat.is_none_or(|seat| seat.create_revision != fence.create_revision);
                    }
                    Err(error) => tracing::debug!(%error, "not written; it is tried again"),
                }
                done.written.push(false);
                done.failed = true;
            }
            if done.seat_lost {
                break;
            }
        }
        done
    }

    fn chore_txn(&self, fence: &Fence, chore: &Chore) -> Txn {
        let mut compares = vec![fence.compare()];
        let follows = chore.follows.iter();
        compares
            .extend(follows.map(|(key, version)| Compare::ModRevision(self.keyspace.path(key), *version)));
        let key = self.keyspace.path(&chore.key);
        compares.push(match chore.guard {
            Some(guard) => Compare::ModRevision(key.clone(), guard),
            None => Compare::Missing(key.clone()),
        });
        let op = match &chore.value {
            Some(value) => Op::Put { key, value: value.clone(), lease: None },
            None => Op::Delete { key },
        };
        Txn { compares, success: vec![op], failure: vec![Op::Get { key: fence.key.clone() }] }
    }

    async fn batch(&self, fence: &Fence, batch: &[PartitionWrite]) -> Done {
        match self.send(fence, batch).await {
            Sent::Written(revision) => Done {
                written: vec![true; batch.len()],
                revision: Some(revision),
                failed: false,
                seat_lost: false,
            },
            Sent::Stale if batch.len() > 1 => self.one_by_one(fence, batch).await,
            Sent::Stale => Done { written: vec![false], failed: true, ..Done::default() },
            Sent::SeatLost => Done { written: vec![false; batch.len()], seat_lost: true, ..Done::default() },
            Sent::Failed(error) => {
                tracing::warn!(%error, partitions = batch.len(), "the controller could not write; trying again");
                Done { written: vec![false; batch.len()], failed: true, ..Done::default() }
            }
        }
    }

    async fn one_by_one(&self, fence: &Fence, batch: &[PartitionWrite]) -> Done {
        let mut done = Done { failed: true, ..Done::default() };
        for write in batch {
            match self.send(fence, std::slice::from_ref(write)).await {
                Sent::Written(revision) => {
                    done.written.push(true);
                    done.revision = Some(revision);
                    continue;
                }
                Sent::Stale => tracing::debug!(partition = %write.tp, "the record has moved on"),
                Sent::SeatLost => done.seat_lost = true,
                Sent::Failed(error) => tracing::debug!(partition = %write.tp, %error, "not written"),
            }
            done.written.push(false);
            if done.seat_lost {
                break;
            }
        }
        done.written.resize(batch.len(), false);
        done
    }

    async fn send(&self, fence: &Fence, writes: &[PartitionWrite]) -> Sent {
        match self.store.txn(self.txn(fence, writes)).await {
            Ok(TxnOutcome { succeeded: true, revision, .. }) => Sent::Written(revision),
            Ok(outcome) => {
                let seat = outcome.reads.into_iter().flatten().next();
                match seat {
                    Some(seat) if seat.create_revision == fence.create_revision => Sent::Stale,
                    _ => Sent::SeatLost,
                }
            }
            Err(error) => Sent::Failed(error),
        }
    }

    pub(super) fn txn(&self, fence: &Fence, writes: &[PartitionWrite]) -> Txn {
        let mut compares = Vec::new();
        let mut success = Vec::with_capacity(writes.len());
        let now_ms = self.clock.unix_ms();
        for write in writes {
            for guard in guards_of_write(fence.create_revision, write) {
                let compare = guard.compare(&self.keyspace);
                // The seat, and the topic of several partitions, are compared once.
                if !compares.contains(&compare) {
                    compares.push(compare);
                }
            }
            let key = self.keyspace.path(&Key::Partition(write.tp.clone()));
            success.push(match &write.new {
                Some(state) => {
                    let why = Why::decided(write.cause, self.me, now_ms);
                    Op::Put { key, value: encode_noted(state, &why), lease: None }
                }
                None => Op::Delete { key },
            });
            if let Some(order) = &write.order {
                let key = self.keyspace.path(&Key::Reassignment(write.tp.clone()));
                success.push(match &order.new {
                    Some(order) => Op::Put { key, value: encode(order), lease: None },
                    None => Op::Delete { key },
                });
            }
        }
        Txn { compares, success, failure: vec![Op::Get { key: fence.key.clone() }] }
    }
}
