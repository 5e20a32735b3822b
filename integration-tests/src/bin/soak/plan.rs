//! What goes wrong, and when, as a seed chooses. Pure.
//!
//! *Invariant:* the same seed and length give the same plan. What the machine makes of it is another matter: processes
//! and their clocks do not repeat.

use std::time::Duration;

use integration_tests::proxy::Link;

use crate::chance::Chance;

/// The numbers of the brokers.
pub(crate) const BROKERS: [i32; 3] = [1, 2, 3];

/// What a killed broker finds when it comes back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Loss {
    /// All that it wrote: only the process died.
    Nothing,
    /// Only what was fsynced.
    Unsynced,
    /// Of what was not fsynced, what this seed leaves.
    Chosen(u64),
}

/// Something that goes wrong, or is done, and after a while is over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// kill -9; started again when it is over.
    Kill(Vec<i32>, Loss),
    /// SIGTERM; started again when it is over.
    Stop(i32),
    /// SIGSTOP, then SIGCONT.
    Freeze(i32),
    /// All links between this broker and the others.
    Isolate(i32, Link),
    /// The link that the first opens to the second; `Cut` of both ways makes a ring of the three.
    Pair(i32, i32, Link),
    /// All links between brokers.
    AllLinks(Link),
    /// A broker's links to etcd, to one member or to all.
    AwayFromEtcd(i32, Option<usize>, Link),
    /// Only so many bytes still fit.
    FullDisk(i32, u64),
    /// Every fsync fails, and what the next one should have covered is lost.
    FailingFsync(i32, u64),
    /// SIGSTOP of etcd members, then SIGCONT.
    FreezeEtcd(Vec<usize>),
    /// kill -9 of etcd members; started again when it is over.
    KillEtcd(Vec<usize>),
    /// A broker's lease is revoked behind its back.
    RevokeLease(i32),
    /// A partition of the topic that moves gets these replicas.
    Move(i32, Vec<i32>),
    /// The topic that stays asks for so many in-sync replicas.
    MinIsr(i32),
}

/// The next thing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Step {
    /// How long after the one before it.
    pub(crate) rest: Duration,
    pub(crate) fault: Fault,
    /// After how long it is over.
    pub(crate) lasts: Duration,
}

impl Fault {
    /// Its name in the report.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Kill(_, Loss::Nothing) => "kill -9",
            Self::Kill(_, Loss::Unsynced) => "kill -9, all that was not fsynced lost",
            Self::Kill(_, Loss::Chosen(_)) => "kill -9, some that was not fsynced lost or torn",
            Self::Stop(_) => "stop and start",
            Self::Freeze(_) => "freeze a broker",
            Self::Isolate(_, Link::Slow(_)) | Self::Pair(_, _, Link::Slow(_)) | Self::AllLinks(_) => {
                "slow links"
            }
            Self::Isolate(..) => "cut a broker off from the others",
            Self::Pair(..) => "cut the link of a pair",
            Self::AwayFromEtcd(..) => "cut a broker off from etcd",
            Self::FullDisk(..) => "full disk",
            Self::FailingFsync(..) => "failing fsync",
            Self::FreezeEtcd(_) => "freeze etcd",
            Self::KillEtcd(_) => "kill -9 etcd",
            Self::RevokeLease(_) => "revoke a lease",
            Self::Move(..) => "move a partition",
            Self::MinIsr(_) => "change min.insync.replicas",
        }
    }
}

/// The faults of a round of this length, with a cluster of so many etcd members.
pub(crate) fn draw(seed: u64, length: Duration, etcd_members: usize, moving_partitions: i32) -> Vec<Step> {
    let mut chance = Chance::new(seed);
    // Some rounds heap fault upon fault, in others each has its time.
    let tempo = u32::try_from(chance.within(1..5)).unwrap_or(1);
    let (mut steps, mut at) = (Vec::new(), Duration::ZERO);
    loop {
        // Now and then several at once, and now and then a rest in which all may settle.
        let rest = if chance.one_in(3) { chance.millis(100..1_000) } else { chance.millis(1_000..4_000) };
        let rest = if chance.one_in(12) { rest + Duration::from_secs(8) } else { rest };
        let rest = rest * tempo;
        let fault = one(&mut chance, etcd_members, moving_partitions);
        let lasts = lasting(&fault, &mut chance);
        at += rest;
        if at + lasts > length {
            return steps;
        }
        steps.push(Step { rest, fault, lasts });
    }
}

fn one(chance: &mut Chance, etcd_members: usize, moving_partitions: i32) -> Fault {
    let broker = chance.of(&BROKERS);
    match chance.within(0..30) {
        0..=6 => {
            let count = chance.of(&[1, 1, 1, 2, 2, 3]);
            let mut who = chance.shuffled(&BROKERS);
            who.truncate(count);
            let seed = chance.next();
            Fault::Kill(who, chance.of(&[Loss::Nothing, Loss::Unsynced, Loss::Chosen(seed)]))
        }
        7 => Fault::Stop(broker),
        8..=10 => Fault::Freeze(broker),
        11..=12 => Fault::Isolate(broker, trouble(chance)),
        13..=16 => Fault::Pair(broker, other(chance, broker), trouble(chance)),
        17 => Fault::AllLinks(slow(chance)),
        18..=19 => {
            let member = if chance.one_in(2) { Some(member(chance, etcd_members)) } else { None };
            Fault::AwayFromEtcd(broker, member, trouble(chance))
        }
        20..=21 => Fault::FullDisk(broker, chance.within(0..20_000)),
        22..=23 => Fault::FailingFsync(broker, chance.next()),
        24 => Fault::FreezeEtcd(members(chance, etcd_members)),
        25 => Fault::KillEtcd(members(chance, etcd_members)),
        26 => Fault::RevokeLease(broker),
        27..=28 => {
            let partition = chance.within(0..u64::from(moving_partitions.unsigned_abs()));
            let mut to = chance.shuffled(&BROKERS);
            to.truncate(2);
            Fault::Move(i32::try_from(partition).unwrap_or(0), to)
        }
        _ => Fault::MinIsr(chance.of(&[1, 3])),
    }
}

fn lasting(fault: &Fault, chance: &mut Chance) -> Duration {
    match fault {
        Fault::Kill(who, _) if who.len() == 3 => chance.millis(0..3_000),
        Fault::Kill(..) => chance.millis(0..12_000),
        Fault::Stop(_) => chance.millis(0..3_000),
        Fault::Freeze(_) => chance.millis(1_000..20_000),
        Fault::FreezeEtcd(_) | Fault::KillEtcd(_) => chance.millis(500..9_000),
        Fault::RevokeLease(_) | Fault::Move(..) => Duration::ZERO,
        Fault::MinIsr(_) => chance.millis(3_000..15_000),
        _ => chance.millis(1_000..15_000),
    }
}

fn trouble(chance: &mut Chance) -> Link {
    let slow = slow(chance);
    chance.of(&[Link::Cut, Link::Cut, Link::CutToTarget, Link::CutFromTarget, Link::Refused, slow])
}

fn slow(chance: &mut Chance) -> Link {
    Link::Slow(chance.millis(5..400))
}

fn other(chance: &mut Chance, than: i32) -> i32 {
    let others: Vec<i32> = BROKERS.into_iter().filter(|id| *id != than).collect();
    chance.of(&others)
}

fn member(chance: &mut Chance, members: usize) -> usize {
    usize::try_from(chance.within(0..members as u64)).unwrap_or(0)
}

/// One member, or now and then a majority.
fn members(chance: &mut Chance, members: usize) -> Vec<usize> {
    let mut all = chance.shuffled(&(0..members).collect::<Vec<_>>());
    all.truncate(if chance.one_in(3) { members.div_ceil(2) } else { 1 });
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_repeats_and_another_does_not() {
        let length = Duration::from_secs(600);
        assert_eq!(draw(7, length, 3, 2), draw(7, length, 3, 2));
        assert_ne!(draw(7, length, 3, 2), draw(8, length, 3, 2));
    }

    #[test]
    fn everything_comes_up() {
        let steps = draw(1, Duration::from_secs(20_000), 3, 2);
        let names: std::collections::BTreeSet<_> = steps.iter().map(|step| step.fault.name()).collect();
        assert_eq!(names.len(), 16, "{names:?}");
    }
}
