//! Preferred leaders, elected because somebody asks: at once, each by compare-and-put on the record that the image shows.
//!
//! *Invariant:* who may lead is decided by [`super::election::prefer`] alone, and the write is guarded by the record's
//! version: no image, however old, can make somebody lead who is not in sync.

use coordinator_adapter::{Compare, Op, Revision, Txn};
use futures_util::future::join_all;

use crate::types::{BrokerId, PartitionState, TopicPartition};

use super::commands::Commands;
use super::election::{Census, prefer};
use super::error::ClusterError;
use super::image::Image;
use super::keyspace::Key;
use super::move_commands::within;
use super::why::{Why, encode_noted};

/// Elections under way at once.
const IN_FLIGHT_MAX: usize = 16;

/// What came of an election.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Elected {
    /// The preferred leader leads from now on.
    Now,
    /// It led already.
    Already,
    /// It cannot, for this reason.
    Not(String),
}

/// A partition, its preferred leader, and what came of its election.
pub type Election = (TopicPartition, Option<BrokerId>, Elected);

impl Commands {
    /// Lets the preferred leaders of these partitions lead, or of all.
    ///
    /// # Errors
    /// [`ClusterError::UnknownTopic`], [`ClusterError::UnknownPartition`]: then nothing was done.
    pub async fn elect_preferred(
        &self,
        only: Option<Vec<TopicPartition>>,
    ) -> Result<Vec<Election>, ClusterError> {
        let image = self.image();
        let all = match only {
            Some(tps) => {
                for tp in &tps {
                    let topic = image.topic(&tp.topic);
                    let topic = topic.ok_or_else(|| ClusterError::UnknownTopic(tp.topic.clone()))?;
                    within(topic, tp.partition)?;
                }
                tps
            }
            None => image.partitions().map(|(tp, ..)| tp).collect(),
        };
        let mut elections = Vec::with_capacity(all.len());
        for group in all.chunks(IN_FLIGHT_MAX) {
            elections.extend(join_all(group.iter().map(|tp| self.elect(&image, tp))).await);
        }
        Ok(elections)
    }

    async fn elect(&self, image: &Image, tp: &TopicPartition) -> Election {
        let Some((topic, record)) = image.topic(&tp.topic).zip(image.partition(tp)) else {
            return (tp.clone(), None, Elected::Not("it has no leader yet".to_owned()));
        };
        let preferred = record.state.replicas.first().copied();
        let census = Census::of(image);
        let Some(new) = prefer(&record.state, census) else {
            return (tp.clone(), preferred, why_not(&record.state, census));
        };
        let key = self.keyspace.path(&Key::Partition(tp.clone()));
        let compares = vec![
            Compare::ModRevision(self.keyspace.path(&Key::Topic(tp.topic.clone())), topic.mod_revision),
            Compare::ModRevision(key.clone(), Revision(record.partition_epoch.0)),
        ];
        let why = Why::asked(self.clock.unix_ms());
        let put = Op::Put { key, value: encode_noted(&new, &why), lease: None };
        let outcome = match self.store.txn(Txn { compares, success: vec![put], ..Txn::default() }).await {
            Ok(outcome) if outcome.succeeded => Elected::Now,
            Ok(_) => Elected::Not("its record was changed by others at the same time: try again".to_owned()),
            Err(error) => Elected::Not(error.to_string()),
        };
        (tp.clone(), preferred, outcome)
    }
}

fn why_not(state: &PartitionState, census: Census<'_>) -> Elected {
    let Some(first) = state.replicas.first() else {
        return Elected::Not("it has no replicas".to_owned());
    };
    let reason = match (state.leader, state.isr_member(*first)) {
        (Some(leader), _) if leader.broker == *first && census.is_live(leader) => return Elected::Already,
        (leader, _) if !leader.is_some_and(|leader| census.is_live(leader)) => {
            "it has no leader: one is elected as soon as a replica in sync is back".to_owned()
        }
        (_, None) => format!("broker {first} is not in sync"),
        (_, Some(member)) if !census.is_live(member) => format!("broker {first} is not live"),
        _ if state.removing.contains(first) => format!("the partition moves away from broker {first}"),
        _ => format!("broker {first} is draining or stopping, or its disk is full"),
    };
    Elected::Not(reason)
}
