//! OffsetCommit, OffsetFetch, OffsetDelete: how far groups have read.
//!
//! What old clients say of how long an offset is to be kept is not heeded: offsets expire by the cluster's setting, when
//! their group has been empty for so long (KIP-211).

use super::call::given;
use crate::groups::{self, CommitOffset, Committed, FetchedOffset, Reply, Request};
use crate::kafka::dispatch::Dispatch;
use crate::kafka::errors::{GroupRefusal, commit_code, group_code};
use crate::types::{LeaderEpoch, Offset, PartitionIndex, TopicName};
use crate::wire::{
    self, ErrorCode, FetchedGroup, FetchedOffsetTopic, OffsetCommitRequest, OffsetCommitResponse,
    OffsetDeleteRequest, OffsetDeleteResponse, OffsetFetchGroup, OffsetFetchRequest, OffsetFetchResponse,
    OffsetFetchTopic, OffsetResult, OffsetTopicResult,
};

impl Dispatch {
    pub(super) async fn commit_offsets(
        &self,
        request: OffsetCommitRequest,
        for_broker: bool,
    ) -> OffsetCommitResponse {
        let offsets = request.topics.iter().filter_map(|topic| {
            let name = TopicName::new(&topic.name).ok()?;
            Some(topic.partitions.iter().map(move |partition| CommitOffset {
                topic: name.clone(),
                topic_id: None,
                partition: PartitionIndex(partition.index),
                offset: partition.offset,
                leader_epoch: partition.leader_epoch,
                metadata: partition.metadata.clone().unwrap_or_default(),
            }))
        });
        let commit = groups::Commit {
            group: request.group_id.into(),
            member: request.member_id.into(),
            instance: given(request.instance_id),
            epoch: request.epoch,
            offsets: offsets.flatten().collect(),
        };
        let kept = self.ask(Request::Commit(commit), |reply| match reply {
            Reply::Commit(reply) => Some(reply),
            _ => None,
        });
        let kept = kept.await.map_err(|refusal| commit_code(&refusal, for_broker));
        let asked = request.topics.into_iter().map(|topic| {
            let partitions = topic.partitions.iter().map(|partition| partition.index).collect();
            (topic.name, partitions)
        });
        OffsetCommitResponse { topics: results(asked, kept, |refusal| commit_code(refusal, for_broker)) }
    }

    pub(super) async fn fetch_offsets(
        &self,
        request: OffsetFetchRequest,
        for_broker: bool,
    ) -> OffsetFetchResponse {
        let mut groups = Vec::with_capacity(request.groups.len());
        for group in request.groups {
            groups.push(self.fetch_of_group(group, for_broker).await);
        }
        OffsetFetchResponse { groups }
    }

    async fn fetch_of_group(&self, asked: OffsetFetchGroup, for_broker: bool) -> FetchedGroup {
        let fetch = groups::FetchOffsets {
            group: asked.group_id.as_str().into(),
            member: asked.member_id.filter(|_| asked.member_epoch >= 0).map(|member| {
                let epoch = asked.member_epoch;
                (member.into(), epoch)
            }),
            partitions: asked.topics.as_ref().map(|topics| named(topics.iter().map(topic_of_fetch))),
        };
        let fetched = self.ask(Request::FetchOffsets(fetch), |reply| match reply {
            Reply::FetchOffsets(reply) => Some(reply),
            _ => None,
        });
        let (error, fetched) = match fetched.await {
            Ok(fetched) => (ErrorCode::None, fetched),
            Err(refusal) => (group_code(&refusal, for_broker), Vec::new()),
        };
        let topics = match asked.topics {
            // Whatever happened, each partition that was asked for is in the answer: the oldest versions have no other
            // place for the error.
            Some(topics) => in_order_of(topics, fetched),
            None => by_topic(fetched),
        };
        FetchedGroup { group_id: asked.group_id, error, topics }
    }

    pub(super) async fn delete_offsets(
        &self,
        request: OffsetDeleteRequest,
        for_broker: bool,
    ) -> OffsetDeleteResponse {
        let asked = request.topics.iter().map(|topic| (topic.name.as_str(), topic.partitions.as_slice()));
        let delete =
            groups::DeleteOffsets { group: request.group_id.as_str().into(), partitions: named(asked) };
        let deleted = self.ask(Request::DeleteOffsets(delete), |reply| match reply {
            Reply::DeleteOffsets(reply) => Some(reply),
            _ => None,
        });
        let code = |refusal: &GroupRefusal| group_code(refusal, for_broker);
        let deleted = match deleted.await {
            Ok(deleted) => deleted,
            Err(refusal) => return OffsetDeleteResponse { error: code(&refusal), topics: Vec::new() },
        };
        let asked = request.topics.into_iter().map(|topic| (topic.name, topic.partitions));
        OffsetDeleteResponse { error: ErrorCode::None, topics: results(asked, Ok(deleted), code) }
    }
}

fn topic_of_fetch(topic: &OffsetFetchTopic) -> (&str, &[i32]) {
    (&topic.name, &topic.partitions)
}

/// The partitions of topics that can be, in order.
fn named<'a>(asked: impl Iterator<Item = (&'a str, &'a [i32])>) -> Vec<(TopicName, PartitionIndex)> {
    let topics = asked.filter_map(|(name, partitions)| Some((TopicName::new(name).ok()?, partitions)));
    topics
        .flat_map(|(name, partitions)| partitions.iter().map(move |p| (name.clone(), PartitionIndex(*p))))
        .collect()
}

/// The outcomes in the order of what was asked: one error for all, or one outcome for each partition of a topic whose
/// name is legal.
fn results(
    asked: impl Iterator<Item = (String, Vec<i32>)>,
    outcomes: Result<Vec<Result<(), groups::GroupError>>, ErrorCode>,
    code: impl Fn(&GroupRefusal) -> ErrorCode,
) -> Vec<OffsetTopicResult> {
    let (for_all, outcomes) = match outcomes {
        Ok(outcomes) => (None, outcomes),
        Err(error) => (Some(error), Vec::new()),
    };
    let mut outcomes = outcomes.into_iter();
    asked
        .map(|(name, partitions)| {
            let is_legal = TopicName::new(&name).is_ok();
            let partitions = partitions.into_iter().map(|index| {
                let error = for_all.unwrap_or_else(|| match is_legal.then(|| outcomes.next()).flatten() {
                    Some(Ok(())) => ErrorCode::None,
                    Some(Err(error)) => code(&error.into()),
                    None => ErrorCode::UnknownTopicOrPartition,
                });
                OffsetResult { index, error }
            });
            let partitions = partitions.collect();
            OffsetTopicResult { name, partitions }
        })
        .collect()
}

/// What is kept for each partition that was asked for.
fn in_order_of(topics: Vec<OffsetFetchTopic>, fetched: Vec<FetchedOffset>) -> Vec<FetchedOffsetTopic> {
    let mut fetched = fetched.into_iter();
    topics
        .into_iter()
        .map(|topic| {
            let is_legal = TopicName::new(&topic.name).is_ok();
            let partitions = topic.partitions.into_iter().map(|index| {
                let kept = is_legal.then(|| fetched.next()).flatten();
                kept_at(index, kept.and_then(|kept| kept.committed))
            });
            let partitions = partitions.collect();
            FetchedOffsetTopic { name: topic.name, partitions }
        })
        .collect()
}

/// All that is kept: it comes topic by topic.
fn by_topic(fetched: Vec<FetchedOffset>) -> Vec<FetchedOffsetTopic> {
    let mut topics: Vec<FetchedOffsetTopic> = Vec::new();
    for one in fetched {
        let kept = kept_at(one.partition.0, one.committed);
        match topics.last_mut().filter(|topic| topic.name == one.topic.as_str()) {
            Some(topic) => topic.partitions.push(kept),
            None => {
                let name = one.topic.as_str().to_owned();
                topics.push(FetchedOffsetTopic { name, partitions: vec![kept] });
            }
        }
    }
    topics
}

/// A kept offset; -1 says that there is none.
fn kept_at(index: i32, committed: Option<Committed>) -> wire::FetchedOffset {
    let (offset, leader_epoch, metadata) = match committed {
        Some(kept) => (kept.offset, kept.leader_epoch, kept.metadata),
        None => (Offset::NONE, LeaderEpoch::NONE, String::new()),
    };
    wire::FetchedOffset { index, offset, leader_epoch, metadata: Some(metadata), error: ErrorCode::None }
}
