//! Who may heartbeat in which epoch, who joins, and who takes a static member's place.

use super::heartbeat::JOINS;
use super::state::{ConsumerGroup, Member};
use crate::groups::error::GroupError;
use crate::groups::ids::MemberId;
use crate::groups::options::GroupOptions;
use crate::groups::request::ConsumerHeartbeat;
use crate::groups::turn::Turn;

/// Who was let in.
pub(super) struct Entry {
    /// Under which name.
    pub(super) member: MemberId,
    /// The earlier life of the same instance, whose place it takes.
    pub(super) replaces: Option<MemberId>,
}

impl ConsumerGroup {
    pub(super) fn admit(
        &self,
        options: &GroupOptions,
        request: &ConsumerHeartbeat,
    ) -> Result<Entry, GroupError> {
        if request.epoch == JOINS {
            return self.admit_newcomer(options, request);
        }
        let member = self.known(request)?;
        let current = &member.current;
        let fenced = Err(GroupError::FencedEpoch { current: current.epoch });
        if current.away || request.epoch > current.epoch {
            return fenced;
        }
        if request.epoch < current.epoch {
            // The answer with the newer epoch was lost: that is so if it names the one before, and holds no more than
            // what is assigned to it now.
            let holds_its_own = |owned: &std::collections::BTreeSet<_>| {
                owned.iter().all(|partition| current.assigned.contains_key(partition))
            };
            let answer_was_lost =
                request.epoch == current.previous_epoch && request.owned.as_ref().is_some_and(holds_its_own);
            if !answer_was_lost {
                return fenced;
            }
        }
        Ok(Entry { member: request.member.clone(), replaces: None })
    }

    fn admit_newcomer(
        &self,
        options: &GroupOptions,
        request: &ConsumerHeartbeat,
    ) -> Result<Entry, GroupError> {
        let unnamed = request.member.is_empty();
        let member = if unnamed { request.fresh_member.clone() } else { request.member.clone() };
        let taken = request.instance.as_ref().and_then(|instance| self.instances.get(instance));
        if let Some(holder) = taken.filter(|holder| **holder != member) {
            let away = self.members.get(holder).is_none_or(|holder| holder.current.away);
            if !away {
                return Err(GroupError::UnreleasedInstance);
            }
            if self.members.contains_key(&member) {
                return Err(GroupError::FencedInstance);
            }
            return Ok(Entry { member, replaces: Some(holder.clone()) });
        }
        if let Some(known) = self.members.get(&member) {
            if known.profile.instance != request.instance {
                return Err(GroupError::FencedInstance);
            }
        } else if self.members.len() >= options.members_max {
            return Err(GroupError::GroupMaxSizeReached { max: options.members_max });
        }
        Ok(Entry { member, replaces: None })
    }

    /// The member that a request comes from, if it is this life of this instance.
    pub(super) fn known(&self, request: &ConsumerHeartbeat) -> Result<&Member, GroupError> {
        if let Some(instance) = &request.instance {
            match self.instances.get(instance) {
                Some(holder) if *holder != request.member => return Err(GroupError::FencedInstance),
                Some(_) => {}
                None => return Err(GroupError::UnknownMember),
            }
        }
        self.members.get(&request.member).ok_or(GroupError::UnknownMember)
    }

    /// The new life of a static member takes over what the old one had.
    pub(super) fn replace(&mut self, turn: &mut Turn, old: &MemberId, new: &MemberId) {
        let Member { profile, target, current } = self.members.get(old).expect("it is replaced").clone();
        self.write_removal(turn, old);
        self.write_profile(turn, new, profile);
        self.write_target(turn, new, target);
        self.write_current(turn, new, current);
    }
}
