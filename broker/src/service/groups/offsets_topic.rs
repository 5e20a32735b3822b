//! The topic that groups are kept in: created when a group is first needed.

use std::time::Instant;

use super::error::GroupCallError;
use crate::cluster::TopicSpec;
use crate::groups::coordinator::offsets_topic;
use crate::groups::{GroupId, shard_of};
use crate::replication::Written;
use crate::service::{AdminError, Service};
use crate::types::TopicPartition;

impl Service {
    /// Where a group is kept; `None` while nothing is.
    pub(in crate::service) fn home_of(&self, group: &GroupId) -> Option<TopicPartition> {
        let name = offsets_topic();
        let count = self.image().topic(&name)?.partition_count();
        Some(TopicPartition::new(name, shard_of(group, count)))
    }

    /// Where a group is kept; the topic is created if it is not there.
    pub(in crate::service) async fn make_home_of(
        &self,
        group: &GroupId,
        deadline: Instant,
    ) -> Result<TopicPartition, GroupCallError> {
        if let Some(home) = self.home_of(group) {
            return Ok(home);
        }
        // One at a time: the others find it there.
        let _turn = self.offsets_topic_turn.lock().await;
        let mut news = self.news(deadline);
        loop {
            if let Some(home) = self.home_of(group) {
                return Ok(home);
            }
            let failed = match self.create_topic_unchecked(self.offsets_topic_spec()).await {
                // Another broker was first, and saw other brokers than this one.
                Ok(_) | Err(AdminError::Different { .. }) => None,
                Err(error) => Some(error),
            };
            if self.home_of(group).is_none() && !news.wait(self.parts.clock.now()).await {
                return Err(match failed {
                    Some(error) => GroupCallError::NoOffsetsTopic(error),
                    None => GroupCallError::NoCoordinator {
                        reason: "its topic is not seen yet".to_owned(),
                        written: Written::No,
                    },
                });
            }
        }
    }

    fn offsets_topic_spec(&self) -> TopicSpec {
        let options = self.parts.groups.options();
        // As many as are wanted, or as there are; a broker that is down now counts, and is waited for.
        let brokers = i32::try_from(self.image().brokers.len()).unwrap_or(i32::MAX);
        TopicSpec {
            name: offsets_topic(),
            partitions: Some(options.offsets_partitions),
            replication_factor: Some(options.offsets_replication_factor.min(brokers).max(1)),
            assignment: None,
            config: options.topic_config(),
        }
    }
}
