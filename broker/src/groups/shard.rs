//! All groups of one partition of the offsets topic: an input comes in, its group handles it, effects go out.
//!
//! *Invariant:* [`Shard::handle`] and [`Shard::tick`] leave no group behind that is nothing.
//! *Invariant:* `offset_bytes`, `instance_count` and `instance_bytes` are the sums over the groups.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::error::GroupError;
use super::group::{Group, Kind};
use super::ids::{GroupId, Ticket};
use super::options::GroupOptions;
use super::reply::{Outcome, Reply};
use super::request::{Commit, ConsumerHeartbeat, Join, Request, Sync};
use super::timers::{TimerKey, Timers};
use super::topics::Topics;
use super::turn::{Now, Turn};

/// The groups of one partition of `__consumer_offsets`.
///
/// Loading: [`Shard::new`], [`Shard::replay`] for every record up to the log's end, [`Shard::start`]. Then requests go to
/// [`Shard::handle`], changes of topics to [`Shard::topics_changed`], and [`Shard::tick`] is called at
/// [`Shard::next_deadline`].
#[derive(Debug)]
pub struct Shard {
    pub(super) options: Arc<GroupOptions>,
    pub(super) topics: Arc<Topics>,
    pub(super) groups: BTreeMap<GroupId, Group>,
    pub(super) timers: Timers,
    pub(super) offset_bytes: usize,
    pub(super) instance_count: usize,
    pub(super) instance_bytes: usize,
}

impl Shard {
    /// An empty shard.
    #[must_use]
    pub fn new(options: Arc<GroupOptions>, topics: Arc<Topics>) -> Self {
        Self {
            options,
            topics,
            groups: BTreeMap::new(),
            timers: Timers::default(),
            offset_bytes: 0,
            instance_count: 0,
            instance_bytes: 0,
        }
    }

    /// How many groups there are.
    #[must_use]
    pub fn group_count(&self) -> usize {
        self.groups.len()
    }

    /// When [`Shard::tick`] has something to do.
    #[must_use]
    pub fn next_deadline(&self) -> Option<Instant> {
        self.timers.next()
    }

    /// Handles a request; its reply, and perhaps others', is in the outcome of this input or of a later one.
    pub fn handle(&mut self, ticket: Ticket, request: Request, now: Now) -> Outcome {
        let mut out = Outcome::default();
        match request.group().cloned() {
            None => out.reply(ticket, Reply::List(self.list())),
            Some(group) => match self.check_group(&group, &request) {
                Err(refused) => out.reply(ticket, refusal(&request, refused)),
                Ok(()) => {
                    self.on_group(&group, now, &mut out, |entry, turn| dispatch(entry, turn, ticket, request))
                }
            },
        }
        out
    }

    /// Does what has come due.
    pub fn tick(&mut self, now: Now) -> Outcome {
        let mut out = Outcome::default();
        while let Some(key) = self.timers.pop_due(now.at) {
            match key {
                TimerKey::Session(group, member) => {
                    self.on_group(&group, now, &mut out, |entry, turn| match &mut entry.kind {
                        Kind::Bare => {}
                        Kind::Consumer(group) => group.session_ended(turn, &member),
                        Kind::Classic(group) => group.session_ended(turn, &member),
                    })
                }
                TimerKey::Revocation(group, member) => self.on_group(&group, now, &mut out, |entry, turn| {
                    if let Kind::Consumer(group) = &mut entry.kind {
                        group.revocation_overdue(turn, &member);
                    }
                }),
                TimerKey::Join(group) => self.on_group(&group, now, &mut out, |entry, turn| {
                    if let Kind::Classic(group) = &mut entry.kind {
                        group.join_overdue(turn);
                    }
                }),
                TimerKey::Sync(group) => self.on_group(&group, now, &mut out, |entry, turn| {
                    if let Kind::Classic(group) = &mut entry.kind {
                        group.sync_overdue(turn);
                    }
                }),
                TimerKey::Instance(group, instance) => {
                    self.on_group(&group, now, &mut out, |entry, turn| {
                        entry.instance_timed_out(turn, &instance)
                    });
                }
                TimerKey::InstancePolls(group, instance) => {
                    self.on_group(&group, now, &mut out, |entry, turn| entry.give_turns(turn, &instance));
                }
                TimerKey::Sweep => self.sweep(now, &mut out),
            }
        }
        out
    }

    /// Takes a newer view of the topics. Offsets of topics that were there and are not any more are forgotten; what the
    /// change means for assignments is seen to in the members' next heartbeats.
    pub fn topics_changed(&mut self, topics: Arc<Topics>, now: Now) -> Outcome {
        let mut out = Outcome::default();
        if topics.version() <= self.topics.version() {
            return out;
        }
        let deleted: BTreeSet<_> = self.topics.gone_in(&topics).collect();
        self.topics = topics;
        if !deleted.is_empty() {
            for group in self.groups.keys().cloned().collect::<Vec<_>>() {
                self.on_group(&group, now, &mut out, |entry, turn| entry.forget_topics(turn, &deleted));
            }
        }
        out
    }

    /// Looks for expired offsets. What is too much for one batch is done in the next.
    fn sweep(&mut self, now: Now, out: &mut Outcome) {
        let mut room = self.options.expired_per_sweep_max.max(1);
        for group in self.groups.keys().cloned().collect::<Vec<_>>() {
            self.on_group(&group, now, out, |entry, turn| room -= entry.expire(turn, room));
            if room == 0 {
                break;
            }
        }
        let pause_ms =
            if room == 0 { 1 } else { u64::from(self.options.offsets_retention_check_interval_ms.max(1)) };
        self.timers.set(TimerKey::Sweep, now.at + Duration::from_millis(pause_ms));
    }

    /// Lets `work` have the group, which is made for it if it is not there and does not stay if it is nothing.
    pub(super) fn on_group(
        &mut self,
        id: &GroupId,
        now: Now,
        out: &mut Outcome,
        work: impl FnOnce(&mut Group, &mut Turn),
    ) {
        let mut group = self.groups.remove(id).unwrap_or_default();
        self.leave_out(&group);
        let mut turn = Turn {
            group: id,
            now,
            options: &self.options,
            topics: &self.topics,
            timers: &mut self.timers,
            out,
            offset_room: self
                .options
                .offset_bytes_max
                .saturating_sub(self.offset_bytes + group.offsets.bytes()),
            instances_left: self
                .options
                .instances_max
                .saturating_sub(self.instance_count + group.instances.len()),
            instance_room: self
                .options
                .instance_bytes_max
                .saturating_sub(self.instance_bytes + group.instances.bytes()),
        };
        work(&mut group, &mut turn);
        self.put_back(id, group);
    }

    /// Takes a group that has been taken out of the shard out of its sums.
    pub(super) fn leave_out(&mut self, group: &Group) {
        self.offset_bytes -= group.offsets.bytes();
        self.instance_count -= group.instances.len();
        self.instance_bytes -= group.instances.bytes();
    }

    /// Puts it back, and into the sums, unless it is nothing.
    pub(super) fn put_back(&mut self, id: &GroupId, group: Group) {
        self.offset_bytes += group.offsets.bytes();
        self.instance_count += group.instances.len();
        self.instance_bytes += group.instances.bytes();
        if !group.is_nothing() {
            self.groups.insert(id.clone(), group);
        }
    }

    /// Whether a request about this group can be looked at.
    fn check_group(&self, group: &GroupId, request: &Request) -> Result<(), GroupError> {
        if group.is_empty() {
            return Err(GroupError::InvalidGroupId);
        }
        self.options.check_text("group id", group.as_str())?;
        let max = self.options.groups_max;
        if request.makes_a_group() && !self.groups.contains_key(group) && self.groups.len() >= max {
            return Err(GroupError::TooMany { what: "groups of one shard", max });
        }
        Ok(())
    }

    fn list(&self) -> Vec<super::view::GroupListing> {
        self.groups.iter().map(|(id, group)| group.listing(id)).collect()
    }
}

fn dispatch(group: &mut Group, turn: &mut Turn, ticket: Ticket, request: Request) {
    let reply = match request {
        Request::Join(request) => return join(group, turn, ticket, &request),
        Request::Sync(request) => return sync(group, turn, ticket, &request),
        Request::ConsumerHeartbeat(request) => {
            Reply::ConsumerHeartbeat(consumer_heartbeat(group, turn, &request))
        }
        Request::Heartbeat(request) => Reply::Heartbeat(match &mut group.kind {
            Kind::Classic(group) => group.heartbeat(turn, &request),
            _ => Err(GroupError::UnknownMember),
        }),
        Request::Leave(request) => Reply::Leave(group.leave(turn, &request)),
        Request::Commit(request) => Reply::Commit(commit(group, turn, &request)),
        Request::FetchOffsets(request) => Reply::FetchOffsets(group.fetch_offsets(turn, &request)),
        Request::DeleteOffsets(request) => Reply::DeleteOffsets(group.delete_offsets(turn, &request)),
        Request::DeleteGroup(_) => Reply::DeleteGroup(group.delete(turn)),
        Request::Instance(call) => return group.on_instance(turn, ticket, *call),
        Request::Describe(_) if group.is_nothing() => Reply::Describe(Err(GroupError::GroupIdNotFound)),
        Request::Describe(_) => Reply::Describe(Ok(Box::new(group.view(turn.group)))),
        Request::List => unreachable!("a list is of no group"),
    };
    turn.reply(ticket, reply);
}

fn consumer_heartbeat(
    group: &mut Group,
    turn: &mut Turn,
    request: &ConsumerHeartbeat,
) -> Result<super::reply::ConsumerHeartbeatReply, GroupError> {
    super::consumer::check(turn.options, request)?;
    if request.epoch == 0 {
        return group.as_consumer(turn)?.heartbeat(turn, request);
    }
    match &mut group.kind {
        Kind::Consumer(group) => group.heartbeat(turn, request),
        Kind::Classic(group) if !group.is_vacant() => Err(GroupError::GroupTypeMismatch { is: "classic" }),
        _ => Err(GroupError::UnknownMember),
    }
}

fn commit(
    group: &mut Group,
    turn: &mut Turn,
    request: &Commit,
) -> Result<Vec<Result<(), GroupError>>, GroupError> {
    turn.options.check_text("member id", request.member.as_str())?;
    group.commit(turn, request)
}

fn join(group: &mut Group, turn: &mut Turn, ticket: Ticket, request: &Join) {
    if let Kind::Bare | Kind::Consumer(_) = &group.kind
        && !request.member.is_empty()
        && !group.has_members()
    {
        return turn.reply(ticket, Reply::Join(Err(GroupError::UnknownMember)));
    }
    // First of all: a request that makes no sense must not end what the group was.
    if let Err(refused) = super::classic::check(turn.options, request) {
        return turn.reply(ticket, Reply::Join(Err(refused)));
    }
    match group.as_classic(turn) {
        Ok(group) => group.join(turn, ticket, request),
        Err(refused) => turn.reply(ticket, Reply::Join(Err(refused))),
    }
}

fn sync(group: &mut Group, turn: &mut Turn, ticket: Ticket, request: &Sync) {
    match &mut group.kind {
        Kind::Classic(group) => group.sync(turn, ticket, request),
        _ => turn.reply(ticket, Reply::Sync(Err(GroupError::UnknownMember))),
    }
}

/// The reply of the request's own kind that refuses it.
fn refusal(request: &Request, refused: GroupError) -> Reply {
    match request {
        Request::ConsumerHeartbeat(_) => Reply::ConsumerHeartbeat(Err(refused)),
        Request::Join(_) => Reply::Join(Err(refused)),
        Request::Sync(_) => Reply::Sync(Err(refused)),
        Request::Heartbeat(_) => Reply::Heartbeat(Err(refused)),
        Request::Leave(_) => Reply::Leave(Err(refused)),
        Request::Commit(_) => Reply::Commit(Err(refused)),
        Request::FetchOffsets(_) => Reply::FetchOffsets(Err(refused)),
        Request::DeleteOffsets(_) => Reply::DeleteOffsets(Err(refused)),
        Request::DeleteGroup(_) => Reply::DeleteGroup(Err(refused)),
        Request::Describe(_) => Reply::Describe(Err(refused)),
        Request::Instance(_) => Reply::Instance(Err(refused.into())),
        Request::List => Reply::List(Vec::new()),
    }
}
