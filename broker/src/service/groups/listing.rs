//! Groups listed, over all coordinators, and described.

use std::time::Instant;

use futures_util::future::try_join_all;

use super::error::GroupCallError;
use super::from_wire::listing_of;
use super::members::unexpected;
use crate::cluster::HostPort;
use crate::groups::coordinator::offsets_topic;
use crate::groups::{CoordinatorError, GroupId, GroupListing, GroupView, Reply, Request};
use crate::replication::Written;
use crate::service::Service;
use crate::types::{BrokerId, PartitionIndex};
use crate::wire;

impl Service {
    /// What a group is now.
    ///
    /// # Errors
    /// That there is none, or that nobody answers for it.
    pub async fn describe_group(&self, group: &GroupId) -> Result<Box<GroupView>, GroupCallError> {
        match self.ask_group(Request::Describe(group.clone())).await? {
            Reply::Describe(view) => Ok(view?),
            other => Err(unexpected(&other)),
        }
    }

    /// The broker that coordinates a group, and where clients reach it.
    ///
    /// # Errors
    /// That nobody does now.
    pub async fn find_coordinator(&self, group: &GroupId) -> Result<(BrokerId, HostPort), GroupCallError> {
        let nobody =
            |reason: &str| GroupCallError::NoCoordinator { reason: reason.to_owned(), written: Written::No };
        let home = self.make_home_of(group, self.group_deadline()).await?;
        let image = self.image();
        let leader = image.leader_of(&home).filter(|leader| image.is_live(*leader));
        let leader = leader.ok_or_else(|| nobody("none is elected yet"))?;
        let endpoint = image.endpoint(leader.broker).ok_or_else(|| nobody("it is not registered"))?;
        Ok((leader.broker, endpoint.kafka.clone()))
    }

    /// The groups that are coordinated here.
    ///
    /// # Errors
    /// That some are not loaded yet, or cannot be asked.
    pub async fn list_groups_here(&self) -> Result<Vec<GroupListing>, CoordinatorError> {
        let mut all = Vec::new();
        let image = self.image();
        let Some(topic) = image.topic(&offsets_topic()) else { return Ok(all) };
        let is_mine = |shard: &PartitionIndex| {
            topic.record(*shard).is_some_and(|record| record.state.leader == Some(self.parts.me))
        };
        // One that is not hosted yet says that this is not its coordinator: the list would not be whole.
        for shard in (0..topic.partition_count()).map(PartitionIndex).filter(is_mine) {
            if let Reply::List(groups) = self.parts.groups.handle(shard, Request::List).await? {
                all.extend(groups);
            }
        }
        Ok(all)
    }

    /// All groups, by name.
    ///
    /// # Errors
    /// That the groups of some broker cannot be known now: half a list would look like a whole one.
    pub async fn list_groups(&self) -> Result<Vec<GroupListing>, GroupCallError> {
        let deadline = self.group_deadline();
        let mut news = self.news(deadline);
        loop {
            let refused = match self.list_everywhere(deadline).await {
                Ok(mut groups) => {
                    groups.sort_by(|one, other| one.group.cmp(&other.group));
                    groups.dedup_by(|one, other| one.group == other.group);
                    return Ok(groups);
                }
                Err(refused) => refused,
            };
            if !refused.is_retriable() || !news.wait(self.parts.clock.now()).await {
                return Err(refused);
            }
        }
    }

    async fn list_everywhere(&self, deadline: Instant) -> Result<Vec<GroupListing>, GroupCallError> {
        let nobody = |reason: String| GroupCallError::NoCoordinator { reason, written: Written::No };
        let mut brokers = std::collections::BTreeSet::new();
        let image = self.image();
        let Some(topic) = image.topic(&offsets_topic()) else { return Ok(Vec::new()) };
        for record in &topic.partitions {
            let leader = record.as_ref().and_then(|record| record.state.leader);
            let leader = leader.ok_or_else(|| nobody("a partition of its topic has no leader".to_owned()))?;
            brokers.insert(leader.broker);
        }
        let asked = brokers.into_iter().map(|broker| self.list_at(broker, deadline));
        Ok(try_join_all(asked).await?.into_iter().flatten().collect())
    }

    async fn list_at(
        &self,
        broker: BrokerId,
        deadline: Instant,
    ) -> Result<Vec<GroupListing>, GroupCallError> {
        let nobody = |reason: String| GroupCallError::NoCoordinator { reason, written: Written::No };
        if broker == self.parts.me.broker {
            return self.list_groups_here().await.map_err(|error| nobody(error.to_string()));
        }
        let request = wire::ListGroupsRequest { states: Vec::new(), types: Vec::new() };
        let request = wire::Request::Group(Box::new(wire::GroupRequest::ListGroups(request)));
        match self.parts.forward.call(broker, request, deadline).await {
            Ok(wire::Response::Group(wire::GroupResponse::ListGroups(answer))) if answer.error.is_none() => {
                Ok(answer.groups.into_iter().map(listing_of).collect())
            }
            Ok(_) => Err(nobody(format!("broker {broker} cannot list its groups yet"))),
            Err(error) => Err(nobody(error.to_string())),
        }
    }
}
