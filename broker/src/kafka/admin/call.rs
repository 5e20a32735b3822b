//! From a request of an administrator to the handler that understands it, and the bounds that all share.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use futures_util::StreamExt as _;

use crate::kafka::dispatch::Dispatch;
use crate::kafka::errors::admin_code;
use crate::kafka::handler::Caller;
use crate::service::AdminError;
use crate::types::TopicName;
use crate::wire::{AdminRequest as Asked, AdminResponse as Answer, ErrorCode};

/// How many changes of one request are under way at once.
const AT_ONCE: usize = 8;
/// However little time a client gives, and however much: so long a change is waited for.
const WAIT: std::ops::RangeInclusive<Duration> = Duration::from_secs(1)..=Duration::from_secs(60);
/// How long a change is waited for where a request does not say.
pub(super) const WAIT_DEFAULT_MS: i32 = 30_000;

/// Why something was not done: the number, and the same in words.
pub(super) type Refusal = (ErrorCode, String);

impl Dispatch {
    pub(in crate::kafka) async fn admin(&self, caller: &Caller, request: Asked) -> Answer {
        match request {
            Asked::CreateTopics(request) => Answer::CreateTopics(self.create_topics(request).await),
            Asked::DeleteTopics(request) => Answer::DeleteTopics(self.delete_topics(request).await),
            Asked::CreatePartitions(request) => {
                Answer::CreatePartitions(self.create_partitions(request).await)
            }
            Asked::DescribeConfigs(request) => {
                let for_broker = caller.link.is_some();
                Answer::DescribeConfigs(self.describe_configs(request, for_broker).await)
            }
            Asked::AlterConfigs(request) => Answer::AlterConfigs(self.alter_configs(request).await),
            Asked::IncrementalAlterConfigs(request) => {
                Answer::IncrementalAlterConfigs(self.alter_configs_one_by_one(request).await)
            }
            Asked::DescribeCluster(request) => Answer::DescribeCluster(self.describe_cluster(request)),
        }
    }

    /// Carries out the changes of one request, a few at a time, in its time. The outcomes are in the order given.
    pub(super) async fn each<T, R, F: Future<Output = R>>(
        &self,
        items: Vec<T>,
        change: impl Fn(T) -> F,
    ) -> Vec<R> {
        futures_util::stream::iter(items).map(change).buffered(AT_ONCE).collect().await
    }

    /// When the time of a request is over.
    pub(super) fn deadline(&self, timeout_ms: i32) -> Instant {
        let timeout = Duration::from_millis(u64::try_from(timeout_ms).unwrap_or(0));
        self.service.clock().now() + timeout.clamp(*WAIT.start(), *WAIT.end())
    }

    /// One change, when its turn comes, until the deadline.
    pub(super) async fn in_time<T>(
        &self,
        deadline: Instant,
        change: impl Future<Output = Result<T, AdminError>>,
    ) -> Result<T, Refusal> {
        let left = deadline.saturating_duration_since(self.service.clock().now());
        let turn = async {
            let _place = self.changes.acquire().await;
            change.await
        };
        match tokio::time::timeout(left, turn).await {
            Ok(outcome) => outcome.map_err(|error| refusal(&error)),
            Err(_) => {
                let text = "it was not done in time; it may still have been done: look again";
                Err((ErrorCode::RequestTimedOut, text.to_owned()))
            }
        }
    }
}

/// The refusal of a command.
pub(super) fn refusal(error: &AdminError) -> Refusal {
    (admin_code(error), error.to_string())
}

/// A topic's name, if it is one.
pub(super) fn topic_name(name: &str) -> Result<TopicName, Refusal> {
    TopicName::new(name).map_err(|error| (ErrorCode::InvalidTopic, error.to_string()))
}

/// What is named more than once.
pub(super) fn repeated<T: Ord>(names: impl IntoIterator<Item = T>) -> BTreeSet<T> {
    let mut seen = BTreeSet::new();
    let mut twice = BTreeSet::new();
    for name in names {
        if let Some(name) = seen.replace(name) {
            twice.insert(name);
        }
    }
    twice
}
