//! From the cluster's image to the topics that groups know of.

use std::sync::Arc;

use crate::cluster::Image;
use crate::groups::topics::{TopicFacts, Topics};

/// The topics of `image`, or `None` if they are those of `last`.
pub(super) fn newer(image: &Image, last: &Topics) -> Option<Arc<Topics>> {
    let facts = || {
        image.topics.values().map(|topic| {
            (topic.name.clone(), TopicFacts { id: topic.id, partitions: topic.partition_count() })
        })
    };
    let is_same =
        image.topics.len() == last.len() && facts().all(|(name, facts)| last.get(&name) == Some(facts));
    // A version that only rises, and above that of the empty view which is there before anything is known.
    (!is_same).then(|| Arc::new(Topics::new(last.version() + 1, facts())))
}
