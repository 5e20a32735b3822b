//! Record batches, Kafka's format v2, as bytes: read, check, build. Pure.
//!
//! A batch is the unit of appending, replication and reading. It is stored and sent exactly as it came; only base
//! offset, leader epoch and, for log-append time, the timestamp are patched. All integers are big-endian:
//!
//! ```text
//!  at  len  field                    checked by CRC
//!   0    8  base offset              no     given by the leader
//!   8    4  batch length             no     bytes after this field: whole batch - 12
//!  12    4  leader epoch             no     given by the leader
//!  16    1  magic                    no     2
//!  17    4  CRC-32C                  -      of everything from byte 21 to the end
//!  21    2  attributes               yes    bits 0-2 compression, 3 log-append time, 4 transactional, 5 control,
//!                                          6 delete horizon (then the base timestamp is the horizon)
//!  23    4  last offset delta        yes    record count - 1 as a producer sends it; larger after compaction
//!  27    8  base timestamp, ms       yes
//!  35    8  max timestamp, ms        yes
//!  43    8  producer id              yes    -1 without one
//!  51    2  producer epoch           yes    -1 without one
//!  53    4  base sequence            yes    -1 without one
//!  57    4  record count             yes
//!  61    -  records                  yes    compressed as a whole, or one after the other:
//!
//!           length varint            bytes after this field
//!           attributes               one byte, unused
//!           timestamp delta varlong  from the base timestamp
//!           offset delta varint      from the base offset
//!           key length varint        -1 = no key; then the key
//!           value length varint      -1 = no value; then the value
//!           header count varint      then per header: name length, name, value length (-1 = none), value
//! ```
//!
//! Varints are zigzag, seven bits a byte, the lowest first.
//!
//! It does not know logs, offsets in use, or producers' histories: those belong to `storage`.
//!
//! *Invariant:* nothing here panics or allocates beyond its limits on any input.
//! *Invariant:* but for what compaction takes out ([`filter_batch`]), record bytes are never rewritten; stamps touch the
//! header only.

mod builder;
mod compression;
mod error;
mod filter;
mod framing;
mod header;
mod partitioner;
mod records;
mod validate;
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) mod fuzzing;
mod varint;

#[cfg(test)]
mod golden_tests;
#[cfg(test)]
mod tests;

pub use builder::{BatchBuilder, HeaderRef, ProducerStamp};
pub use compression::Compression;
pub use error::RecordError;
#[cfg(test)]
pub(crate) use filter::packed_as;
pub use filter::{Filtered, KeyedRecord, emptied_batch, filter_batch, visit_records};
pub use header::{
    BatchHeader, HEADER_LEN, MIN_BATCH_LEN, REQUEST_SEQUENCED, next_batch, stamp_leader,
    stamp_log_append_time, stamp_max_timestamp,
};
pub use partitioner::{murmur2, partition_for_key};
pub use records::{Record, records};
pub use validate::{BatchLimits, check_crc, check_keys, validate_batch, validate_replica_batches};
