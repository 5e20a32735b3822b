//! How a process takes its broker id: one durable registration, guarded, whatever became of the one before.
//!
//! It holds no lease; [`super::membership`] does.
//!
//! *Invariant:* each attempt is guarded by the registration that it replaces, so an attempt that lands late changes
//! nothing; and a registration that carries this process's own name is this process's, whoever heard of it.

use std::sync::Arc;
use std::time::Duration;

use coordinator_adapter::{Compare, KeyValue, Op, Revision, Store, StoreError, Txn};
use uuid::Uuid;

use crate::clock::Clock;
use crate::types::{BrokerEpoch, Incarnation};

use super::error::ClusterError;
use super::keyspace::{Key, Keyspace};
use super::membership::NewRegistration;
use super::values::{
    ClusterMeta, HostPort, Inherited, Live, Recovered, Recovery, Registration, VERSION, decode, encode,
};

/// How often a stranger under the same id is looked at again.
const STRANGER_POLL: Duration = Duration::from_millis(250);
/// How many earlier lives a registration speaks for.
const INHERITED_MAX: usize = 16;

/// Reads the cluster's identity, or makes it if this is the first broker.
///
/// # Errors
/// What the store said.
pub async fn ensure_cluster(
    store: &dyn Store,
    keyspace: &Keyspace,
    clock: &Clock,
) -> Result<ClusterMeta, ClusterError> {
    let key = keyspace.path(&Key::Cluster);
    let meta = ClusterMeta { v: VERSION, id: Uuid::new_v4(), created_unix_ms: clock.unix_ms() };
    let create = Txn {
        compares: vec![Compare::Missing(key.clone())],
        success: vec![Op::Put { key: key.clone(), value: encode(&meta), lease: None }],
        failure: vec![Op::Get { key: key.clone() }],
    };
    let stored = match store.get(&key).await? {
        (_, Some(stored)) => Some(stored),
        (_, None) => store.txn(create).await?.reads.into_iter().flatten().next(),
    };
    match stored {
        Some(stored) => decode(&stored.value).map_err(|reason| ClusterError::Malformed { key, reason }),
        None => Ok(meta),
    }
}

/// Registers the process and returns its life. Nobody lives under the id when this returns.
///
/// # Errors
/// [`ClusterError::BrokerIdInUse`] if a stranger stays, or what the store said.
pub(super) async fn register(
    store: &Arc<dyn Store>,
    keyspace: &Keyspace,
    new: &NewRegistration,
    stranger_wait: Duration,
) -> Result<Incarnation, ClusterError> {
    let mut waited = Duration::ZERO;
    loop {
        let (before, live) = read_both(store, keyspace, new).await?;
        if let Some(own) = before.as_ref().filter(|before| before.value.incarnation == new.incarnation) {
            return Ok(life(new, own.mod_revision));
        }
        let Some(live) = live else {
            match replace(store, keyspace, new, before.as_ref()).await? {
                Some(revision) => return Ok(life(new, revision)),
                None => continue,
            }
        };
        if is_predecessor(new, before.as_ref(), &live) {
            tracing::info!(broker = %new.broker, lease = %live.lease, "the life before is over: its lease is revoked");
            store.revoke(live.lease).await?;
            continue;
        }
        if waited >= stranger_wait {
            let address = before.map_or_else(|| HostPort::new("unknown", 0), |before| before.value.kafka);
            return Err(ClusterError::BrokerIdInUse { broker: new.broker, address, lease: live.lease });
        }
        if waited.is_zero() {
            tracing::warn!(broker = %new.broker, "another process lives under this id; waiting for it to go");
        }
        waited += STRANGER_POLL;
        tokio::time::sleep(STRANGER_POLL).await;
    }
}

/// A registration as it stands in the store.
struct Stored {
    value: Registration,
    mod_revision: Revision,
}

impl Stored {
    fn epoch(&self) -> BrokerEpoch {
        BrokerEpoch(self.mod_revision.0)
    }
}

/// A life sign as it stands in the store.
struct Sign {
    lease: coordinator_adapter::LeaseId,
    epoch: Option<BrokerEpoch>,
}

async fn read_both(
    store: &Arc<dyn Store>,
    keyspace: &Keyspace,
    new: &NewRegistration,
) -> Result<(Option<Stored>, Option<Sign>), ClusterError> {
    let key = keyspace.path(&Key::Broker(new.broker));
    let live = keyspace.path(&Key::Live(new.broker));
    let read = Txn { success: vec![Op::Get { key: key.clone() }, Op::Get { key: live }], ..Txn::default() };
    let mut reads = store.txn(read).await.map_err(read_failed)?.reads.into_iter();
    let registered = match reads.next().flatten() {
        Some(entry) => {
            let value = decode(&entry.value)
                .map_err(|reason| ClusterError::Malformed { key: key.clone(), reason })?;
            Some(Stored { value, mod_revision: entry.mod_revision })
        }
        None => None,
    };
    Ok((registered, reads.next().flatten().and_then(|entry| sign(&entry))))
}

/// A transaction that only reads changes nothing, whatever becomes of it.
fn read_failed(error: StoreError) -> StoreError {
    match error {
        StoreError::Unknown { reason } => StoreError::Unavailable { reason },
        other => other,
    }
}

/// A life sign without a lease was written by hand and says nothing.
fn sign(entry: &KeyValue) -> Option<Sign> {
    let epoch = decode::<Live>(&entry.value).ok().map(|live| live.epoch);
    entry.lease.map(|lease| Sign { lease, epoch })
}

/// Whether the one who lives under the id held the very data directories whose locks this process holds: then it is
/// dead for certain.
fn is_predecessor(new: &NewRegistration, before: Option<&Stored>, live: &Sign) -> bool {
    before.is_some_and(|before| {
        live.epoch == Some(before.epoch()) && before.value.dirs.iter().any(|dir| new.dirs.contains(dir))
    })
}

/// Writes the registration over `before`; `None` if that has changed meanwhile, or if the outcome is not known: then
/// the store has to be read again, where this process's name tells.
async fn replace(
    store: &Arc<dyn Store>,
    keyspace: &Keyspace,
    new: &NewRegistration,
    before: Option<&Stored>,
) -> Result<Option<Revision>, ClusterError> {
    let key = keyspace.path(&Key::Broker(new.broker));
    let guard = match before {
        Some(before) => Compare::ModRevision(key.clone(), before.mod_revision),
        None => Compare::Missing(key.clone()),
    };
    let nobody_lives = Compare::Missing(keyspace.path(&Key::Live(new.broker)));
    let value = encode(&registration(new, before));
    let write = Txn {
        compares: vec![guard, nobody_lives],
        success: vec![Op::Put { key, value, lease: None }],
        failure: Vec::new(),
    };
    match store.txn(write).await {
        Ok(outcome) => Ok(outcome.succeeded.then_some(outcome.revision)),
        Err(StoreError::Unknown { reason }) => {
            tracing::info!(reason, "the outcome of the registration is unknown; reading again");
            tokio::time::sleep(STRANGER_POLL).await;
            Ok(None)
        }
        Err(error) => Err(error.into()),
    }
}

fn registration(new: &NewRegistration, before: Option<&Stored>) -> Registration {
    let earlier = before
        .map_or_else(Vec::new, |before| inherited(&new.recovered, &before.value.recovered, before.epoch()));
    Registration {
        v: VERSION,
        incarnation: new.incarnation,
        http: new.http.clone(),
        kafka: new.kafka.clone(),
        rack: new.rack.clone(),
        dirs: new.dirs.clone(),
        recovered: Recovered { earlier, ..new.recovered.clone() },
        release: new.release.clone(),
        epoch: BrokerEpoch(0),
    }
}

/// What the life that was recovered had recovered in its turn: a broker that crashes twice before the controller has
/// seen the first restart still proves what it holds. The weakest recovery on the way counts.
///
/// `older` is what that life, `epoch`, had registered.
#[must_use]
pub fn inherited(recovered: &Recovered, older: &Recovered, epoch: BrokerEpoch) -> Vec<Inherited> {
    let mut chain = Vec::new();
    if recovered.from == Some(epoch) {
        chain.extend(older.from.map(|from| Inherited { from, how: older.how }));
    } else if recovered.from.is_none() || recovered.from != older.from {
        // The data comes from a life that the last registration knows nothing of.
        return chain;
    }
    chain.extend(older.earlier.iter().copied());
    for link in &mut chain {
        link.how = link.how.min(recovered.how);
    }
    chain.retain(|link| link.how > Recovery::None);
    chain.truncate(INHERITED_MAX);
    chain
}

fn life(new: &NewRegistration, revision: Revision) -> Incarnation {
    Incarnation { broker: new.broker, epoch: BrokerEpoch(revision.0) }
}
