//! The useful part of REST Proxy v3: `/v3/clusters/...`, as clients of Confluent's REST Proxy know it.
//!
//! It is a translation onto the same verbs of [`crate::service`] as the native face. Everything is `application/json`;
//! a resource has a `kind`, `metadata` and links to its neighbours; a refusal is `{"error_code":..., "message":...}`. The
//! cluster of a path is this one, by its id or its name. Nothing is consumed here: v3 has no way to.
//!
//! Reading order: `at` (what a path names), `refusal`, `resource` (how answers look), `body`; `clusters`, `brokers`, `topics`,
//! `configs`, `partitions`; `groups`, `lags` and what they stand on (`members`, `classic`); `records`; `later` is what
//! there is not yet; `routes` lists all addresses, `openapi` the words of the document.
//!
//! *Invariant:* an answer of 2xx to anything but a stream of records means that all of it was done.

pub(super) mod routes;
mod at;
mod refusal;
mod resource;
mod body;
mod clusters;
mod brokers;
mod topics;
mod configs;
mod partitions;
mod members;
mod classic;
mod groups;
mod lags;
mod records;
mod later;
mod openapi;
#[cfg(any(test, feature = "fuzzing"))]
pub(super) use records::fuzzing;

pub(super) use refusal::{is_ours, no_address, no_method};
