//! A replica at one moment, for those who look at it from outside.

use std::time::Instant;

use super::leader::LeaderState;
use crate::types::{BrokerId, Incarnation, LeaderEpoch, Offset};

/// What a replica does for its partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RoleKind {
    /// Takes appends and serves.
    Leader,
    /// Pulls from a leader.
    Follower,
    /// Holds its files and waits: no leader is known, or no copy belongs here any more.
    Idle,
}

/// One follower as its leader sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FollowerStatus {
    /// The broker.
    pub broker: BrokerId,
    /// How far it holds the log; `None` if it has not fetched in this epoch.
    pub log_end: Option<Offset>,
    /// For how long it has not been caught up.
    pub lag_ms: u64,
    /// Whether it is in the ISR.
    pub in_sync: bool,
}

impl FollowerStatus {
    pub(super) fn all(leader: &LeaderState, now: Instant) -> Vec<Self> {
        let isr = &leader.record().state.isr;
        let status = |known: &super::progress::Progress| Self {
            broker: known.incarnation.broker,
            log_end: known.end,
            lag_ms: u64::try_from(known.lag(leader.log_end(), now).as_millis()).unwrap_or(u64::MAX),
            in_sync: isr.contains(&known.incarnation),
        };
        leader.followers().iter().map(status).collect()
    }
}

/// One replica at one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PartitionStatus {
    /// What it does.
    pub role: RoleKind,
    /// Who leads, by the record.
    pub leader: Option<Incarnation>,
    /// The reign.
    pub leader_epoch: LeaderEpoch,
    /// The first offset kept.
    pub log_start: Offset,
    /// One past the last record known to be committed.
    pub high_watermark: Offset,
    /// One past the last record.
    pub log_end: Offset,
    /// One past the last record that an fsync has covered.
    pub durable_end: Offset,
    /// The size of the segments.
    pub size_bytes: u64,
    /// The followers, on the leader.
    pub followers: Vec<FollowerStatus>,
    /// Why the log refuses writes, if it does.
    pub poisoned: Option<String>,
}
