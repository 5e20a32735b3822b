//! The HTTP door: topics, produce, reads, streams, health, metrics, under `/v1` and a few names at the root.
//!
//! It translates, and decides nothing about records: a request becomes a verb of [`crate::service`], the answer
//! becomes a status, a few headers and a body. Every refusal has the one shape of `errors`.
//!
//! *Invariant:* a 2xx means that all of the request is stored at the asked acks; there is no error inside a 200.
//! *Invariant:* bytes are admitted before they are read, and nobody is waited for without a limit.

mod options;
mod server;

pub use options::HttpOptions;
pub use server::HttpServer;
