//! The trait over etcd.

use std::future::Future;
use std::time::Duration;

use async_trait::async_trait;
use etcd_client::{Error as ClientError, GetOptions, GetResponse};
use tokio::sync::mpsc;

use crate::error::StoreError;
use crate::etcd::calls::{CallError, Calls};
use crate::etcd::members::{Member, MemberHealth, Members};
use crate::etcd::{EtcdOptions, convert, watching};
use crate::limits::{check_txn, check_watch_from};
use crate::store::{KeyValue, Lease, LeaseId, Listing, Revision, Store, Txn, TxnOutcome, Watch};

/// How many batches wait for a slow reader of a watch.
const WATCH_BATCHES: usize = 16;
/// How often a list begins anew because its revision was compacted under it.
const LIST_RESTARTS_MAX: usize = 3;

/// A store on an etcd cluster.
#[derive(Debug)]
pub struct EtcdStore {
    calls: Calls,
    page_entries: u32,
    watch_silence: Duration,
}

impl EtcdStore {
    /// A store on the members named. Nothing is sent yet: an etcd that is away shows as [`StoreError::Unavailable`] of
    /// the calls. Needs a runtime.
    ///
    /// # Errors
    /// [`StoreError::Invalid`] for an address that is none, and for options that do not go together.
    pub async fn connect(options: EtcdOptions) -> Result<Self, StoreError> {
        options.check().map_err(|reason| StoreError::Invalid { reason })?;
        let members = Members::new(&options).await?;
        Ok(Self {
            calls: Calls::new(members, &options),
            page_entries: options.page_entries.max(1),
            watch_silence: Duration::from_millis(options.watch_silence_ms),
        })
    }

    /// What is known of the members.
    #[must_use]
    pub fn members(&self) -> Vec<MemberHealth> {
        self.calls.members.health()
    }

    /// The same in one line, for a person.
    #[must_use]
    pub fn describe(&self) -> String {
        let members = self.members().into_iter().map(|member| {
            let mark = if member.current { " (in use)" } else { "" };
            let trouble = member.last_error.map_or(String::new(), |error| format!(" (last error: {error})"));
            format!("{}{mark}{trouble}", member.endpoint)
        });
        format!("etcd at {}", members.collect::<Vec<_>>().join(", "))
    }

    /// All pages, at one revision.
    async fn list_once(&self, prefix: &str) -> Result<Listing, CallError> {
        let (mut from, to) = convert::prefix_range(prefix);
        let mut page_entries = self.page_entries;
        let mut revision = 0;
        let mut entries = Vec::new();
        loop {
            let options = GetOptions::new()
                .with_range(to.clone())
                .with_limit(i64::from(page_entries))
                .with_revision(revision);
            let page = self.calls.repeatable(|member| range(member, from.clone(), options.clone())).await;
            let mut page = match page {
                Err(CallError::TooLarge(_)) if page_entries > 1 => {
                    page_entries /= 2;
                    continue;
                }
                page => page?,
            };
            if revision == 0 {
                revision = revision_of(&page);
            }
            let next = page.0.kvs.last().map(|last| convert::after(&last.key));
            entries.extend(std::mem::take(&mut page.0.kvs).into_iter().map(convert::key_value));
            match next {
                Some(next) if page.more() => from = next,
                _ => return Ok(Listing { revision: Revision(revision), entries }),
            }
        }
    }
}

fn range(
    member: &Member,
    from: Vec<u8>,
    options: GetOptions,
) -> impl Future<Output = Result<GetResponse, ClientError>> + use<> {
    let mut client = member.kv();
    async move { client.get(from, Some(options)).await }
}

fn revision_of(response: &GetResponse) -> i64 {
    response.header().map_or(0, |header| header.revision())
}

/// The error of a call that changes nothing: it was certainly not applied.
fn read_error(error: CallError) -> StoreError {
    match write_error(error) {
        StoreError::Unknown { reason } => StoreError::Unavailable { reason },
        error => error,
    }
}

fn write_error(error: CallError) -> StoreError {
    match error {
        CallError::Store(error) => error,
        CallError::TooLarge(reason) => StoreError::Unknown { reason },
        // only said to calls that name a lease or a revision, which look at it themselves
        CallError::LeaseNotFound => StoreError::Invalid { reason: "no such lease".to_owned() },
        CallError::Compacted => StoreError::Invalid { reason: "compacted".to_owned() },
    }
}

#[async_trait]
impl Store for EtcdStore {
    async fn get(&self, key: &str) -> Result<(Revision, Option<KeyValue>), StoreError> {
        let mut response = self
            .calls
            .repeatable(|member| range(member, key.as_bytes().to_vec(), GetOptions::new()))
            .await
            .map_err(read_error)?;
        let revision = Revision(revision_of(&response));
        Ok((revision, response.0.kvs.pop().map(convert::key_value)))
    }

    async fn get_at(&self, key: &str, at: Revision) -> Result<Option<KeyValue>, StoreError> {
        let options = GetOptions::new().with_revision(at.0);
        let read = self.calls.repeatable(|member| range(member, key.as_bytes().to_vec(), options.clone()));
        match read.await {
            Ok(mut response) => Ok(response.0.kvs.pop().map(convert::key_value)),
            // etcd does not say how far it has compacted; nothing up to here is known.
            Err(CallError::Compacted) => Err(StoreError::Compacted { requested: at, compacted: at.next() }),
            Err(error) => Err(read_error(error)),
        }
    }

    async fn list(&self, prefix: &str) -> Result<Listing, StoreError> {
        for _ in 0..LIST_RESTARTS_MAX {
            match self.list_once(prefix).await {
                Err(CallError::Compacted) => {}
                done => return done.map_err(read_error),
            }
        }
        Err(StoreError::Unavailable { reason: format!("compacted {LIST_RESTARTS_MAX} times while listing") })
    }

    async fn txn(&self, txn: Txn) -> Result<TxnOutcome, StoreError> {
        check_txn(&txn)?;
        let lease = txn.first_lease();
        let txn = convert::txn(txn);
        let call = |member: &Member| {
            let (mut client, txn) = (member.kv(), txn.clone());
            async move { client.txn(txn).await }
        };
        match self.calls.once(call).await {
            Ok(response) => Ok(convert::txn_outcome(response.0)),
            Err(CallError::LeaseNotFound) => Err(StoreError::LeaseNotFound(lease.unwrap_or(LeaseId(0)))),
            Err(error) => Err(write_error(error)),
        }
    }

    async fn watch(&self, prefix: &str, from: Revision) -> Result<Watch, StoreError> {
        check_watch_from(from)?;
        let stream =
            self.calls.repeatable(|member| watching::open(member, prefix, from)).await.map_err(read_error)?;
        let (sender, receiver) = mpsc::channel(WATCH_BATCHES);
        tokio::spawn(watching::carry(stream, self.calls.members.clone(), self.watch_silence, sender));
        Ok(Watch::new(receiver))
    }

    async fn grant(&self, ttl: Duration) -> Result<Lease, StoreError> {
        let seconds = i64::try_from(ttl.as_millis().div_ceil(1_000).max(1))
            .map_err(|_| StoreError::Invalid { reason: "a lease without end".to_owned() })?;
        let call = |member: &Member| {
            let mut client = member.leases();
            async move { client.grant(seconds, None).await }
        };
        let response = self.calls.once(call).await.map_err(write_error)?;
        Ok(Lease { id: LeaseId(response.id()), ttl: seconds_of(response.ttl()) })
    }

    async fn keep_alive(&self, lease: LeaseId) -> Result<Duration, StoreError> {
        match self.calls.repeatable(|member| renew(member, lease)).await {
            Ok(ttl) if ttl > 0 => Ok(seconds_of(ttl)),
            // how etcd says it on an open stream
            Ok(_) | Err(CallError::LeaseNotFound) => Err(StoreError::LeaseNotFound(lease)),
            Err(error) => Err(write_error(error)),
        }
    }

    async fn revoke(&self, lease: LeaseId) -> Result<(), StoreError> {
        let call = |member: &Member| {
            let mut client = member.leases();
            async move { client.revoke(lease.0).await }
        };
        // a lease is never given the name of another one, so revoking it twice is harmless
        match self.calls.repeatable(call).await {
            Ok(_) | Err(CallError::LeaseNotFound) => Ok(()),
            Err(error) => Err(write_error(error)),
        }
    }
}

/// Renews a lease on a stream of its own. The client keeps the first answer to itself, so its time to live is asked for
/// a second time.
fn renew(member: &Member, lease: LeaseId) -> impl Future<Output = Result<i64, ClientError>> + use<> {
    let mut client = member.leases();
    async move {
        let (mut keeper, mut answers) = client.keep_alive(lease.0).await?;
        keeper.keep_alive().await?;
        match answers.message().await? {
            Some(answer) => Ok(answer.ttl()),
            None => Err(ClientError::LeaseKeepAliveError("closed".to_owned())),
        }
    }
}

fn seconds_of(ttl: i64) -> Duration {
    Duration::from_secs(u64::try_from(ttl).unwrap_or(0))
}
