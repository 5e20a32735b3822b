//! Administrators at one broker's door: what each request comes to, and the numbers that clients act on.

use std::sync::Arc;

use tokio::sync::Mutex;

use crate::kafka::KafkaOptions;
use crate::kafka::dispatch::Dispatch;
use crate::kafka::handler::Caller;
use crate::service::test_support::Bench;
use crate::types::{TopicId, TopicName};
use crate::wire::{
    AdminRequest as Asked, AdminResponse as Answer, AlterConfigsRequest, AlterConfigsResource,
    ConfigOperation, ConfigSource, CreatePartitionsRequest, CreateTopicsRequest, DeleteTopicsRequest,
    DescribeClusterRequest, DescribeConfigsRequest, DescribeConfigsResource, DescribedConfigs, DoomedTopic,
    ErrorCode, IncrementalAlterConfigsRequest, IncrementalAlterConfigsResource, NewPartitions, NewTopic,
    NewTopicResult, ResourceKind,
};

/// A broker of one, and its door for administrators.
struct Front {
    bench: Bench,
    dispatch: Dispatch,
}

impl Front {
    async fn new() -> Self {
        let bench = Bench::new().await;
        bench.topic("t", 2, &[("retention.ms", "5")]).await;
        let dispatch = Dispatch::new(Arc::clone(&bench.service), &KafkaOptions::default());
        Self { bench, dispatch }
    }

    async fn ask(&self, request: Asked) -> Answer {
        let turn = Arc::new(Mutex::new(()));
        let caller = Caller { link: None, client_id: "me".into(), host: "/127.0.0.1".into(), turn };
        let answer = self.dispatch.admin(&caller, request).await;
        self.bench.sync().await;
        answer
    }

    async fn create(&self, topics: Vec<NewTopic>, validate_only: bool) -> Vec<NewTopicResult> {
        let request = CreateTopicsRequest { topics, timeout_ms: 5_000, validate_only };
        match self.ask(Asked::CreateTopics(request)).await {
            Answer::CreateTopics(answer) => answer.topics,
            other => panic!("{other:?}"),
        }
    }

    async fn create_one(&self, topic: NewTopic) -> ErrorCode {
        let mut results = self.create(vec![topic], false).await;
        assert_eq!(results.len(), 1);
        let result = results.remove(0);
        assert_eq!(result.error_message.is_none(), result.error.is_none(), "{result:?}");
        result.error
    }

    async fn grow(&self, topic: &str, count: i32, by_hand: Option<Vec<Vec<i32>>>) -> ErrorCode {
        let topics = vec![NewPartitions { name: topic.to_owned(), count, assignments: by_hand }];
        let request = CreatePartitionsRequest { topics, timeout_ms: 5_000, validate_only: false };
        match self.ask(Asked::CreatePartitions(request)).await {
            Answer::CreatePartitions(answer) => answer.topics[0].error,
            other => panic!("{other:?}"),
        }
    }

    async fn delete(&self, topics: Vec<DoomedTopic>) -> Vec<ErrorCode> {
        match self.ask(Asked::DeleteTopics(DeleteTopicsRequest { topics, timeout_ms: 5_000 })).await {
            Answer::DeleteTopics(answer) => answer.topics.into_iter().map(|topic| topic.error).collect(),
            other => panic!("{other:?}"),
        }
    }

    async fn describe(&self, kind: ResourceKind, name: &str, keys: &[&str]) -> DescribedConfigs {
        let keys = (!keys.is_empty()).then(|| keys.iter().map(|key| (*key).to_owned()).collect());
        let resources = vec![DescribeConfigsResource { kind, name: name.to_owned(), keys }];
        let request = DescribeConfigsRequest { resources, synonyms: true, documentation: true };
        match self.ask(Asked::DescribeConfigs(request)).await {
            Answer::DescribeConfigs(mut answer) => answer.resources.remove(0),
            other => panic!("{other:?}"),
        }
    }

    async fn value(&self, name: &str) -> (String, ConfigSource) {
        let mut described = self.describe(ResourceKind::Topic, "t", &[name]).await;
        let config = described.configs.remove(0);
        (config.value.unwrap(), config.source)
    }

    async fn alter(
        &self,
        kind: ResourceKind,
        name: &str,
        configs: &[(&str, ConfigOperation, Option<&str>)],
    ) -> ErrorCode {
        let configs = configs
            .iter()
            .map(|(name, operation, value)| ((*name).to_owned(), *operation, value.map(ToOwned::to_owned)));
        let resources =
            vec![IncrementalAlterConfigsResource { kind, name: name.to_owned(), configs: configs.collect() }];
        let request = IncrementalAlterConfigsRequest { resources, validate_only: false };
        match self.ask(Asked::IncrementalAlterConfigs(request)).await {
            Answer::IncrementalAlterConfigs(answer) => answer.resources[0].error,
            other => panic!("{other:?}"),
        }
    }

    fn has(&self, topic: &str) -> bool {
        self.bench.image().topic(&TopicName::new(topic).unwrap()).is_some()
    }
}

fn topic(name: &str, partitions: i32, replication_factor: i16) -> NewTopic {
    NewTopic {
        name: name.to_owned(),
        partitions,
        replication_factor,
        assignments: Vec::new(),
        configs: Vec::new(),
    }
}

fn with(mut topic: NewTopic, configs: &[(&str, Option<&str>)]) -> NewTopic {
    let owned = configs.iter().map(|(name, value)| ((*name).to_owned(), value.map(ToOwned::to_owned)));
    topic.configs = owned.collect();
    topic
}

fn by_hand(name: &str, assignments: &[(i32, &[i32])]) -> NewTopic {
    let assignments = assignments.iter().map(|(index, replicas)| (*index, replicas.to_vec())).collect();
    NewTopic { assignments, ..topic(name, -1, -1) }
}

fn named(name: &str) -> DoomedTopic {
    DoomedTopic { name: Some(name.to_owned()), topic_id: None }
}

fn of_id(topic_id: TopicId) -> DoomedTopic {
    DoomedTopic { name: None, topic_id: Some(topic_id) }
}

#[tokio::test]
async fn a_topic_is_made_as_asked_for_and_told_in_full() {
    let front = Front::new().await;
    let made = front.create(vec![with(topic("new", 3, 1), &[("segment.ms", Some("9"))])], false).await;
    assert!(front.has("new"));
    let id = front.bench.image().topic(&TopicName::new("new").unwrap()).unwrap().id;
    assert_eq!((made[0].error, made[0].topic_id), (ErrorCode::None, Some(id)));
    assert_eq!((made[0].partitions, made[0].replication_factor), (3, 1));
    let told = |name: &str| made[0].configs.iter().find(|config| config.name == name).unwrap();
    assert_eq!(told("segment.ms").source, ConfigSource::DynamicTopic);
    assert_eq!(told("retention.ms").value.as_deref(), Some("604800000"));
    assert!(told("flush").read_only);
}

#[tokio::test]
async fn validating_creates_nothing_and_is_as_strict() {
    let front = Front::new().await;
    let wanted = vec![topic("new", 3, 1), topic("t", 1, 1), topic("far", 1, 9)];
    let results = front.create(wanted, true).await;
    let errors: Vec<_> = results.iter().map(|result| result.error).collect();
    let expected = [ErrorCode::None, ErrorCode::TopicAlreadyExists, ErrorCode::InvalidReplicationFactor];
    assert_eq!(errors, expected);
    assert_eq!(results[0].partitions, 3);
    assert!(!front.has("new") && !front.has("far"));
}

#[tokio::test]
async fn each_wrong_wish_has_its_own_number() {
    let front = Front::new().await;
    let cases = [
        (topic("bad name", 1, 1), ErrorCode::InvalidTopic),
        (topic("t", 1, 1), ErrorCode::TopicAlreadyExists),
        (topic("x", 0, 1), ErrorCode::InvalidPartitions),
        (topic("x", -2, 1), ErrorCode::InvalidPartitions),
        (topic("x", 1_000_000, 1), ErrorCode::InvalidPartitions),
        (topic("x", 1, 0), ErrorCode::InvalidReplicationFactor),
        (topic("x", 1, 2), ErrorCode::InvalidReplicationFactor),
        (with(topic("x", 1, 1), &[("nonsense", Some("1"))]), ErrorCode::InvalidConfig),
        (with(topic("x", 1, 1), &[("retention.ms", Some("soon"))]), ErrorCode::InvalidConfig),
        (with(topic("x", 1, 1), &[("retention.ms", None)]), ErrorCode::InvalidConfig),
        (topic("__consumer_offsets", 1, 1), ErrorCode::TopicAuthorizationFailed),
        (NewTopic { partitions: 1, ..by_hand("x", &[(0, &[1])]) }, ErrorCode::InvalidRequest),
        (NewTopic { replication_factor: 1, ..by_hand("x", &[(0, &[1])]) }, ErrorCode::InvalidRequest),
        (by_hand("x", &[(1, &[1])]), ErrorCode::InvalidReplicaAssignment),
        (by_hand("x", &[(0, &[1]), (0, &[1])]), ErrorCode::InvalidReplicaAssignment),
        (by_hand("x", &[(0, &[])]), ErrorCode::InvalidReplicaAssignment),
        (by_hand("x", &[(0, &[1, 1])]), ErrorCode::InvalidReplicaAssignment),
        (by_hand("x", &[(0, &[7])]), ErrorCode::InvalidReplicaAssignment),
    ];
    for (wish, expected) in cases {
        assert_eq!(front.create_one(wish.clone()).await, expected, "{wish:?}");
    }
    assert!(!front.has("x"));
    assert_eq!(front.create_one(by_hand("x", &[(1, &[1]), (0, &[1])])).await, ErrorCode::None);
    let twice = front.create(vec![topic("y", 1, 1), topic("z", 1, 1), topic("y", 2, 1)], false).await;
    let told: Vec<_> = twice.iter().map(|result| (result.name.as_str(), result.error)).collect();
    assert_eq!(told, [("y", ErrorCode::InvalidRequest), ("z", ErrorCode::None)]);
}

#[tokio::test]
async fn partitions_are_only_added() {
    let front = Front::new().await;
    assert_eq!(front.grow("t", 2, None).await, ErrorCode::InvalidPartitions);
    assert_eq!(front.grow("t", 1, None).await, ErrorCode::InvalidPartitions);
    assert_eq!(front.grow("nope", 3, None).await, ErrorCode::UnknownTopicOrPartition);
    assert_eq!(front.grow("t", 3, Some(vec![vec![1], vec![1]])).await, ErrorCode::InvalidReplicaAssignment);
    assert_eq!(front.grow("t", 3, Some(vec![vec![9]])).await, ErrorCode::InvalidReplicaAssignment);
    assert_eq!(front.grow("t", 3, Some(vec![vec![1]])).await, ErrorCode::None);
    assert_eq!(front.grow("t", 5, None).await, ErrorCode::None);
    assert_eq!(front.bench.image().topic(&TopicName::new("t").unwrap()).unwrap().partition_count(), 5);
}

#[tokio::test]
async fn topics_are_deleted_by_name_and_by_id() {
    let front = Front::new().await;
    front.bench.topic("u", 1, &[]).await;
    let id = front.bench.image().topic(&TopicName::new("u").unwrap()).unwrap().id;
    let none = DoomedTopic { name: None, topic_id: None };
    let both = DoomedTopic { name: Some("t".to_owned()), topic_id: Some(id) };
    let errors = front.delete(vec![none, named("nope"), of_id(TopicId(uuid::Uuid::from_u128(3)))]).await;
    let unknown = [ErrorCode::InvalidRequest, ErrorCode::UnknownTopicOrPartition, ErrorCode::UnknownTopicId];
    assert_eq!(errors, unknown);
    assert_eq!(front.delete(vec![both]).await, [ErrorCode::InvalidRequest]);
    assert_eq!(front.delete(vec![named("u"), of_id(id)]).await, [ErrorCode::InvalidRequest; 2]);
    assert!(front.has("t") && front.has("u"));
    assert_eq!(front.delete(vec![named("t"), of_id(id)]).await, [ErrorCode::None; 2]);
    assert!(!front.has("t") && !front.has("u"));
    let internal = front.delete(vec![named("__consumer_offsets")]).await;
    assert_eq!(internal, [ErrorCode::TopicAuthorizationFailed]);
}

#[tokio::test]
async fn settings_are_told_with_where_they_come_from() {
    let front = Front::new().await;
    let all = front.describe(ResourceKind::Topic, "t", &[]).await;
    assert_eq!((all.error, all.configs.len()), (ErrorCode::None, 16));
    let own = &front.describe(ResourceKind::Topic, "t", &["retention.ms"]).await.configs[0];
    let synonyms: Vec<_> = own.synonyms.iter().map(|one| (one.name.as_str(), one.source)).collect();
    let expected =
        [("retention.ms", ConfigSource::DynamicTopic), ("log.retention.ms", ConfigSource::Default)];
    assert_eq!(synonyms, expected);
    assert!(own.documentation.is_some());
    for (kind, name, code) in [
        (ResourceKind::Topic, "nope", ErrorCode::UnknownTopicOrPartition),
        (ResourceKind::Topic, "bad name", ErrorCode::InvalidTopic),
        (ResourceKind::Broker, "x", ErrorCode::InvalidRequest),
        (ResourceKind::Broker, "9", ErrorCode::InvalidRequest),
        (ResourceKind::BrokerLogger, "1", ErrorCode::InvalidRequest),
        (ResourceKind::Other(32), "g", ErrorCode::InvalidRequest),
        (ResourceKind::Broker, "1", ErrorCode::None),
        (ResourceKind::Broker, "", ErrorCode::None),
    ] {
        assert_eq!(front.describe(kind, name, &[]).await.error, code, "{kind:?} {name}");
    }
}

#[tokio::test]
async fn settings_change_one_by_one_or_all_at_once() {
    use ConfigOperation::{Append, Delete, Set, Subtract};
    let front = Front::new().await;
    let topic = ResourceKind::Topic;
    let change = [
        ("segment.ms", Set, Some("7")),
        ("cleanup.policy", Append, Some("compact")),
        ("retention.ms", Delete, None),
    ];
    assert_eq!(front.alter(topic, "t", &change).await, ErrorCode::None);
    assert_eq!(front.value("segment.ms").await, ("7".to_owned(), ConfigSource::DynamicTopic));
    assert_eq!(front.value("cleanup.policy").await.0, "delete,compact");
    assert_eq!(front.value("retention.ms").await.1, ConfigSource::Default);

    let resources = vec![AlterConfigsResource {
        kind: topic,
        name: "t".to_owned(),
        configs: vec![("retention.ms".to_owned(), Some("11".to_owned()))],
    }];
    let request = AlterConfigsRequest { resources, validate_only: false };
    front.ask(Asked::AlterConfigs(request)).await;
    assert_eq!(front.value("segment.ms").await.1, ConfigSource::Default, "what is not named goes back");
    assert_eq!(front.value("retention.ms").await, ("11".to_owned(), ConfigSource::DynamicTopic));

    let bad: [(&str, ConfigOperation, Option<&str>, ErrorCode); 6] = [
        ("retention.ms", Set, Some("soon"), ErrorCode::InvalidConfig),
        ("nonsense", Set, Some("1"), ErrorCode::InvalidConfig),
        ("retention.ms", Append, Some("1"), ErrorCode::InvalidConfig),
        ("cleanup.policy", Subtract, Some("delete"), ErrorCode::InvalidConfig),
        ("retention.ms", Set, None, ErrorCode::InvalidRequest),
        ("retention.ms", ConfigOperation::Other(9), Some("1"), ErrorCode::InvalidRequest),
    ];
    for (name, operation, value, expected) in bad {
        assert_eq!(
            front.alter(topic, "t", &[(name, operation, value)]).await,
            expected,
            "{name} {operation:?}"
        );
    }
    let twice = [("segment.ms", Set, Some("1")), ("segment.ms", Set, Some("2"))];
    assert_eq!(front.alter(topic, "t", &twice).await, ErrorCode::InvalidRequest);
    let unknown = front.alter(topic, "nope", &[("segment.ms", Set, Some("1"))]).await;
    assert_eq!(unknown, ErrorCode::UnknownTopicOrPartition);
}

#[tokio::test]
async fn the_defaults_of_all_brokers_are_the_clusters() {
    use ConfigOperation::{Delete, Set};
    let front = Front::new().await;
    let all = ResourceKind::Broker;
    assert!(front.describe(all, "", &[]).await.configs.is_empty());
    assert_eq!(front.alter(all, "", &[("log.roll.ms", Set, Some("77"))]).await, ErrorCode::None);
    let defaults = front.describe(all, "", &[]).await.configs;
    assert_eq!((defaults.len(), defaults[0].name.as_str()), (1, "log.roll.ms"));
    assert_eq!(front.value("segment.ms").await, ("77".to_owned(), ConfigSource::DynamicDefaultBroker));
    assert_eq!(front.alter(all, "", &[("log.roll.ms", Delete, None)]).await, ErrorCode::None);
    assert_eq!(front.value("segment.ms").await.1, ConfigSource::Default);
    assert_eq!(front.alter(all, "", &[("nonsense", Set, Some("1"))]).await, ErrorCode::InvalidConfig);
    assert_eq!(front.alter(all, "1", &[("log.roll.ms", Set, Some("1"))]).await, ErrorCode::InvalidRequest);
}

#[tokio::test]
async fn the_cluster_is_told_to_those_who_ask_brokers() {
    let front = Front::new().await;
    for (endpoint_type, expected) in [
        (1, ErrorCode::None),
        (2, ErrorCode::MismatchedEndpointType),
        (9, ErrorCode::UnsupportedEndpointType),
    ] {
        let request = DescribeClusterRequest { authorized_operations: false, endpoint_type };
        let Answer::DescribeCluster(answer) = front.ask(Asked::DescribeCluster(request)).await else {
            panic!()
        };
        assert_eq!(answer.error, expected);
        assert_eq!(answer.brokers.len(), usize::from(expected.is_none()), "only those that live");
    }
}
