//! `GroupMetadataKey` and `GroupMetadataValue`: Kafka's bytes for a classic group.
//!
//! ```text
//! key 2      group string
//! value 0    protocol type string | generation i32 | protocol string? | leader string? | members [
//!              member string | client id string | client host string | session timeout i32
//!              | subscription bytes | assignment bytes ]
//! value 1    rebalance timeout i32 before the session timeout
//! value 2    time of the current state i64 before the members
//! value 3    instance string? after the member
//! value 4    as 3 with compact lengths and tagged fields
//! ```

use bytes::Bytes;

use super::reader::{Reader, bad};
use super::writer::Writer;
use crate::groups::error::BadRecord;
use crate::groups::ids::{InstanceId, MemberId};

pub(super) const KEY: i16 = 2;
const VALUE: i16 = 3;

/// A classic group as it is kept: written when it becomes stable, when it empties, and when a static member's life
/// changes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClassicValue {
    /// `consumer`, `connect` and the like; empty if it has none.
    pub protocol_type: String,
    /// The generation.
    pub generation: i32,
    /// The protocol, if it has members.
    pub protocol: Option<String>,
    /// Who assigns, if it has members.
    pub leader: Option<MemberId>,
    /// Since when it is as it is, in milliseconds since 1970; -1 if unknown.
    pub state_timestamp_ms: i64,
    /// The members.
    pub members: Vec<ClassicMemberValue>,
}

/// A member of a classic group as it is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClassicMemberValue {
    /// Its name.
    pub member: MemberId,
    /// Its instance, if it is a static member.
    pub instance: Option<InstanceId>,
    /// `client.id`.
    pub client_id: String,
    /// Where it called from.
    pub client_host: String,
    /// How long it may take to join again.
    pub rebalance_timeout_ms: u32,
    /// How long it may be silent.
    pub session_timeout_ms: u32,
    /// What it says in the group's protocol.
    pub subscription: Bytes,
    /// What the leader gave it.
    pub assignment: Bytes,
}

pub(super) fn value(group: &ClassicValue) -> Bytes {
    let mut out = Writer::default();
    out.i16(VALUE).string(&group.protocol_type).i32(group.generation);
    out.nullable_string(group.protocol.as_deref());
    out.nullable_string(group.leader.as_ref().map(MemberId::as_str));
    out.i64(group.state_timestamp_ms).length(group.members.len());
    for member in &group.members {
        out.string(member.member.as_str());
        out.nullable_string(member.instance.as_ref().map(InstanceId::as_str));
        out.string(&member.client_id).string(&member.client_host);
        out.i32(milliseconds(member.rebalance_timeout_ms)).i32(milliseconds(member.session_timeout_ms));
        out.bytes(&member.subscription).bytes(&member.assignment);
    }
    out.into_bytes()
}

fn milliseconds(ms: u32) -> i32 {
    i32::try_from(ms).unwrap_or(i32::MAX)
}

pub(super) fn read(value: Bytes) -> Result<ClassicValue, BadRecord> {
    let mut value = Reader::new(value);
    let version = value.i16()?;
    if !(0..=4).contains(&version) {
        return bad("a group's value has a version that is not known");
    }
    value.flexible = version >= 4;
    let protocol_type = value.string()?;
    let generation = value.i32()?;
    let protocol = value.nullable_string()?;
    let leader = value.nullable_string()?.map(MemberId::from);
    let state_timestamp_ms = if version >= 2 { value.i64()? } else { -1 };
    let count = value.array()?;
    let members = (0..count).map(|_| read_member(&mut value, version)).collect::<Result<_, _>>()?;
    value.skip_tagged()?;
    Ok(ClassicValue { protocol_type, generation, protocol, leader, state_timestamp_ms, members })
}

fn read_member(value: &mut Reader, version: i16) -> Result<ClassicMemberValue, BadRecord> {
    let member = value.string()?.into();
    let instance = if version >= 3 { value.nullable_string()?.map(InstanceId::from) } else { None };
    let client_id = value.string()?;
    let client_host = value.string()?;
    let rebalance = if version >= 1 { Some(value.i32()?) } else { None };
    let session_timeout_ms = u32::try_from(value.i32()?).unwrap_or(0);
    let rebalance_timeout_ms = rebalance.and_then(|ms| u32::try_from(ms).ok()).unwrap_or(session_timeout_ms);
    let (subscription, assignment) = (value.bytes()?, value.bytes()?);
    value.skip_tagged()?;
    Ok(ClassicMemberValue {
        member,
        instance,
        client_id,
        client_host,
        rebalance_timeout_ms,
        session_timeout_ms,
        subscription,
        assignment,
    })
}
