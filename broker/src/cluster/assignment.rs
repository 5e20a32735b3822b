//! Where the copies of new partitions go.
//!
//! Round-robin: the first partition's leader is drawn from the topic's name, so that leaders of many small topics
//! spread; followers shift with every round, so that the followers of one broker's leaders spread too. Where every
//! broker names its rack, brokers of different racks alternate and no rack gets a second copy before each has one.
//!
//! It moves nothing: what stands stays where it stands.
//!
//! *Invariant:* every replica list holds as many different brokers as were asked for.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use crate::types::BrokerId;

use super::error::ClusterError;

/// A broker that may get copies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The broker.
    pub broker: BrokerId,
    /// Its rack, if it names one.
    pub rack: Option<String>,
}

/// Replica lists for the partitions from `first` (inclusive) to `end` of the topic `name`.
///
/// # Errors
/// [`ClusterError::TooFewBrokers`] if there are fewer places than copies.
pub fn assign(
    name: &str,
    first: usize,
    end: usize,
    replication_factor: usize,
    places: &[Place],
) -> Result<Vec<Vec<BrokerId>>, ClusterError> {
    if places.len() < replication_factor || replication_factor == 0 {
        return Err(ClusterError::TooFewBrokers { asked: replication_factor, live: places.len() });
    }
    let ring = alternate_racks(places);
    let start = spread(name, ring.len());
    Ok((first..end).map(|partition| replicas(&ring, start, partition, replication_factor)).collect())
}

/// Checks replica lists that were chosen by hand.
///
/// # Errors
/// [`ClusterError::InvalidAssignment`] with what is wrong.
pub fn check(assignment: &[Vec<BrokerId>], known: &BTreeSet<BrokerId>) -> Result<(), ClusterError> {
    let wrong = |reason: String| Err(ClusterError::InvalidAssignment { reason });
    let copies = assignment.first().map_or(0, Vec::len);
    for (partition, replicas) in assignment.iter().enumerate() {
        if replicas.is_empty() {
            return wrong(format!("partition {partition} has no replicas"));
        }
        if replicas.len() != copies {
            return wrong(format!(
                "partition {partition} has {} replicas, partition 0 has {copies}",
                replicas.len()
            ));
        }
        if replicas.iter().collect::<BTreeSet<_>>().len() != replicas.len() {
            return wrong(format!("partition {partition} names a broker twice"));
        }
        if let Some(stranger) = replicas.iter().find(|broker| !known.contains(broker)) {
            return wrong(format!("partition {partition} names broker {stranger}, which is not live"));
        }
    }
    Ok(())
}

/// The places in a ring where neighbours stand in different racks as far as that is possible.
fn alternate_racks(places: &[Place]) -> Vec<&Place> {
    let mut sorted: Vec<&Place> = places.iter().collect();
    sorted.sort_by_key(|place| place.broker);
    if !sorted.iter().all(|place| place.rack.is_some()) {
        return sorted;
    }
    let mut racks: BTreeMap<&Option<String>, VecDeque<&Place>> = BTreeMap::new();
    for place in sorted {
        racks.entry(&place.rack).or_default().push_back(place);
    }
    let mut ring = Vec::with_capacity(places.len());
    while ring.len() < places.len() {
        ring.extend(racks.values_mut().filter_map(VecDeque::pop_front));
    }
    ring
}

fn replicas(ring: &[&Place], start: usize, partition: usize, copies: usize) -> Vec<BrokerId> {
    let len = ring.len();
    let leader = (start + partition) % len;
    let mut order = vec![ring[leader]];
    if len > 1 {
        let shift = start + partition / len;
        order.extend((0..len - 1).map(|step| ring[(leader + 1 + (shift + step) % (len - 1)) % len]));
    }
    let racks_known = ring.iter().all(|place| place.rack.is_some());
    let mut chosen: Vec<&Place> = Vec::with_capacity(copies);
    if racks_known {
        for place in &order {
            if chosen.len() < copies && chosen.iter().all(|other| other.rack != place.rack) {
                chosen.push(place);
            }
        }
    }
    for place in &order {
        if chosen.len() < copies && chosen.iter().all(|other| other.broker != place.broker) {
            chosen.push(place);
        }
    }
    chosen.iter().map(|place| place.broker).collect()
}

/// A start in the ring drawn from a name; the same name always draws the same (FNV-1a).
fn spread(name: &str, len: usize) -> usize {
    let hash = name.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    usize::try_from((hash >> 32) % len as u64).expect("less than a length fits")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn places(racks: &[&str]) -> Vec<Place> {
        let place = |(id, rack): (usize, &&str)| Place {
            broker: BrokerId(i32::try_from(id).unwrap() + 1),
            rack: (!rack.is_empty()).then(|| (*rack).to_owned()),
        };
        racks.iter().enumerate().map(place).collect()
    }

    fn leaders(assignment: &[Vec<BrokerId>]) -> BTreeMap<BrokerId, usize> {
        let mut counts = BTreeMap::new();
        for replicas in assignment {
            *counts.entry(replicas[0]).or_default() += 1;
        }
        counts
    }

    #[test]
    fn leaders_and_followers_spread_over_three_brokers() {
        let assignment = assign("orders", 0, 6, 3, &places(&["", "", ""])).unwrap();
        assert_eq!(leaders(&assignment).into_values().collect::<Vec<_>>(), [2, 2, 2]);
        let seconds: BTreeSet<_> = assignment.iter().map(|replicas| (replicas[0], replicas[1])).collect();
        assert_eq!(seconds.len(), 6, "each leader's second copy changes with the round: {assignment:?}");
    }

    #[test]
    fn leaders_of_many_small_topics_spread() {
        let mut counts: BTreeMap<BrokerId, usize> = BTreeMap::new();
        for topic in 0..300 {
            let assignment = assign(&format!("topic-{topic}"), 0, 1, 3, &places(&["", "", ""])).unwrap();
            *counts.entry(assignment[0][0]).or_default() += 1;
        }
        assert!(counts.values().all(|count| (60..140).contains(count)), "{counts:?}");
    }

    #[test]
    fn added_partitions_go_on_where_the_others_ended() {
        let brokers = places(&["", "", "", ""]);
        let whole = assign("orders", 0, 9, 2, &brokers).unwrap();
        assert_eq!(assign("orders", 4, 9, 2, &brokers).unwrap(), whole[4..]);
    }

    #[test]
    fn racks_get_one_copy_each_before_any_gets_two() {
        let brokers = places(&["a", "a", "a", "b", "b", "c"]);
        let rack_of = |id: &BrokerId| brokers.iter().find(|p| p.broker == *id).unwrap().rack.clone();
        for replicas in assign("orders", 0, 24, 3, &brokers).unwrap() {
            assert_eq!(replicas.iter().map(rack_of).collect::<BTreeSet<_>>().len(), 3, "{replicas:?}");
        }
        for replicas in assign("orders", 0, 24, 4, &brokers).unwrap() {
            assert_eq!(replicas.iter().map(rack_of).collect::<BTreeSet<_>>().len(), 3, "{replicas:?}");
        }
    }

    #[test]
    fn more_copies_than_brokers_is_an_error() {
        let error = assign("orders", 0, 1, 4, &places(&["", "", ""])).unwrap_err();
        assert_eq!(error, ClusterError::TooFewBrokers { asked: 4, live: 3 });
        assert!(error.to_string().contains("at most 3"));
    }

    #[test]
    fn hand_made_lists_are_checked() {
        let known = BTreeSet::from([BrokerId(1), BrokerId(2)]);
        let list = |lists: &[&[i32]]| -> Vec<Vec<BrokerId>> {
            lists.iter().map(|ids| ids.iter().copied().map(BrokerId).collect()).collect()
        };
        assert!(check(&list(&[&[1, 2], &[2, 1]]), &known).is_ok());
        for bad in [list(&[&[1, 1]]), list(&[&[1, 2], &[1]]), list(&[&[]]), list(&[&[1, 3]])] {
            assert!(matches!(check(&bad, &known), Err(ClusterError::InvalidAssignment { .. })), "{bad:?}");
        }
    }

    proptest! {
        #[test]
        fn every_list_has_the_copies_asked_for_and_load_is_even(
            racks in proptest::collection::vec(prop_oneof![Just(""), Just("a"), Just("b"), Just("c")], 1..12),
            copies in 1_usize..12,
            rounds in 1_usize..5,
            name in "[a-z]{1,8}",
        ) {
            let brokers = places(&racks);
            let partitions = brokers.len() * rounds;
            let result = assign(&name, 0, partitions, copies, &brokers);
            prop_assert_eq!(result.is_ok(), copies <= brokers.len());
            for replicas in result.iter().flatten() {
                prop_assert_eq!(replicas.len(), copies);
                prop_assert_eq!(replicas.iter().collect::<BTreeSet<_>>().len(), copies);
            }
            if let Ok(assignment) = result {
                prop_assert!(leaders(&assignment).into_values().all(|count| count == rounds));
            }
        }
    }
}
