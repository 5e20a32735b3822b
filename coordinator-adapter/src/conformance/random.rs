//! One sequence of random operations, to be replayed on two stores and compared.
//!
//! Revisions are written relative to where a replay begins, leases by the order of their granting, so the traces of two
//! stores that keep the same rules are equal, line for line.

use std::collections::BTreeMap;

use bytes::Bytes;

use crate::conformance::Bench;
use crate::conformance::bench::{changes, revision, watch};
use crate::error::StoreError;
use crate::store::{Compare, KeyValue, LeaseId, Op, Revision, Txn};

const PREFIX: &str = "/random/";
const KEYS: [&str; 7] =
    ["/random/a", "/random/a/", "/random/a/1", "/random/ab", "/random/b", "/random/b/1", "/random/c"];
const PREFIXES: [&str; 4] = ["/random/a", "/random/a/", "/random/b", "/random/zzz"];

/// A small generator (splitmix64): the same seed gives the same sequence everywhere.
#[derive(Clone, Debug)]
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        let bound = u64::try_from(bound).expect("bounds here are small");
        usize::try_from((mixed ^ (mixed >> 31)) % bound).expect("smaller than a usize")
    }

    fn one_of<'a, T: ?Sized>(&mut self, items: &[&'a T]) -> &'a T {
        items[self.below(items.len())]
    }
}

struct Replay<'a> {
    bench: &'a dyn Bench,
    random: Random,
    base: Revision,
    last: Revision,
    leases: Vec<LeaseId>,
    trace: Vec<String>,
}

/// Runs `steps` random operations and returns what they answered, and what a watch over all of them saw.
pub async fn replay(bench: &dyn Bench, seed: u64, steps: usize) -> Vec<String> {
    let clean = Txn { success: vec![Op::DeletePrefix { prefix: PREFIX.to_owned() }], ..Txn::default() };
    bench.store().txn(clean).await.expect("what an earlier replay left can be deleted");
    let base = revision(bench).await;
    let mut replay =
        Replay { bench, random: Random(seed), base, last: base, leases: Vec::new(), trace: Vec::new() };
    for _ in 0..steps {
        replay.step().await;
    }
    replay.history().await;
    replay.trace
}

impl Replay<'_> {
    async fn step(&mut self) {
        let store = self.bench.store();
        let line = match self.random.below(10) {
            0 if self.leases.len() < 20 => {
                let lease = store.grant(std::time::Duration::from_secs(300)).await.expect("granted");
                self.leases.push(lease.id);
                format!("grant {}", self.leases.len() - 1)
            }
            1 if !self.leases.is_empty() => {
                let at = self.random.below(self.leases.len());
                let renewed = store.keep_alive(self.leases[at]).await;
                format!("keep_alive {at}: {}", self.answer(renewed.map(|_| "renewed".to_owned())))
            }
            2 if !self.leases.is_empty() && self.random.below(3) == 0 => {
                let at = self.random.below(self.leases.len());
                let revoked = store.revoke(self.leases[at]).await;
                format!("revoke {at}: {}", self.answer(revoked.map(|()| "revoked".to_owned())))
            }
            3 => {
                let prefix = self.random.one_of(&PREFIXES);
                let listed = store.list(prefix).await.map(|listing| {
                    let entries: Vec<_> = listing.entries.iter().map(|entry| self.entry(entry)).collect();
                    format!("at {} {entries:?}", self.relative(listing.revision))
                });
                format!("list {prefix}: {}", self.answer(listed))
            }
            _ => {
                let txn = self.txn();
                let blamed = |error| match error {
                    // which of several leases is blamed is the store's affair
                    StoreError::LeaseNotFound(_) => StoreError::LeaseNotFound(LeaseId(0)),
                    error => error,
                };
                let answer = store.txn(txn).await.map_err(blamed).map(|outcome| {
                    self.last = self.last.max(outcome.revision);
                    let reads: Vec<_> = outcome
                        .reads
                        .iter()
                        .map(|read| read.as_ref().map(|entry| self.entry(entry)))
                        .collect();
                    format!("{} at {} {reads:?}", outcome.succeeded, self.relative(outcome.revision))
                });
                format!("txn: {}", self.answer(answer))
            }
        };
        self.trace.push(line);
    }

    fn txn(&mut self) -> Txn {
        let compares = (0..self.random.below(3)).map(|_| self.compare()).collect();
        let success = (0..self.random.below(5)).map(|_| self.op()).collect();
        let failure = (0..self.random.below(3)).map(|_| self.op()).collect();
        Txn { compares, success, failure }
    }

    fn compare(&mut self) -> Compare {
        let key = self.random.one_of(&KEYS).to_owned();
        let back = i64::try_from(self.random.below(12)).expect("a small number");
        // mostly a revision of late, sometimes the zero of a key that is not there
        let revision = if back == 11 { Revision(0) } else { Revision(self.last.0 - back) };
        match self.random.below(6) {
            0 => Compare::ModRevision(key, revision),
            1 => Compare::CreateRevision(key, revision),
            2 | 3 => Compare::Missing(key),
            _ => Compare::Exists(key),
        }
    }

    fn op(&mut self) -> Op {
        let key = self.random.one_of(&KEYS).to_owned();
        match self.random.below(8) {
            0 => Op::DeletePrefix { prefix: self.random.one_of(&PREFIXES).to_owned() },
            1 | 2 => Op::Delete { key },
            3 => Op::Get { key },
            choice => {
                let leased = choice == 4 && !self.leases.is_empty();
                let lease = leased.then(|| self.leases[self.random.below(self.leases.len())]);
                Op::Put { key, value: Bytes::from(self.random.below(1_000).to_string()), lease }
            }
        }
    }

    /// What a watch over everything saw, one line for each revision.
    async fn history(&mut self) {
        let end = revision(self.bench).await;
        let marker = Op::Put { key: format!("{PREFIX}~"), value: Bytes::new(), lease: None };
        let txn = Txn { success: vec![marker], ..Txn::default() };
        self.bench.store().txn(txn).await.expect("the end can be marked");
        let mut watch = watch(self.bench, PREFIX, self.base.next()).await;
        let mut revisions: BTreeMap<i64, Vec<String>> = BTreeMap::new();
        while revisions.last_key_value().is_none_or(|(last, _)| *last <= self.relative(end)) {
            for (revision, key, value) in changes(&mut watch, 1).await {
                revisions.entry(self.relative(revision)).or_default().push(format!("{key}={value:?}"));
            }
        }
        self.trace
            .extend(revisions.into_iter().map(|(revision, changes)| format!("{revision}: {changes:?}")));
    }

    fn relative(&self, revision: Revision) -> i64 {
        revision.0 - self.base.0
    }

    fn entry(&self, entry: &KeyValue) -> String {
        let lease = entry.lease.map(|lease| self.leases.iter().position(|granted| *granted == lease));
        format!(
            "{}={:?} created {} written {} version {} lease {lease:?}",
            entry.key,
            entry.value,
            self.relative(entry.create_revision),
            self.relative(entry.mod_revision),
            entry.version
        )
    }

    fn answer(&self, answer: Result<String, StoreError>) -> String {
        match answer {
            Ok(answer) => answer,
            Err(StoreError::LeaseNotFound(lease)) => {
                format!("no lease {:?}", self.leases.iter().position(|granted| *granted == lease))
            }
            Err(StoreError::Invalid { .. }) => "invalid".to_owned(),
            Err(error) => panic!("a store that answers was expected: {error}"),
        }
    }
}
