//! Who is asked about which rule.

use tidemark::rules::Rule;
use tidemark::types::FlushMode;

use crate::model::bounds::Bounds;

/// Who is asked first.
#[derive(Clone, Copy, Debug)]
pub enum Judge {
    /// The model: every history within these bounds, and random ones.
    Search(Bounds),
    /// The stories of `broker/tests/scenarios`.
    Stories,
    /// The broker's unit tests below this module.
    Units(&'static str),
}

/// One election.
const ONE_EXPIRY: Bounds = Bounds { writes: 1, epochs: 2, expiries: 1, ..Bounds::CALM };
/// A follower outside the in-sync set may join; the last broker is elected first.
const JOINING: Bounds =
    Bounds { in_sync: 2, writes: 1, epochs: 2, expiries: 1, proposals: 1, falling: true, ..Bounds::CALM };
/// The same, with outcomes that nobody hears.
const UNKNOWN: Bounds = Bounds { proposals: 2, timeouts: 1, ..JOINING };
/// Leaderships that move without need.
const HAND_OVERS: Bounds = Bounds { writes: 1, epochs: 3, hand_overs: 2, proposals: 1, ..Bounds::CALM };
/// Histories that part.
const PARTING: Bounds = Bounds { epochs: 3, expiries: 1, hand_overs: 2, ..Bounds::CALM };
/// Two brokers in sync, of which one comes back with less.
const RETURNING: Bounds =
    Bounds { in_sync: 2, writes: 1, epochs: 2, crashes: 1, expiries: 1, ..Bounds::CALM };

/// Who is asked about this rule.
#[must_use]
pub const fn judge_of(rule: Rule) -> Judge {
    match rule {
        Rule::OneLifeOneReign | Rule::ProofOfRecovery => Judge::Search(Bounds { lost_disks: 1, ..RETURNING }),
        Rule::DurableBeforeCounted => Judge::Search(RETURNING),
        Rule::FsyncProofNeedsFlush => Judge::Search(Bounds { flush: FlushMode::Os, ..RETURNING }),
        Rule::ProofOfThatLife => Judge::Search(Bounds { flush: FlushMode::Os, crashes: 2, ..RETURNING }),
        Rule::MaximalIsr | Rule::SmallerIsrOnceWritten | Rule::MinIsrGate | Rule::JoinsAtHighWatermark => {
            Judge::Search(JOINING)
        }
        Rule::OneOpenProposal | Rule::UnknownStaysOpen | Rule::LeaderGuardsRecord => Judge::Search(UNKNOWN),
        Rule::RefusalAfterUnknown => Judge::Search(Bounds { expiries: 2, timeouts: 1, ..JOINING }),
        Rule::ElectsFromInSync => Judge::Search(Bounds { expiries: 2, ..JOINING }),
        Rule::HeldInThisReign => Judge::Search(HAND_OVERS),
        Rule::FencesOlderReigns => Judge::Search(Bounds { epochs: 4, expiries: 1, ..HAND_OVERS }),
        Rule::SeesDivergence | Rule::DivergenceIsNoProgress => Judge::Search(PARTING),
        Rule::CutsByEpoch => Judge::Search(Bounds { epochs: 3, expiries: 2, falling: true, ..Bounds::CALM }),
        Rule::WatermarkWithinLog => {
            Judge::Search(Bounds { epochs: 2, hand_overs: 1, falling: true, ..PARTING })
        }
        Rule::WatermarkNeverBack | Rule::EndOnceKnown => Judge::Search(ONE_EXPIRY),
        Rule::EligibleWhileSmall => Judge::Search(Bounds { expiries: 2, proposals: 1, ..ONE_EXPIRY }),
        Rule::ControllerGuardsRecord => Judge::Search(Bounds { hand_overs: 1, late_writes: 1, ..ONE_EXPIRY }),
        Rule::JoinsAtReignStart => {
            Judge::Search(Bounds { epochs: 3, expiries: 0, hand_overs: 2, late_fetches: 1, ..JOINING })
        }
        Rule::AnswersInTime => {
            Judge::Search(Bounds { epochs: 3, hand_overs: 2, late_fetches: 1, ..Bounds::CALM })
        }
        Rule::JoinerIsThatLife
        | Rule::JoinerIsLive
        | Rule::RefusesBeforeAppend
        | Rule::HearsOfNewerReigns
        | Rule::NewestLifeFetches
        | Rule::CutsToTheLeastEnd
        | Rule::RangeBeforeDivergence
        | Rule::LeaversStayEligible
        | Rule::EpochNeverBack => Judge::Stories,
        Rule::StartBelowWatermark | Rule::AnewOnlyBelowStart => Judge::Units("replication::follower"),
        Rule::ControllerSeat => Judge::Units("cluster::tests::carrying_out"),
        Rule::Brake => Judge::Units("cluster::tests::rules"),
        Rule::LossEndsProof => Judge::Units("node::startup"),
        Rule::ReadsCommitted => Judge::Units("replication::tests"),
        Rule::GenerationFences => Judge::Units("groups::tests::classic"),
        Rule::MemberEpochFences => Judge::Units("groups::tests::consumer"),
        Rule::SequenceRepeats | Rule::SequenceGaps | Rule::ProducerEpochs => {
            Judge::Units("storage::producers")
        }
        Rule::RecoveryVerifies
        | Rule::RecoveryPointIsDurable
        | Rule::CutLowersRecoveryPoint
        | Rule::FailedFsyncPoisons => Judge::Units("storage::tests"),
        Rule::DeletesOnProof => Judge::Units("node::duties"),
    }
}

/// A seed whose world is known to go wrong without this rule: it is tried before the others.
#[must_use]
pub const fn witness_of(rule: Rule) -> Option<u64> {
    match rule {
        Rule::ReadsCommitted | Rule::SequenceRepeats => Some(1),
        Rule::MemberEpochFences => Some(2),
        Rule::SequenceGaps => Some(3),
        Rule::GenerationFences => Some(5),
        Rule::ProducerEpochs => Some(24),
        Rule::RecoveryVerifies => Some(50),
        Rule::LeaversStayEligible => Some(101),
        _ => None,
    }
}
