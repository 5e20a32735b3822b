//! Instances over a real log and its coordinator; another broker is played by the test.

use std::time::Duration;

use super::*;
use crate::groups::instances::{
    Begun, BegunPartition, InstanceAnswer, InstanceRefusal, InstanceSpec, InstanceVerb, Subscription,
};
use crate::groups::{GroupId, InstanceName, OffsetReset, TopicIdPartition};
use crate::record::BatchBuilder;
use crate::replication::Acks;
use crate::service::test_support::{Bench, ME, OTHER, tp};
use crate::service::{BatchOrigin, GroupCallError, Produce, ServiceOptions, told_to_broker};
use crate::types::{Offset, PartitionIndex};
use crate::wire::{ErrorCode, InstanceResponse, Request, Response};

const OFFSETS: &str = "__consumer_offsets";
const LONG: Duration = Duration::from_secs(20);

/// A bench with topic `t` of two partitions, and an instance `i` of group `g`.
struct Stage {
    bench: Bench,
    group: GroupId,
    name: InstanceName,
}

impl Stage {
    async fn bare() -> Self {
        let options = ServiceOptions { settle_ms_max: 20, retry_pause_ms: 5, ..ServiceOptions::default() };
        let bench = Bench::with(options).await;
        bench.topic("t", 2, &[]).await;
        bench.topic(OFFSETS, 1, &[]).await;
        Self { bench, group: "g".into(), name: "i".into() }
    }

    /// With an instance that is subscribed to `t`.
    async fn with(spec: InstanceSpec) -> Self {
        let stage = Self::bare().await;
        stage.create(spec, OnExisting::Refuse).await.unwrap();
        stage.subscribe(Subscription::Topics([tp("t", 0).topic].into())).await.unwrap();
        stage
    }

    async fn create(&self, spec: InstanceSpec, on: OnExisting) -> Result<CreatedInstance, InstanceError> {
        self.bench.service.create_instance(&self.group, Some(self.name.clone()), spec, on).await
    }

    async fn subscribe(&self, to: Subscription) -> Result<(), InstanceError> {
        self.bench.service.subscribe_instance(&self.group, &self.name, to).await
    }

    async fn produce(&self, partition: i32, values: &[&str]) {
        let mut builder = BatchBuilder::new();
        values.iter().for_each(|value| builder.push(1_000, None, Some(value.as_bytes()), &[]));
        let produce = Produce {
            tp: tp("t", partition),
            batch: builder.finish_mut(None),
            origin: BatchOrigin::Built,
            acks: Acks::All,
            timeout: LONG,
            expected_offset: None,
            forward: true,
        };
        self.bench.service.produce(produce).await.unwrap();
    }

    async fn poll(&self, poll: PollInstance) -> Result<PolledInstance, InstanceError> {
        self.bench.service.poll_instance(&self.group, &self.name, poll).await
    }

    /// What a poll brings, in order of partition and offset.
    async fn told(&self, poll: PollInstance) -> Vec<String> {
        told(self.poll(poll).await.unwrap())
    }

    async fn commit(&self, commit: CommitInstance) -> Result<(), InstanceError> {
        self.bench.service.commit_instance(&self.group, &self.name, commit).await
    }

    async fn committed(&self) -> Vec<(i32, i64)> {
        let all = vec![tp("t", 0), tp("t", 1)];
        let kept = self.bench.service.committed_instance(&self.group, &self.name, all).await.unwrap();
        kept.into_iter().map(|one| (one.tp.partition.0, one.offset.0)).collect()
    }

    /// The coordinator loses its place and has it again.
    async fn fail_over(&self, epoch: i32) {
        self.bench.lead(&tp(OFFSETS, 0), None, epoch).await;
        self.bench.lead(&tp(OFFSETS, 0), Some(ME), epoch + 1).await;
    }
}

fn told(polled: PolledInstance) -> Vec<String> {
    let mut records = polled.records;
    records.sort_by_key(|one| (one.tp.partition, one.record.offset));
    let text = |one: InstanceRecord| {
        let value = String::from_utf8(one.record.value.unwrap().to_vec()).unwrap();
        format!("{}@{}={value}", one.tp.partition, one.record.offset)
    };
    records.into_iter().map(text).collect()
}

fn spec() -> InstanceSpec {
    InstanceSpec { offset_reset: OffsetReset::Earliest, auto_commit: false, ..InstanceSpec::default() }
}

const NOW: PollInstance =
    PollInstance { timeout: Some(Duration::ZERO), max_bytes: 1 << 20, replay: false, wants: None };
const WAIT: PollInstance = PollInstance { timeout: Some(LONG), ..NOW };
const AGAIN: PollInstance = PollInstance { replay: true, ..NOW };

#[tokio::test]
async fn an_instance_polls_commits_and_goes() {
    let stage = Stage::with(spec()).await;
    stage.produce(0, &["a", "b"]).await;
    stage.produce(1, &["c"]).await;
    assert_eq!(stage.told(NOW).await, ["0@0=a", "0@1=b", "1@0=c"]);
    assert_eq!(stage.told(AGAIN).await, ["0@0=a", "0@1=b", "1@0=c"], "its answer may have been lost");
    assert_eq!(stage.told(NOW).await, Vec::<String>::new());
    assert_eq!(stage.committed().await, []);
    stage.commit(CommitInstance::Delivered).await.unwrap();
    assert_eq!(stage.committed().await, [(0, 2), (1, 1)]);
    let service = &stage.bench.service;
    let view = service.instance(&stage.group, &stage.name).await.unwrap();
    assert_eq!(view.assignment, [tp("t", 0), tp("t", 1)]);
    assert_eq!(view.topics, [tp("t", 0).topic]);
    service.delete_instance(&stage.group, &stage.name).await.unwrap();
    let gone = service.delete_instance(&stage.group, &stage.name).await;
    assert_eq!(gone, Err(InstanceError::NoInstance));
    assert_eq!(stage.poll(NOW).await.unwrap_err(), InstanceError::NoInstance);
}

#[tokio::test]
async fn a_group_that_nobody_knows_has_no_instance() {
    let bench = Bench::new().await;
    let unknown = bench.service.instance(&"g".into(), &"i".into()).await;
    assert_eq!(unknown, Err(InstanceError::NoInstance));
}

#[tokio::test]
async fn an_instance_outlives_its_coordinator_with_all_it_was_told() {
    let stage = Stage::with(spec()).await;
    stage.produce(0, &["a", "b"]).await;
    assert_eq!(stage.told(NOW).await, ["0@0=a", "0@1=b"]);
    stage.fail_over(1).await;
    assert_eq!(stage.told(AGAIN).await, ["0@0=a", "0@1=b"]);
    stage.fail_over(3).await;
    stage.produce(0, &["c"]).await;
    assert_eq!(stage.told(NOW).await, ["0@0=a", "0@1=b"], "at worst a repeat, and no gap");
    assert_eq!(stage.told(NOW).await, ["0@2=c"]);
    let again = stage.create(InstanceSpec::default(), OnExisting::Resume).await.unwrap();
    assert_eq!((again.created, again.spec), (false, spec()));
    assert_eq!(stage.create(spec(), OnExisting::Refuse).await, Err(InstanceError::Exists));
}

#[tokio::test]
async fn a_poll_that_waits_wakes_on_data_and_goes_on_over_a_failover() {
    let latest = InstanceSpec { offset_reset: OffsetReset::Latest, auto_commit: true, ..spec() };
    let stage = Stage::with(latest).await;
    stage.produce(0, &["before"]).await;
    let poll = async { stage.told(WAIT).await };
    let write = async {
        // The member has committed where it begins before it waits.
        while stage.committed().await.len() < 2 {
            tokio::task::yield_now().await;
        }
        stage.fail_over(1).await;
        stage.produce(0, &["after"]).await;
    };
    let (got, ()) = tokio::join!(poll, write);
    assert_eq!(got, ["0@1=after"]);
}

/// Which partitions the instance has been given.
async fn assigned(stage: &Stage) -> usize {
    let view = stage.bench.service.instance(&stage.group, &stage.name).await.unwrap();
    view.assignment.len()
}

#[tokio::test]
async fn auto_commit_commits_what_the_next_poll_acknowledges() {
    let stage = Stage::with(InstanceSpec { auto_commit: true, ..spec() }).await;
    stage.produce(0, &["a", "b"]).await;
    let little = PollInstance { max_bytes: 1, ..NOW };
    assert_eq!(stage.told(little).await, ["0@0=a"], "one at least, and no more than fits");
    assert_eq!(stage.committed().await, [(0, 0), (1, 0)], "where it began");
    assert_eq!(stage.told(little).await, ["0@1=b"]);
    assert_eq!(stage.committed().await, [(0, 1), (1, 0)]);
}

#[tokio::test]
async fn an_assigned_instance_seeks_and_commits_without_being_a_member() {
    let stage = Stage::bare().await;
    stage.create(spec(), OnExisting::Refuse).await.unwrap();
    let assign = |topic: &str, partition| Subscription::Assigned([tp(topic, partition)].into());
    assert!(matches!(stage.subscribe(assign("nowhere", 0)).await, Err(InstanceError::Missing(_))));
    assert!(matches!(stage.subscribe(assign("t", 7)).await, Err(InstanceError::Missing(_))));
    let service = &stage.bench.service;
    let seek = |partition, to| {
        let seeks = vec![Seek { tp: tp("t", partition), to }];
        service.seek_instance(&stage.group, &stage.name, seeks)
    };
    let not_assigned = |partition| InstanceError::NotAssigned { tp: tp("t", partition), is_member: false };
    assert_eq!(seek(1, SeekTo::End).await, Err(not_assigned(1)));
    stage.subscribe(assign("t", 1)).await.unwrap();
    stage.produce(1, &["a", "b", "c"]).await;
    assert_eq!(seek(0, SeekTo::Offset(Offset(1))).await, Err(not_assigned(0)));
    seek(1, SeekTo::Offset(Offset(2))).await.unwrap();
    assert_eq!(stage.told(NOW).await, ["1@2=c"]);
    seek(1, SeekTo::Beginning).await.unwrap();
    assert_eq!(stage.told(NOW).await, ["1@0=a", "1@1=b", "1@2=c"]);
    seek(1, SeekTo::End).await.unwrap();
    assert_eq!(stage.told(NOW).await, Vec::<String>::new());
    seek(1, SeekTo::Timestamp(1_000)).await.unwrap();
    assert_eq!(stage.told(NOW).await.len(), 3);
    seek(1, SeekTo::Timestamp(9_000)).await.unwrap();
    assert_eq!(stage.told(NOW).await.len(), 0, "nothing is as new as that: the end");
    let exact = |partition, offset| {
        let metadata = "note".to_owned();
        CommitInstance::Exact(vec![InstancePosition {
            tp: tp("t", partition),
            offset: Offset(offset),
            metadata,
        }])
    };
    stage.commit(exact(1, 2)).await.unwrap();
    assert_eq!(stage.committed().await, [(1, 2)]);
    assert!(matches!(stage.commit(exact(5, 2)).await, Err(InstanceError::Missing(_))));
}

#[tokio::test]
async fn a_position_that_cannot_be_read_is_moved_or_told() {
    let stage = Stage::with(spec()).await;
    stage.produce(0, &["a"]).await;
    assert_eq!(stage.told(NOW).await, ["0@0=a"]);
    let beyond = vec![Seek { tp: tp("t", 0), to: SeekTo::Offset(Offset(50)) }];
    stage.bench.service.seek_instance(&stage.group, &stage.name, beyond.clone()).await.unwrap();
    assert_eq!(stage.told(NOW).await, ["0@0=a"], "earliest");

    let stage = Stage::with(InstanceSpec { offset_reset: OffsetReset::None, ..spec() }).await;
    let told = stage.poll(NOW).await.unwrap_err();
    assert!(matches!(told, InstanceError::NoPosition { .. }), "{told}");
}

#[tokio::test]
async fn values_that_cannot_be_told_are_told_so_and_nothing_is_moved() {
    let json = crate::groups::instances::EmbeddedFormat::Json;
    let stage = Stage::with(InstanceSpec { format: json, ..spec() }).await;
    stage.produce(0, &["1", "no json", "2"]).await;
    assert_eq!(stage.told(NOW).await, ["0@0=1"]);
    for _ in 0..2 {
        let refused = stage.poll(NOW).await.unwrap_err();
        assert!(matches!(refused, InstanceError::Undecodable { offset: Offset(1), .. }), "{refused}");
    }
    let past = vec![Seek { tp: tp("t", 0), to: SeekTo::Offset(Offset(2)) }];
    stage.bench.service.seek_instance(&stage.group, &stage.name, past).await.unwrap();
    assert_eq!(stage.told(NOW).await, ["0@2=2"]);
    let binary = Some(crate::groups::instances::EmbeddedFormat::Binary);
    let refused = stage.poll(PollInstance { wants: binary, ..NOW }).await.unwrap_err();
    assert!(matches!(refused, InstanceError::WrongFormat { .. }), "{refused}");
}

#[tokio::test]
async fn a_poll_waits_for_as_many_bytes_as_the_instance_wants() {
    let stage = Stage::with(InstanceSpec { fetch_min_bytes: 150, ..spec() }).await;
    stage.produce(0, &["first"]).await;
    let poll = async { stage.told(WAIT).await };
    let write = async {
        while assigned(&stage).await < 2 {
            tokio::task::yield_now().await;
        }
        stage.produce(1, &["second"]).await;
        stage.produce(0, &["third"]).await;
    };
    let (got, ()) = tokio::join!(poll, write);
    assert!(got.len() >= 2 && got.first().is_some_and(|first| first == "0@0=first"), "{got:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn polls_at_once_give_each_record_to_one_of_them() {
    let stage = Stage::with(spec()).await;
    let values: Vec<String> = (0..40).map(|number| number.to_string()).collect();
    let values: Vec<&str> = values.iter().map(String::as_str).collect();
    stage.produce(0, &values).await;
    let few = PollInstance { max_bytes: 8, timeout: Some(Duration::from_secs(5)), ..NOW };
    let polls = (0..6).map(|_| async { stage.told(few).await });
    let mut all: Vec<String> = futures_util::future::join_all(polls).await.concat();
    while all.len() < values.len() {
        all.extend(stage.told(few).await);
    }
    let unique: std::collections::BTreeSet<_> = all.iter().collect();
    assert_eq!((all.len(), unique.len()), (40, 40));
}

#[tokio::test]
async fn another_broker_is_asked_and_what_it_says_is_read_strictly() {
    let stage = Stage::bare().await;
    let bench = &stage.bench;
    bench.set_live(OTHER, true).await;
    bench.lead(&tp(OFFSETS, 0), Some(OTHER), 1).await;
    stage.produce(0, &["a"]).await;
    let say = |answer: Result<InstanceAnswer, InstanceRefusal>| {
        bench.other.will_answer(Ok(Response::Instance(told_to_broker(&answer))));
    };
    let nonsense = InstanceResponse { error: ErrorCode::None, answer: "{\"done\":1}".into() };
    bench.other.will_answer(Ok(Response::Instance(nonsense)));
    bench.other.will_answer(Ok(Response::Instance(InstanceResponse::refused(ErrorCode::NotCoordinator))));
    say(Ok(InstanceAnswer::Created { spec: spec(), created: true }));
    assert!(stage.create(spec(), OnExisting::Refuse).await.unwrap().created);

    let id = TopicIdPartition::new(bench.image().topic(&tp("t", 0).topic).unwrap().id, PartitionIndex(0));
    let partitions = vec![BegunPartition { id, since: 3, from: Some(Offset(0)), until: None }];
    say(Ok(InstanceAnswer::Begun(Begun { spec: spec(), turn: 0, beat_ms: 1_000, partitions })));
    say(Ok(InstanceAnswer::Done));
    say(Ok(InstanceAnswer::Done));
    assert_eq!(stage.told(NOW).await, ["0@0=a"]);
    let asked: Vec<_> = bench.other.asked().into_iter().map(|(_, request)| request).collect();
    let [.., Request::Instance(ended), Request::Instance(told)] = &asked[..] else { panic!("{asked:?}") };
    let read = |request: &crate::wire::InstanceRequest| {
        serde_json::from_slice::<crate::groups::instances::InstanceCall>(&request.question).unwrap()
    };
    assert!(matches!(read(told).verb, InstanceVerb::Told(_)), "then the answer leaves");
    let call = read(ended);
    let InstanceVerb::Progress(progress) = call.verb else { panic!("{call:?}") };
    assert!(progress.ends && progress.partitions[0].since == 3 && progress.partitions[0].to == Offset(1));

    for refusal in [InstanceRefusal::Superseded, InstanceRefusal::NoInstance] {
        say(Err(refusal));
    }
    say(Err(InstanceRefusal::OtherProtocol));
    assert_eq!(stage.poll(NOW).await.unwrap_err(), InstanceError::NoInstance);
    let refused = stage.poll(NOW).await.unwrap_err();
    assert!(matches!(refused, InstanceError::Refused(_)), "{refused}");
    bench
        .other
        .will_answer(Ok(Response::Instance(InstanceResponse::refused(ErrorCode::ThrottlingQuotaExceeded))));
    assert_eq!(stage.poll(NOW).await.unwrap_err(), InstanceError::Call(GroupCallError::Overloaded));
}
