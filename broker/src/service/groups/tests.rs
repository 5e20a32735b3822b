//! Groups over a real log: loaded again, led elsewhere, written at once by many.

use std::time::Duration;

use futures_util::future::join_all;

use super::{GroupCallError, Poll, PollToken};
use crate::groups::{CommitOffset, GroupError, GroupId, TopicIdPartition};
use crate::replication::Written;
use crate::service::test_support::{Bench, ME, OTHER, tp};
use crate::service::{ForwardError, ServiceOptions};
use crate::types::{LeaderEpoch, Offset, PartitionIndex, TopicName};
use crate::wire::{
    ConsumerGroupHeartbeatResponse, ErrorCode, GroupRequest, GroupResponse, OffsetCommitResponse,
    OffsetResult, OffsetTopicResult, Request, Response,
};

const OFFSETS: &str = "__consumer_offsets";

async fn bench(fetch_timeout_ms: u64) -> Bench {
    let options = ServiceOptions { retry_pause_ms: 5, fetch_timeout_ms, ..ServiceOptions::default() };
    let bench = Bench::with(options).await;
    bench.topic("t", 1, &[]).await;
    bench.topic(OFFSETS, 1, &[]).await;
    bench
}

fn at(offset: i64) -> Vec<CommitOffset> {
    vec![CommitOffset {
        topic: TopicName::new("t").unwrap(),
        topic_id: None,
        partition: PartitionIndex(0),
        offset: Offset(offset),
        leader_epoch: LeaderEpoch::NONE,
        metadata: String::new(),
    }]
}

/// Another broker's answer to a commit for the first partitions of `t`.
fn committed(errors: &[ErrorCode]) -> Result<Response, ForwardError> {
    let partitions = (0..).zip(errors).map(|(index, error)| OffsetResult { index, error: *error }).collect();
    let topics = vec![OffsetTopicResult { name: "t".to_owned(), partitions }];
    Ok(Response::Group(GroupResponse::OffsetCommit(OffsetCommitResponse { topics })))
}

async fn kept(bench: &Bench, group: &GroupId) -> Option<i64> {
    let fetched = bench.service.committed_offsets(group, None, None).await.unwrap();
    fetched.into_iter().find_map(|one| Some(one.committed?.offset.0))
}

#[tokio::test]
async fn what_was_committed_is_there_in_the_next_reign() {
    let bench = bench(20_000).await;
    let (one, two) = (GroupId::from("one"), GroupId::from("two"));
    bench.service.commit_offsets(&one, None, at(1)).await.unwrap();
    bench.service.commit_offsets(&one, None, at(7)).await.unwrap();
    bench.service.commit_offsets(&two, None, at(9)).await.unwrap();
    bench.service.delete_group(&two).await.unwrap();
    bench.lead(&tp(OFFSETS, 0), None, 1).await;
    bench.lead(&tp(OFFSETS, 0), Some(ME), 2).await;
    assert_eq!(kept(&bench, &one).await, Some(7));
    assert_eq!(kept(&bench, &two).await, None);
    let listed = bench.service.list_groups().await.unwrap();
    assert_eq!(listed.iter().map(|group| group.group.as_str()).collect::<Vec<_>>(), ["one"]);
    bench.service.commit_offsets(&one, None, at(8)).await.unwrap();
    assert_eq!(kept(&bench, &one).await, Some(8));
}

#[tokio::test]
async fn without_a_coordinator_a_request_ends_at_its_deadline() {
    let bench = bench(100).await;
    bench.lead(&tp(OFFSETS, 0), None, 1).await;
    let group = GroupId::from("g");
    let refused = bench.service.commit_offsets(&group, None, at(1)).await.unwrap_err();
    assert!(
        matches!(refused, GroupCallError::NoCoordinator { written: Written::No, .. }),
        "nobody was asked: {refused}"
    );
    assert!(refused.is_retriable());
}

#[tokio::test]
async fn a_commit_that_may_have_been_kept_is_never_told_as_not_written() {
    let bench = bench(300).await;
    bench.set_live(OTHER, true).await;
    bench.lead(&tp(OFFSETS, 0), Some(OTHER), 1).await;
    let lost = || Err(ForwardError::Unknown("the link broke".to_owned()));
    let unsent = || Err(ForwardError::NotSent("nobody is there".to_owned()));
    let group = GroupId::from("g");
    let member = Some(("m".into(), 3));
    let written = async |answers: Vec<Result<Response, ForwardError>>| {
        for answer in answers {
            bench.other.will_answer(answer);
        }
        match bench.service.commit_offsets(&group, member.clone(), at(5)).await {
            Err(GroupCallError::NoCoordinator { written, .. }) => Some(written),
            _ => None,
        }
    };
    let fenced = || committed(&[ErrorCode::StaleMemberEpoch]);
    assert_eq!(written(vec![lost(), fenced()]).await, Some(Written::Maybe), "it may be why it is fenced now");
    assert_eq!(
        written(vec![committed(&[ErrorCode::CoordinatorNotAvailable]), fenced()]).await,
        Some(Written::Maybe),
        "so other brokers say it"
    );
    assert_eq!(written(vec![unsent(), committed(&[ErrorCode::NotCoordinator]), fenced()]).await, None);
    assert_eq!(written(vec![lost(), committed(&[ErrorCode::None])]).await, None, "it is kept now");
}

#[tokio::test]
async fn a_poll_that_fails_tells_what_became_of_its_token() {
    let bench = Bench::new().await;
    bench.topic("t", 2, &[]).await;
    bench.topic(OFFSETS, 1, &[]).await;
    bench.set_live(OTHER, true).await;
    bench.lead(&tp(OFFSETS, 0), Some(OTHER), 1).await;
    let topic = bench.image().topic(&TopicName::new("t").unwrap()).unwrap().id;
    let one = |partition| (TopicIdPartition { topic, partition: PartitionIndex(partition) }, Offset(7));
    let token = PollToken { epoch: 3, turn: 0, positions: [one(0), one(1)].into() };
    let gone = ConsumerGroupHeartbeatResponse {
        error: ErrorCode::UnknownMemberId,
        error_message: None,
        member_id: None,
        member_epoch: 0,
        heartbeat_interval_ms: 0,
        assignment: None,
    };
    let written = async |errors: &[ErrorCode], beats: bool| {
        bench.other.will_answer(committed(errors));
        if beats {
            let gone = GroupResponse::ConsumerGroupHeartbeat(gone.clone());
            bench.other.will_answer(Ok(Response::Group(gone)));
        }
        let poll = Poll {
            group: "g".into(),
            member: "m".into(),
            token: Some(token.clone()),
            max_bytes: 1,
            wait: Duration::ZERO,
        };
        bench.service.poll_group(poll).await.unwrap_err().written
    };
    use ErrorCode as E;
    assert_eq!(written(&[E::None, E::None], true).await, Written::Yes);
    assert_eq!(written(&[E::None, E::StaleMemberEpoch], true).await, Written::Maybe, "one is kept");
    assert_eq!(written(&[E::StaleMemberEpoch; 2], true).await, Written::No);
    assert_eq!(written(&[E::None, E::InvalidCommitOffsetSize], false).await, Written::Maybe, "one is kept");
    assert_eq!(written(&[E::InvalidCommitOffsetSize; 2], false).await, Written::No);
}

#[tokio::test]
async fn another_broker_is_asked_in_kafkas_words_and_again_while_it_loads() {
    let bench = bench(20_000).await;
    bench.set_live(OTHER, true).await;
    bench.lead(&tp(OFFSETS, 0), Some(OTHER), 1).await;
    for error in [
        ErrorCode::CoordinatorLoadInProgress,
        ErrorCode::NotCoordinator,
        ErrorCode::None,
        ErrorCode::UnknownMemberId,
        ErrorCode::StaleMemberEpoch,
    ] {
        bench.other.will_answer(committed(&[error]));
    }
    let group = GroupId::from("g");
    let member = Some(("m".into(), 3));
    let commit = || bench.service.commit_offsets(&group, member.clone(), at(5));
    assert_eq!(commit().await, Ok(vec![Ok(())]));
    assert_eq!(commit().await, Err(GroupCallError::Refused(GroupError::UnknownMember)));
    assert_eq!(commit().await, Ok(vec![Err(GroupError::StaleEpoch { current: -1 })]));
    let asked = bench.other.asked();
    assert_eq!(asked.len(), 5);
    let Some((OTHER, Request::Group(first))) = asked.first() else { panic!("{asked:?}") };
    let GroupRequest::OffsetCommit(commit) = first.as_ref() else { panic!("{first:?}") };
    assert_eq!((commit.group_id.as_str(), commit.member_id.as_str(), commit.epoch), ("g", "m", 3));
    assert_eq!(commit.topics[0].partitions[0].offset, Offset(5));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_thousand_commits_of_many_groups_are_all_there() {
    const GROUPS: i64 = 100;
    const COMMITS: i64 = 100;
    let bench = bench(20_000).await;
    let service = &bench.service;
    join_all((0..GROUPS).map(|n| async move {
        let group = GroupId::from(format!("g{n}"));
        for offset in 1..=COMMITS {
            service.commit_offsets(&group, None, at(n * 1_000 + offset)).await.unwrap();
        }
    }))
    .await;
    bench.lead(&tp(OFFSETS, 0), None, 1).await;
    bench.lead(&tp(OFFSETS, 0), Some(ME), 2).await;
    let all = async {
        for n in 0..GROUPS {
            assert_eq!(kept(&bench, &GroupId::from(format!("g{n}"))).await, Some(n * 1_000 + COMMITS));
        }
    };
    tokio::time::timeout(Duration::from_secs(60), all).await.unwrap();
}
