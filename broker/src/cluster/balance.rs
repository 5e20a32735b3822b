//! Which copies should stand elsewhere: those of brokers that are to be emptied, and those that make load uneven. Pure.
//!
//! It plans moves and makes none. Only what must move does: a copy is replaced in its place of the list, so that
//! leaderships spread like the copies do, and lists are reordered only to even out who comes first.
//!
//! *Invariant:* no move puts two copies of a partition on one broker, or copies into fewer racks than before.
//! *Invariant:* nothing goes to a broker that does not serve, has no room, or is to be emptied; what stands on a broker that does not
//! serve stays there, unless that broker is to be emptied.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use crate::types::{BrokerId, PartitionIndex, TopicId, TopicPartition};

use super::assignment::Place;
use super::image::Image;
use super::reassignment::settled_replicas;

/// One partition that should stand elsewhere.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Move {
    /// The partition.
    pub tp: TopicPartition,
    /// Its topic's identity.
    pub topic_id: TopicId,
    /// Where its copies are.
    pub from: Vec<BrokerId>,
    /// Where they should be.
    pub to: Vec<BrokerId>,
}

/// The brokers that may get copies now.
#[must_use]
pub fn places(image: &Image) -> Vec<Place> {
    let open = image.active_brokers().filter(|broker| !image.drains.contains_key(broker));
    open.map(|broker| Place { broker, rack: rack(image, broker) }).collect()
}

/// Those of them that have room.
fn roomy_places(image: &Image) -> Vec<Place> {
    let has_room = |place: &Place| {
        image.live.get(&place.broker).is_some_and(|live| !live.disk_full && !live.disk_failed)
    };
    places(image).into_iter().filter(has_room).collect()
}

fn rack(image: &Image, broker: BrokerId) -> Option<String> {
    image.endpoint(broker)?.rack.clone()
}

/// Where copies are, or will be once all orders are carried out.
#[derive(Clone, Debug)]
struct Layout {
    lists: BTreeMap<TopicPartition, Vec<BrokerId>>,
    /// Partitions that an order moves already: they count, and are left alone.
    ordered: BTreeSet<TopicPartition>,
    racks: BTreeMap<BrokerId, Option<String>>,
    load: BTreeMap<BrokerId, usize>,
}

impl Layout {
    fn of(image: &Image) -> Self {
        let mut lists = BTreeMap::new();
        let mut ordered = BTreeSet::new();
        for topic in image.topics.values() {
            for (index, assigned) in topic.assignment.iter().enumerate() {
                let Ok(index) = i32::try_from(index) else { break };
                let tp = TopicPartition::new(topic.name.clone(), PartitionIndex(index));
                let order = image.reassignments.get(&tp).filter(|order| order.topic_id == topic.id);
                let moving = topic.record(tp.partition).is_some_and(|record| record.state.is_moving());
                if order.is_some() || moving {
                    ordered.insert(tp.clone());
                }
                let list = match (order, topic.record(tp.partition)) {
                    (Some(order), _) if !order.cancelled => order.target.clone(),
                    (_, Some(record)) => settled_replicas(&record.state),
                    (_, None) => assigned.clone(),
                };
                lists.insert(tp, list);
            }
        }
        let known = image.brokers.keys().chain(image.live.keys());
        let racks = known.map(|broker| (*broker, rack(image, *broker))).collect();
        let mut load = BTreeMap::new();
        for broker in lists.values().flatten() {
            *load.entry(*broker).or_default() += 1;
        }
        Self { lists, ordered, racks, load }
    }

    fn load(&self, broker: BrokerId) -> usize {
        self.load.get(&broker).copied().unwrap_or(0)
    }

    fn rack(&self, broker: BrokerId) -> Option<&str> {
        self.racks.get(&broker)?.as_deref()
    }

    /// In how many racks the copies stand; a broker without one is a rack of its own.
    fn racks_of(&self, list: &[BrokerId]) -> usize {
        let named: BTreeSet<_> = list.iter().filter_map(|broker| self.rack(*broker)).collect();
        named.len() + list.iter().filter(|broker| self.rack(**broker).is_none()).count()
    }

    fn replace(&mut self, tp: &TopicPartition, from: BrokerId, to: BrokerId) {
        let Some(list) = self.lists.get_mut(tp) else { return };
        let Some(place) = list.iter_mut().find(|broker| **broker == from) else { return };
        *place = to;
        if let Some(load) = self.load.get_mut(&from) {
            *load = load.saturating_sub(1);
        }
        *self.load.entry(to).or_default() += 1;
    }

    /// The broker that should take the place of `from`: in a rack that has no copy if there is one, then the least loaded.
    fn newcomer(&self, list: &[BrokerId], from: BrokerId, places: &[Place]) -> Option<BrokerId> {
        let rank = |broker: BrokerId| {
            let replaced = replaced(list, from, broker);
            (std::cmp::Reverse(self.racks_of(&replaced)), self.load(broker), broker)
        };
        let open = places.iter().map(|place| place.broker).filter(|broker| !list.contains(broker));
        open.min_by_key(|broker| rank(*broker))
    }
}

fn replaced(list: &[BrokerId], from: BrokerId, to: BrokerId) -> Vec<BrokerId> {
    list.iter().map(|broker| if *broker == from { to } else { *broker }).collect()
}

fn moves(image: &Image, before: &BTreeMap<TopicPartition, Vec<BrokerId>>, after: &Layout) -> Vec<Move> {
    let changed = after.lists.iter().filter(|(tp, list)| before.get(*tp) != Some(*list));
    let one = |(tp, to): (&TopicPartition, &Vec<BrokerId>)| {
        let topic_id = image.topic(&tp.topic)?.id;
        Some(Move { tp: tp.clone(), topic_id, from: before.get(tp)?.clone(), to: to.clone() })
    };
    changed.filter_map(one).collect()
}

/// The moves that empty the brokers that are to be emptied, as far as others can take their copies; `limit` at most.
#[must_use]
pub fn empty_drained(image: &Image, limit: usize) -> Vec<Move> {
    if image.drains.is_empty() || limit == 0 {
        return Vec::new();
    }
    let mut layout = Layout::of(image);
    let (before, places) = (layout.lists.clone(), roomy_places(image));
    let mut changed = 0;
    for (tp, list) in &before {
        if layout.ordered.contains(tp) || changed >= limit {
            continue;
        }
        let leaving: Vec<BrokerId> =
            list.iter().copied().filter(|broker| image.drains.contains_key(broker)).collect();
        let mut moved = false;
        for from in leaving {
            let now = layout.lists.get(tp).cloned().unwrap_or_default();
            if let Some(to) = layout.newcomer(&now, from, &places) {
                layout.replace(tp, from, to);
                moved = true;
            }
        }
        changed += usize::from(moved);
    }
    moves(image, &before, &layout)
}

/// The moves that spread copies and preferred leaders evenly over all brokers that serve: the fewest that do.
#[must_use]
pub fn rebalance(image: &Image) -> Vec<Move> {
    let mut layout = Layout::of(image);
    let before = layout.lists.clone();
    let places = roomy_places(image);
    if places.len() > 1 {
        spread_over_racks(&mut layout, &places);
        even_copies(&mut layout, &places);
        even_leaders(&mut layout, &places);
    }
    moves(image, &before, &layout)
}

/// Gives partitions whose copies share a rack, while another rack has none, a copy there.
fn spread_over_racks(layout: &mut Layout, places: &[Place]) {
    if !places.iter().all(|place| place.rack.is_some()) {
        return;
    }
    let tps: Vec<TopicPartition> = layout.lists.keys().cloned().collect();
    for tp in tps.iter().filter(|tp| !layout.ordered.contains(*tp)).collect::<Vec<_>>() {
        loop {
            let list = layout.lists[tp].clone();
            let now = layout.racks_of(&list);
            let movable = list.iter().filter(|broker| places.iter().any(|place| place.broker == **broker));
            let better = movable.filter_map(|from| {
                let to = layout.newcomer(&list, *from, places)?;
                let gain = layout.racks_of(&replaced(&list, *from, to)) > now;
                // The preferred leader rather stays.
                gain.then_some((list[0] == *from, std::cmp::Reverse(layout.load(*from)), *from, to))
            });
            let Some((_, _, from, to)) = better.min() else { break };
            layout.replace(tp, from, to);
        }
    }
}

/// Moves copies from the most loaded brokers to the least loaded, one at a time, until they differ by one at most.
fn even_copies(layout: &mut Layout, places: &[Place]) {
    let mut held: BTreeMap<BrokerId, BTreeSet<TopicPartition>> =
        places.iter().map(|place| (place.broker, BTreeSet::new())).collect();
    for (tp, list) in layout.lists.iter().filter(|(tp, _)| !layout.ordered.contains(*tp)) {
        for broker in list {
            if let Some(held) = held.get_mut(broker) {
                held.insert(tp.clone());
            }
        }
    }
    let rounds_max = layout.lists.values().map(Vec::len).sum::<usize>();
    for _ in 0..rounds_max {
        let Some((tp, from, to)) = next_copy(layout, places, &held) else { return };
        layout.replace(&tp, from, to);
        held.entry(from).or_default().remove(&tp);
        held.entry(to).or_default().insert(tp);
    }
}

/// The copy whose move evens out the most: of the widest pair of brokers between which one can move.
fn next_copy(
    layout: &Layout,
    places: &[Place],
    held: &BTreeMap<BrokerId, BTreeSet<TopicPartition>>,
) -> Option<(TopicPartition, BrokerId, BrokerId)> {
    let mut pairs: Vec<(usize, BrokerId, BrokerId)> = Vec::new();
    for from in places {
        for to in places {
            let gap = layout.load(from.broker).saturating_sub(layout.load(to.broker));
            if gap > 1 {
                pairs.push((gap, from.broker, to.broker));
            }
        }
    }
    pairs.sort_by_key(|(gap, from, to)| (std::cmp::Reverse(*gap), *from, *to));
    for (_, from, to) in pairs {
        let mut of_topic: BTreeMap<&str, usize> = BTreeMap::new();
        for tp in held.get(&to).into_iter().flatten() {
            *of_topic.entry(tp.topic.as_str()).or_default() += 1;
        }
        // Of the topic that the newcomer holds least of, and rather not where the giver comes first.
        let rank = |tp: &TopicPartition| {
            let topic = of_topic.get(tp.topic.as_str()).copied().unwrap_or(0);
            (topic, layout.lists[tp][0] == from)
        };
        let fits = |list: &[BrokerId]| {
            !list.contains(&to) && layout.racks_of(&replaced(list, from, to)) >= layout.racks_of(list)
        };
        let mut best: Option<((usize, bool), &TopicPartition)> = None;
        for tp in held.get(&from)? {
            // Racks are looked at last: that costs the most.
            let rank = rank(tp);
            if best.is_none_or(|(so_far, _)| rank < so_far) && fits(&layout.lists[tp]) {
                best = Some((rank, tp));
            }
        }
        if let Some((_, tp)) = best {
            return Some((tp.clone(), from, to));
        }
    }
    None
}

/// For each broker that comes first somewhere, and each other that has a copy there: where that is.
type Swaps = BTreeMap<BrokerId, BTreeMap<BrokerId, BTreeSet<TopicPartition>>>;

/// Reorders lists until nobody comes first in two more partitions than another, as far as the copies allow.
fn even_leaders(layout: &mut Layout, places: &[Place]) {
    let mut first: BTreeMap<BrokerId, usize> = places.iter().map(|place| (place.broker, 0)).collect();
    let mut swaps = Swaps::new();
    for (tp, list) in &layout.lists {
        if let Some(count) = list.first().and_then(|leader| first.get_mut(leader)) {
            *count += 1;
        }
        if !layout.ordered.contains(tp) {
            note_swaps(&mut swaps, &first, tp, list, true);
        }
    }
    for _ in 0..layout.lists.len() {
        let Some(path) = relief(&swaps, &first) else { return };
        for (tp, to) in path {
            let Some(list) = layout.lists.get_mut(&tp) else { continue };
            let Some(place) = list.iter().position(|broker| *broker == to) else { continue };
            note_swaps(&mut swaps, &first, &tp, list, false);
            for (broker, comes) in [(list[0], false), (to, true)] {
                if let Some(count) = first.get_mut(&broker) {
                    *count = if comes { *count + 1 } else { count.saturating_sub(1) };
                }
            }
            list.swap(0, place);
            note_swaps(&mut swaps, &first, &tp, list, true);
        }
    }
}

/// Notes to whom a partition could be given by order alone, or forgets it.
fn note_swaps(
    swaps: &mut Swaps,
    known: &BTreeMap<BrokerId, usize>,
    tp: &TopicPartition,
    list: &[BrokerId],
    possible: bool,
) {
    for to in list.iter().skip(1).filter(|to| known.contains_key(to)) {
        let between = swaps.entry(list[0]).or_default().entry(*to).or_default();
        if possible {
            between.insert(tp.clone());
        } else {
            between.remove(tp);
        }
    }
}

/// Swaps that take one partition from a broker that comes first too often to one that does too seldom, over others if
/// need be.
fn relief(swaps: &Swaps, first: &BTreeMap<BrokerId, usize>) -> Option<Vec<(TopicPartition, BrokerId)>> {
    let mut givers: Vec<_> = first.iter().map(|(broker, count)| (*count, *broker)).collect();
    givers.sort_by(|a, b| b.cmp(a));
    for (count, giver) in givers {
        let mut came_from: BTreeMap<BrokerId, (BrokerId, &TopicPartition)> = BTreeMap::new();
        let mut queue = VecDeque::from([giver]);
        while let Some(at) = queue.pop_front() {
            if first.get(&at).is_some_and(|less| less + 1 < count) {
                let mut path = Vec::new();
                let mut step = at;
                while let Some((before, tp)) = came_from.get(&step) {
                    path.push(((*tp).clone(), step));
                    step = *before;
                }
                return Some(path);
            }
            for (next, between) in swaps.get(&at).into_iter().flatten() {
                if let Some(tp) = between.first()
                    && *next != giver
                    && !came_from.contains_key(next)
                {
                    came_from.insert(*next, (at, tp));
                    queue.push_back(*next);
                }
            }
        }
    }
    None
}
