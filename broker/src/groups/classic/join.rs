//! Who joins, and how: as a new member, under a name it was given, or again.

use super::round::Start;
use super::state::{ClassicGroup, Member, State};
use crate::groups::error::GroupError;
use crate::groups::ids::{MemberId, Ticket};
use crate::groups::options::GroupOptions;
use crate::groups::reply::{JoinReply, Reply};
use crate::groups::request::Join;
use crate::groups::turn::Turn;

impl ClassicGroup {
    /// Lets a member join whose request has passed [`check`]. The reply comes now, or when the group has gathered.
    pub(in crate::groups) fn join(&mut self, turn: &mut Turn, ticket: Ticket, request: &Join) {
        let outcome = match self.check_protocols(request) {
            Err(refused) => Some(Err(refused)),
            Ok(()) if request.member.is_empty() => self.join_unnamed(turn, ticket, request),
            Ok(()) => self.join_named(turn, ticket, request),
        };
        if let Some(outcome) = outcome {
            turn.reply(ticket, Reply::Join(outcome));
        }
    }

    fn join_unnamed(
        &mut self,
        turn: &mut Turn,
        ticket: Ticket,
        request: &Join,
    ) -> Option<Result<JoinReply, GroupError>> {
        let name = request.fresh_member.clone();
        if self.members.contains_key(&name) || self.expected.contains(&name) {
            return Some(Err(GroupError::InvalidRequest {
                what: "the new member's name is taken; join again",
            }));
        }
        if let Some(instance) = &request.instance {
            if let Some(old) = self.instances.get(instance).cloned() {
                return self.replace_static(turn, ticket, request, &old);
            }
        } else if request.requires_known_member {
            if let Err(full) = self.check_room(turn.options, request) {
                return Some(Err(full));
            }
            self.expected.insert(name.clone());
            turn.start_session(&name, request.session_timeout_ms);
            return Some(Err(GroupError::MemberIdRequired { member: name }));
        }
        self.add(turn, ticket, request, name)
    }

    fn join_named(
        &mut self,
        turn: &mut Turn,
        ticket: Ticket,
        request: &Join,
    ) -> Option<Result<JoinReply, GroupError>> {
        let name = &request.member;
        if self.expected.contains(name) && request.instance.is_none() {
            return self.add(turn, ticket, request, name.clone());
        }
        if let Err(unknown) = self.known(name, request.instance.as_ref()) {
            return Some(Err(unknown));
        }
        let room = self.check_room(turn.options, request);
        if room.is_err() {
            return room.err().map(Err);
        }
        let same = self.members[name].protocols == request.protocols;
        let is_leader = self.leader.as_ref() == Some(name);
        match self.state {
            // It asks again for what it has been told; the answer was lost.
            State::CompletingRebalance if same => Some(Ok(self.joined(name, false))),
            // The leader that joins again wants a new assignment; others do if they have something else to say.
            State::Stable if same && !is_leader => {
                self.heard(turn, name);
                Some(Ok(self.joined(name, false)))
            }
            _ => {
                self.update(turn, name, request);
                self.wait(ticket, name);
                self.prepare(turn, Start::Again);
                None
            }
        }
    }

    fn add(
        &mut self,
        turn: &mut Turn,
        ticket: Ticket,
        request: &Join,
        name: MemberId,
    ) -> Option<Result<JoinReply, GroupError>> {
        if let Err(full) = self.check_room(turn.options, request) {
            return Some(Err(full));
        }
        let start = if self.state == State::Empty { Start::First } else { Start::Again };
        self.expected.remove(&name);
        if let Some(instance) = &request.instance {
            self.instances.insert(instance.clone(), name.clone());
        }
        if self.members.is_empty() {
            self.protocol_type = Some(request.protocol_type.clone());
        }
        let patience = request.rebalance_timeout_ms.clamp(1, turn.options.rebalance_timeout_ms_max);
        self.members.insert(name.clone(), Member::of(request, patience));
        self.leader.get_or_insert_with(|| name.clone());
        // It waits for others, not they for it: its own time while it waits is longer than a session.
        let timeout = turn.options.new_member_join_timeout_ms;
        turn.start_session(&name, timeout);
        if let Some(gathering) = &mut self.gathering {
            gathering.joined_since = true;
        }
        self.wait(ticket, &name);
        self.prepare(turn, start);
        None
    }

    /// Takes what the member says now.
    pub(super) fn update(&mut self, turn: &mut Turn, name: &MemberId, request: &Join) {
        let member = self.members.get_mut(name).expect("it is known");
        member.client_id.clone_from(&request.client_id);
        member.client_host.clone_from(&request.client_host);
        member.protocols.clone_from(&request.protocols);
        member.session_timeout_ms = request.session_timeout_ms;
        member.rebalance_timeout_ms =
            request.rebalance_timeout_ms.clamp(1, turn.options.rebalance_timeout_ms_max);
        if let Some(earlier) = member.joining.take() {
            turn.reply(earlier, Reply::Join(Err(GroupError::RebalanceInProgress)));
        }
        if !member.is_new {
            self.heard(turn, name);
        }
    }

    pub(super) fn wait(&mut self, ticket: Ticket, name: &MemberId) {
        let member = self.members.get_mut(name).expect("it is known");
        let earlier = member.joining.replace(ticket);
        assert!(earlier.is_none(), "{name} waits with one join at a time");
    }

    /// What a member of this generation is told; the leader learns of all.
    pub(super) fn joined(&self, name: &MemberId, skip_assignment: bool) -> JoinReply {
        let leader = self.leader.clone().unwrap_or_else(|| "".into());
        let protocol = self.protocol.as_deref();
        let all = || {
            let said = |(name, member): (&MemberId, &Member)| {
                (name.clone(), member.instance.clone(), member.metadata(protocol))
            };
            self.members.iter().map(said).collect()
        };
        JoinReply {
            generation: self.generation,
            protocol_type: self.protocol_type.clone(),
            protocol: self.protocol.clone(),
            skip_assignment,
            member: name.clone(),
            members: if leader == *name { all() } else { Vec::new() },
            leader,
        }
    }

    /// Whether everyone else understands one of the protocols.
    fn check_protocols(&self, request: &Join) -> Result<(), GroupError> {
        let of_kind = self.members.is_empty() || self.protocol_type.as_ref() == Some(&request.protocol_type);
        let others =
            || self.members.iter().filter(|(name, _)| **name != request.member).map(|(_, member)| member);
        let understood = |(name, _): &(String, bytes::Bytes)| {
            others().all(|member| member.protocols.iter().any(|(known, _)| known == name))
        };
        if of_kind && request.protocols.iter().any(understood) {
            Ok(())
        } else {
            Err(GroupError::InconsistentGroupProtocol)
        }
    }

    /// Whether there is room for the member and what it says.
    pub(super) fn check_room(&self, options: &GroupOptions, request: &Join) -> Result<(), GroupError> {
        let is_in = self.members.contains_key(&request.member) || self.expected.contains(&request.member);
        let replaces =
            request.instance.as_ref().is_some_and(|instance| self.instances.contains_key(instance));
        let max = options.members_max;
        if !is_in && !replaces && self.members.len() + self.expected.len() >= max {
            return Err(GroupError::GroupMaxSizeReached { max });
        }
        let others = self.members.iter().filter(|(name, _)| **name != request.member);
        let said: usize = others.map(|(_, member)| member.bytes()).sum();
        let says = bytes_of(&request.protocols);
        let max = options.group_bytes_max;
        if said + says > max {
            return Err(GroupError::TooMany { what: "bytes of metadata of one group", max });
        }
        Ok(())
    }
}

/// Refuses what makes no sense or is too much, before anything is done.
pub(in crate::groups) fn check(options: &GroupOptions, request: &Join) -> Result<(), GroupError> {
    let (min, max) = (options.session_timeout_ms_min, options.session_timeout_ms_max);
    if !(min..=max).contains(&request.session_timeout_ms) {
        return Err(GroupError::InvalidSessionTimeout { min, max });
    }
    if request.protocol_type.is_empty() || request.protocols.is_empty() {
        return Err(GroupError::InconsistentGroupProtocol);
    }
    if request.instance.as_ref().is_some_and(|instance| instance.is_empty()) {
        return Err(GroupError::InvalidRequest { what: "an instance id is not empty" });
    }
    if request.protocols.len() > options.protocols_max {
        return Err(GroupError::TooMany { what: "protocols of one member", max: options.protocols_max });
    }
    options.check_text("protocol type", &request.protocol_type)?;
    for (name, _) in &request.protocols {
        options.check_text("protocol name", name)?;
    }
    let max = options.group_bytes_max;
    if bytes_of(&request.protocols) > max {
        return Err(GroupError::TooMany { what: "bytes of metadata of one group", max });
    }
    options.check_text("member id", request.member.as_str())?;
    options.check_text("instance id", request.instance.as_ref().map_or("", |one| one.as_str()))?;
    options.check_text("client id", &request.client_id)?;
    options.check_text("client host", &request.client_host)
}

pub(super) fn bytes_of(protocols: &[(String, bytes::Bytes)]) -> usize {
    protocols.iter().map(|(name, bytes)| name.len() + bytes.len()).sum()
}
