//! Who leaves, and who is gone: by its own word, by silence, or by not asking for its assignment.

use super::round::Start;
use super::state::{ClassicGroup, State};
use crate::groups::error::GroupError;
use crate::groups::ids::{InstanceId, MemberId};
use crate::groups::reply::Reply;
use crate::groups::turn::Turn;

impl ClassicGroup {
    /// Removes one of the members that a leave names, by its name or its instance.
    pub(in crate::groups) fn leave(
        &mut self,
        turn: &mut Turn,
        member: &MemberId,
        instance: Option<&InstanceId>,
    ) -> Result<(), GroupError> {
        if instance.is_none() && self.expected.remove(member) {
            turn.forget_member(member);
            self.complete_if_all_joined(turn);
            return Ok(());
        }
        let name = match (instance, member.is_empty()) {
            (Some(instance), true) => {
                self.instances.get(instance).cloned().ok_or(GroupError::UnknownMember)?
            }
            _ => member.clone(),
        };
        self.known(&name, instance)?;
        self.lose(turn, &name);
        Ok(())
    }

    /// A member, or one that was expected, has been silent for too long.
    pub(in crate::groups) fn session_ended(&mut self, turn: &mut Turn, name: &MemberId) {
        if self.expected.remove(name) {
            self.complete_if_all_joined(turn);
            return;
        }
        let Some(member) = self.members.get(name) else { return };
        // Who waits for us cannot beat; only a new member's own limit ends its wait.
        let waits = member.joining.is_some() || member.syncing.is_some();
        if !waits || member.is_new {
            self.lose(turn, name);
        }
    }

    /// Members have not asked for their assignment in time.
    pub(in crate::groups) fn sync_overdue(&mut self, turn: &mut Turn) {
        let late = std::mem::take(&mut self.to_sync);
        if late.is_empty() || !matches!(self.state, State::CompletingRebalance | State::Stable) {
            return;
        }
        for name in &late {
            self.remove(turn, name);
        }
        self.prepare(turn, Start::Again);
    }

    fn lose(&mut self, turn: &mut Turn, name: &MemberId) {
        self.remove(turn, name);
        self.prepare(turn, Start::Again);
    }

    /// Takes the member out, and answers what it waits for.
    pub(super) fn remove(&mut self, turn: &mut Turn, name: &MemberId) {
        let Some(member) = self.members.remove(name) else { return };
        if let Some(waiting) = member.joining {
            turn.reply(waiting, Reply::Join(Err(GroupError::UnknownMember)));
        }
        if let Some(ticket) = member.syncing {
            turn.reply(ticket, Reply::Sync(Err(GroupError::UnknownMember)));
        }
        if let Some(instance) = &member.instance {
            self.instances.remove(instance);
        }
        self.to_sync.remove(name);
        if self.leader.as_ref() == Some(name) {
            self.leader = self.members.keys().next().cloned();
        }
        turn.forget_member(name);
    }

    pub(super) fn fail_syncs(&mut self, turn: &mut Turn, error: &GroupError) {
        for member in self.members.values_mut() {
            if let Some(ticket) = member.syncing.take() {
                turn.reply(ticket, Reply::Sync(Err(error.clone())));
            }
        }
    }
}
