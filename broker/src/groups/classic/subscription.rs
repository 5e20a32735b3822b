//! The topics that the members of a `consumer` group read, from what they say in its protocol.
//!
//! ```text
//! version i16 | count i32 | topic: length i16, bytes | ...
//! ```
//! The rest (user data, owned partitions) is the assignors' own.
//!
//! *Invariant:* when it cannot be read, every topic counts as read: offsets in use must not expire.

use std::collections::BTreeSet;

use bytes::{Buf, Bytes};

use super::state::{ClassicGroup, State};
use crate::types::TopicName;

const CONSUMER: &str = "consumer";

impl ClassicGroup {
    pub(super) fn note_topics(&mut self) {
        let protocol = self.protocol.as_deref();
        let mut topics = BTreeSet::new();
        for member in self.members.values() {
            match read(member.metadata(protocol)) {
                Some(own) => topics.extend(own),
                None => {
                    self.topics = None;
                    return;
                }
            }
        }
        self.topics = (self.protocol_type.as_deref() == Some(CONSUMER)).then_some(topics);
    }

    /// Whether the members read the topic, or may.
    pub(in crate::groups) fn is_subscribed(&self, topic: &TopicName) -> bool {
        let reads = || self.topics.as_ref().is_none_or(|topics| topics.contains(topic.as_str()));
        self.state != State::Empty && reads()
    }
}

fn read(mut said: Bytes) -> Option<Vec<String>> {
    let _version = said.try_get_i16().ok()?;
    let count = usize::try_from(said.try_get_i32().ok()?).ok()?;
    if count > said.remaining() {
        return None;
    }
    (0..count)
        .map(|_| {
            let length = usize::try_from(said.try_get_i16().ok()?).ok()?;
            let name = (length <= said.remaining()).then(|| said.split_to(length))?;
            String::from_utf8(name.to_vec()).ok()
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn topics_are_read_and_nonsense_is_not() {
        let said = Bytes::from_static(b"\0\x03\0\0\0\x02\0\x01a\0\x02bc and more");
        assert_eq!(read(said.clone()), Some(vec!["a".to_owned(), "bc".to_owned()]));
        assert_eq!(read(said.slice(..9)), None);
        assert_eq!(read(Bytes::from_static(b"\0\0\x7f\xff\xff\xff")), None);
    }

    proptest! {
        #[test]
        fn any_bytes_are_survived(bytes in prop::collection::vec(any::<u8>(), 0..40)) {
            let _ = read(bytes.into());
        }
    }
}
