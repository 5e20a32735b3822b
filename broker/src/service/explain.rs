//! Explain: who leads a partition and why, how each replica stands, and what its record has been.
//!
//! *Invariant:* one question at a time: each asks the store once for every version that it tells.

use std::time::Duration;

use super::broker::Service;
use super::describe::PartitionView;
use super::errors::FetchError;
use crate::cluster::{Image, LiveState, Past, PastRecord};
use crate::types::{BrokerId, Incarnation, PartitionState, TopicPartition};

/// How long the store may take to tell a record's past.
const PAST_LIMIT: Duration = Duration::from_secs(5);

/// A partition, explained.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Explanation {
    /// As it is now.
    pub view: PartitionView,
    /// The least in-sync set that may commit; zero while there is no record.
    pub min_isr: u32,
    /// Why it is led by whom it is led, in a sentence.
    pub why: String,
    /// Its replicas, the preferred leader first.
    pub replicas: Vec<ReplicaStanding>,
    /// What its record has been.
    pub past: Past,
}

/// How a replica stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReplicaStanding {
    /// The broker.
    pub broker: BrokerId,
    /// `starting`, `active`, `draining`, or `down`.
    pub state: &'static str,
    /// Whether it leads.
    pub leads: bool,
    /// Whether it is in sync, in the life that it lives now.
    pub in_sync: bool,
    /// Whether it may be elected if nobody in sync lives.
    pub eligible: bool,
    /// Offsets behind the leader; known to the leader only.
    pub behind: Option<i64>,
    /// What keeps it from leading, or from being in sync, if something does.
    pub note: Option<String>,
}

impl Service {
    /// Explains a partition, with up to `limit` versions of its record.
    ///
    /// # Errors
    /// [`FetchError::UnknownTopic`], [`FetchError::UnknownPartition`]; [`FetchError::Overloaded`] while another question is
    /// being answered here. A store that does not answer only leaves the past out.
    pub async fn explain(&self, tp: &TopicPartition, limit: usize) -> Result<Explanation, FetchError> {
        let _turn = self.explain_turn.try_lock().map_err(|_| FetchError::Overloaded)?;
        let view = self.describe_partition(tp).await?;
        let deadline = self.parts.clock.now() + PAST_LIMIT;
        let past = self.parts.commands.past_of(tp, limit, deadline).await;
        let past = past.unwrap_or_else(|error| Past {
            missing: Some(format!("the coordination store cannot tell: {error}")),
            ..Past::default()
        });
        let image = self.image();
        let state = image.partition(tp).map(|record| &record.state);
        let behind = self.behind(tp);
        let replicas = view.replicas.iter().map(|broker| {
            let behind = behind.iter().find(|(known, _)| known == broker).map(|(_, behind)| *behind);
            standing(&image, state, *broker, behind)
        });
        Ok(Explanation {
            min_isr: state.map_or(0, |state| state.min_isr),
            why: why(state, &image, &past.records),
            replicas: replicas.collect(),
            view,
            past,
        })
    }

    /// How many offsets each follower is behind, if this broker leads.
    fn behind(&self, tp: &TopicPartition) -> Vec<(BrokerId, i64)> {
        let Some(status) = self.parts.replicas.get(tp).map(|replica| replica.status()) else {
            return Vec::new();
        };
        let behind = |end: crate::types::Offset| status.log_end.since(end).max(0);
        let followers = status.followers.iter();
        followers.filter_map(|follower| Some((follower.broker, behind(follower.log_end?)))).collect()
    }
}

fn standing(
    image: &Image,
    state: Option<&PartitionState>,
    broker: BrokerId,
    behind: Option<i64>,
) -> ReplicaStanding {
    let live = image.live.get(&broker);
    let word = match live.map(|live| live.state) {
        Some(LiveState::Starting) => "starting",
        Some(LiveState::Active) => "active",
        Some(LiveState::Draining) => "draining",
        None => "down",
    };
    let life = live.map(|live| Incarnation { broker, epoch: live.epoch });
    let entry = state.and_then(|state| state.isr_member(broker));
    let eligible = state.and_then(|state| state.elr_member(broker)).is_some();
    let in_sync = entry.is_some() && entry == life;
    let note = match (entry, life) {
        _ if state.is_none() => Some("the partition has no record yet: the controller makes it".to_owned()),
        (Some(_), None) => Some("in sync when its lease ended".to_owned()),
        (Some(entry), Some(life)) if entry != life => {
            Some(format!("the record names its former life {}, it lives as {}", entry.epoch, life.epoch))
        }
        (None, None) if eligible => Some("left the in-sync set while it was too small".to_owned()),
        (None, None) => Some("out of sync, and down".to_owned()),
        (None, Some(_)) => Some("has yet to catch up with its leader".to_owned()),
        _ if live.is_some_and(|live| live.disk_failed) => Some("its disk has failed".to_owned()),
        _ if live.is_some_and(|live| live.disk_full) => Some("its disk is full".to_owned()),
        _ => None,
    };
    let leads = state.and_then(|state| state.leader).is_some_and(|leader| Some(leader) == life);
    ReplicaStanding { broker, state: word, leads, in_sync, eligible, behind, note }
}

/// Who leads and why, in a sentence.
fn why(state: Option<&PartitionState>, image: &Image, past: &[PastRecord]) -> String {
    let Some(state) = state else {
        return "nobody leads yet: the controller has still to make the partition's record".to_owned();
    };
    let Some(leader) = state.leader else { return "nobody leads: the record names no leader".to_owned() };
    let (broker, epoch) = (leader.broker, state.leader_epoch);
    if !image.is_live(leader) {
        return format!(
            "nobody leads: broker {broker} did in epoch {epoch} and is gone; one is elected once a replica in sync, or else an eligible one, is live"
        );
    }
    // The first version of this reign says what began it.
    let reign = past.iter().take_while(|version| version.state.leader_epoch == epoch).last();
    let reason = reign.and_then(|version| version.why.as_ref()).map_or("for a reason not told", |why| {
        match why.cause.as_ref() {
            "creation" => "since the partition was made",
            "election" => "elected because the leader before was gone",
            "hand-over" => "elected because the leader before went down in good order, is to be emptied, or has a disk that is full or failed",
            "preferred-leader" | "preferred-leader-asked-for" => "elected as the preferred leader",
            "reassignment" => "elected by a reassignment",
            _ => "for a reason not told",
        }
    });
    format!("broker {broker} leads in epoch {epoch}, {reason}")
}
