//! From gathering to a generation: when members are to join again, how long they are waited for, and what comes of it.

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;

use super::state::{ClassicGroup, Gathering, State};
use crate::groups::error::GroupError;
use crate::groups::ids::MemberId;
use crate::groups::reply::Reply;
use crate::groups::turn::Turn;

/// How a round begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Start {
    /// The group was empty: more members are likely to come (KIP-134).
    First,
    /// Members are there, and are told to join again.
    Again,
}

impl ClassicGroup {
    /// Asks everyone to join again, or sees whether everyone has.
    pub(super) fn prepare(&mut self, turn: &mut Turn, start: Start) {
        match self.state {
            State::PreparingRebalance => {}
            State::Empty | State::CompletingRebalance | State::Stable => self.begin(turn, start),
        }
        self.complete_if_all_joined(turn);
    }

    fn begin(&mut self, turn: &mut Turn, start: Start) {
        self.fail_syncs(turn, &GroupError::RebalanceInProgress);
        self.to_sync.clear();
        turn.timers.cancel(&turn.sync_timer());
        let patience = self.rebalance_timeout_ms();
        let delay = turn.options.initial_rebalance_delay_ms.min(patience);
        let wait = if start == Start::First && delay > 0 {
            self.gathering = Some(Gathering { limit: turn.in_ms(patience), joined_since: false });
            delay
        } else {
            patience
        };
        self.enter(State::PreparingRebalance, turn);
        let (key, at) = (turn.join_timer(), turn.in_ms(wait));
        turn.timers.set(key, at);
    }

    pub(super) fn complete_if_all_joined(&mut self, turn: &mut Turn) {
        let all_joined = || self.members.values().all(|member| member.joining.is_some());
        let gathered = self.gathering.is_none() && self.expected.is_empty();
        if self.state == State::PreparingRebalance && gathered && all_joined() {
            self.complete(turn);
        }
    }

    /// The time to join is over.
    pub(in crate::groups) fn join_overdue(&mut self, turn: &mut Turn) {
        if self.state != State::PreparingRebalance {
            return;
        }
        if let Some(gathering) = &mut self.gathering
            && gathering.joined_since
            && turn.now.at < gathering.limit
        {
            gathering.joined_since = false;
            let delay = Duration::from_millis(u64::from(turn.options.initial_rebalance_delay_ms));
            let at = (turn.now.at + delay).min(gathering.limit);
            turn.timers.set(turn.join_timer(), at);
            return;
        }
        self.complete(turn);
    }

    fn complete(&mut self, turn: &mut Turn) {
        self.gathering = None;
        turn.timers.cancel(&turn.join_timer());
        self.drop_absent(turn);
        if !self.elect_leader() {
            // Only static members are left, and none has joined: they are given as long again.
            let (key, at) = (turn.join_timer(), turn.in_ms(self.rebalance_timeout_ms().max(1)));
            turn.timers.set(key, at);
            return;
        }
        self.generation = self.generation.checked_add(1).unwrap_or(1);
        if self.members.is_empty() {
            self.become_empty(turn);
            return;
        }
        self.protocol = Some(self.vote());
        self.note_topics();
        self.enter(State::CompletingRebalance, turn);
        let names: Vec<MemberId> = self.members.keys().cloned().collect();
        for name in &names {
            let reply = self.joined(name, false);
            let member = self.members.get_mut(name).expect("it is one of them");
            member.is_new = false;
            let session_timeout_ms = member.session_timeout_ms;
            if let Some(waiting) = member.joining.take() {
                turn.reply(waiting, Reply::Join(Ok(reply)));
            }
            turn.start_session(name, session_timeout_ms);
        }
        self.to_sync = names.into_iter().collect();
        let (key, at) = (turn.sync_timer(), turn.in_ms(self.rebalance_timeout_ms()));
        turn.timers.set(key, at);
    }

    pub(super) fn become_empty(&mut self, turn: &mut Turn) {
        (self.protocol, self.leader, self.topics) = (None, None, None);
        self.enter(State::Empty, turn);
        self.write(turn);
    }

    /// Members that have not joined are out; static ones keep their place until their session ends.
    fn drop_absent(&mut self, turn: &mut Turn) {
        let absent = |member: &super::state::Member| member.joining.is_none() && member.instance.is_none();
        let gone: Vec<MemberId> =
            self.members.iter().filter(|(_, member)| absent(member)).map(|(name, _)| name.clone()).collect();
        for name in gone {
            self.remove(turn, &name);
        }
    }

    /// Makes somebody who has joined the leader, if the old one has not. Whether the group can go on.
    fn elect_leader(&mut self) -> bool {
        let has_joined =
            |name: &MemberId| self.members.get(name).is_some_and(|member| member.joining.is_some());
        if self.members.is_empty() || self.leader.as_ref().is_some_and(has_joined) {
            return true;
        }
        match self.members.keys().find(|name| has_joined(name)).cloned() {
            Some(name) => {
                self.leader = Some(name);
                true
            }
            None => false,
        }
    }

    /// The protocol that most members like best among those that all understand; of equals the first by name.
    pub(super) fn vote(&self) -> String {
        let understood = |name: &str| {
            self.members.values().all(|member| member.protocols.iter().any(|(known, _)| known == name))
        };
        let mut votes: BTreeMap<&str, usize> = BTreeMap::new();
        for member in self.members.values() {
            let offered = member.protocols.iter().map(|(name, _): &(String, Bytes)| name.as_str());
            if let Some(best) = offered.into_iter().find(|name| understood(name)) {
                *votes.entry(best).or_default() += 1;
            }
        }
        let most = votes.values().max().copied().unwrap_or(0);
        votes
            .into_iter()
            .find(|(_, count)| *count == most)
            .map(|(name, _)| name.to_owned())
            .unwrap_or_default()
    }
}
