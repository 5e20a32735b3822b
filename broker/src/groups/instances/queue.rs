//! The polls of one instance, one at a time.
//!
//! A poll that finds another under way waits for its end; but one that has been under way for a while (it waits for
//! records, or nobody listens to it any more) gives its place to the later one, and delivers nothing: whoever asks last
//! is the one who listens. A poll that is told so answers without records.

use std::time::Duration;

use super::call::BeginPoll;
use super::refusal::{Bounded, InstanceRefusal};
use super::state::ParkedPoll;
use crate::groups::group::Group;
use crate::groups::ids::{InstanceName, Ticket};
use crate::groups::reply::Reply;
use crate::groups::timers::TimerKey;
use crate::groups::turn::Turn;

impl Group {
    /// Begins a poll, or has it wait for its turn.
    pub(super) fn begin_or_park(
        &mut self,
        turn: &mut Turn,
        ticket: Ticket,
        name: &InstanceName,
        begin: BeginPoll,
    ) {
        let refuse = |turn: &mut Turn, why| turn.reply(ticket, Reply::Instance(Err(why)));
        let Some(instance) = self.instances.transient(name) else {
            return refuse(turn, InstanceRefusal::NoInstance);
        };
        if let Some(told) = begin.goes_on {
            let is_last = instance.last_begun.is_none_or(|last| last == begin.poll);
            if !is_last || instance.kept.turn != told {
                return refuse(turn, InstanceRefusal::Superseded);
            }
        }
        let patience = Duration::from_millis(u64::from(turn.options.instance_patience_ms));
        let is_its_own = instance.open.as_ref().is_some_and(|open| open.poll == begin.poll);
        let is_free = instance.open.as_ref().is_none_or(|open| open.since + patience <= turn.now.at);
        if is_its_own || (is_free && instance.parked.is_empty()) {
            let answer = self.begin_poll(turn, name, &begin);
            return turn.reply(ticket, Reply::Instance(answer));
        }
        let max = turn.options.instance_polls_max;
        if instance.parked.len() >= max {
            return refuse(turn, InstanceRefusal::TooMany { what: Bounded::Polls, max });
        }
        let until = turn.in_ms(begin.wait_ms);
        instance.parked.push_back(ParkedPoll { ticket, begin, until });
        self.give_turns(turn, name);
    }

    /// Looks whose turn it is, and sets the time to look again.
    pub(in crate::groups) fn give_turns(&mut self, turn: &mut Turn, name: &InstanceName) {
        let patience = Duration::from_millis(u64::from(turn.options.instance_patience_ms));
        let key = TimerKey::InstancePolls(turn.group.clone(), name.clone());
        while let Some(instance) = self.instances.transient(name) {
            let Some(first) = instance.parked.front() else { break };
            let free_at = instance.open.as_ref().map(|open| open.since + patience);
            if free_at.is_some_and(|free_at| free_at > turn.now.at) {
                break;
            }
            let (ticket, begin) = (first.ticket, first.begin.clone());
            instance.parked.pop_front();
            let answer = self.begin_poll(turn, name, &begin);
            turn.reply(ticket, Reply::Instance(answer));
        }
        let Some(instance) = self.instances.transient(name) else { return };
        let (late, waiting): (Vec<_>, Vec<_>) =
            instance.parked.drain(..).partition(|parked| parked.until <= turn.now.at);
        instance.parked = waiting.into();
        let free_at = instance.open.as_ref().map(|open| open.since + patience);
        let next = instance.parked.iter().map(|parked| parked.until).chain(free_at).min();
        match next.filter(|_| !instance.parked.is_empty()) {
            Some(at) => turn.timers.set(key, at),
            None => turn.timers.cancel(&key),
        }
        for parked in late {
            turn.reply(parked.ticket, Reply::Instance(Err(InstanceRefusal::Superseded)));
        }
    }
}
