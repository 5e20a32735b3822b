//! Which brokers a new topic's copies go to, from what somebody wants and who serves now.
//!
//! How they are spread is in [`super::assignment`].

use std::collections::BTreeSet;

use crate::types::{BrokerId, TopicName};

use super::assignment::{assign, check};
use super::balance::places;
use super::commands::{CommandOptions, TopicSpec};
use super::error::ClusterError;
use super::image::Image;
use super::values::TopicValue;

/// Replica lists for a new topic.
pub(super) fn place(
    spec: &TopicSpec,
    options: &CommandOptions,
    image: &Image,
) -> Result<Vec<Vec<BrokerId>>, ClusterError> {
    let places = places(image);
    if let Some(assignment) = &spec.assignment {
        check_count(options, assignment.len())?;
        check(assignment, &places.iter().map(|place| place.broker).collect::<BTreeSet<_>>())?;
        let copies = assignment.first().map_or(0, Vec::len);
        let agrees =
            |given: Option<i32>, is: usize| given.is_none_or(|given| usize::try_from(given) == Ok(is));
        if !agrees(spec.partitions, assignment.len()) || !agrees(spec.replication_factor, copies) {
            let reason = "it disagrees with the number of partitions or replicas asked for".to_owned();
            return Err(ClusterError::InvalidAssignment { reason });
        }
        return Ok(assignment.clone());
    }
    let partitions = match spec.partitions {
        Some(count) => usize::try_from(count).unwrap_or(0),
        None => options.default_partitions,
    };
    check_count(options, partitions)?;
    let copies = match spec.replication_factor {
        Some(count) => usize::try_from(count).ok().filter(|count| *count > 0).ok_or_else(|| {
            ClusterError::InvalidAssignment { reason: format!("replication factor {count} is not positive") }
        })?,
        None => options.default_replication_factor.min(places.len()).max(1),
    };
    assign(spec.name.as_str(), 0, partitions, copies, &places)
}

/// Gives a topic `count` partitions in all.
pub(super) fn add_partitions(
    name: &TopicName,
    value: &mut TopicValue,
    count: i32,
    options: &CommandOptions,
    image: &Image,
) -> Result<(), ClusterError> {
    let (now, wanted) = (value.partitions.len(), usize::try_from(count).unwrap_or(0));
    check_count(options, wanted)?;
    if wanted < now {
        let reason = format!("topic '{name}' has {now} partitions, and partitions are never taken away");
        return Err(ClusterError::InvalidPartitions { reason });
    }
    let copies = value.partitions.first().map_or(1, Vec::len);
    if wanted > now {
        value.partitions.extend(assign(name.as_str(), now, wanted, copies, &places(image))?);
    }
    Ok(())
}

fn check_count(options: &CommandOptions, partitions: usize) -> Result<(), ClusterError> {
    let most = options.partitions_max;
    if partitions == 0 || partitions > most {
        let reason = format!("a topic has 1 to {most} partitions, not {partitions}");
        return Err(ClusterError::InvalidPartitions { reason });
    }
    Ok(())
}
