//! Exactly-once over HTTP: `Producer-Id`, `Producer-Epoch`, `Producer-Seq`, as Kafka's producer fields. Pure.
//!
//! A sequence counts requests, and the log tells such producers from Kafka's by bit 62 of the id
//! ([`REQUEST_SEQUENCED`]); bit 61 tells names, which are hashed, from numbers.

use http::{HeaderMap, HeaderName, HeaderValue};
use uuid::Uuid;

use super::errors::Problem;
use super::names::{PRODUCER_EPOCH, PRODUCER_EXPECTED_SEQ, PRODUCER_ID, PRODUCER_RECEIVED_SEQ, PRODUCER_SEQ};
use super::query::shown;
use crate::record::{ProducerStamp, REQUEST_SEQUENCED};
use crate::service::ProduceError;

/// The bit that marks an id that was hashed from a name.
const HASHED: i64 = 1 << 61;
/// The bits that are left for a number, or a hash.
const ID_MASK: i64 = HASHED - 1;
/// The greatest sequence number: what every JSON library can count to.
const SEQ_MAX: i64 = (1 << 53) - 1;
/// Kafka's sequences are 31 bits wide and begin anew at zero.
const SEQ_MODULUS: i64 = 1 << 31;
/// The namespace of producer names, so that their hashes are ours alone.
const NAMESPACE: Uuid = Uuid::from_u128(0x7469_6465_6d61_726b_2d70_726f_6475_6365);
const NAME_BYTES_MAX: usize = 255;

/// Who sends a request, and which of its requests this is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Producer {
    /// As the batch says it.
    pub(super) stamp: ProducerStamp,
    /// The number of the request, in full.
    pub(super) seq: i64,
}

impl Producer {
    /// Reads the three headers; none of them is `None`, some of them an error.
    pub(super) fn from_headers(headers: &HeaderMap) -> Result<Option<Self>, Problem> {
        let (id, epoch, seq) =
            (&headers.get(PRODUCER_ID), headers.get(PRODUCER_EPOCH), headers.get(PRODUCER_SEQ));
        let (id, epoch, seq) = match (id, epoch, seq) {
            (None, None, None) => return Ok(None),
            (Some(id), Some(epoch), Some(seq)) => (id, epoch, seq),
            _ => {
                let message =
                    "Producer-Id, Producer-Epoch and Producer-Seq belong together: send all three or none";
                return Err(Problem::bad_request(message));
            }
        };
        let producer_epoch = number(&PRODUCER_EPOCH, epoch, i64::from(i16::MAX))?;
        let seq = number(&PRODUCER_SEQ, seq, SEQ_MAX)?;
        let stamp = ProducerStamp {
            producer_id: id_of(id.as_bytes())?,
            producer_epoch: i16::try_from(producer_epoch).expect("bounded by i16::MAX"),
            base_sequence: i32::try_from(seq % SEQ_MODULUS).expect("less than 2^31"),
        };
        Ok(Some(Self { stamp, seq }))
    }

    /// A refusal with the headers that tell this producer where it stands.
    pub(super) fn explain(self, error: ProduceError) -> Problem {
        match error {
            ProduceError::OutOfOrderSequence { expected } => {
                let problem = Problem::from(error).header(PRODUCER_RECEIVED_SEQ, HeaderValue::from(self.seq));
                if expected < 0 {
                    return problem;
                }
                let expected = self.expected_seq(expected);
                problem
                    .number("expected_seq", expected)
                    .number("received_seq", self.seq)
                    .header(PRODUCER_EXPECTED_SEQ, HeaderValue::from(expected))
            }
            ProduceError::FencedProducer { current_epoch } => {
                let problem = Problem::from(error).number("producer_epoch", i64::from(current_epoch));
                problem.header(PRODUCER_EPOCH, HeaderValue::from(current_epoch))
            }
            other => other.into(),
        }
    }

    /// The number in full that is nearest to this request's and ends in `expected`.
    fn expected_seq(self, expected: i32) -> i64 {
        let apart = (i64::from(expected) - i64::from(self.stamp.base_sequence)).rem_euclid(SEQ_MODULUS);
        let nearest = if apart > SEQ_MODULUS / 2 { apart - SEQ_MODULUS } else { apart };
        if self.seq + nearest < 0 { self.seq + apart } else { self.seq + nearest }
    }
}

fn id_of(text: &[u8]) -> Result<i64, Problem> {
    let visible = (1..=NAME_BYTES_MAX).contains(&text.len()) && text.iter().all(u8::is_ascii_graphic);
    if !visible {
        let message = "Producer-Id must be a number, or a name of 1 to 255 visible ASCII characters";
        return Err(Problem::bad_request(message));
    }
    if text.iter().all(u8::is_ascii_digit) {
        let number = std::str::from_utf8(text).ok().and_then(|text| text.parse::<i64>().ok());
        let number = number.filter(|number| *number <= ID_MASK);
        return number.map(|number| number | REQUEST_SEQUENCED).ok_or_else(|| {
            Problem::bad_request(format!("a Producer-Id that is a number must be at most {ID_MASK}"))
        });
    }
    let (high, _) = Uuid::new_v5(&NAMESPACE, text).as_u64_pair();
    let hash = i64::try_from(high & ID_MASK.unsigned_abs()).expect("61 bits");
    Ok(hash | HASHED | REQUEST_SEQUENCED)
}

fn number(name: &HeaderName, value: &HeaderValue, most: i64) -> Result<i64, Problem> {
    let text = value.to_str().unwrap_or("?");
    let number = text.parse::<i64>().ok().filter(|number| (0..=most).contains(number));
    number.ok_or_else(|| {
        Problem::bad_request(format!("{name} must be a whole number from 0 to {most}, not '{}'", shown(text)))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(id: &str, epoch: &str, seq: &str) -> HeaderMap {
        let all = [(PRODUCER_ID, id), (PRODUCER_EPOCH, epoch), (PRODUCER_SEQ, seq)];
        let given = all.into_iter().filter(|(_, value)| !value.is_empty());
        given.map(|(name, value)| (name, HeaderValue::from_str(value).unwrap())).collect()
    }

    fn producer(id: &str, epoch: &str, seq: &str) -> Producer {
        Producer::from_headers(&headers(id, epoch, seq)).unwrap().unwrap()
    }

    #[test]
    fn numbers_and_names_are_kept_apart() {
        let number = producer("17", "0", "0").stamp.producer_id;
        assert_eq!(number, 17 | REQUEST_SEQUENCED);
        let name = producer("worker-17", "0", "0").stamp.producer_id;
        assert_eq!(name & (HASHED | REQUEST_SEQUENCED), HASHED | REQUEST_SEQUENCED);
        assert!(name > 0);
        assert_eq!(name, producer("worker-17", "3", "9").stamp.producer_id);
        assert_ne!(name, producer("worker-18", "0", "0").stamp.producer_id);
    }

    #[test]
    fn the_sequence_wraps_at_31_bits() {
        let at = |seq: i64| producer("a", "0", &seq.to_string()).stamp.base_sequence;
        assert_eq!(at(0), 0);
        assert_eq!(at(SEQ_MODULUS - 1), i32::MAX);
        assert_eq!(at(SEQ_MODULUS), 0);
        assert_eq!(at(SEQ_MAX), i32::MAX);
    }

    #[test]
    fn what_is_expected_is_told_in_full() {
        for (received, expected) in [
            (7, 5),
            (SEQ_MODULUS + 3, SEQ_MODULUS - 1),
            (SEQ_MODULUS - 1, SEQ_MODULUS + 2),
            (9, 0),
            (1 << 40, (1 << 40) - 9),
        ] {
            let producer = producer("a", "0", &received.to_string());
            let wire = i32::try_from(expected % SEQ_MODULUS).unwrap();
            assert_eq!(producer.expected_seq(wire), expected, "{received}");
        }
    }

    #[test]
    fn bad_headers_are_refused() {
        assert!(Producer::from_headers(&HeaderMap::new()).unwrap().is_none());
        let long = "x".repeat(256);
        let too_big = (1_i64 << 61).to_string();
        let too_far = (1_i64 << 53).to_string();
        for (id, epoch, seq) in [
            ("a", "", "0"),
            ("a", "0", ""),
            ("", "0", "0"),
            ("a b", "0", "0"),
            (long.as_str(), "0", "0"),
            (too_big.as_str(), "0", "0"),
            ("99999999999999999999", "0", "0"),
            ("a", "32768", "0"),
            ("a", "-1", "0"),
            ("a", "0", too_far.as_str()),
            ("a", "0", "x"),
        ] {
            assert!(Producer::from_headers(&headers(id, epoch, seq)).is_err(), "{id} {epoch} {seq}");
        }
    }
}
