//! What a seed draws before anything runs. Pure.
//!
//! Faults come by swarm (Groce et al., "Swarm testing", 2012): each seed draws which kinds may happen at all and how
//! often, so that some seeds have one kind of trouble only, and much of it.

use std::time::Duration;

use coordinator_adapter::Chance;

/// A kind of trouble.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    /// A broker's process dies and comes back.
    Kill,
    /// A broker's machine dies: nobody says that it is gone, and what was not fsynced is lost.
    PowerCut,
    /// All machines lose their power.
    PowerCutOfAll,
    /// A broker is asked to stop, and comes back.
    Restart,
    /// A broker hears and says nothing for a while; then all at once.
    Pause,
    /// Two brokers do not reach each other.
    Cut,
    /// One broker does not reach another, which reaches it.
    CutOneWay,
    /// Every broker sees a majority, and no two the same.
    Ring,
    /// The network is slow.
    SlowNetwork,
    /// A disk is full for a while.
    FullDisk,
    /// No fsync succeeds for a while.
    FailedFsync,
    /// A broker loses its disk, and comes back with an empty one. Once in a world.
    EmptyDisk,
    /// The store is away, for one broker or for all.
    StoreAway,
    /// The store shows its vices: late, lost and repeated answers.
    StoreVices,
    /// A lease is revoked by hand, the controller's at times.
    LeaseRevoked,
    /// The store forgets its past.
    Compaction,
    /// The store changes its leader: every lease has its whole time again.
    LeasesRearmed,
}

impl Kind {
    const ALL: [Self; 17] = [
        Self::Kill,
        Self::PowerCut,
        Self::PowerCutOfAll,
        Self::Restart,
        Self::Pause,
        Self::Cut,
        Self::CutOneWay,
        Self::Ring,
        Self::SlowNetwork,
        Self::FullDisk,
        Self::FailedFsync,
        Self::EmptyDisk,
        Self::StoreAway,
        Self::StoreVices,
        Self::LeaseRevoked,
        Self::Compaction,
        Self::LeasesRearmed,
    ];
}

/// What an administrator does meanwhile.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Administration {
    /// Moves partitions to other brokers.
    pub(super) moves: bool,
    /// Changes `min.insync.replicas`.
    pub(super) min_isr: bool,
    /// Deletes a topic and makes it anew.
    pub(super) topics: bool,
}

/// Clients of the Kafka port.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct KafkaClients {
    /// Producers without and with sequence numbers.
    pub(super) producers: (u32, u32),
    /// Members of a classic group, and of one of the newer kind (KIP-848).
    pub(super) members: (u32, u32),
}

/// One world's outline.
#[derive(Clone, Debug)]
pub(super) struct Plan {
    /// How many brokers there are.
    pub(super) brokers: u32,
    /// Partitions of the topic that is written.
    pub(super) partitions: i32,
    /// How long clients write while things go wrong.
    pub(super) load: Duration,
    /// The longest that a message takes on a good day.
    pub(super) latency_max: Duration,
    /// Which kinds of trouble there are, each with its weight.
    pub(super) kinds: Vec<(Kind, u32)>,
    /// How long it is quiet between two troubles, on average.
    pub(super) quiet: Duration,
    /// Producers without and with sequence numbers.
    pub(super) producers: (u32, u32),
    /// Readers.
    pub(super) readers: u32,
    /// Members of one group, over HTTP.
    pub(super) members: u32,
    /// Clients of the Kafka port.
    pub(super) kafka: KafkaClients,
    /// What an administrator does.
    pub(super) administration: Administration,
    /// How long a silent broker counts as alive.
    pub(super) session_timeout_ms: u64,
    /// How long a follower may lag.
    pub(super) replica_lag_ms: u64,
    /// Bytes of a segment.
    pub(super) segment_bytes: u64,
}

impl Plan {
    /// The plan of a seed.
    pub(super) fn of(seed: u64) -> Self {
        let mut chance = Chance::new(seed);
        // Neighbouring seeds shall not resemble each other.
        chance.draw();
        let share_ppm = [150_000, 400_000, 800_000][usize::try_from(chance.draw() % 3).unwrap_or(0)];
        let mut kinds = Vec::new();
        for kind in Kind::ALL {
            if chance.happens(share_ppm) {
                kinds.push((kind, u32::try_from(chance.within(&(1..=10))).unwrap_or(1)));
            }
        }
        // What one replica alone has acknowledged may be gone with its disk, and rightly so.
        let loses_disk = kinds.iter().any(|(kind, _)| *kind == Kind::EmptyDisk);
        Self {
            brokers: 3 + u32::from(chance.happens(200_000)),
            partitions: i32::try_from(chance.within(&(1..=3))).unwrap_or(1),
            load: Duration::from_millis(chance.within(&(15_000..=40_000))),
            latency_max: Duration::from_millis(chance.within(&(1..=30))),
            kinds,
            quiet: Duration::from_millis(chance.within(&(500..=6_000))),
            producers: (1 + some(&mut chance, 2), some(&mut chance, 2)),
            readers: some(&mut chance, 2),
            members: some(&mut chance, 2),
            kafka: KafkaClients {
                producers: (some(&mut chance, 1), some(&mut chance, 2)),
                members: (some(&mut chance, 3), some(&mut chance, 3)),
            },
            administration: Administration {
                moves: chance.happens(250_000),
                min_isr: chance.happens(250_000) && !loses_disk,
                topics: chance.happens(250_000),
            },
            session_timeout_ms: chance.within(&(2_000..=6_000)),
            replica_lag_ms: chance.within(&(1_500..=10_000)),
            segment_bytes: chance.within(&(16_384..=80_000)),
        }
    }
}

fn some(chance: &mut Chance, most: u64) -> u32 {
    u32::try_from(chance.within(&(0..=most))).unwrap_or(0)
}
