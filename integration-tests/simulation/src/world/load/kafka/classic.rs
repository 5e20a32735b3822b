//! Members of a classic group: the first of them divides the partitions among all.
//!
//! What they say of themselves and of their shares is theirs alone: brokers pass it on unread.

use std::collections::BTreeMap;

use bytes::{Buf as _, BufMut as _, Bytes, BytesMut};
use tidemark::wire::{
    ErrorCode, GroupRequest, GroupResponse, HeartbeatRequest, JoinGroupRequest, JoinGroupResponse,
    JoinProtocol, LeaveGroupRequest, LeavingMember, SyncAssignment, SyncGroupRequest,
};

use super::super::Actor;
use super::group::{CLASSIC, Group, Me, Next, SESSION_MS, is_silent_at_times};
use super::topic::Topic;

const PROTOCOL_TYPE: &str = "watch";
const PROTOCOL: &str = "in turn";

/// What a member has: who it is, and its partitions with the next offset of each.
struct Joined {
    me: Me,
    positions: BTreeMap<i32, i64>,
}

/// Joins, reads, commits, and joins again.
pub(in crate::world::load) async fn joins(mut actor: Actor) -> turmoil::Result {
    let mut group = Group::of(CLASSIC);
    let mut name = String::new();
    let mut former: Option<Joined> = None;
    while !actor.is_over() {
        let Some(mut joined) = join(&mut actor, &mut group, &mut name).await else {
            actor.rest(800).await;
            continue;
        };
        if let Some(former) = former.take().filter(|former| former.me.name == joined.me.name) {
            commit_late(&mut actor, &mut group, &former, &joined).await;
        }
        let next = live(&mut actor, &mut group, &mut joined).await;
        group.note_revoked(&actor, &joined.me, None);
        if next == Next::Begin {
            if actor.chance.happens(500_000) {
                leave(&mut actor, &mut group, &joined.me).await;
            }
            name.clear();
        }
        former = Some(joined);
    }
    Ok(())
}

/// Commits for what it has lost, as a thread does that has not heard of it yet.
async fn commit_late(actor: &mut Actor, group: &mut Group, former: &Joined, now: &Joined) {
    for (partition, position) in &former.positions {
        if !now.positions.contains_key(partition) && actor.chance.happens(300_000) {
            group.commit(actor, &former.me, *partition, *position).await;
        }
    }
}

async fn join(actor: &mut Actor, group: &mut Group, name: &mut String) -> Option<Joined> {
    let GroupResponse::JoinGroup(answer) = group.ask(actor, join_request(group.name, name)).await? else {
        return None;
    };
    match group.heard(answer.error) {
        ErrorCode::None => {}
        ErrorCode::MemberIdRequired => {
            *name = answer.member_id;
            return None;
        }
        error => {
            if Next::after(error) == Next::Begin {
                name.clear();
            }
            return None;
        }
    }
    *name = answer.member_id.clone();
    let me = Me { name: name.clone(), epoch: answer.generation };
    let request = sync_request(group.name, &me, shares(&answer, actor.load.partitions));
    let GroupResponse::SyncGroup(told) = group.ask(actor, request).await? else { return None };
    if group.heard(told.error) != ErrorCode::None {
        return None;
    }
    let partitions = partitions_in(told.assignment);
    group.note_assigned(actor, &me, partitions.iter().copied());
    let mut positions = BTreeMap::new();
    for partition in partitions {
        let Some(position) = group.committed(actor, partition).await else {
            group.note_revoked(actor, &me, None);
            return None;
        };
        positions.insert(partition, position);
    }
    Some(Joined { me, positions })
}

fn join_request(group: &str, name: &str) -> GroupRequest {
    GroupRequest::JoinGroup(JoinGroupRequest {
        group_id: group.to_owned(),
        session_timeout_ms: SESSION_MS,
        rebalance_timeout_ms: 3_000,
        member_id: name.to_owned(),
        instance_id: None,
        protocol_type: PROTOCOL_TYPE.to_owned(),
        protocols: vec![JoinProtocol { name: PROTOCOL.to_owned(), metadata: Bytes::from_static(b"me") }],
        reason: None,
        requires_known_member: true,
        may_skip_assignment: true,
    })
}

fn sync_request(group: &str, me: &Me, assignments: Vec<SyncAssignment>) -> GroupRequest {
    GroupRequest::SyncGroup(SyncGroupRequest {
        group_id: group.to_owned(),
        generation: me.epoch,
        member_id: me.name.clone(),
        instance_id: None,
        protocol_type: Some(PROTOCOL_TYPE.to_owned()),
        protocol: Some(PROTOCOL.to_owned()),
        assignments,
    })
}

/// Every partition to one member, in turn; nothing, if the group asks somebody else to divide them.
fn shares(joined: &JoinGroupResponse, partitions: i32) -> Vec<SyncAssignment> {
    let count = i32::try_from(joined.members.len()).unwrap_or(i32::MAX);
    let share = |index: i32| {
        let mut share = BytesMut::new();
        (0..partitions)
            .filter(|partition| partition % count == index)
            .for_each(|partition| share.put_i32(partition));
        share.freeze()
    };
    let assignment = |(index, member): (i32, &tidemark::wire::JoinedMember)| SyncAssignment {
        member_id: member.member_id.clone(),
        assignment: share(index),
    };
    (0..).zip(&joined.members).map(assignment).collect()
}

fn partitions_in(mut share: Bytes) -> Vec<i32> {
    let mut partitions = Vec::new();
    while share.remaining() >= 4 {
        partitions.push(share.get_i32());
    }
    partitions
}

/// Heartbeats, reads and commits until it is told to join again, or goes by itself.
async fn live(actor: &mut Actor, group: &mut Group, joined: &mut Joined) -> Next {
    while !actor.is_over() {
        let request = GroupRequest::Heartbeat(HeartbeatRequest {
            group_id: group.name.to_owned(),
            generation: joined.me.epoch,
            member_id: joined.me.name.clone(),
            instance_id: None,
        });
        // It proves nothing: a coordinator that loads its groups says yes to all, as Kafka's does.
        if let Some(GroupResponse::Heartbeat(answer)) = group.ask(actor, request).await {
            match Next::after(group.heard(answer.error)) {
                Next::Stay => {}
                next => return next,
            }
        }
        is_silent_at_times(actor).await;
        match read_on(actor, group, joined).await {
            Next::Stay => {}
            next => return next,
        }
        if actor.chance.happens(15_000) {
            break;
        }
        actor.rest(800).await;
    }
    Next::Begin
}

async fn read_on(actor: &mut Actor, group: &mut Group, joined: &mut Joined) -> Next {
    let Some(topic) = Topic::ask(actor).await else { return Next::Stay };
    for (partition, position) in &mut joined.positions {
        let Some(next) = topic.read(actor, *partition, *position).await.filter(|next| next > position) else {
            continue;
        };
        *position = next;
        match group.commit(actor, &joined.me, *partition, next).await {
            Next::Stay => {}
            next => return next,
        }
    }
    Next::Stay
}

async fn leave(actor: &mut Actor, group: &mut Group, me: &Me) {
    let member = LeavingMember { member_id: me.name.clone(), instance_id: None, reason: None };
    let leave = LeaveGroupRequest { group_id: group.name.to_owned(), members: vec![member] };
    // Whether it is heard is all the same: its session ends by itself.
    let _ = group.ask(actor, GroupRequest::LeaveGroup(leave)).await;
}
