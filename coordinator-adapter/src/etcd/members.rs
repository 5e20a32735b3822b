//! One client for each member of etcd, one of them current.
//!
//! Calls stay with the current member until it fails, and then go to the next. A client opens its connection when it is
//! first used, and again whenever it has none.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use etcd_client::{Client, ConnectOptions, KvClient, LeaseClient, WatchClient};
use parking_lot::Mutex;

use crate::error::StoreError;
use crate::etcd::EtcdOptions;

/// What is known of one member without asking it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MemberHealth {
    /// Its address.
    pub endpoint: String,
    /// Whether calls go to it first.
    pub current: bool,
    /// What went wrong with it last; none if its last call was answered, or it was never called.
    pub last_error: Option<String>,
}

/// All members.
#[derive(Debug)]
pub(super) struct Members {
    members: Vec<Member>,
    current: AtomicUsize,
}

/// One member.
pub(super) struct Member {
    place: usize,
    endpoint: String,
    client: Client,
    answer_bytes_max: usize,
    last_error: Mutex<Option<String>>,
}

impl Members {
    /// Sends nothing yet.
    pub(super) async fn new(options: &EtcdOptions) -> Result<Self, StoreError> {
        if options.endpoints.is_empty() {
            return Err(StoreError::Invalid { reason: "no etcd endpoint is named".to_owned() });
        }
        let mut members = Vec::with_capacity(options.endpoints.len());
        for (place, endpoint) in options.endpoints.iter().enumerate() {
            let client =
                Client::connect([endpoint], Some(connect_options(options))).await.map_err(|error| {
                    StoreError::Invalid { reason: format!("etcd endpoint {endpoint}: {error}") }
                })?;
            members.push(Member {
                place,
                endpoint: endpoint.clone(),
                client,
                answer_bytes_max: options.answer_bytes_max,
                last_error: Mutex::default(),
            });
        }
        Ok(Self { members, current: AtomicUsize::new(0) })
    }

    pub(super) fn len(&self) -> usize {
        self.members.len()
    }

    /// The member that calls go to.
    pub(super) fn current(&self) -> &Member {
        &self.members[self.current.load(Ordering::Relaxed) % self.members.len()]
    }

    pub(super) fn at(&self, place: usize) -> &Member {
        &self.members[place]
    }

    /// This member did not do its work: the next one becomes current, unless another call has seen to that.
    pub(super) fn failed(&self, member: &Member, error: &str) {
        let next = (member.place + 1) % self.members.len();
        // losing this race means that somebody else has moved on already
        let _ = self.current.compare_exchange(member.place, next, Ordering::Relaxed, Ordering::Relaxed);
        let was = member.last_error.lock().replace(error.to_owned());
        if was.is_none() {
            tracing::warn!(endpoint = member.endpoint, error, "lost contact with an etcd member");
        }
    }

    pub(super) fn health(&self) -> Vec<MemberHealth> {
        let current = self.current().place;
        self.members
            .iter()
            .map(|member| MemberHealth {
                endpoint: member.endpoint.clone(),
                current: member.place == current,
                last_error: member.last_error.lock().clone(),
            })
            .collect()
    }
}

impl Member {
    /// Its place among the members.
    pub(super) fn place(&self) -> usize {
        self.place
    }

    /// It has answered a call.
    pub(super) fn answered(&self) {
        let was = self.last_error.lock().take();
        if was.is_some() {
            tracing::info!(endpoint = self.endpoint, "an etcd member answers again");
        }
    }

    pub(super) fn kv(&self) -> KvClient {
        self.client.kv_client().max_decoding_message_size(self.answer_bytes_max)
    }

    pub(super) fn watches(&self) -> WatchClient {
        self.client.watch_client().max_decoding_message_size(self.answer_bytes_max)
    }

    pub(super) fn leases(&self) -> LeaseClient {
        self.client.lease_client()
    }
}

impl std::fmt::Debug for Member {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Member").field("endpoint", &self.endpoint).finish_non_exhaustive()
    }
}

fn connect_options(options: &EtcdOptions) -> ConnectOptions {
    ConnectOptions::new()
        .with_connect_timeout(Duration::from_millis(options.connect_timeout_ms))
        .with_keep_alive(
            Duration::from_millis(options.keep_alive_interval_ms),
            Duration::from_millis(options.keep_alive_timeout_ms),
        )
        // etcd closes a connection that is pinged while nothing runs on it
        .with_keep_alive_while_idle(false)
        // a member without leader says so at once, before doing anything
        .with_require_leader(true)
}
