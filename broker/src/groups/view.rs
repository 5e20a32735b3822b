//! What a group looks like from outside: for describing and listing it.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;

use super::ids::{GroupId, InstanceId, MemberId, TopicIdPartition};
use crate::types::TopicName;

/// A group in a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupListing {
    /// The group.
    pub group: GroupId,
    /// `consumer` or `classic`, Kafka's group types.
    pub kind: &'static str,
    /// The protocol type: `consumer`, `connect`, or empty if it only keeps offsets.
    pub protocol_type: String,
    /// Kafka's name of its state.
    pub state: &'static str,
}

/// A group in full.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupView {
    /// As in a list.
    pub listing: GroupListing,
    /// The group epoch, or the generation.
    pub epoch: i32,
    /// The epoch of the newest assignment; the generation of a classic group.
    pub assignment_epoch: i32,
    /// The assignor, or the classic protocol.
    pub protocol: String,
    /// Its members.
    pub members: Vec<MemberView>,
}

/// A member of a group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MemberView {
    /// Its name.
    pub member: MemberId,
    /// Its instance, if it is a static member.
    pub instance: Option<InstanceId>,
    /// Where it stands.
    pub rack: Option<String>,
    /// `client.id`.
    pub client_id: String,
    /// Where it called from.
    pub client_host: String,
    /// How long it may be silent.
    pub session_timeout_ms: u32,
    /// What differs between the kinds.
    pub detail: MemberDetail,
}

/// What differs between members of the two kinds of group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MemberDetail {
    /// Of a group whose assignment the server makes.
    Consumer {
        /// Its epoch.
        epoch: i32,
        /// What it reads.
        topics: BTreeSet<TopicName>,
        /// What it has, and since which epoch.
        assigned: BTreeMap<TopicIdPartition, i32>,
        /// What it is to have.
        target: BTreeSet<TopicIdPartition>,
        /// The client's own note.
        client_metadata: String,
    },
    /// Of a classic group.
    Classic {
        /// What it says in the protocol.
        metadata: Bytes,
        /// What it was given.
        assignment: Bytes,
    },
}
