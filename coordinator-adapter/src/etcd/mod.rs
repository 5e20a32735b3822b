//! The store over etcd's gRPC API, with its client's known traps stepped around.
//!
//! - [`EtcdStore`]: the [`Store`](crate::Store) trait.

mod options;
mod store;

pub use options::EtcdOptions;
pub use store::{EtcdStore, MemberHealth};
