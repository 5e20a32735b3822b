//! Who leaves, and who is gone: by its own word, by silence, or by not giving up what it was told to.

use super::heartbeat::LEAVES_FOR_A_WHILE;
use super::state::ConsumerGroup;
use crate::groups::error::GroupError;
use crate::groups::ids::{InstanceId, MemberId};
use crate::groups::records::{CurrentValue, MemberState};
use crate::groups::reply::ConsumerHeartbeatReply;
use crate::groups::request::ConsumerHeartbeat;
use crate::groups::timers::TimerKey;
use crate::groups::turn::Turn;

impl ConsumerGroup {
    /// The member says that it leaves.
    pub(super) fn leave(
        &mut self,
        turn: &mut Turn,
        request: &ConsumerHeartbeat,
    ) -> Result<ConsumerHeartbeatReply, GroupError> {
        let current = self.known(request)?.current.clone();
        let member = request.member.clone();
        if request.epoch == LEAVES_FOR_A_WHILE {
            // It keeps its place until its session ends, but what it was giving up it holds no more.
            let state = match current.state {
                MemberState::UnrevokedPartitions => MemberState::Stable,
                other => other,
            };
            let pending_revocation = Default::default();
            self.write_current(
                turn,
                &member,
                CurrentValue { away: true, state, pending_revocation, ..current },
            );
            turn.timers.cancel(&TimerKey::Revocation(turn.group.clone(), member.clone()));
        } else {
            self.remove(turn, &member);
        }
        Ok(ConsumerHeartbeatReply {
            member,
            epoch: request.epoch,
            heartbeat_interval_ms: 0,
            assignment: None,
        })
    }

    /// Removes a member that somebody else names, by its name or its instance (KIP-345).
    pub(in crate::groups) fn remove_named(
        &mut self,
        turn: &mut Turn,
        member: &MemberId,
        instance: Option<&InstanceId>,
    ) -> Result<(), GroupError> {
        let by_instance = match instance {
            Some(instance) => Some(self.instances.get(instance).cloned().ok_or(GroupError::UnknownMember)?),
            None => None,
        };
        if by_instance.as_ref().is_some_and(|holder| !member.is_empty() && holder != member) {
            return Err(GroupError::FencedInstance);
        }
        let name = by_instance.unwrap_or_else(|| member.clone());
        if !self.members.contains_key(&name) {
            return Err(GroupError::UnknownMember);
        }
        self.remove(turn, &name);
        Ok(())
    }

    /// The member has been silent for too long.
    pub(in crate::groups) fn session_ended(&mut self, turn: &mut Turn, member: &MemberId) {
        if self.members.contains_key(member) {
            self.remove(turn, member);
        }
    }

    /// The member has not given up in time what it was told to.
    pub(in crate::groups) fn revocation_overdue(&mut self, turn: &mut Turn, member: &MemberId) {
        let waits = |current: &CurrentValue| current.state == MemberState::UnrevokedPartitions;
        if self.members.get(member).is_some_and(|member| waits(&member.current)) {
            self.remove(turn, member);
        }
    }

    fn remove(&mut self, turn: &mut Turn, member: &MemberId) {
        self.write_removal(turn, member);
        self.bump(turn);
    }
}
