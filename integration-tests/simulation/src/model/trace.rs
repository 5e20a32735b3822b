//! A history in words: one line per step, with what it changed.

use std::fmt::Write as _;

use tidemark::rules::{self, Rule};
use tidemark::types::{Incarnation, PartitionRecord};

use super::bounds::Bounds;
use super::broker::{Broker, Role};
use super::search::{Found, after};
use super::world::World;

/// Tells how it came to a violation.
#[must_use]
pub fn tell(bounds: &Bounds, without: Option<Rule>, found: &Found) -> String {
    let _without = without.map(rules::without);
    let mut world = World::new(bounds);
    let mut text = format!("bounds: {bounds}\n");
    if let Some(rule) = without {
        let _ = writeln!(text, "without: {}", rule.name());
    }
    for (number, action) in (1..).zip(&found.steps) {
        let _ = write!(text, "{number:>4}. {action}");
        if let Ok(Some(next)) = after(&world, *action, bounds) {
            let _ = writeln!(text, "{}", changes(&world, &next));
            world = next;
        } else {
            text.push('\n');
        }
    }
    let _ = writeln!(text, "      => {}", found.violation);
    text
}

fn changes(before: &World, after: &World) -> String {
    let mut all = Vec::new();
    let (old, new) = (before.store.record(), after.store.record());
    if old.partition_epoch != new.partition_epoch {
        all.push(record(new));
    }
    for (old, new) in before.brokers().zip(after.brokers()) {
        let (old, new) = (broker(old), broker(new));
        if old != new {
            all.push(new);
        }
    }
    if after.history.committed() > before.history.committed() {
        all.push(format!("committed: {}", after.history.committed()));
    }
    if all.is_empty() { String::new() } else { format!("  -> {}", all.join("; ")) }
}

fn lives(members: &[Incarnation]) -> String {
    let names: Vec<_> = members.iter().map(|life| name(*life)).collect();
    if names.is_empty() { "-".to_owned() } else { names.join(",") }
}

/// A broker by its number, with a prime for each restart.
fn name(life: Incarnation) -> String {
    let restarts = usize::try_from(life.epoch.0 - 1).unwrap_or_default();
    format!("{}{}", life.broker, "'".repeat(restarts))
}

fn record(record: &PartitionRecord) -> String {
    let state = &record.state;
    let leader = state.leader.map_or("-".to_owned(), name);
    format!(
        "record {}: leader {leader} epoch {} isr {} elr {}",
        record.partition_epoch,
        state.leader_epoch,
        lives(&state.isr),
        lives(&state.elr)
    )
}

fn broker(broker: &Broker) -> String {
    let who = name(broker.me);
    if !broker.up {
        return format!("{who} is down with [{}]", log(broker));
    }
    let role = match &broker.role {
        Role::Leader(leader) => format!("leads in {}", leader.epoch()),
        Role::Follower(follower) => match follower.leader() {
            Some(leader) => format!("follows {} in {}", name(leader), follower.epoch()),
            None => "waits".to_owned(),
        },
    };
    format!("{who} {role} with [{}] up to {}", log(broker), broker.high_watermark())
}

fn log(broker: &Broker) -> String {
    let entries = broker.log.entries().iter().enumerate();
    let entries: Vec<_> = entries
        .map(|(at, entry)| {
            let durable = if at < broker.log.durable() { "" } else { "?" };
            format!("v{}@{}{durable}", entry.value, entry.epoch)
        })
        .collect();
    entries.join(" ")
}
