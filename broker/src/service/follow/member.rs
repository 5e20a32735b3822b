//! What a member of a group is assigned: it heartbeats while it is read, and goes on where its reader stands.
//!
//! A member that is not read does not heartbeat: one whose reader sleeps for longer than the session loses its
//! partitions, as with Kafka's `max.poll.interval.ms`. What a rebalance takes away is not told any more from the answer of
//! the heartbeat on that says so.
//!
//! Nothing is committed for having been sent, unless that is asked for: the reader commits what it has done
//! (`PUT /v1/groups/{group}/offsets`), or comes back and says where it stands.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::{Follower, Source, Standing, Standings};
use crate::groups::{ConsumerHeartbeatReply, GroupError, GroupId, MemberId, TopicIdPartition};
use crate::service::groups::{EMPTY_HANDED_INTERVAL, STALE_MAX, Whose, reset_of};
use crate::service::{FetchError, GroupCallError, Service};
use crate::types::{Offset, TopicPartition};

/// A member's partitions to follow.
#[derive(Clone, Debug)]
pub struct FollowMember {
    /// The group.
    pub group: GroupId,
    /// The member.
    pub member: MemberId,
    /// Where its reader says that it stands: this is committed, and gone on from.
    pub resume: BTreeMap<TopicPartition, Offset>,
    /// Whether to commit, with each heartbeat, what was told before the last one.
    pub commit_delivered: bool,
}

/// A member on its way.
#[derive(Debug)]
pub(super) struct Membership {
    follow: FollowMember,
    epoch: Option<i32>,
    beat_due: Instant,
    /// Where the reader stood at the last heartbeat.
    settled: BTreeMap<TopicIdPartition, Offset>,
}

impl Service {
    /// Begins to follow what a member is assigned.
    ///
    /// # Errors
    /// Why it cannot: [`GroupError::UnknownMember`] above all.
    pub async fn follow_member(
        self: &Arc<Self>,
        follow: FollowMember,
        partitions_max: usize,
    ) -> Result<Follower, GroupCallError> {
        let now = self.clock().now();
        let mut membership = Membership { follow, epoch: None, beat_due: now, settled: BTreeMap::new() };
        let mut standings = Standings::new();
        membership.beat_if_due(self, &mut standings).await?;
        let source = Source::Member(membership);
        let follower = Follower { service: Arc::clone(self), source, standings, partitions_max, turn: 0 };
        follower.check_bound()?;
        Ok(follower)
    }
}

impl Membership {
    /// Heartbeats if it is time, and takes over what that says. Returns when it is time again.
    pub(super) async fn beat_if_due(
        &mut self,
        service: &Service,
        standings: &mut Standings,
    ) -> Result<Instant, GroupCallError> {
        let mut stale = 0;
        while service.clock().now() >= self.beat_due {
            match self.beat(service, standings).await {
                // Another request of the same member moved it meanwhile.
                Err(GroupCallError::Refused(GroupError::StaleEpoch { .. })) if stale < STALE_MAX => {
                    (stale, self.epoch) = (stale + 1, None);
                }
                beat => beat?,
            }
        }
        Ok(self.beat_due)
    }

    async fn beat(&mut self, service: &Service, standings: &mut Standings) -> Result<(), GroupCallError> {
        let FollowMember { group, member, .. } = &self.follow;
        if let Some(epoch) = self.epoch.filter(|_| self.follow.commit_delivered) {
            service.acknowledge(Whose { group, member, epoch }, &self.settled).await?;
        }
        let beat = service.beat_of(group, member, self.epoch).await?;
        let assigned: BTreeSet<_> = beat.assignment.iter().flatten().map(|(one, _)| *one).collect();
        let whose = Whose { group, member, epoch: beat.epoch };
        standings.retain(|tp, standing| {
            assigned.contains(&TopicIdPartition::new(standing.topic_id, tp.partition))
        });
        let resumed = resumed(service, &assigned, &self.follow.resume);
        service.acknowledge(whose, &resumed).await?;
        let asked =
            if self.epoch == Some(beat.epoch) { unknown(&assigned, standings) } else { assigned.clone() };
        let positions = service.positions(whose, &asked, &resumed).await?;
        for (one, position) in positions {
            let Some(tp) = service.name_of(&one) else { continue };
            let fresh = Standing { topic_id: one.topic, next: position, high_watermark: Offset::ZERO };
            let standing = standings.entry(tp).or_insert(fresh);
            // Kept all the while, or given away and back: then whoever had it has come this far.
            standing.next = standing.next.max(position);
        }
        self.follow.resume.clear();
        self.epoch = Some(beat.epoch);
        self.beat_due = service.clock().now() + interval(&beat, assigned.is_empty());
        self.settled = positions_of(standings);
        Ok(())
    }

    /// Commits where the reader stands, if that is wished for.
    pub(super) async fn settle(
        &self,
        service: &Service,
        standings: &Standings,
    ) -> Result<(), GroupCallError> {
        if let Some(epoch) = self.epoch.filter(|_| self.follow.commit_delivered) {
            let FollowMember { group, member, .. } = &self.follow;
            service.acknowledge(Whose { group, member, epoch }, &positions_of(standings)).await?;
        }
        Ok(())
    }

    /// Where to go on when a position cannot be read any more.
    pub(super) async fn new_start(
        &self,
        service: &Service,
        tp: &TopicPartition,
        lost: FetchError,
    ) -> Result<Offset, GroupCallError> {
        service.start_of(reset_of(&self.follow.member), tp, Some(lost)).await
    }
}

/// What the reader says of partitions that it still has.
fn resumed(
    service: &Service,
    assigned: &BTreeSet<TopicIdPartition>,
    resume: &BTreeMap<TopicPartition, Offset>,
) -> BTreeMap<TopicIdPartition, Offset> {
    let one = |one: &TopicIdPartition| Some((*one, *resume.get(&service.name_of(one)?)?));
    assigned.iter().filter_map(one).collect()
}

fn unknown(assigned: &BTreeSet<TopicIdPartition>, standings: &Standings) -> BTreeSet<TopicIdPartition> {
    let known = positions_of(standings);
    assigned.iter().filter(|one| !known.contains_key(one)).copied().collect()
}

fn positions_of(standings: &Standings) -> BTreeMap<TopicIdPartition, Offset> {
    let one = |(tp, standing): (&TopicPartition, &Standing)| {
        (TopicIdPartition::new(standing.topic_id, tp.partition), standing.next)
    };
    standings.iter().map(one).collect()
}

fn interval(beat: &ConsumerHeartbeatReply, empty_handed: bool) -> Duration {
    let interval = Duration::from_millis(u64::from(beat.heartbeat_interval_ms.max(100)));
    // Another member may be about to give some up.
    if empty_handed { interval.min(EMPTY_HANDED_INTERVAL) } else { interval }
}
