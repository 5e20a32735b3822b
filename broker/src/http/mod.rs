//! The HTTP door: topics, produce, reads, streams, health, metrics, under `/v1` and a few names at the root; and beside
//! that native face the one that clients of a REST Proxy know (`rest_v2`).
//!
//! It translates, and decides nothing about records: a request becomes a verb of [`crate::service`], the answer
//! becomes a status, a few headers and a body. Every refusal has the one shape of `errors`.
//!
//! Reading order: `server` accepts (`waiting`: before there is a service), `router` finds the handler, `body` takes the body; `produce` and what it stands on
//! (`lines`, `envelope`, `batches`, `template`, `producer`); `read` and what it stands on (`read_query`, `selection`,
//! `render`, `streams`); then delete_records, topics, producers, cluster, operations, operating.
//!
//! *Invariant:* a 2xx means that all of the request is stored at the asked acks; there is no error inside a 200.
//! *Invariant:* bytes are admitted before they are read, and nobody is waited for without a limit.
//! *Invariant:* nothing is stored of a request that is refused while its body is read.

mod options;
mod server;
mod waiting;
mod loan;
mod router;
mod door;
mod path;
mod query;
mod names;
mod media;
mod errors;
mod body;
mod inflate;
mod produce;
mod produce_answer;
mod template;
mod producer;
mod lines;
mod envelope;
mod batches;
mod redirect;
mod read;
mod read_query;
mod instant;
mod selection;
mod render;
mod value_answer;
mod chunked;
mod streams;
mod admin;
mod delete_records;
mod explain;
mod topics;
mod producers;
mod groups;
mod rest_v2;
mod rest_v3;
mod cluster;
mod operations;
mod operating;
mod openapi;

#[cfg(any(test, feature = "fuzzing"))]
pub(crate) mod fuzzing;
#[cfg(test)]
mod tests;

pub use options::HttpOptions;
pub use server::HttpServer;
pub use waiting::WaitingServer;
