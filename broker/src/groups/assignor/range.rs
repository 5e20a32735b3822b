//! Each member gets a stretch of each topic: the first ones one more, if it does not divide evenly.

use std::collections::{BTreeMap, BTreeSet};

use super::{Subscriber, all_of};
use crate::groups::ids::TopicIdPartition;
use crate::types::TopicId;

pub(super) fn assign(
    subscribers: &[Subscriber],
    partitions: &BTreeMap<TopicId, i32>,
) -> Vec<BTreeSet<TopicIdPartition>> {
    let mut targets = vec![BTreeSet::new(); subscribers.len()];
    // Static members first and by instance, so that a restart under a new member name moves nothing.
    let mut order: Vec<usize> = (0..subscribers.len()).collect();
    order.sort_by_key(|at| {
        let one = &subscribers[*at];
        (one.instance.is_none(), one.instance.clone(), one.member.clone())
    });
    let mut readers: BTreeMap<TopicId, Vec<usize>> = BTreeMap::new();
    for at in order {
        for topic in &subscribers[at].topics {
            readers.entry(*topic).or_default().push(at);
        }
    }
    for (topic, readers) in readers {
        let all: Vec<TopicIdPartition> = all_of(topic, partitions).collect();
        let (least, more) = (all.len() / readers.len(), all.len() % readers.len());
        let mut rest = all.as_slice();
        for (place, reader) in readers.into_iter().enumerate() {
            let (stretch, after) = rest.split_at(least + usize::from(place < more));
            targets[reader].extend(stretch);
            rest = after;
        }
    }
    targets
}
