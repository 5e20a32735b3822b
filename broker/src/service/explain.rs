//! Explain: who leads a partition and why, how each replica stands, and what its record has been.
//!
//! *Invariant:* one question at a time: each asks the store once for every version that it tells.

use std::time::Duration;

use super::broker::Service;
use super::describe::PartitionView;
use super::errors::FetchError;
use crate::cluster::{Image, LiveState, Past};
use crate::types::{BrokerId, Incarnation, LeaderEpoch, PartitionState, TopicPartition};

/// How long the store may take to tell a record's past.
const PAST_LIMIT: Duration = Duration::from_secs(5);

/// How long a question waits for those before it.
const TURN_MAX: Duration = Duration::from_secs(10);

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
    /// [`FetchError::UnknownTopic`], [`FetchError::UnknownPartition`]; [`FetchError::Overloaded`] if others are being
    /// answered here for too long. A store that does not answer only leaves the past out.
    pub async fn explain(&self, tp: &TopicPartition, limit: usize) -> Result<Explanation, FetchError> {
        let turn = tokio::time::timeout(TURN_MAX, self.explain_turn.lock()).await;
        let _turn = turn.map_err(|_| FetchError::Overloaded)?;
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
            why: why(state, &image, &past),
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
fn why(state: Option<&PartitionState>, image: &Image, past: &Past) -> String {
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
    format!("broker {broker} leads in epoch {epoch}, {}", reason(&state.leader_epoch, past))
}

/// What began the reign of an epoch, as the second half of a sentence.
fn reason(epoch: &LeaderEpoch, past: &Past) -> &'static str {
    let of_this_reign = past.records.iter().take_while(|version| version.state.leader_epoch == *epoch);
    // The first version of a reign says what began it; the last that is told may be a later one.
    let Some((place, first)) = of_this_reign.enumerate().last() else { return "and why cannot be told now" };
    match first.why.as_ref().map(|why| (why.cause.as_ref(), why.detail.as_deref())) {
        Some(("creation", _)) => "since the partition was made",
        Some(("election", _)) => "elected because the leader before was gone",
        Some(("hand-over", Some("stopping"))) => "elected because the leader before went down in good order",
        Some(("hand-over", Some("to-be-emptied"))) => "elected because the leader before is to be emptied",
        Some(("hand-over", Some("disk-full"))) => "elected because the disk of the leader before was full",
        Some(("hand-over", Some("disk-failed"))) => {
            "elected because the disk of the leader before had failed"
        }
        Some(("hand-over", _)) => "elected because the leader before was not fit to lead",
        Some(("preferred-leader" | "preferred-leader-asked-for", _)) => "elected as the preferred leader",
        _ if place + 1 == past.records.len() && !past.complete => {
            "since before the changes that are told here: ask for more of them with limit, at most 100"
        }
        Some(("reassignment", _)) => "elected by a reassignment",
        _ => "for a reason not told",
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::cluster::PastRecord;
    use crate::cluster::election::{Cause, Fitness};
    use crate::cluster::why::Why;
    use crate::types::{BrokerEpoch, FlushMode, TopicId};
    use coordinator_adapter::Revision;

    const LIFE: Incarnation = Incarnation { broker: BrokerId(1), epoch: BrokerEpoch(7) };

    fn version(epoch: i32, why: Option<Why>) -> PastRecord {
        let state = PartitionState {
            v: 1,
            topic_id: TopicId(Uuid::nil()),
            replicas: vec![BrokerId(1)],
            adding: vec![],
            removing: vec![],
            leader: Some(LIFE),
            leader_epoch: LeaderEpoch(epoch),
            isr: vec![LIFE],
            elr: vec![],
            min_isr: 1,
            flush: FlushMode::Ack,
        };
        PastRecord { revision: Revision(9), state, why }
    }

    fn reason_of(records: Vec<PastRecord>, complete: bool) -> &'static str {
        reason(&LeaderEpoch(5), &Past { records, complete, missing: None })
    }

    #[test]
    fn a_reign_is_explained_by_what_began_it_or_not_at_all() {
        let isr = || version(5, Some(Why::of_isr(true, Some(LIFE), 1)));
        let because = |cause| version(5, Some(Why::decided(cause, LIFE, 1)));
        let before = || version(4, None);
        let gone = "elected because the leader before was gone";
        assert_eq!(reason_of(vec![isr(), because(Cause::Election), before()], false), gone);
        assert_eq!(reason_of(vec![isr(), because(Cause::Election)], false), gone, "that begins one");
        let full = because(Cause::HandOver(Fitness::DiskFull));
        assert_eq!(
            reason_of(vec![full, before()], true),
            "elected because the disk of the leader before was full"
        );
        assert!(reason_of(vec![isr()], false).starts_with("since before the changes that are told"));
        assert_eq!(reason_of(vec![version(5, None), before()], true), "for a reason not told");
        assert_eq!(reason_of(vec![], false), "and why cannot be told now");
        assert_eq!(reason_of(vec![version(6, None)], true), "and why cannot be told now");
    }
}
