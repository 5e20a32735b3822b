//! OffsetCommit, OffsetFetch, OffsetDelete.

use crate::groups::{Commit, CommitOffset, DeleteOffsets, FetchOffsets, GroupError, Reply, Request};
use crate::kafka::dispatch::Dispatch;
use crate::kafka::errors::group_code;
use crate::kafka::handler::Caller;
use crate::types::{LeaderEpoch, Offset, PartitionIndex, TopicName};
use crate::wire::{
    CommitTopic, ErrorCode, FetchedGroup, FetchedOffset, FetchedOffsetTopic, OffsetCommitRequest,
    OffsetCommitResponse, OffsetDeleteRequest, OffsetDeleteResponse, OffsetFetchGroup, OffsetFetchRequest,
    OffsetFetchResponse, OffsetResult, OffsetTopicResult,
};

/// The outcome of several, each for itself, or of all at once.
type Results = Result<Vec<Result<(), GroupError>>, ErrorCode>;

impl Dispatch {
    pub(super) async fn offset_commit(
        &self,
        caller: &Caller,
        request: OffsetCommitRequest,
    ) -> OffsetCommitResponse {
        let shape =
            shape(request.topics.iter().map(|topic| {
                (&topic.name, topic.partitions.iter().map(|partition| partition.index).collect())
            }));
        let commit = Commit {
            group: request.group_id.into(),
            member: request.member_id.into(),
            instance: super::named(request.instance_id),
            epoch: request.epoch,
            offsets: request.topics.into_iter().flat_map(commits).collect(),
        };
        let results = match self.ask(caller, Request::Commit(commit)).await {
            Ok(Reply::Commit(results)) => results.map_err(|refused| commit_code(&refused)),
            Ok(_) => Err(ErrorCode::UnknownServerError),
            Err(code) => Err(code),
        };
        OffsetCommitResponse { topics: told(shape, results) }
    }

    pub(super) async fn offset_delete(
        &self,
        caller: &Caller,
        request: OffsetDeleteRequest,
    ) -> OffsetDeleteResponse {
        let shape = shape(request.topics.iter().map(|topic| (&topic.name, topic.partitions.clone())));
        let partitions = request.topics.iter().filter_map(|topic| {
            let name = TopicName::new(&topic.name).ok()?;
            Some(topic.partitions.iter().map(move |index| (name.clone(), PartitionIndex(*index))))
        });
        let delete =
            DeleteOffsets { group: request.group_id.into(), partitions: partitions.flatten().collect() };
        let error = match self.ask(caller, Request::DeleteOffsets(delete)).await {
            Ok(Reply::DeleteOffsets(Ok(results))) => {
                return OffsetDeleteResponse { error: ErrorCode::None, topics: told(shape, Ok(results)) };
            }
            Ok(Reply::DeleteOffsets(Err(refused))) => group_code(&refused),
            Ok(_) => ErrorCode::UnknownServerError,
            Err(code) => code,
        };
        OffsetDeleteResponse { error, topics: Vec::new() }
    }

    pub(super) async fn offset_fetch(
        &self,
        caller: &Caller,
        request: OffsetFetchRequest,
    ) -> OffsetFetchResponse {
        let mut groups = Vec::with_capacity(request.groups.len());
        for group in request.groups {
            groups.push(self.offset_fetch_of(caller, group).await);
        }
        OffsetFetchResponse { groups }
    }

    async fn offset_fetch_of(&self, caller: &Caller, asked: OffsetFetchGroup) -> FetchedGroup {
        let group_id = asked.group_id.clone();
        let partitions = asked.topics.map(|topics| {
            let legal = topics.into_iter().filter_map(|topic| {
                let name = TopicName::new(&topic.name).ok()?;
                Some(topic.partitions.into_iter().map(move |index| (name.clone(), PartitionIndex(index))))
            });
            legal.flatten().collect()
        });
        let member = asked.member_id.filter(|_| asked.member_epoch >= 0);
        let fetch = FetchOffsets {
            group: asked.group_id.into(),
            member: member.map(|member| (member.into(), asked.member_epoch)),
            partitions,
        };
        let error = match self.ask(caller, Request::FetchOffsets(fetch)).await {
            Ok(Reply::FetchOffsets(Ok(fetched))) => {
                return FetchedGroup { group_id, error: ErrorCode::None, topics: fetched_topics(fetched) };
            }
            Ok(Reply::FetchOffsets(Err(refused))) => group_code(&refused),
            Ok(_) => ErrorCode::UnknownServerError,
            Err(code) => code,
        };
        FetchedGroup { group_id, error, topics: Vec::new() }
    }
}

/// Topics as they were asked for, with what takes part of each: nothing does if its name is not legal.
type Shape = Vec<(String, bool, Vec<i32>)>;

fn shape<'a>(topics: impl Iterator<Item = (&'a String, Vec<i32>)>) -> Shape {
    topics.map(|(name, partitions)| (name.clone(), TopicName::new(name).is_ok(), partitions)).collect()
}

/// The outcomes in the shape of the request.
fn told(shape: Shape, results: Results) -> Vec<OffsetTopicResult> {
    let (mut each, all) = match results {
        Ok(each) => (each.into_iter(), None),
        Err(code) => (Vec::new().into_iter(), Some(code)),
    };
    let mut topics = Vec::with_capacity(shape.len());
    for (name, is_legal, partitions) in shape {
        let mut told = Vec::with_capacity(partitions.len());
        for index in partitions {
            let error = match (all, is_legal) {
                (Some(code), _) => code,
                (None, false) => ErrorCode::UnknownTopicOrPartition,
                (None, true) => match each.next() {
                    Some(Ok(())) => ErrorCode::None,
                    Some(Err(refused)) => commit_code(&refused),
                    None => ErrorCode::UnknownServerError,
                },
            };
            told.push(OffsetResult { index, error });
        }
        topics.push(OffsetTopicResult { name, partitions: told });
    }
    topics
}

fn commits(topic: CommitTopic) -> impl Iterator<Item = CommitOffset> {
    let name = TopicName::new(&topic.name).ok();
    topic.partitions.into_iter().filter_map(move |partition| {
        Some(CommitOffset {
            topic: name.clone()?,
            topic_id: None,
            partition: PartitionIndex(partition.index),
            offset: partition.offset,
            leader_epoch: partition.leader_epoch,
            metadata: partition.metadata.unwrap_or_default(),
        })
    })
}

/// A group that is not there has no generation to commit in: Kafka's word for it.
fn commit_code(refused: &GroupError) -> ErrorCode {
    match refused {
        GroupError::GroupIdNotFound => ErrorCode::IllegalGeneration,
        other => group_code(other),
    }
}

/// What is kept, by topic in the order asked; Kafka writes "nothing" as offset -1.
fn fetched_topics(fetched: Vec<crate::groups::FetchedOffset>) -> Vec<FetchedOffsetTopic> {
    let mut topics: Vec<FetchedOffsetTopic> = Vec::new();
    for one in fetched {
        let kept = one.committed;
        let partition = FetchedOffset {
            index: one.partition.0,
            offset: kept.as_ref().map_or(Offset::NONE, |kept| kept.offset),
            leader_epoch: kept.as_ref().map_or(LeaderEpoch::NONE, |kept| kept.leader_epoch),
            metadata: Some(kept.map(|kept| kept.metadata).unwrap_or_default()),
            error: ErrorCode::None,
        };
        match topics.last_mut() {
            Some(last) if last.name == one.topic.as_str() => last.partitions.push(partition),
            _ => topics.push(FetchedOffsetTopic {
                name: one.topic.as_str().to_owned(),
                partitions: vec![partition],
            }),
        }
    }
    topics
}
