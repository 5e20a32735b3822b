//! Following: the records of many partitions as they come, wherever they are led, for as long as the reader asks for more.
//!
//! A [`Follower`] remembers where its reader stands and nothing else; it reads only when it is asked, so that a slow
//! reader costs one round of fetches and no more. `topic`: all partitions of a topic; `member`: what a member of a group
//! is assigned, with its heartbeats.
//!
//! *Invariant:* a partition's records come in order, without gap and without repeat, for as long as it is followed.
//! *Invariant:* between two calls nothing is under way.

mod member;
mod topic;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use self::member::Membership;
use super::groups::{Got, Want};
use crate::service::{Fetched, GroupCallError, Service};
use crate::types::{Offset, TopicId, TopicName, TopicPartition};

pub use self::member::FollowMember;
pub use self::topic::FollowTopic;

/// How often a look is repeated at once because positions had to move.
const MOVES_MAX: u32 = 3;

/// Where a reader stands in one partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Standing {
    /// Which topic of that name.
    pub topic_id: TopicId,
    /// The next offset to tell.
    pub next: Offset,
    /// One past the last committed record, as far as is known.
    pub high_watermark: Offset,
}

/// Where a reader stands.
pub type Standings = BTreeMap<TopicPartition, Standing>;

/// Records that came of one partition.
pub type Came = (TopicPartition, Fetched);

/// One who follows.
#[derive(Debug)]
pub struct Follower {
    service: Arc<Service>,
    source: Source,
    standings: Standings,
    partitions_max: usize,
    /// Counts rounds: which partition is read first.
    turn: usize,
}

#[derive(Debug)]
enum Source {
    Topic { name: TopicName, id: TopicId },
    Member(Membership),
}

impl Follower {
    /// Where the reader stands.
    #[must_use]
    pub fn standings(&self) -> &Standings {
        &self.standings
    }

    /// The reader was told all of `tp` up to `next`.
    pub fn told(&mut self, tp: &TopicPartition, next: Offset) {
        if let Some(standing) = self.standings.get_mut(tp) {
            standing.next = next;
        }
    }

    /// The reader wants no more: what it was told is committed, if it wished for that.
    ///
    /// # Errors
    /// Why that was not possible.
    pub async fn finish(&self) -> Result<(), GroupCallError> {
        match &self.source {
            Source::Topic { .. } => Ok(()),
            Source::Member(membership) => membership.settle(&self.service, &self.standings).await,
        }
    }

    /// Whether nothing is left to tell of what is known to be there.
    #[must_use]
    pub fn is_up_to_date(&self) -> bool {
        self.standings.values().all(|standing| standing.next >= standing.high_watermark)
    }

    /// The next records, about `max_bytes` from each broker; none if none came in time.
    ///
    /// All that came before must have been told.
    ///
    /// # Errors
    /// Why there can be no more: the topic is gone, the member is none any more, a position is lost.
    pub async fn next(&mut self, max_bytes: usize, wait: Duration) -> Result<Vec<Came>, GroupCallError> {
        let wait_until = self.service.clock().now() + wait;
        let (mut look, mut moves) = (Duration::ZERO, 0);
        loop {
            let service = Arc::clone(&self.service);
            let mut news = service.images_from_now();
            let due = self.prepare().await?;
            self.check_bound()?;
            let wants = self.wants();
            let got = tokio::select! {
                got = service.read_many(&wants, max_bytes, look) => got,
                // The topic may be gone, or have grown.
                Ok(()) = news.changed(), if !look.is_zero() => Vec::new(),
            };
            let (came, moved) = self.sort(&wants, got).await?;
            let now = self.service.clock().now();
            if !came.is_empty() || now >= wait_until {
                return Ok(came);
            }
            if moved && moves < MOVES_MAX {
                moves += 1;
                continue;
            }
            let looked = look;
            look = wait_until.min(due.unwrap_or(wait_until)).saturating_duration_since(now);
            if !looked.is_zero() || wants.is_empty() {
                // Nobody to wait at, or not for as long as was asked: not at full speed.
                let pause = Duration::from_millis(self.service.options().retry_pause_ms);
                self.service.news(now + look.min(pause)).wait(now).await;
            }
        }
    }

    /// Brings the list of partitions up to date. Returns when that is due again, if it is by time.
    async fn prepare(&mut self) -> Result<Option<Instant>, GroupCallError> {
        match &mut self.source {
            Source::Topic { name, id } => {
                topic::grow(&self.service, name, *id, &mut self.standings)?;
                Ok(None)
            }
            Source::Member(membership) => {
                membership.beat_if_due(&self.service, &mut self.standings).await.map(Some)
            }
        }
    }

    /// Every event's id names all partitions, so there may not be too many.
    fn check_bound(&self) -> Result<(), GroupCallError> {
        let (count, max) = (self.standings.len(), self.partitions_max);
        if count <= max {
            return Ok(());
        }
        let reason = format!("{count} partitions are too many for one stream, which merges {max} at most");
        Err(GroupCallError::Invalid { reason })
    }

    fn wants(&mut self) -> Vec<Want> {
        let one = |(tp, standing): (&TopicPartition, &Standing)| Want {
            tp: tp.clone(),
            topic_id: standing.topic_id,
            from: standing.next,
        };
        let mut wants: Vec<Want> = self.standings.iter().map(one).collect();
        if !wants.is_empty() {
            let first = self.turn % wants.len();
            wants.rotate_left(first);
        }
        self.turn = self.turn.wrapping_add(1);
        wants
    }

    /// Keeps what holds records; whether a position had to move.
    async fn sort(&mut self, wants: &[Want], got: Vec<Got>) -> Result<(Vec<Came>, bool), GroupCallError> {
        let (mut came, mut moved) = (Vec::new(), false);
        for (place, one) in got {
            let Some(Want { tp, .. }) = wants.get(place) else { continue };
            let Some(standing) = self.standings.get_mut(tp) else { continue };
            match (one, &self.source) {
                (Ok(fetched), _) => {
                    standing.high_watermark = fetched.high_watermark;
                    if !fetched.batches.is_empty() {
                        came.push((tp.clone(), fetched));
                    }
                }
                (Err(lost), Source::Topic { .. }) => return Err(lost.into()),
                (Err(lost), Source::Member(membership)) => {
                    standing.next = membership.new_start(&self.service, tp, lost).await?;
                    moved = true;
                }
            }
        }
        Ok((came, moved))
    }
}
