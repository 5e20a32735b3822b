//! The store over etcd's gRPC API, with its client's known traps stepped around.
//!
//! - [`EtcdOptions`]: where etcd is and how long it may take.
//! - `failure`: what an error means: certainly not applied, or unknown. Pure.
//! - `convert`: our words to etcd's and back. Pure.
//! - `assemble`: whole revisions out of a watch's answers. Pure.
//! - `members`: one client for each member, one of them current.
//! - `calls`: bounded attempts; what may be tried again and what may not.
//! - `watching`: carries one stream of etcd's to one watch, until it is silent, broken or compacted.
//! - [`EtcdStore`]: the [`Store`](crate::Store) trait.
//!
//! The traps, all seen in practice: a client of several members keeps picking dead ones, so each member has its own and
//! calls stay with one until it fails. A frozen etcd hangs a stream for ever, so connections are pinged (HTTP/2
//! keep-alive) and a silent watch asks for a sign of life. Streams never recover by themselves, so a broken one is told
//! as broken. A watch below the compacted revision is `created`, then `canceled` with an empty reason, then silent.
//! Keeping a revoked lease alive is answered with a time to live of 0. An answer of progress can overtake events in
//! etcd 3.4, so it is a sign of life and nothing else.

mod options;
mod failure;
mod convert;
mod assemble;
mod members;
mod calls;
mod watching;
mod store;

pub use members::MemberHealth;
pub use options::EtcdOptions;
pub use store::EtcdStore;
