//! An instance's next records, from whatever broker its client calls.
//!
//! ```text
//! coordinator: begin        -> what to read, and from where
//! leaders:     read         -> records, or nothing for as long as the poll waits; now and then `begin` again
//! coordinator: progress     -> what is delivered is written down
//! coordinator: told         -> the answer leaves now
//! ```
//!
//! Nothing is kept here. A broker that dies in the middle has told nothing, and the next poll brings the same again; a
//! coordinator that dies has kept, in its log, what every answer that left had delivered.
//!
//! *Invariant:* no record leaves that the coordinator does not know to be delivered by this poll.
//! *Invariant:* a position that was found (by `auto.offset.reset`) is kept before it is waited at, so that nothing which
//! comes meanwhile is missed even if this broker goes.

use std::time::{Duration, Instant};

use bytes::Bytes;
use futures_util::future::join_all;
use uuid::Uuid;

use super::call::{error_of, unexpected};
use super::error::InstanceError;
use super::reads::Reads;
use super::types::{PollInstance, PolledInstance};
use crate::groups::instances::{
    BeginPoll, Begun, InstanceAnswer, InstanceRefusal, InstanceVerb, PartitionProgress, PollProgress,
};
use crate::groups::{GroupId, InstanceName, MemberId, OffsetReset, TopicIdPartition};
use crate::service::groups::Got;
use crate::service::{FetchError, GroupCallError, Service};
use crate::types::{Offset, TopicPartition};

/// How often a poll begins anew because what the instance reads has changed meanwhile.
const FENCED_MAX: u32 = 8;
/// How often a poll looks again at once because positions could not be read any more.
const MOVES_MAX: u32 = 3;
/// How long a poll that has something to read looks for where to begin elsewhere.
const LOOKUP_GRACE: Duration = Duration::from_millis(250);
/// How much longer than its client waits a poll looks for where to begin.
const LOOKUP_MARGIN: Duration = Duration::from_secs(1);

/// A poll under way.
struct Round<'a> {
    group: &'a GroupId,
    name: &'a InstanceName,
    wish: PollInstance,
    id: Uuid,
    fresh_member: MemberId,
    started: Instant,
    wait_until: Instant,
    /// What the coordinator said last.
    begun: Option<Begun>,
    reads: Reads,
    fenced: u32,
}

/// What the coordinator thinks of a poll.
enum Standing {
    /// It goes on.
    Good,
    /// It begins anew.
    Fenced,
    /// A later one has its place.
    Superseded,
}

impl Service {
    /// The next records of an instance; empty if none came in time.
    ///
    /// # Errors
    /// Why there are none.
    pub async fn poll_instance(
        &self,
        group: &GroupId,
        name: &InstanceName,
        poll: PollInstance,
    ) -> Result<PolledInstance, InstanceError> {
        let (id, now) = (Uuid::new_v4(), self.parts.clock.now());
        let mut round = Round {
            group,
            name,
            wish: poll,
            id,
            fresh_member: format!("rest-consumer-{}", Uuid::new_v4()).into(),
            started: now,
            wait_until: now,
            begun: None,
            reads: Reads::default(),
            fenced: 0,
        };
        let polled = self.poll_rounds(&mut round).await;
        let failed_here = polled.as_ref().is_err_and(|error| !matches!(error, InstanceError::Call(_)));
        if failed_here && round.begun.is_some() {
            // The next need not wait for this one. Where nobody answers anyway, it waits a little.
            let _ = self.ask_instance_once(group, name, InstanceVerb::Abandon(id)).await;
        }
        polled
    }

    async fn poll_rounds(&self, round: &mut Round<'_>) -> Result<PolledInstance, InstanceError> {
        loop {
            match self.begin_round(round).await? {
                Standing::Good => {}
                Standing::Superseded => return self.nothing(round).await,
                Standing::Fenced => continue,
            }
            match self.go_round(round).await? {
                Ok(Some(polled)) => return Ok(polled),
                Ok(None) | Err(Standing::Good) => {}
                Err(Standing::Superseded) => return self.nothing(round).await,
                Err(Standing::Fenced) => {
                    round.fenced += 1;
                    round.reads = Reads::default();
                    if round.fenced > FENCED_MAX {
                        return self.nothing(round).await;
                    }
                }
            }
        }
    }

    /// Begins, or goes on after a while.
    async fn begin_round(&self, round: &mut Round<'_>) -> Result<Standing, InstanceError> {
        let longest = Duration::from_millis(self.parts.options.instance_wait_ms_max);
        let wait = round.wish.timeout.unwrap_or(Duration::from_secs(1)).min(longest);
        let verb = InstanceVerb::Begin(BeginPoll {
            poll: round.id,
            goes_on: round.begun.as_ref().map(|begun| begun.turn),
            replay: round.wish.replay,
            wants: round.wish.wants,
            wait_ms: u32::try_from(wait.as_millis()).unwrap_or(u32::MAX),
            fresh_member: round.fresh_member.clone(),
        });
        let begun = match self.ask_instance_once(round.group, round.name, verb.clone()).await? {
            Ok(InstanceAnswer::Begun(begun)) => begun,
            Ok(other) => return Err(unexpected(&other)),
            Err(InstanceRefusal::Superseded) => return Ok(Standing::Superseded),
            Err(refused) => return Err(error_of(refused, &verb)),
        };
        let own = Duration::from_millis(u64::from(begun.spec.request_timeout_ms));
        round.wait_until = round.started + round.wish.timeout.unwrap_or(own).min(longest);
        round.reads.take_over(&begun, |id| self.name_of(id));
        let format = begun.spec.format;
        round.begun = Some(begun);
        if format.is_served() { Ok(Standing::Good) } else { Err(InstanceError::UnservedFormat(format)) }
    }

    /// Reads until records come, the poll's time is over, or it is time to be heard again (`None`).
    async fn go_round(
        &self,
        round: &mut Round<'_>,
    ) -> Result<Result<Option<PolledInstance>, Standing>, InstanceError> {
        let Some(begun) = round.begun.clone() else { return Ok(Err(Standing::Fenced)) };
        if let Some(standing) = self.find_starts(round, &begun, Vec::new()).await? {
            return Ok(Err(standing));
        }
        let beat_due = self.parts.clock.now() + Duration::from_millis(u64::from(begun.beat_ms));
        let max_bytes = round.wish.max_bytes.clamp(1, self.parts.options.fetch_bytes_max.max(1));
        let min_bytes = usize::try_from(begun.spec.fetch_min_bytes).unwrap_or(usize::MAX).clamp(1, max_bytes);
        let (mut wait, mut moves) = (Duration::ZERO, 0);
        loop {
            let wants = round.reads.wants(round.id);
            let got = self.read_many(&wants, max_bytes, wait).await;
            let place_of = |(place, one): Got| {
                let want = wants.get(place)?;
                Some((TopicIdPartition::new(want.topic_id, want.tp.partition), one))
            };
            let lost = round.reads.take(got.into_iter().filter_map(place_of));
            if !lost.is_empty() {
                if let Some(standing) = self.find_starts(round, &begun, lost).await? {
                    return Ok(Err(standing));
                }
                moves += 1;
                if moves <= MOVES_MAX {
                    // At once, unless the new one is lost as quickly: then not at full speed.
                    continue;
                }
            }
            let now = self.parts.clock.now();
            if round.reads.bytes() >= min_bytes || round.reads.is_all() || now >= round.wait_until {
                return self.end_round(round, &begun, max_bytes).await.map(|ended| ended.map(Some));
            }
            if now >= beat_due {
                return Ok(Ok(None));
            }
            let looked = wait;
            wait = round.wait_until.min(beat_due).saturating_duration_since(now);
            if wants.is_empty() {
                tokio::time::sleep(wait).await;
            } else if !looked.is_zero() || moves > MOVES_MAX {
                // Nobody to wait at, or not for as long as was asked: not at full speed.
                let pause = Duration::from_millis(self.parts.options.retry_pause_ms);
                self.news(now + wait.min(pause)).wait(now).await;
            }
        }
    }

    /// Finds where to begin in partitions where nothing is known, or `lost` ones where that is of no use any more, and
    /// has it kept. What cannot be found in time is left for later.
    async fn find_starts(
        &self,
        round: &mut Round<'_>,
        begun: &Begun,
        lost: Vec<(TopicIdPartition, FetchError)>,
    ) -> Result<Option<Standing>, InstanceError> {
        let unknown = round.reads.without_start().map(|(id, tp)| (id, tp, None));
        let lost =
            lost.into_iter().filter_map(|(id, why)| Some((id, round.reads.tp(&id)?.clone(), Some(why))));
        let asked: Vec<_> = unknown.chain(lost).collect();
        if asked.is_empty() {
            return Ok(None);
        }
        // One partition without a leader does not hold up the others.
        let now = self.parts.clock.now();
        let has_others = !round.reads.wants(round.id).is_empty();
        let deadline =
            if has_others { now + LOOKUP_GRACE } else { round.wait_until.max(now) + LOOKUP_MARGIN };
        let reset = begun.spec.offset_reset;
        let starts = asked.into_iter().map(|(id, tp, why)| async move {
            let found = self.start_for_instance(reset, &tp, why);
            (id, tokio::time::timeout_at(deadline.into(), found).await.unwrap_or(Ok(None)))
        });
        let mut partitions = Vec::new();
        for (id, start) in join_all(starts).await {
            if let Some(start) = start?
                && let Some(since) = round.reads.start_at(&id, start)
            {
                partitions.push(PartitionProgress { id, since, from: start, to: start });
            }
        }
        if partitions.is_empty() {
            return Ok(None);
        }
        match self.tell_progress(round, partitions, false).await? {
            Standing::Good => Ok(None),
            other => Ok(Some(other)),
        }
    }

    /// Where an instance begins; `None`: that cannot be known now.
    async fn start_for_instance(
        &self,
        reset: OffsetReset,
        tp: &TopicPartition,
        lost: Option<FetchError>,
    ) -> Result<Option<Offset>, InstanceError> {
        match self.start_of(reset, tp, lost).await {
            Ok(start) => Ok(Some(start)),
            Err(GroupCallError::NoPosition { source, .. }) => {
                let reason = match *source {
                    FetchError::NoLeader { reason, .. } => reason,
                    other => other.to_string(),
                };
                Err(InstanceError::NoPosition { tp: tp.clone(), reason })
            }
            Err(error) => {
                tracing::debug!(partition = %tp, %error, "an instance does not know yet where to begin");
                Ok(None)
            }
        }
    }

    /// Tells the coordinator what is delivered, then answers.
    async fn end_round(
        &self,
        round: &mut Round<'_>,
        begun: &Begun,
        max_bytes: usize,
    ) -> Result<Result<PolledInstance, Standing>, InstanceError> {
        let inflated_bytes_max = self.parts.options.inflated_bytes_max;
        let (records, partitions) = round.reads.select(begun.spec.format, max_bytes, inflated_bytes_max)?;
        let moves = partitions.iter().any(|one| one.from < one.to);
        if records.is_empty() && moves && self.parts.clock.now() < round.wait_until {
            return self.pass_over(round, partitions).await.map(Err);
        }
        // What is told is larger than what was read, if that was compressed.
        let bytes = records.iter().map(|one| one.record.value.as_ref().map_or(0, Bytes::len)).sum();
        let overloaded = |_| InstanceError::Call(GroupCallError::Overloaded);
        let place = self.reads.admit(bytes).map_err(overloaded)?;
        match self.tell_progress(round, partitions, true).await? {
            Standing::Good => {}
            other => return Ok(Err(other)),
        }
        if moves && !self.tell_told(round).await? {
            return Ok(Err(Standing::Superseded));
        }
        let (format, dialect) = (begun.spec.format, begun.spec.dialect);
        let mut admitted = std::mem::take(&mut round.reads).into_admitted();
        admitted.push(place);
        Ok(Ok(PolledInstance { records, format, dialect, admitted }))
    }

    /// Goes on behind what was read and holds no record any more: what compaction left of a batch.
    async fn pass_over(
        &self,
        round: &mut Round<'_>,
        mut partitions: Vec<PartitionProgress>,
    ) -> Result<Standing, InstanceError> {
        for one in &mut partitions {
            one.from = one.to;
        }
        let standing = self.tell_progress(round, partitions.clone(), false).await?;
        for one in partitions {
            round.reads.start_at(&one.id, one.to);
        }
        Ok(standing)
    }

    /// Says that the answer leaves. Whatever prevents that (a request that its client gives up, a broker that dies, a
    /// coordinator that does not answer) has the next poll bring the same again.
    async fn tell_told(&self, round: &Round<'_>) -> Result<bool, InstanceError> {
        let verb = InstanceVerb::Told(round.id);
        match self.ask_instance_once(round.group, round.name, verb.clone()).await? {
            Ok(_) => Ok(true),
            Err(InstanceRefusal::Superseded) => Ok(false),
            Err(refused) => Err(error_of(refused, &verb)),
        }
    }

    async fn tell_progress(
        &self,
        round: &Round<'_>,
        partitions: Vec<PartitionProgress>,
        ends: bool,
    ) -> Result<Standing, InstanceError> {
        let verb = InstanceVerb::Progress(PollProgress { poll: round.id, ends, partitions });
        match self.ask_instance_once(round.group, round.name, verb.clone()).await? {
            Ok(_) => Ok(Standing::Good),
            Err(InstanceRefusal::Fenced) => Ok(Standing::Fenced),
            Err(InstanceRefusal::Superseded) => Ok(Standing::Superseded),
            Err(refused) => Err(error_of(refused, &verb)),
        }
    }

    /// The answer of a poll that delivers nothing.
    async fn nothing(&self, round: &Round<'_>) -> Result<PolledInstance, InstanceError> {
        let spec = match &round.begun {
            Some(begun) => begun.spec.clone(),
            None => self.instance(round.group, round.name).await?.spec,
        };
        let (format, dialect) = (spec.format, spec.dialect);
        Ok(PolledInstance { records: Vec::new(), format, dialect, admitted: Vec::new() })
    }
}
