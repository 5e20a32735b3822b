//! What a classic member was given, as the `consumer` protocol says it: the one protocol of which all consumers read by
//! Kafka's rules. Whatever else stands there is nothing to us. Pure.
//!
//! ```text
//! version i16, topics: count i32 of (name: length i16 and bytes, partitions: count i32 of i32), user data
//! ```

use crate::types::TopicName;

/// The partitions of an assignment; none if it is not of that protocol.
pub(super) fn partitions(assignment: &[u8]) -> Vec<(TopicName, i32)> {
    read(assignment).unwrap_or_default()
}

fn read(mut rest: &[u8]) -> Option<Vec<(TopicName, i32)>> {
    let version = i16::from_be_bytes(take(&mut rest)?);
    if version < 0 {
        return None;
    }
    let mut found = Vec::new();
    for _ in 0..i32::from_be_bytes(take(&mut rest)?) {
        let length = usize::try_from(i16::from_be_bytes(take(&mut rest)?)).ok()?;
        let (name, after) = rest.split_at_checked(length)?;
        let name = TopicName::new(std::str::from_utf8(name).ok()?).ok()?;
        rest = after;
        for _ in 0..i32::from_be_bytes(take(&mut rest)?) {
            found.push((name.clone(), i32::from_be_bytes(take(&mut rest)?)));
        }
    }
    Some(found)
}

fn take<const N: usize>(rest: &mut &[u8]) -> Option<[u8; N]> {
    let (taken, after) = rest.split_first_chunk::<N>()?;
    *rest = after;
    Some(*taken)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_assignment_is_read_and_noise_is_nothing() {
        let bytes = b"\0\x01\0\0\0\x01\0\x01t\0\0\0\x02\0\0\0\0\0\0\0\x03\0\0\0\0";
        let t = TopicName::new("t").unwrap();
        assert_eq!(partitions(bytes), [(t.clone(), 0), (t, 3)]);
        for len in 0..bytes.len() - 4 {
            assert_eq!(partitions(&bytes[..len]), [], "{len}");
        }
        assert_eq!(partitions(b"\0\0\x7f\xff\xff\xff\0\x01"), []);
        assert_eq!(partitions(b"\xff\xff\0\0\0\0"), []);
    }
}
