//! A static member's new life takes the old one's place (KIP-345), without a rebalance if nothing else changes.

use super::round::Start;
use super::state::{ClassicGroup, State};
use crate::groups::error::GroupError;
use crate::groups::ids::{MemberId, Ticket};
use crate::groups::reply::{JoinReply, Reply};
use crate::groups::request::Join;
use crate::groups::turn::Turn;

impl ClassicGroup {
    pub(super) fn replace_static(
        &mut self,
        turn: &mut Turn,
        ticket: Ticket,
        request: &Join,
        old: &MemberId,
    ) -> Option<Result<JoinReply, GroupError>> {
        let named = Join { member: old.clone(), ..request.clone() };
        if let Err(full) = self.check_room(turn.options, &named) {
            return Some(Err(full));
        }
        let new = request.fresh_member.clone();
        let leader_before = self.leader.clone();
        self.rename(turn, old, &new);
        self.update(turn, &new, request);
        let same_protocol =
            self.members[&new].protocols.iter().any(|(name, _)| Some(name) == self.protocol.as_ref());
        if self.state == State::Stable && same_protocol && self.would_choose_again() {
            self.note_topics();
            self.write(turn);
            self.heard(turn, &new);
            let leads = self.leader.as_ref() == Some(&new);
            let mut reply = self.joined(&new, leads && request.may_skip_assignment);
            if leads && !request.may_skip_assignment {
                // It must not assign: others would not hear of it. So it is told that its former self leads.
                reply.leader = leader_before.expect("a stable group has a leader");
                reply.members = Vec::new();
            }
            return Some(Ok(reply));
        }
        self.wait(ticket, &new);
        self.prepare(turn, Start::Again);
        None
    }

    fn would_choose_again(&self) -> bool {
        Some(self.vote()) == self.protocol
    }

    fn rename(&mut self, turn: &mut Turn, old: &MemberId, new: &MemberId) {
        let mut member = self.members.remove(old).expect("instances name members");
        if let Some(waiting) = member.joining.take() {
            turn.reply(waiting, Reply::Join(Err(GroupError::FencedInstance)));
        }
        if let Some(ticket) = member.syncing.take() {
            turn.reply(ticket, Reply::Sync(Err(GroupError::FencedInstance)));
        }
        if let Some(instance) = &member.instance {
            self.instances.insert(instance.clone(), new.clone());
        }
        if self.leader.as_ref() == Some(old) {
            self.leader = Some(new.clone());
        }
        if self.to_sync.remove(old) {
            self.to_sync.insert(new.clone());
        }
        turn.forget_member(old);
        turn.start_session(new, member.session_timeout_ms);
        self.members.insert(new.clone(), member);
    }
}
