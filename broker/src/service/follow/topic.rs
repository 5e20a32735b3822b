//! All partitions of a topic: where a reader begins, and the partitions that are added while it reads.

use std::collections::BTreeMap;
use std::sync::Arc;

use futures_util::StreamExt as _;
use futures_util::stream::iter;

use super::{Follower, Source, Standing, Standings};
use crate::service::{FetchError, FetchFrom, GroupCallError, OffsetQuery, Service};
use crate::types::{Offset, PartitionIndex, TopicId, TopicName, TopicPartition};

/// How many partitions are asked at once where they begin.
const ASKED_MAX: usize = 16;

/// A topic to follow.
#[derive(Clone, Debug)]
pub struct FollowTopic {
    /// The topic.
    pub topic: TopicName,
    /// The next offset of each partition; what is not named begins at `from`.
    pub starts: BTreeMap<PartitionIndex, Offset>,
    /// Where the others begin.
    pub from: FetchFrom,
}

impl Service {
    /// Begins to follow a topic, which has `partitions_max` partitions at most.
    ///
    /// # Errors
    /// Why it cannot be followed from there.
    pub async fn follow_topic(
        self: &Arc<Self>,
        follow: FollowTopic,
        partitions_max: usize,
    ) -> Result<Follower, GroupCallError> {
        let FollowTopic { topic, starts, from } = follow;
        let (id, count) = {
            let image = self.image();
            let known = image.topic(&topic).ok_or_else(|| FetchError::UnknownTopic(topic.clone()))?;
            (known.id, known.partition_count())
        };
        let partitions = usize::try_from(count).unwrap_or(0);
        if partitions > partitions_max {
            let reason = format!(
                "topic '{topic}' has {count} partitions, and a stream merges {partitions_max} at most: follow them one by one"
            );
            return Err(GroupCallError::Invalid { reason });
        }
        if let Some(beyond) = starts.keys().find(|index| !(0..count).contains(&index.0)) {
            let tp = TopicPartition::new(topic, *beyond);
            return Err(FetchError::UnknownPartition { tp, partitions }.into());
        }
        let asked = (0..count).map(|index| {
            let tp = TopicPartition::new(topic.clone(), PartitionIndex(index));
            let given = starts.get(&tp.partition).copied();
            async move { self.standing_of(&tp, id, given, from).await.map(|standing| (tp, standing)) }
        });
        let standings: Vec<_> = iter(asked).buffer_unordered(ASKED_MAX).collect().await;
        let standings = standings.into_iter().collect::<Result<Standings, FetchError>>()?;
        let source = Source::Topic { name: topic, id };
        Ok(Follower { service: Arc::clone(self), source, standings, partitions_max, turn: 0 })
    }

    /// Where a reader of one partition begins; an offset that was `given` must be one that can be read.
    async fn standing_of(
        &self,
        tp: &TopicPartition,
        topic_id: TopicId,
        given: Option<Offset>,
        from: FetchFrom,
    ) -> Result<Standing, FetchError> {
        let of = async |query| Ok::<_, FetchError>(self.offset(tp, query, None, true).await?.offset);
        let high_watermark = of(OffsetQuery::Latest).await?;
        let log_start = of(OffsetQuery::Earliest).await?;
        let next = match (given, from) {
            (Some(next), _) | (None, FetchFrom::Offset(next)) => next,
            (None, FetchFrom::Earliest) => log_start,
            (None, FetchFrom::Latest) => high_watermark,
            (None, FetchFrom::Tail(count)) => {
                let count = i64::try_from(count).unwrap_or(i64::MAX);
                log_start.max(Offset(high_watermark.0.saturating_sub(count)))
            }
            (None, FetchFrom::Timestamp(timestamp_ms)) => {
                let found = of(OffsetQuery::Timestamp(timestamp_ms)).await?;
                if found == Offset::NONE { high_watermark } else { found }
            }
        };
        if next > high_watermark {
            return Err(FetchError::BeyondEnd { asked: next, end: high_watermark });
        }
        if next < log_start {
            return Err(FetchError::BelowStart { asked: next, start: log_start });
        }
        Ok(Standing { topic_id, next, high_watermark })
    }
}

/// Begins to follow partitions that are new, from their start.
pub(super) fn grow(
    service: &Service,
    name: &TopicName,
    id: TopicId,
    standings: &mut Standings,
) -> Result<(), FetchError> {
    let image = service.image();
    let topic = image.topic_by_id(id).ok_or_else(|| FetchError::UnknownTopic(name.clone()))?;
    for index in i32::try_from(standings.len()).unwrap_or(i32::MAX)..topic.partition_count() {
        let tp = TopicPartition::new(name.clone(), PartitionIndex(index));
        let fresh = Standing { topic_id: id, next: Offset::ZERO, high_watermark: Offset::ZERO };
        standings.insert(tp, fresh);
    }
    Ok(())
}
