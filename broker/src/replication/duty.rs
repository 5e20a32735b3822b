//! What a record asks of one life of one broker. Pure.

use crate::rules::{self, Rule};
use crate::types::{Incarnation, LeaderEpoch, PartitionState};

/// What one life of one broker does for a partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Duty {
    /// It leads.
    Lead,
    /// It pulls from this leader.
    Follow(Incarnation),
    /// It holds what it has: nobody leads, or no copy belongs here.
    Wait,
}

/// The duty of `me` by this record. Only a record that names this very life makes a leader: one that names an earlier
/// life of the same broker gives nobody to follow either (rule 1).
#[must_use]
pub fn duty_of(me: Incarnation, state: &PartitionState) -> Duty {
    match state.leader {
        _ if !state.has_replica(me.broker) => Duty::Wait,
        Some(leader) if is_named(me, leader) => Duty::Lead,
        Some(leader) if leader.broker != me.broker => Duty::Follow(leader),
        _ => Duty::Wait,
    }
}

/// Whether a record that names `named` means this very life (rule 1).
pub(super) fn is_named(me: Incarnation, named: Incarnation) -> bool {
    named == me || (!rules::holds(Rule::OneLifeOneReign) && named.broker == me.broker)
}

/// Whether a record of `epoch` is older than what is known of the partition: epochs only rise, and no record may name a
/// lower one than the log holds (row 32: a coordination store that was set back).
#[must_use]
pub fn is_set_back(epoch: LeaderEpoch, last_in_log: LeaderEpoch, last_in_records: LeaderEpoch) -> bool {
    rules::holds(Rule::EpochNeverBack) && epoch < last_in_log.max(last_in_records)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::replication::testing::{incarnation, state};
    use crate::types::BrokerEpoch;

    #[test]
    fn only_the_life_that_is_named_leads() {
        let record = state(&[1, 2], 1);
        assert_eq!(duty_of(incarnation(1), &record), Duty::Lead);
        assert_eq!(duty_of(incarnation(2), &record), Duty::Follow(incarnation(1)));
        let reborn = Incarnation { epoch: BrokerEpoch(500), ..incarnation(1) };
        assert_eq!(duty_of(reborn, &record), Duty::Wait, "a restarted leader waits for the next election");
        assert_eq!(duty_of(incarnation(9), &record), Duty::Wait, "no copy belongs on broker 9");
    }

    #[test]
    fn epochs_only_rise_by_the_log_and_by_the_records() {
        let refused =
            |epoch, log, records| is_set_back(LeaderEpoch(epoch), LeaderEpoch(log), LeaderEpoch(records));
        assert!(refused(3, 4, 2), "the log holds a later one");
        assert!(refused(3, 2, 4), "a record named a later one, of which the log holds nothing yet");
        assert!(!refused(4, 4, 4) && !refused(5, 4, 4));
    }
}
