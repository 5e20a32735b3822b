//! What goes wrong, when, and how it is healed.
//!
//! Chance decides when it is time for the next trouble, which of the plan's kinds it is, whom it hits, and how long it
//! lasts. Several may overlap.
//!
//! *Invariant:* what has begun is healed by [`Faults::heal_all`] at the latest.

use std::time::Duration;

use coordinator_adapter::{Chance, Revision, Store as _, Vices};
use futures_util::FutureExt as _;
use tidemark::storage::forgetful::Trouble;
use turmoil::Sim;

use super::cluster::Cluster;
use super::plan::{Kind, Plan};

/// What ends a trouble.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Cure {
    Boot(usize),
    Power(usize),
    Repair(usize, usize),
    Release(usize),
    GoodDisk(usize),
    QuickNetwork,
    StoreBack(usize),
    NoVices(usize),
}

/// All that goes wrong in one world.
pub(super) struct Faults {
    chance: Chance,
    plan: Plan,
    next: Duration,
    cures: Vec<(Duration, Cure)>,
    /// How many troubles there were.
    pub(super) count: u32,
}

impl Faults {
    pub(super) fn new(plan: &Plan, seed: u64, now: Duration) -> Self {
        let mut chance = Chance::new(seed.rotate_left(17));
        let next = now + pause(&mut chance, plan.quiet);
        Self { chance, plan: plan.clone(), next, cures: Vec::new(), count: 0 }
    }

    /// What is due by now.
    pub(super) fn step(&mut self, sim: &mut Sim<'static>, cluster: &Cluster, now: Duration) {
        while let Some(at) = self.cures.iter().position(|(due, _)| *due <= now) {
            let (_, cure) = self.cures.remove(at);
            self.apply_cure(sim, cluster, cure);
        }
        for which in 0..cluster.hosts.len() {
            if let Some(how) = cluster.take_ended(which) {
                tracing::info!(broker = which + 1, how, "a broker has ended");
                cluster.kill(sim, which);
                self.boot_later(which, now);
            }
        }
        if now >= self.next {
            self.next = now + pause(&mut self.chance, self.plan.quiet);
            if let Some(kind) = self.draw_kind() {
                self.count += 1;
                self.begin(kind, sim, cluster, now);
            }
        }
    }

    /// Ends all trouble, and starts what is down.
    pub(super) fn heal_all(&mut self, sim: &mut Sim<'static>, cluster: &Cluster) {
        tracing::info!("everything is healed");
        for (_, cure) in std::mem::take(&mut self.cures) {
            self.apply_cure(sim, cluster, cure);
        }
        for (one, host) in cluster.hosts.iter().enumerate() {
            for_others(cluster, one, |us, them| {
                sim.release(us, them);
                sim.repair(us, them);
            });
            host.door.set(|vices| *vices = good_door());
        }
        self.plan.kinds.clear();
    }

    fn draw_kind(&mut self) -> Option<Kind> {
        let all: u64 = self.plan.kinds.iter().map(|(_, weight)| u64::from(*weight)).sum();
        let mut drawn = self.chance.draw() % all.max(1);
        self.plan.kinds.iter().find_map(|(kind, weight)| match drawn.checked_sub(u64::from(*weight)) {
            Some(left) => {
                drawn = left;
                None
            }
            None => Some(*kind),
        })
    }

    fn one_of(&mut self, count: usize) -> usize {
        usize::try_from(self.chance.draw() % count.max(1) as u64).unwrap_or(0)
    }

    fn begin(&mut self, kind: Kind, sim: &mut Sim<'static>, cluster: &Cluster, now: Duration) {
        let count = cluster.hosts.len();
        let one = self.one_of(count);
        let other = (one + 1 + self.one_of(count - 1)) % count;
        let until = now + Duration::from_millis(self.chance.within(&(50..=9_000)));
        tracing::info!(?kind, one = one + 1, other = other + 1, until_ms = until.as_millis(), "trouble");
        match kind {
            Kind::Kill => self.take_down(sim, cluster, one, until),
            Kind::Restart => cluster.ask_to_stop(one),
            Kind::Pause => {
                for_others(cluster, one, |us, them| sim.hold(us, them));
                cluster.hosts[one].door.set(|vices| vices.away = true);
                self.cures.push((until, Cure::Release(one)));
            }
            Kind::Cut => {
                sim.partition(name(cluster, one), name(cluster, other));
                self.cures.push((until, Cure::Repair(one, other)));
            }
            Kind::CutOneWay => {
                sim.partition_oneway(name(cluster, one), name(cluster, other));
                self.cures.push((until, Cure::Repair(one, other)));
            }
            Kind::SlowNetwork => {
                sim.set_max_message_latency(Duration::from_millis(self.chance.within(&(50..=800))));
                self.cures.push((until, Cure::QuickNetwork));
            }
            Kind::StoreAway => self.take_store_away(cluster, one, until),
            Kind::StoreVices => {
                let vices = draw_vices(&mut self.chance);
                cluster.hosts[one].door.set(|before| *before = Vices { away: before.away, ..vices });
                self.cures.push((until, Cure::NoVices(one)));
            }
            Kind::Ring => {
                for one in 0..count / 2 + count % 2 {
                    let opposite = (one + count / 2) % count;
                    sim.partition(name(cluster, one), name(cluster, opposite));
                    self.cures.push((until, Cure::Repair(one, opposite)));
                }
            }
            Kind::PowerCut => self.cut_power(sim, cluster, one, until),
            Kind::PowerCutOfAll => {
                for which in 0..count {
                    let until = until + Duration::from_millis(self.chance.within(&(0..=3_000)));
                    self.cut_power(sim, cluster, which, until);
                }
            }
            Kind::FullDisk => {
                let room = Some(self.chance.within(&(0..=20_000)));
                cluster.trouble_disk(one, Trouble { room, syncs_fail: false });
                self.cures.push((until, Cure::GoodDisk(one)));
            }
            Kind::FailedFsync => {
                cluster.trouble_disk(one, Trouble { room: None, syncs_fail: true });
                self.cures.push((until, Cure::GoodDisk(one)));
            }
            Kind::EmptyDisk => {
                self.plan.kinds.retain(|(kind, _)| *kind != Kind::EmptyDisk);
                if cluster.is_on(one) {
                    self.cut_power(sim, cluster, one, until);
                    cluster.replace_disk(one);
                }
            }
            Kind::LeaseRevoked => self.revoke(cluster),
            Kind::Compaction => compact(cluster),
            Kind::LeasesRearmed => cluster.store.rearm_leases(),
        }
    }

    /// For one broker, or for all.
    fn take_store_away(&mut self, cluster: &Cluster, one: usize, until: Duration) {
        let all = self.chance.happens(500_000);
        for which in (0..cluster.hosts.len()).filter(|which| all || *which == one) {
            cluster.hosts[which].door.set(|vices| vices.away = true);
            self.cures.push((until, Cure::StoreBack(which)));
        }
    }

    fn take_down(&mut self, sim: &mut Sim<'static>, cluster: &Cluster, which: usize, until: Duration) {
        if cluster.is_on(which) {
            cluster.kill(sim, which);
            self.cures.push((until, Cure::Boot(which)));
        }
    }

    /// The machine itself is gone: calls to it end in nothing.
    fn cut_power(&mut self, sim: &mut Sim<'static>, cluster: &Cluster, which: usize, until: Duration) {
        if cluster.is_on(which) {
            for_others(cluster, which, |us, them| sim.partition(us, them));
            cluster.kill(sim, which);
            cluster.forget(which, self.chance.draw());
            self.cures.push((until, Cure::Power(which)));
        }
    }

    fn boot_later(&mut self, which: usize, now: Duration) {
        let pause = Duration::from_millis(self.chance.within(&(100..=3_000)));
        self.cures.push((now + pause, Cure::Boot(which)));
    }

    /// Revokes the lease of a broker, or of the controller.
    fn revoke(&mut self, cluster: &Cluster) {
        let prefix =
            if self.chance.happens(500_000) { "/tidemark/main/live/" } else { "/tidemark/main/controller" };
        let listed = cluster.store.list(prefix).now_or_never().and_then(Result::ok);
        let leases: Vec<_> =
            listed.iter().flat_map(|listing| &listing.entries).filter_map(|entry| entry.lease).collect();
        if !leases.is_empty() {
            let lease = leases[self.one_of(leases.len())];
            // It may have ended by itself.
            let _ = cluster.store.revoke(lease).now_or_never();
        }
    }

    fn apply_cure(&mut self, sim: &mut Sim<'static>, cluster: &Cluster, cure: Cure) {
        tracing::info!(?cure, "cured");
        match cure {
            Cure::Boot(which) => cluster.boot(sim, which),
            Cure::Power(which) => {
                for_others(cluster, which, |us, them| sim.repair(us, them));
                cluster.boot(sim, which);
            }
            Cure::Repair(one, other) => sim.repair(name(cluster, one), name(cluster, other)),
            Cure::Release(one) => {
                for_others(cluster, one, |us, them| sim.release(us, them));
                cluster.hosts[one].door.set(|vices| vices.away = false);
            }
            Cure::GoodDisk(which) => cluster.trouble_disk(which, Trouble::default()),
            Cure::QuickNetwork => sim.set_max_message_latency(self.plan.latency_max),
            Cure::StoreBack(which) => cluster.hosts[which].door.set(|vices| vices.away = false),
            Cure::NoVices(which) => {
                let away = cluster.hosts[which].door.vices().away;
                cluster.hosts[which].door.set(|vices| *vices = Vices { away, ..good_door() });
            }
        }
    }
}

/// A door on a good day: it is not here.
pub(super) fn good_door() -> Vices {
    Vices { latency_ms: 1..=4, watch_delay_ms: 0..=5, ..Vices::default() }
}

fn draw_vices(chance: &mut Chance) -> Vices {
    let mut ppm = |most: u64| {
        let shows = chance.happens(400_000);
        let drawn = u32::try_from(chance.within(&(0..=most))).unwrap_or(0);
        if shows { drawn } else { 0 }
    };
    Vices {
        away: false,
        timeout_ms: 2_000,
        refused_ppm: ppm(300_000),
        request_lost_ppm: ppm(300_000),
        answer_lost_ppm: ppm(300_000),
        late_ppm: ppm(400_000),
        watch_broken_ppm: ppm(300_000),
        watch_repeated_ppm: ppm(500_000),
        watch_compacted_ppm: ppm(500_000),
        latency_ms: 1..=chance.within(&(2..=500)),
        late_ms: 0..=chance.within(&(1..=8_000)),
        watch_delay_ms: 0..=chance.within(&(1..=1_500)),
    }
}

fn compact(cluster: &Cluster) {
    let seen = cluster.store.get("/").now_or_never().and_then(Result::ok);
    if let Some((Revision(revision), _)) = seen {
        // Refused if nothing has happened since the last time.
        let _ = cluster.store.compact(Revision(revision));
    }
}

fn pause(chance: &mut Chance, average: Duration) -> Duration {
    let average_ms = u64::try_from(average.as_millis()).unwrap_or(u64::MAX);
    Duration::from_millis(chance.within(&(0..=average_ms.saturating_mul(2))))
}

fn name(cluster: &Cluster, which: usize) -> &str {
    &cluster.hosts[which].name
}

fn for_others(cluster: &Cluster, one: usize, link: impl Fn(&str, &str)) {
    for other in (0..cluster.hosts.len()).filter(|other| *other != one) {
        link(name(cluster, one), name(cluster, other));
    }
}
