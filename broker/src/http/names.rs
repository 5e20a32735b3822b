//! The headers of the native API, by name.

use http::{HeaderName, HeaderValue};

macro_rules! headers {
    ($($(#[doc = $meaning:literal])+ $constant:ident = $name:literal;)*) => {
        $($(#[doc = $meaning])+ pub(super) const $constant: HeaderName = HeaderName::from_static($name);)*
    };
}

headers! {
    /// Produce: the key of the record, or of all records, as UTF-8.
    KEY = "tidemark-key";
    /// Produce: the key, in base64.
    KEY_BASE64 = "tidemark-key-base64";
    /// Produce: milliseconds since 1970, in place of the time of arrival.
    TIMESTAMP = "tidemark-timestamp";
    /// Produce: append only if the log ends here.
    EXPECTED_OFFSET = "tidemark-expected-offset";
    /// Produce: who sends, for exactly-once.
    PRODUCER_ID = "producer-id";
    /// Produce: which life of the sender; in a 403, the one that has taken over.
    PRODUCER_EPOCH = "producer-epoch";
    /// Produce: the number of the request.
    PRODUCER_SEQ = "producer-seq";
    /// Produce, in a 409: the number that would continue.
    PRODUCER_EXPECTED_SEQ = "producer-expected-seq";
    /// Produce, in a 409: the number that came.
    PRODUCER_RECEIVED_SEQ = "producer-received-seq";
    /// Both: ask for a 307 to the leader in place of forwarding.
    REDIRECT = "tidemark-redirect";
    /// Answers: the partition.
    PARTITION = "tidemark-partition";
    /// Answers: the offset of the first record.
    BASE_OFFSET = "tidemark-base-offset";
    /// Answers: how many records were stored.
    COUNT = "tidemark-count";
    /// Answers: the records had been stored before.
    DUPLICATE = "tidemark-duplicate";
    /// Answers: the offset to read next, or at which the log ends.
    NEXT_OFFSET = "tidemark-next-offset";
    /// Answers: one past the last committed record.
    HIGH_WATERMARK = "tidemark-high-watermark";
    /// Answers: the first offset kept.
    START_OFFSET = "tidemark-start-offset";
    /// Answers: the next offset is the end.
    UP_TO_DATE = "tidemark-up-to-date";
    /// Answers: the leader's reign; in a read, the newest that the reader has seen.
    LEADER_EPOCH = "tidemark-leader-epoch";
    /// Answers: the broker that leads.
    LEADER = "tidemark-leader";
    /// Answers: the broker that answered.
    SERVED_BY = "tidemark-served-by";
    /// One value: its offset.
    OFFSET = "tidemark-offset";
    /// One value: that it is null.
    TOMBSTONE = "tidemark-tombstone";
}

/// What the name of a header begins with that becomes a record's header.
pub(super) const RECORD_HEADER_PREFIX: &str = "tidemark-header-";

/// `true` as a header's value.
pub(super) const TRUE: HeaderValue = HeaderValue::from_static("true");

/// JSON as a content type.
pub(super) const JSON: HeaderValue = HeaderValue::from_static("application/json");
