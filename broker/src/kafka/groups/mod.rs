//! Consumer groups at the Kafka door: thirteen requests in the words of [`crate::groups`], and their answers back.
//!
//! Nothing is sent on: a Kafka client finds the coordinator of its group (`find`) and calls it. A group that is not
//! coordinated here is refused, and the client looks for its coordinator again. The same requests come from other brokers
//! on behalf of HTTP clients, and are answered the same way.
//!
//! - `call`: which request is whose; asking the coordinator
//! - `find`: FindCoordinator
//! - `classic`: JoinGroup, SyncGroup, Heartbeat, LeaveGroup
//! - `consumer`: ConsumerGroupHeartbeat, ConsumerGroupDescribe
//! - `offsets`: OffsetCommit, OffsetFetch, OffsetDelete
//! - `instances`: what other brokers ask about consumer instances over HTTP
//! - `admin`: ListGroups, DescribeGroups, DeleteGroups
//!
//! *Invariant:* what waits for other members (JoinGroup, SyncGroup) holds no memory of the door while it waits, but for
//! requests that are larger than any group takes.
//! *Invariant:* nothing that is handed to a group keeps the frame alive that it came in.

mod call;
mod find;
mod classic;
mod consumer;
mod offsets;
mod instances;
mod admin;
