//! The JSON values that stand in the coordination store; which key holds which: [`super::keyspace`].
//!
//! A partition's record is [`PartitionState`] itself. Each value is one line, opens with `"v":1`, and keeps fields
//! that it does not know out of its way, so that a newer broker may add some.
//!
//! *Invariant:* what cannot be read is an error with a reason, never a panic: anybody can write to etcd.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use bytes::Bytes;
use coordinator_adapter::LeaseId;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use uuid::Uuid;

use super::orders::{Drain, MoveLimits, Reassignment};
use crate::rules::{self, Rule};
use crate::types::{BrokerEpoch, BrokerId, DirectoryId, Incarnation, PartitionState, TopicId};

/// The version of all values that this broker writes, and the only one that it reads.
pub const VERSION: u32 = 1;

/// A value with its format's version.
pub trait Value: Serialize + DeserializeOwned {
    /// The version that it says.
    fn version(&self) -> u32;

    /// What must hold of it beyond its form.
    ///
    /// # Errors
    /// What does not, for people.
    fn check(&self) -> Result<(), String> {
        Ok(())
    }
}

macro_rules! versioned {
    ($($name:ty),* $(,)?) => { $(impl Value for $name { fn version(&self) -> u32 { self.v } })* };
}

versioned!(
    ClusterMeta,
    ClusterConfig,
    Registration,
    Live,
    ControllerSeat,
    Suspicion,
    ProducerIds,
    Drain,
    MoveLimits,
);

impl Value for Reassignment {
    fn version(&self) -> u32 {
        self.v
    }

    fn check(&self) -> Result<(), String> {
        let twice = |(place, broker): (usize, &BrokerId)| self.target[..place].contains(broker);
        if self.target.is_empty() || self.target.iter().enumerate().any(twice) {
            return Err(format!("its target {:?} is no list of different brokers", self.target));
        }
        Ok(())
    }
}

/// The most partitions of a topic that a broker believes; commands allow fewer.
const PARTITIONS_MAX: usize = 100_000;

impl Value for TopicValue {
    fn version(&self) -> u32 {
        self.v
    }

    fn check(&self) -> Result<(), String> {
        let count = self.partitions.len();
        if count == 0 || count > PARTITIONS_MAX {
            return Err(format!("it has {count} partitions, not 1 to {PARTITIONS_MAX}"));
        }
        match self.partitions.iter().position(Vec::is_empty) {
            Some(partition) => Err(format!("partition {partition} has no replicas")),
            None => Ok(()),
        }
    }
}

impl Value for PartitionState {
    fn version(&self) -> u32 {
        self.v
    }

    fn check(&self) -> Result<(), String> {
        let members: Vec<BrokerId> = self.isr.iter().chain(&self.elr).map(|entry| entry.broker).collect();
        let twice = members.iter().enumerate().find(|(place, broker)| members[..*place].contains(broker));
        if let Some((_, broker)) = twice {
            return Err(format!("broker {broker} stands twice in isr and elr"));
        }
        if self.leader.is_some_and(|leader| !self.isr.contains(&leader)) {
            return Err("its leader is not in isr".to_owned());
        }
        if !self.elr.is_empty() && self.may_commit() && rules::holds(Rule::EligibleWhileSmall) {
            return Err("it has eligible leader replicas though isr has min_isr members".to_owned());
        }
        if self.replicas.is_empty() || self.min_isr == 0 {
            return Err("it needs replicas and a min_isr of at least 1".to_owned());
        }
        if !(0..i32::MAX).contains(&self.leader_epoch.0) {
            return Err(format!("leader epoch {} is out of range", self.leader_epoch));
        }
        Ok(())
    }
}

/// The value as it is stored.
#[must_use]
pub fn encode<T: Value>(value: &T) -> Bytes {
    let json = serde_json::to_vec(value)
        .expect("these values hold only numbers, text, lists and maps keyed by text");
    Bytes::from(json)
}

/// Reads a stored value.
///
/// # Errors
/// What is wrong with it, for people.
pub fn decode<T: Value>(stored: &[u8]) -> Result<T, String> {
    let value: T = serde_json::from_slice(stored).map_err(|error| error.to_string())?;
    let version = value.version();
    if version != VERSION {
        return Err(format!("it has version {version}, this broker reads {VERSION}: upgrade this broker"));
    }
    value.check()?;
    Ok(value)
}

/// A host and a port as others reach them; `host:port` in text, an IPv6 address in brackets.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct HostPort {
    /// A name or an address, without brackets.
    pub host: String,
    /// The port.
    pub port: u16,
}

impl HostPort {
    /// Puts a host and a port together.
    #[must_use]
    pub fn new(host: impl Into<String>, port: u16) -> Self {
        Self { host: host.into(), port }
    }
}

impl fmt::Display for HostPort {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.host.contains(':') {
            write!(f, "[{}]:{}", self.host, self.port)
        } else {
            write!(f, "{}:{}", self.host, self.port)
        }
    }
}

impl FromStr for HostPort {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let wrong = || format!("'{text}' is no address: use host:port");
        let (host, port) = text.rsplit_once(':').ok_or_else(wrong)?;
        let port = port.parse().map_err(|_| wrong())?;
        let host = match host.strip_prefix('[') {
            Some(inner) => inner.strip_suffix(']').ok_or_else(wrong)?,
            None if host.contains(':') => return Err(wrong()),
            None => host,
        };
        if host.is_empty() { Err(wrong()) } else { Ok(Self::new(host, port)) }
    }
}

impl Serialize for HostPort {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for HostPort {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

/// The identity of a cluster.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClusterMeta {
    /// Version of this format.
    pub v: u32,
    /// The cluster's identity; every data directory remembers it.
    pub id: Uuid,
    /// When it was created.
    pub created_unix_ms: i64,
}

/// Cluster-wide defaults of topic settings.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClusterConfig {
    /// Version of this format.
    pub v: u32,
    /// Name and value, as topics have them.
    pub config: BTreeMap<String, String>,
}

/// How a broker's data came through the restart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Recovery {
    /// Anything else: what was not proven elsewhere may be lost.
    None,
    /// After a crash: everything that had been fsynced is there, on the same data directory, without a hole.
    Fsync,
    /// After a clean shutdown: everything is there.
    Clean,
}

/// From which life a broker recovered its data, and what that proves (rule 13).
///
/// It is read from the data directory itself, so that a replaced disk proves nothing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Recovered {
    /// The life that wrote the data last; none on a new data directory.
    pub from: Option<BrokerEpoch>,
    /// What is proven about it.
    pub how: Recovery,
    /// Lives before that one which it had recovered in its turn; filled in by [`super::membership`].
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub earlier: Vec<Inherited>,
}

/// A life whose data a broker holds through a chain of recoveries; the weakest of them counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Inherited {
    /// The earlier life.
    pub from: BrokerEpoch,
    /// The weakest recovery on the way.
    pub how: Recovery,
}

impl Recovered {
    /// A new data directory, or one that proves nothing.
    pub const NOTHING: Self = Self { from: None, how: Recovery::None, earlier: Vec::new() };

    /// What is proven about the data of the life `epoch`.
    #[must_use]
    pub fn proof_of(&self, epoch: BrokerEpoch) -> Recovery {
        if self.from == Some(epoch) {
            return self.how;
        }
        self.earlier
            .iter()
            .find(|inherited| inherited.from == epoch)
            .map_or(Recovery::None, |found| found.how)
    }
}

/// One process of one broker: durable, written once, its mod revision is the broker epoch.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Registration {
    /// Version of this format.
    pub v: u32,
    /// The process, by a name of its own.
    pub incarnation: Uuid,
    /// Where its HTTP door is reached.
    pub http: HostPort,
    /// Where its Kafka door is reached.
    pub kafka: HostPort,
    /// The rack or zone that it stands in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rack: Option<String>,
    /// Its data directories.
    pub dirs: Vec<DirectoryId>,
    /// How it recovered.
    pub recovered: Recovered,
    /// The version of its program.
    #[serde(default)]
    pub release: String,
    /// The mod revision of this value; not stored in it.
    #[serde(skip)]
    pub epoch: BrokerEpoch,
}

/// What a live broker is doing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LiveState {
    /// Getting ready: no candidate yet.
    #[default]
    Starting,
    /// Serving.
    Active,
    /// Shutting down: gives its leaderships away.
    Draining,
}

impl fmt::Display for LiveState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Starting => "starting",
            Self::Active => "active",
            Self::Draining => "draining",
        })
    }
}

/// A broker's life sign: it stands under the broker's lease.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Live {
    /// Version of this format.
    pub v: u32,
    /// Which of the broker's lives.
    pub epoch: BrokerEpoch,
    /// What it is doing.
    pub state: LiveState,
    /// The lease that this value stands under, in hexadecimal as etcdctl shows it.
    #[serde(with = "lease_text")]
    pub lease: LeaseId,
    /// Whether a data directory refuses writes for lack of space.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub disk_full: bool,
    /// Whether a data directory has failed a write or an fsync, so that this broker is about to end.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub disk_failed: bool,
}

/// The seat of the controller, under its lease.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ControllerSeat {
    /// Version of this format.
    pub v: u32,
    /// Who sits on it.
    pub broker: BrokerId,
    /// In which of its lives.
    pub epoch: BrokerEpoch,
    /// Since when.
    pub since_unix_ms: i64,
}

/// A topic as an administrator's command wrote it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TopicValue {
    /// Version of this format.
    pub v: u32,
    /// Its identity.
    pub id: TopicId,
    /// When it was created.
    #[serde(default)]
    pub created_unix_ms: i64,
    /// For each partition where its copies belong, preferred leader first.
    pub partitions: Vec<Vec<BrokerId>>,
    /// Its own settings; the rest are the cluster's.
    pub config: BTreeMap<String, String>,
}

/// A report that a broker refuses connections, under the reporter's lease.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Suspicion {
    /// Version of this format.
    pub v: u32,
    /// The life of the suspect that is meant.
    pub epoch: BrokerEpoch,
    /// The lease that it lived under then: a report never counts against a later one.
    #[serde(with = "lease_text")]
    pub lease: LeaseId,
    /// What the reporter saw.
    pub reason: String,
}

/// The producer ids that were not handed out yet.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProducerIds {
    /// Version of this format.
    pub v: u32,
    /// The first of them.
    pub next: i64,
    /// Names the taking of the block before `next`, so that whoever does not know whether its own write landed is not
    /// deceived by the same write of another.
    #[serde(default)]
    pub taking: Uuid,
}

impl Registration {
    /// The life that this registration began.
    #[must_use]
    pub fn life_of(&self, broker: BrokerId) -> Incarnation {
        Incarnation { broker, epoch: self.epoch }
    }
}

mod lease_text {
    //! A lease as hexadecimal text.

    use coordinator_adapter::LeaseId;
    use serde::{Deserialize, Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(lease: &LeaseId, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(lease)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<LeaseId, D::Error> {
        let text = String::deserialize(deserializer)?;
        // A lease is an i64 whose bits are shown: read them back as bits.
        let bits = u64::from_str_radix(&text, 16).map_err(serde::de::Error::custom)?;
        Ok(LeaseId(bits.cast_signed()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_read_well_at_etcdctl() {
        let live = Live {
            v: VERSION,
            epoch: BrokerEpoch(9021),
            state: LiveState::Active,
            lease: LeaseId(0x694d_77aa),
            disk_full: false,
            disk_failed: false,
        };
        let stored = encode(&live);
        assert_eq!(&stored[..], br#"{"v":1,"epoch":9021,"state":"active","lease":"694d77aa"}"#);
        assert_eq!(decode::<Live>(&stored).unwrap(), live);
    }

    #[test]
    fn unreadable_values_say_why() {
        assert!(decode::<ClusterConfig>(b"{").is_err());
        assert!(decode::<ClusterConfig>(br#"{"config":{}}"#).unwrap_err().contains("missing field `v`"));
        assert!(decode::<ClusterConfig>(br#"{"v":2,"config":{}}"#).unwrap_err().contains("version 2"));
        assert!(decode::<ClusterConfig>(br#"{"v":1,"config":{},"new":1}"#).is_ok());
    }

    #[test]
    fn addresses_are_read_back() {
        for text in ["h3:8082", "10.0.0.1:1", "[::1]:9092"] {
            assert_eq!(text.parse::<HostPort>().unwrap().to_string(), text);
        }
        for text in ["h3", ":1", "h3:", "h3:70000", "::1:9092", "[::1:9092"] {
            assert!(text.parse::<HostPort>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_proof_names_exactly_one_life() {
        let recovered = Recovered {
            from: Some(BrokerEpoch(9)),
            how: Recovery::Clean,
            earlier: vec![Inherited { from: BrokerEpoch(5), how: Recovery::Fsync }],
        };
        assert_eq!(recovered.proof_of(BrokerEpoch(9)), Recovery::Clean);
        assert_eq!(recovered.proof_of(BrokerEpoch(5)), Recovery::Fsync);
        assert_eq!(recovered.proof_of(BrokerEpoch(7)), Recovery::None);
        assert!(Recovery::Clean > Recovery::Fsync && Recovery::Fsync > Recovery::None);
    }
}
