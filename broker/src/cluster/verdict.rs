//! When enough peers were refused by a broker to take it for dead.
//!
//! *Invariant:* a report counts only against the life and the lease that it was made of, and only while its reporter
//! lives.

use coordinator_adapter::LeaseId;

use crate::types::{BrokerEpoch, BrokerId};

use super::image::Image;
use super::values::{LiveState, Suspicion};

/// How many reporters it takes, if there are as many.
const REPORTERS: usize = 2;

/// One life under one lease: what a report is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Subject {
    pub(super) epoch: BrokerEpoch,
    pub(super) lease: LeaseId,
}

impl Subject {
    pub(super) fn of(suspicion: &Suspicion) -> Self {
        Self { epoch: suspicion.epoch, lease: suspicion.lease }
    }
}

/// What a report about `broker` would be about now; none if it does not live, or has not opened its doors yet.
pub(super) fn subject(image: &Image, broker: BrokerId) -> Option<Subject> {
    let live = image.live.get(&broker).filter(|live| live.state != LiveState::Starting)?;
    Some(Subject { epoch: live.epoch, lease: live.lease })
}

/// The brokers that others than `me` report, and that live as reported.
pub(super) fn reported_by_others(image: &Image, me: BrokerId) -> impl Iterator<Item = BrokerId> {
    image.suspects.iter().filter_map(move |((suspect, reporter), suspicion)| {
        let meant = subject(image, *suspect) == Some(Subject::of(suspicion));
        (meant && *reporter != me && *suspect != me).then_some(*suspect)
    })
}

/// The leases that `me` is to revoke: of brokers that two live peers report, or the only other one, if `me` is the
/// controller, or if the suspect is, or nobody.
pub(super) fn verdicts(image: &Image, me: BrokerId) -> Vec<(BrokerId, LeaseId)> {
    let judged_by_me = |suspect: BrokerId| {
        let seat = image.controller.map(|seat| seat.broker).filter(|broker| image.live.contains_key(broker));
        suspect != me && seat.is_none_or(|seat| seat == me || seat == suspect)
    };
    let enough = |suspect: BrokerId, subject: Subject| {
        let others = image.live_brokers().filter(|broker| *broker != suspect).count();
        let reports = image.suspects.range((suspect, BrokerId(i32::MIN))..=(suspect, BrokerId(i32::MAX)));
        let counting = reports.filter(|((_, reporter), suspicion)| {
            *reporter != suspect && image.live.contains_key(reporter) && Subject::of(suspicion) == subject
        });
        others > 0 && counting.count() >= others.min(REPORTERS)
    };
    let mut suspects: Vec<BrokerId> = image.suspects.keys().map(|(suspect, _)| *suspect).collect();
    suspects.dedup();
    let judge = |suspect: BrokerId| {
        let subject = subject(image, suspect)?;
        (judged_by_me(suspect) && enough(suspect, subject)).then_some((suspect, subject.lease))
    };
    suspects.into_iter().filter_map(judge).collect()
}
