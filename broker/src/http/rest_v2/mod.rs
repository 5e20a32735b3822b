//! The REST Proxy v2 face at the root: `/topics`, `/brokers`, `/consumers`, `/admin/topics`, as clients of Confluent's
//! REST Proxy, Karapace, Strimzi's bridge and Redpanda's proxy know them.
//!
//! It is a translation onto the same verbs of [`crate::service`] as the native face, with media types, JSON shapes and
//! error codes of its own; it holds no consumer and no producer. Where those four differ, each file says whom it follows.
//!
//! Reading order: `media` (what types mean), `told` (how answers leave), `fault` (how refusals do), `path`, `params`,
//! `body` (what comes in); `metadata`, `admin`; `produce` and what it stands on (`produce_body`, `json_text`, `plan`,
//! `produce_answer`); `read` and `render`; `consumers`. `unknown` is what there is not, `openapi` the words of the document.
//!
//! *Invariant:* a 2xx means that all of the request is stored; a produce of which anything failed is no 2xx.
//! *Invariant:* every refusal under these roots is `{"error_code":…,"message":…}`, with more members at most behind.

pub(super) mod routes;
pub(super) mod unknown;
mod media;
mod told;
mod fault;
mod path;
mod params;
mod body;
mod metadata;
mod admin;
mod produce;
mod produce_body;
mod json_text;
mod plan;
mod produce_answer;
mod read;
mod render;
mod consumers;
mod openapi;
#[cfg(any(test, feature = "fuzzing"))]
pub(super) mod fuzzing;

pub(super) use media::PlainJson;
