//! `topic_pattern`: the topics whose whole name a regular expression matches, as with Java's `matches`.
//!
//! The engine is linear in the name's length, whatever the pattern, and its memory is bounded here. It knows neither
//! look-around nor back-references. A pattern matches no internal topic (Kafka's `exclude.internal.topics`).

use std::collections::BTreeSet;

use regex::{Regex, RegexBuilder};

use super::refusal::InstanceRefusal;
use crate::groups::topics::Topics;
use crate::types::TopicName;

/// The longest pattern.
const PATTERN_BYTES_MAX: usize = 1_024;
/// What a compiled pattern may take.
const COMPILED_BYTES_MAX: usize = 256 << 10;

/// A pattern that can be used, or why it cannot.
pub(super) fn compile(pattern: &str) -> Result<Regex, InstanceRefusal> {
    let bad = |reason: String| Err(InstanceRefusal::BadPattern { reason });
    if pattern.len() > PATTERN_BYTES_MAX {
        return bad(format!("it has {} bytes; at most {PATTERN_BYTES_MAX} are taken", pattern.len()));
    }
    // By itself first: a stray parenthesis must not find its partner in what is put around it.
    let build = |text: &str| {
        RegexBuilder::new(text).size_limit(COMPILED_BYTES_MAX).dfa_size_limit(COMPILED_BYTES_MAX).build()
    };
    match build(pattern).and_then(|_| build(&format!("^(?:{pattern})$"))) {
        Ok(regex) => Ok(regex),
        Err(error) => bad(error.to_string().lines().last().unwrap_or("it is no regular expression").into()),
    }
}

/// The topics that it matches.
pub(super) fn matching(regex: &Regex, topics: &Topics) -> BTreeSet<TopicName> {
    topics.names().filter(|name| !name.is_internal() && regex.is_match(name.as_str())).cloned().collect()
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::groups::topics::TopicFacts;
    use crate::types::TopicId;

    fn found(pattern: &str) -> Vec<String> {
        let names = ["a", "ab", "b.a", "__consumer_offsets"].into_iter().zip(1_u128..);
        let facts = |number| TopicFacts { id: TopicId(Uuid::from_u128(number)), partitions: 1 };
        let topics =
            Topics::new(1, names.map(|(name, number)| (TopicName::new(name).unwrap(), facts(number))));
        let regex = compile(pattern).unwrap();
        matching(&regex, &topics).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_pattern_matches_whole_names_of_topics_that_are_not_internal() {
        assert_eq!(found("a"), ["a"]);
        assert_eq!(found("^a.*"), ["a", "ab"]);
        assert_eq!(found("a|b"), ["a"]);
        assert_eq!(found(r"b\.."), ["b.a"]);
        assert_eq!(found(".*"), ["a", "ab", "b.a"]);
    }

    #[test]
    fn what_cannot_be_used_is_said() {
        for bad in ["(", "a)|(b", "(?=a)", r"(a)\1", &"a".repeat(2_000), "(((a{100}){100}){100}){100}"] {
            let refused = compile(bad).unwrap_err();
            assert!(
                matches!(&refused, InstanceRefusal::BadPattern { reason } if !reason.is_empty()),
                "{bad}"
            );
        }
    }
}
