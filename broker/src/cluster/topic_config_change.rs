//! Changes of settings as Kafka's administrators make them: one by one, or all in place of what is set.
//!
//! *Invariant:* putting all in place of what is set leaves alone what is fixed when a topic is created, unless it is named.

use std::collections::BTreeMap;

use super::topic_config::{self, FLUSH, TopicConfigError};

/// What happens to one setting.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ConfigChange {
    /// It gets this value.
    Set(String),
    /// It goes back to its default.
    Delete,
    /// These are added to its list.
    Append(String),
    /// These are taken out of its list.
    Subtract(String),
}

/// What happens to the settings of one topic, or to the defaults of all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ConfigChanges {
    /// By name.
    pub changes: BTreeMap<String, ConfigChange>,
    /// Whether all others go back to their defaults.
    pub replaces: bool,
}

/// The settings that are lists.
const LISTS: [&str; 1] = ["cleanup.policy"];

impl ConfigChanges {
    /// The settings after the change; `defaults` apply where there are none.
    ///
    /// # Errors
    /// What is wrong with the change; then nothing of it applies.
    pub fn applied(
        &self,
        own: &BTreeMap<String, String>,
        defaults: &BTreeMap<String, String>,
    ) -> Result<BTreeMap<String, String>, TopicConfigError> {
        let mut patch = BTreeMap::new();
        if self.replaces {
            let others = own.keys().filter(|name| *name != FLUSH);
            patch.extend(others.map(|name| (name.clone(), None)));
        }
        for (name, change) in &self.changes {
            let value = match change {
                ConfigChange::Set(value) => Some(value.clone()),
                ConfigChange::Delete => None,
                ConfigChange::Append(items) => Some(changed_list(name, items, own, defaults, true)?),
                ConfigChange::Subtract(items) => Some(changed_list(name, items, own, defaults, false)?),
            };
            patch.insert(name.clone(), value);
        }
        topic_config::keeps_fixed(own, &patch)?;
        topic_config::patched(own, &patch)
    }
}

fn changed_list(
    name: &str,
    items: &str,
    own: &BTreeMap<String, String>,
    defaults: &BTreeMap<String, String>,
    adds: bool,
) -> Result<String, TopicConfigError> {
    let all = topic_config::describe(defaults, own);
    let Some(shown) = all.iter().find(|shown| shown.name == name) else {
        // The check knows the nearest name.
        topic_config::check(name, items)?;
        return Ok(items.to_owned());
    };
    if !LISTS.contains(&name) {
        let reason = "it is no list: set it, or delete it".to_owned();
        return Err(TopicConfigError::Invalid { name: shown.name, value: items.to_owned(), reason });
    }
    let split = |text: &str| -> Vec<String> {
        text.split(',').map(|item| item.trim().to_owned()).filter(|item| !item.is_empty()).collect()
    };
    let mut list = split(&shown.value);
    for item in split(items) {
        list.retain(|known| *known != item);
        if adds {
            list.push(item);
        }
    }
    Ok(list.join(","))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    fn changes(replaces: bool, changes: &[(&str, ConfigChange)]) -> ConfigChanges {
        let changes = changes.iter().map(|(name, change)| ((*name).to_owned(), change.clone())).collect();
        ConfigChanges { changes, replaces }
    }

    fn set(value: &str) -> ConfigChange {
        ConfigChange::Set(value.to_owned())
    }

    #[test]
    fn one_by_one_leaves_the_others() {
        let own = map(&[("flush", "ack"), ("retention.ms", "5"), ("segment.ms", "7")]);
        let change =
            changes(false, &[("retention.ms", ConfigChange::Delete), ("segment.bytes", set("20000"))]);
        let after = change.applied(&own, &map(&[])).unwrap();
        assert_eq!(after, map(&[("flush", "ack"), ("segment.bytes", "20000"), ("segment.ms", "7")]));
    }

    #[test]
    fn in_place_of_all_leaves_only_what_is_fixed() {
        let own = map(&[("flush", "os"), ("retention.ms", "5"), ("segment.ms", "7")]);
        let after = changes(true, &[("segment.ms", set("8"))]).applied(&own, &map(&[])).unwrap();
        assert_eq!(after, map(&[("flush", "os"), ("segment.ms", "8")]));
        let fixed = changes(true, &[("flush", set("ack"))]).applied(&own, &map(&[]));
        assert!(matches!(fixed, Err(TopicConfigError::Fixed { .. })), "{fixed:?}");
    }

    #[test]
    fn lists_grow_and_shrink_from_what_applies() {
        let append = |own: &[(&str, &str)], defaults: &[(&str, &str)]| {
            let change = changes(false, &[("cleanup.policy", ConfigChange::Append("compact".to_owned()))]);
            change.applied(&map(own), &map(defaults)).unwrap()["cleanup.policy"].clone()
        };
        assert_eq!(append(&[], &[]), "delete,compact");
        assert_eq!(append(&[("cleanup.policy", "compact")], &[]), "compact");
        assert_eq!(append(&[], &[("cleanup.policy", "compact")]), "compact");
        let subtract = changes(false, &[("cleanup.policy", ConfigChange::Subtract("delete".to_owned()))]);
        let after = subtract.applied(&map(&[("cleanup.policy", "compact, delete")]), &map(&[])).unwrap();
        assert_eq!(after["cleanup.policy"], "compact");
        assert!(subtract.applied(&map(&[]), &map(&[])).is_err(), "nothing would be left");
    }

    #[test]
    fn what_is_no_list_is_not_appended_to() {
        for name in ["retention.ms", "nonsense"] {
            let change = changes(false, &[(name, ConfigChange::Append("1".to_owned()))]);
            assert!(change.applied(&map(&[]), &map(&[])).is_err(), "{name}");
        }
    }
}
