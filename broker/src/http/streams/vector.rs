//! Where a reader stands in several partitions: the next offset of each. Pure.
//!
//! `0:17,1:22` for the partitions of one topic, `orders:0:17,sales:3:5` where there may be several topics. The name of a
//! topic holds neither a colon nor a comma.

use std::collections::BTreeMap;
use std::io::Write as _;

use crate::types::{Offset, PartitionIndex, TopicName, TopicPartition};

/// Whether partitions are told with their topic's name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Naming {
    /// By number: all are of one topic.
    Partition,
    /// By topic and number.
    Topic,
}

/// Writes where each partition goes on.
pub(super) fn write_vector<'a>(
    out: &mut Vec<u8>,
    naming: Naming,
    next: impl Iterator<Item = (&'a TopicPartition, Offset)>,
) {
    for (place, (tp, next)) in next.enumerate() {
        if place > 0 {
            out.push(b',');
        }
        // Writing to memory cannot fail.
        let _ = match naming {
            Naming::Partition => write!(out, "{}:{next}", tp.partition),
            Naming::Topic => write!(out, "{}:{}:{next}", tp.topic, tp.partition),
        };
    }
}

/// Reads the vector of one topic; the order does not matter, and partitions may be missing.
pub(in crate::http) fn parse_partitions(text: &str) -> Option<BTreeMap<PartitionIndex, Offset>> {
    let mut starts = BTreeMap::new();
    for pair in text.split(',') {
        let (partition, next) = parse_pair(pair)?;
        if starts.insert(partition, next).is_some() {
            return None;
        }
    }
    Some(starts)
}

/// Reads the vector of several topics. An empty one is one, too: its reader had nothing.
pub(in crate::http) fn parse_topics(text: &str) -> Option<BTreeMap<TopicPartition, Offset>> {
    let mut starts = BTreeMap::new();
    for triple in text.split(',').filter(|triple| !triple.is_empty()) {
        let (topic, pair) = triple.split_once(':')?;
        let (partition, next) = parse_pair(pair)?;
        let tp = TopicPartition::new(TopicName::new(topic).ok()?, partition);
        if starts.insert(tp, next).is_some() {
            return None;
        }
    }
    Some(starts)
}

fn parse_pair(pair: &str) -> Option<(PartitionIndex, Offset)> {
    let (partition, next) = pair.split_once(':')?;
    let partition = partition.parse::<i32>().ok().filter(|partition| *partition >= 0)?;
    let next = next.parse::<i64>().ok().filter(|next| *next >= 0)?;
    Some((PartitionIndex(partition), Offset(next)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tp(topic: &str, partition: i32) -> TopicPartition {
        TopicPartition::new(TopicName::new(topic).unwrap(), PartitionIndex(partition))
    }

    #[test]
    fn what_is_written_is_read() {
        let places =
            [(tp("a", 0), Offset(17)), (tp("a", 1), Offset(0)), (tp("b.c-d_e", 2), Offset(i64::MAX))];
        let written = |naming| {
            let mut out = Vec::new();
            write_vector(&mut out, naming, places.iter().map(|(tp, next)| (tp, *next)));
            String::from_utf8(out).unwrap()
        };
        let text = written(Naming::Partition);
        assert_eq!(text, "0:17,1:0,2:9223372036854775807");
        let read: Vec<_> =
            parse_partitions(&text).unwrap().into_iter().map(|(index, next)| (index.0, next.0)).collect();
        assert_eq!(read, [(0, 17), (1, 0), (2, i64::MAX)]);
        let text = written(Naming::Topic);
        assert_eq!(text, "a:0:17,a:1:0,b.c-d_e:2:9223372036854775807");
        assert_eq!(parse_topics(&text), Some(places.into_iter().collect()));
        assert_eq!(parse_topics(""), Some(BTreeMap::new()));
    }

    #[test]
    fn anything_else_is_refused() {
        for text in ["7", "0:", ":1", "0:1,0:2", "-1:1", "0:-1", "0:x", "0:1:2:3", "0:1;1:2", "4294967296:0"]
        {
            assert_eq!((parse_partitions(text), parse_topics(text)), (None, None), "{text}");
        }
        assert_eq!(parse_partitions(""), None);
        assert_eq!(parse_partitions("0:1,"), None);
        assert_eq!(parse_topics("a/b:0:1"), None);
        assert_eq!(parse_topics("a:0:1,a:0:2"), None);
    }
}
