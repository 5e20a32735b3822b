//! Administrators at the Kafka door: seven requests in the words of [`crate::service`], and their answers back.
//!
//! Any broker carries them out: a change is one guarded write in the coordination store, so there is no controller to be
//! found first. What a request names is answered one by one, in its order; one refusal does not touch the others.
//!
//! - `call`: which request is whose; the bounds that all share
//! - `create`: CreateTopics; `grow`: CreatePartitions; `delete`: DeleteTopics
//! - `describe`: DescribeConfigs; `alter`: AlterConfigs, IncrementalAlterConfigs
//! - `cluster`: DescribeCluster
//!
//! *Invariant:* at most `admin_changes_max` changes are under way at once, and none is waited for beyond its request's
//! time; a client that is told that the time was over looks for itself what came of it.

mod call;
mod create;
mod grow;
mod delete;
mod describe;
mod alter;
mod cluster;
