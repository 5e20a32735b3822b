//! Streams: records as they come, as server-sent events or as lines of JSON.
//!
//! ```text
//! id: 1041                      of a partition: the record's offset
//! id: 0:17,1:22                 of a topic: the next offset of every partition
//! id: orders:0:17,sales:3:5     of a member of a group: the same, with topics
//! event: record
//! data: {"partition":1,"offset":21,...}
//!
//! event: control
//! data: {"next_offsets":"0:17,1:22","up_to_date":true}
//!
//! : heartbeat
//! ```
//!
//! Each id says all that a reader needs to go on, so that one who comes back with `Last-Event-ID`, at whichever broker,
//! misses nothing and gets nothing twice. `partition`: one partition. `merged`: several at once, which `topic` and `member`
//! begin. `framing`: the bytes; `vector`: the ids; `query`: what may be asked for.
//!
//! *Invariant:* a slow reader is held back by its socket: nothing is fetched before what came last has left.

mod framing;
pub(super) mod member;
mod merged;
mod partition;
mod query;
pub(super) mod topic;
mod vector;
#[cfg(any(test, feature = "fuzzing"))]
pub(super) use vector::{parse_partitions, parse_topics};

pub(super) use partition::answer;
