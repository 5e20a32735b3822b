//! Why a partition's record is as it is: a note that its writer leaves beside the record, in the same value. Pure.
//!
//! It is for people. No decision is based on it, it is no part of [`PartitionState`], and a record without it (from an older
//! broker, or written by hand) is as good as any.
//!
//! *Invariant:* a value with a note reads as the same record as the value without it.

use std::borrow::Cow;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::types::{Incarnation, PartitionState};

use super::election::{Cause, Fitness};

/// The note.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Why {
    /// What brought the change about, in a word.
    pub cause: Cow<'static, str>,
    /// What was the matter with the broker that leads, or is in sync, no more, where the cause alone does not say it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<Cow<'static, str>>,
    /// The life of the broker that wrote it: the controller, or the leader; none if an operator asked for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<Incarnation>,
    /// When, by the writer's clock.
    pub unix_ms: i64,
}

impl Why {
    /// The controller decided so.
    #[must_use]
    pub fn decided(cause: Cause, by: Incarnation, unix_ms: i64) -> Self {
        let detail = match cause {
            Cause::HandOver(fitness) | Cause::Leave(Some(fitness)) => detail_for(fitness),
            _ => None,
        };
        Self {
            cause: Cow::Borrowed(word_for(cause)),
            detail: detail.map(Cow::Borrowed),
            by: Some(by),
            unix_ms,
        }
    }

    /// A leader changed its own in-sync set.
    #[must_use]
    pub fn of_isr(joins: bool, by: Option<Incarnation>, unix_ms: i64) -> Self {
        let cause = if joins { "isr-expansion" } else { "isr-shrink" };
        Self { cause: Cow::Borrowed(cause), detail: None, by, unix_ms }
    }

    /// An operator asked for it.
    #[must_use]
    pub fn asked(unix_ms: i64) -> Self {
        Self { cause: Cow::Borrowed("preferred-leader-asked-for"), detail: None, by: None, unix_ms }
    }
}

fn word_for(cause: Cause) -> &'static str {
    match cause {
        Cause::Election => "election",
        Cause::Creation => "creation",
        Cause::Shrink => "member-died",
        Cause::HandOver(_) => "hand-over",
        Cause::Leave(_) => "member-left",
        Cause::Settings => "settings",
        Cause::Upkeep => "upkeep",
        Cause::Deletion => "deletion",
        Cause::Reassignment => "reassignment",
        Cause::Rebalance => "preferred-leader",
    }
}

fn detail_for(fitness: Fitness) -> Option<&'static str> {
    match fitness {
        Fitness::Fit => None,
        Fitness::ToBeEmptied => Some("to-be-emptied"),
        Fitness::DiskFull => Some("disk-full"),
        Fitness::Draining => Some("stopping"),
        Fitness::DiskFailed => Some("disk-failed"),
    }
}

#[derive(Serialize)]
struct Noted<'a> {
    #[serde(flatten)]
    state: &'a PartitionState,
    why: &'a Why,
}

#[derive(Deserialize)]
struct Note {
    why: Option<Why>,
}

/// A record with its note, as it is stored.
#[must_use]
pub fn encode_noted(state: &PartitionState, why: &Why) -> Bytes {
    let json = serde_json::to_vec(&Noted { state, why });
    Bytes::from(json.expect("a record holds only numbers, text and lists"))
}

/// The note of a stored record, if it has one.
#[must_use]
pub fn decode_why(stored: &[u8]) -> Option<Why> {
    serde_json::from_slice::<Note>(stored).ok()?.why
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cluster::values::{decode, encode};
    use crate::types::{BrokerEpoch, BrokerId, FlushMode, LeaderEpoch, TopicId};

    #[test]
    fn a_note_changes_nothing_about_the_record() {
        let leader = Incarnation { broker: BrokerId(1), epoch: BrokerEpoch(7) };
        let state = PartitionState {
            v: 1,
            topic_id: TopicId(uuid::Uuid::from_u128(7)),
            replicas: vec![BrokerId(1)],
            adding: vec![],
            removing: vec![],
            leader: Some(leader),
            leader_epoch: LeaderEpoch(3),
            isr: vec![leader],
            elr: vec![],
            min_isr: 1,
            flush: FlushMode::Ack,
        };
        let why = Why::decided(Cause::Election, leader, 5);
        let stored = encode_noted(&state, &why);
        assert_eq!(decode::<PartitionState>(&stored), Ok(state.clone()));
        assert_eq!(decode_why(&stored), Some(why));
        let text = std::str::from_utf8(&stored).unwrap();
        assert!(text.starts_with(r#"{"v":1,"#), "{text}");
        assert!(text.ends_with(r#","why":{"cause":"election","by":[1,7],"unix_ms":5}}"#), "{text}");
        assert_eq!(decode_why(&encode(&state)), None);
    }

    #[test]
    fn a_hand_over_says_what_was_the_matter() {
        let by = Incarnation { broker: BrokerId(1), epoch: BrokerEpoch(7) };
        let told = |cause| serde_json::to_value(Why::decided(cause, by, 5)).unwrap();
        let stopping = told(Cause::HandOver(Fitness::Draining));
        assert_eq!((&stopping["cause"], &stopping["detail"]), (&"hand-over".into(), &"stopping".into()));
        let failed = told(Cause::Leave(Some(Fitness::DiskFailed)));
        assert_eq!((&failed["cause"], &failed["detail"]), (&"member-left".into(), &"disk-failed".into()));
        assert_eq!(told(Cause::Leave(None)).get("detail"), None);
    }
}
