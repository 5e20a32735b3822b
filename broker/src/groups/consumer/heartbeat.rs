//! What a heartbeat of a member does: it is let in or fenced, says what changed, and is moved a step.

use super::admission::Entry;
use super::reconcile::{Goal, step};
use super::state::ConsumerGroup;
use crate::groups::assignor::Assignor;
use crate::groups::error::GroupError;
use crate::groups::ids::MemberId;
use crate::groups::options::GroupOptions;
use crate::groups::records::{MemberProfile, MemberState};
use crate::groups::reply::ConsumerHeartbeatReply;
use crate::groups::request::ConsumerHeartbeat;
use crate::groups::timers::TimerKey;
use crate::groups::turn::Turn;

/// The epoch of a member that joins.
pub(super) const JOINS: i32 = 0;
/// The epoch of a member that leaves.
pub(super) const LEAVES: i32 = -1;
/// The epoch of a static member that leaves for a while.
pub(super) const LEAVES_FOR_A_WHILE: i32 = -2;

impl ConsumerGroup {
    /// Handles a heartbeat that has passed [`check`].
    pub(in crate::groups) fn heartbeat(
        &mut self,
        turn: &mut Turn,
        request: &ConsumerHeartbeat,
    ) -> Result<ConsumerHeartbeatReply, GroupError> {
        if request.epoch == LEAVES || request.epoch == LEAVES_FOR_A_WHILE {
            return self.leave(turn, request);
        }
        let Entry { member, replaces } = self.admit(turn.options, request)?;
        let before =
            self.members.get(replaces.as_ref().unwrap_or(&member)).map(|before| before.profile.clone());
        let is_new = before.is_none();
        if let Some(old) = &replaces {
            self.replace(turn, old, &member);
        }
        let profile = updated(turn.options, before.clone().unwrap_or_default(), request);
        let subscribes_anew = before
            .as_ref()
            .is_none_or(|before| before.topics != profile.topics || before.assignor != profile.assignor);
        if before.as_ref() != Some(&profile) || replaces.is_some() {
            self.write_profile(turn, &member, profile.clone());
        }
        if is_new || subscribes_anew || self.topics_have_changed(turn) {
            self.bump(turn);
        }
        self.retarget(turn);
        let moved = self.reconcile(turn, request, &member, is_new);
        turn.start_session(&member, profile.session_timeout_ms);

        let current = &self.members.get(&member).expect("it was let in").current;
        let tell = moved || request.epoch == JOINS || request.owned.is_some();
        Ok(ConsumerHeartbeatReply {
            epoch: current.epoch,
            heartbeat_interval_ms: turn.options.heartbeat_interval_ms.min(profile.session_timeout_ms / 3),
            assignment: tell.then(|| current.assigned.clone()),
            member,
        })
    }

    /// Moves the member a step. Whether what is assigned to it has changed.
    fn reconcile(
        &mut self,
        turn: &mut Turn,
        request: &ConsumerHeartbeat,
        name: &MemberId,
        is_new: bool,
    ) -> bool {
        let nothing = std::collections::BTreeSet::new();
        let member = self.members.get(name).expect("it was let in");
        // Who joins holds nothing, whatever it had in an earlier life.
        let owned = if request.epoch == JOINS { Some(&nothing) } else { request.owned.as_ref() };
        let goal = Goal { epoch: self.epochs.target_epoch, partitions: &member.target.partitions, owned };
        let mut next =
            step(&member.current, &goal, |one| self.holder(one).is_none_or(|holder| holder == name));
        next.away = false;
        if next == member.current && !is_new {
            return false;
        }
        let told_to_give_up = next.state == MemberState::UnrevokedPartitions
            && next.pending_revocation != member.current.pending_revocation;
        let moved = next.assigned != member.current.assigned;
        let (timeout_ms, state) = (member.profile.rebalance_timeout_ms, next.state);
        self.write_current(turn, name, next);
        if told_to_give_up {
            turn.start_revocation(name, timeout_ms);
        } else if state != MemberState::UnrevokedPartitions {
            turn.timers.cancel(&TimerKey::Revocation(turn.group.clone(), name.clone()));
        }
        moved
    }
}

/// What the member says of itself now.
fn updated(options: &GroupOptions, before: MemberProfile, request: &ConsumerHeartbeat) -> MemberProfile {
    let or = |new: Option<u32>, old: u32, default: u32| new.unwrap_or(if old == 0 { default } else { old });
    let rebalance =
        or(request.rebalance_timeout_ms, before.rebalance_timeout_ms, options.rebalance_timeout_ms);
    MemberProfile {
        instance: request.instance.clone().or(before.instance),
        rack: request.rack.clone().or(before.rack),
        client_id: request.client_id.clone(),
        client_host: request.client_host.clone(),
        topics: request.topics.clone().unwrap_or(before.topics),
        rebalance_timeout_ms: rebalance.clamp(1, options.rebalance_timeout_ms_max),
        session_timeout_ms: or(
            request.session_timeout_ms,
            before.session_timeout_ms,
            options.session_timeout_ms,
        ),
        assignor: request.assignor.clone().or(before.assignor),
        client_metadata: request.client_metadata.clone().unwrap_or(before.client_metadata),
    }
}

/// Refuses what makes no sense or is too much, before anything is done.
pub(in crate::groups) fn check(
    options: &GroupOptions,
    request: &ConsumerHeartbeat,
) -> Result<(), GroupError> {
    let invalid = |what| Err(GroupError::InvalidRequest { what });
    if request.epoch < LEAVES_FOR_A_WHILE {
        return invalid("a member epoch is -2 or more");
    }
    if request.member.is_empty() && request.epoch != JOINS {
        return invalid("a member that has joined says its name");
    }
    if request.epoch == LEAVES_FOR_A_WHILE && request.instance.is_none() {
        return invalid("only a static member, with an instance id, leaves for a while");
    }
    if request.instance.as_ref().is_some_and(|instance| instance.is_empty()) {
        return invalid("an instance id is not empty");
    }
    if request.epoch == JOINS && request.owned.as_ref().is_some_and(|owned| !owned.is_empty()) {
        return invalid("a member that joins holds nothing; give up all partitions first");
    }
    if request.topics_regex.as_ref().is_some_and(|pattern| !pattern.is_empty()) {
        return Err(GroupError::UnsupportedRegex);
    }
    if request.assignor.as_deref().is_some_and(|name| Assignor::named(name).is_none()) {
        return Err(GroupError::UnsupportedAssignor);
    }
    let (min, max) = (options.session_timeout_ms_min, options.session_timeout_ms_max);
    if request.session_timeout_ms.is_some_and(|ms| !(min..=max).contains(&ms)) {
        return Err(GroupError::InvalidSessionTimeout { min, max });
    }
    let topics_max = options.topics_per_member_max;
    if request.topics.as_ref().is_some_and(|topics| topics.len() > topics_max) {
        return Err(GroupError::TooMany { what: "topics of one member", max: topics_max });
    }
    options.check_text("rack", request.rack.as_deref().unwrap_or_default())?;
    options.check_text("member id", request.member.as_str())?;
    options.check_text("instance id", request.instance.as_ref().map_or("", |one| one.as_str()))?;
    options.check_text("client id", &request.client_id)?;
    options.check_text("client host", &request.client_host)?;
    let note = request.client_metadata.as_ref().map_or(0, String::len);
    let note_max = options.client_metadata_bytes_max;
    if note > note_max {
        return Err(GroupError::TooLong { field: "client metadata", len: note, max: note_max });
    }
    Ok(())
}
