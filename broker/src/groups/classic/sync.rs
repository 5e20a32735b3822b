//! The assignment: the leader brings it, everyone asks for theirs.

use std::collections::BTreeMap;

use bytes::Bytes;

use super::state::{ClassicGroup, Member, State};
use crate::groups::error::GroupError;
use crate::groups::ids::{InstanceId, MemberId, Ticket};
use crate::groups::reply::{Reply, SyncReply};
use crate::groups::request::{Heartbeat, Sync};
use crate::groups::turn::Turn;

impl ClassicGroup {
    /// Answers now, or when the leader has brought the assignment.
    pub(in crate::groups) fn sync(&mut self, turn: &mut Turn, ticket: Ticket, request: &Sync) {
        if let Err(refused) = self.check_sync(turn, request) {
            turn.reply(ticket, Reply::Sync(Err(refused)));
            return;
        }
        let name = &request.member;
        self.to_sync.remove(name);
        self.heard(turn, name);
        if self.state == State::Stable {
            turn.reply(ticket, Reply::Sync(Ok(self.assigned(&self.members[name]))));
            self.stop_sync_timer(turn);
            return;
        }
        let member = self.members.get_mut(name).expect("it is known");
        if let Some(earlier) = member.syncing.replace(ticket) {
            turn.reply(earlier, Reply::Sync(Err(GroupError::RebalanceInProgress)));
        }
        if self.leader.as_ref() == Some(name) {
            self.take_assignments(turn, request.assignments.iter().cloned().collect());
        }
        self.stop_sync_timer(turn);
    }

    fn take_assignments(&mut self, turn: &mut Turn, mut assignments: BTreeMap<MemberId, Bytes>) {
        for (name, member) in &mut self.members {
            member.assignment = assignments.remove(name).unwrap_or_default();
        }
        self.enter(State::Stable, turn);
        self.write(turn);
        let names: Vec<MemberId> = self.members.keys().cloned().collect();
        for name in names {
            let reply = self.assigned(&self.members[&name]);
            if let Some(ticket) = self.members.get_mut(&name).and_then(|member| member.syncing.take()) {
                turn.reply(ticket, Reply::Sync(Ok(reply)));
                self.heard(turn, &name);
            }
        }
    }

    fn assigned(&self, member: &Member) -> SyncReply {
        SyncReply {
            protocol_type: self.protocol_type.clone(),
            protocol: self.protocol.clone(),
            assignment: member.assignment.clone(),
        }
    }

    fn stop_sync_timer(&mut self, turn: &mut Turn) {
        if self.to_sync.is_empty() {
            let key = turn.sync_timer();
            turn.timers.cancel(&key);
        }
    }

    fn check_sync(&self, turn: &Turn, request: &Sync) -> Result<(), GroupError> {
        self.known(&request.member, request.instance.as_ref())?;
        self.check_generation(request.generation)?;
        let differs = |said: &Option<String>, own: &Option<String>| said.is_some() && said != own;
        if differs(&request.protocol_type, &self.protocol_type) || differs(&request.protocol, &self.protocol)
        {
            return Err(GroupError::InconsistentGroupProtocol);
        }
        match self.state {
            State::Empty => return Err(GroupError::UnknownMember),
            State::PreparingRebalance => return Err(GroupError::RebalanceInProgress),
            State::CompletingRebalance | State::Stable => {}
        }
        let bytes: usize = request.assignments.iter().map(|(_, bytes)| bytes.len()).sum();
        let max = turn.options.group_bytes_max;
        if bytes > max {
            return Err(GroupError::TooMany { what: "bytes of assignments of one group", max });
        }
        Ok(())
    }

    pub(in crate::groups) fn heartbeat(
        &mut self,
        turn: &mut Turn,
        request: &Heartbeat,
    ) -> Result<(), GroupError> {
        self.known(&request.member, request.instance.as_ref())?;
        self.check_generation(request.generation)?;
        match self.state {
            State::Empty => Err(GroupError::UnknownMember),
            State::PreparingRebalance => {
                self.heard(turn, &request.member);
                Err(GroupError::RebalanceInProgress)
            }
            // A member may beat before it has its assignment.
            State::CompletingRebalance | State::Stable => {
                self.heard(turn, &request.member);
                Ok(())
            }
        }
    }

    /// The member's session begins anew.
    pub(in crate::groups) fn heard(&mut self, turn: &mut Turn, name: &MemberId) {
        if let Some(member) = self.members.get(name) {
            turn.start_session(name, member.session_timeout_ms);
        }
    }

    /// Whether this is a member, and the present life of its instance.
    pub(super) fn known(&self, name: &MemberId, instance: Option<&InstanceId>) -> Result<(), GroupError> {
        if let Some(instance) = instance {
            match self.instances.get(instance) {
                None => return Err(GroupError::UnknownMember),
                Some(holder) if holder != name => return Err(GroupError::FencedInstance),
                Some(_) => {}
            }
        }
        if self.members.contains_key(name) { Ok(()) } else { Err(GroupError::UnknownMember) }
    }

    pub(super) fn check_generation(&self, generation: i32) -> Result<(), GroupError> {
        let current = self.generation;
        if generation == current { Ok(()) } else { Err(GroupError::IllegalGeneration { current }) }
    }
}
