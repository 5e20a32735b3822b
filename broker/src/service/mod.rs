//! What a broker can do, in its own words: produce, fetch, offsets, topics, groups, describe. No HTTP and no Kafka types.
//!
//! The doors translate into the verbs here and translate the answers back; nothing here knows which door asked.
//! Any broker answers any request: what it does not lead, it sends on to the broker that does ([`Forward`]).
//!
//! *Invariant:* a produce is tried again only if it was provably not accepted, or if the log itself would tell a
//! repeat (a producer's sequence); else the answer says that the outcome is unknown.
//! *Invariant:* no call outlives its deadline, and nothing waits without one.
//! *Invariant:* what came from outside is validated here before it reaches a log.

mod options;
mod errors;
mod admission;
mod broker;
mod forward;
mod routing;
mod produce;
mod remote_produce;
mod pick;
mod fetch;
mod remote_fetch;
mod fetch_many;
mod offsets;
mod delete_records;
mod topics;
mod admin;
mod producer_ids;
mod describe;
mod explain;
mod remote_describe;
mod moves;
mod readiness;
mod groups;
mod follow;
mod instances;

#[cfg(test)]
pub(crate) mod test_support;
#[cfg(test)]
mod tests;

pub use crate::groups::OffsetReset;
pub use admin::{
    BrokerSetting, NoSettings, SettingChange, SettingKind, SettingSource, SettingValue, SettingView,
};
pub use admission::{Admitted, ByteBudget, Overloaded, ReaderSeats, Seat};
pub use broker::{Service, ServiceParts};
pub use delete_records::{DeleteBefore, DeleteRecords};
pub use describe::{BrokerView, ClusterView, PartitionView, TopicView};
pub use errors::{AdminError, DeleteRecordsError, FetchError, ProduceError, Refusal, Wrong};
pub use explain::{Explanation, ReplicaStanding};
pub use fetch::{Fetch, FetchFrom, Fetched};
pub use fetch_many::{FetchMany, FetchOne, FetchedOne, PartitionKey, Reader};
pub use follow::{Came, FollowMember, FollowTopic, Follower, Standing, Standings};
pub use forward::{Forward, ForwardError};
pub use groups::{
    Assignment, GroupCallError, JoinGroup, JoinedGroup, Lag, LagOfPartition, MemberBeat, Poll, PollFailed,
    PollToken, Polled, PolledPartition, ResetOfPartition, ResetOffsets, ResetTo, asked_by_broker,
    told_to_broker,
};
pub use instances::{
    CommitInstance, CreatedInstance, InstanceError, InstancePosition, InstanceRecord, InstanceView,
    OnExisting, PollInstance, PolledInstance, Seek, SeekTo,
};
pub use moves::{BrokerDetail, DrainView, MoveView};
pub use offsets::{EpochEnd, FoundOffset, OffsetQuery};
pub use options::ServiceOptions;
pub use produce::{BatchOrigin, Produce, Produced};
pub use readiness::{Readiness, Vitals};
