//! The settings of a topic, of this broker, and the defaults of all brokers, with where their values come from.
//!
//! The cluster-wide defaults of topic settings are, in Kafka's words, what is set for all brokers at run time, under the
//! names that they have at a broker. What one process was told at its start cannot be changed while it runs.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::names::{Named, of_broker, of_topic};
use crate::cluster::topic_config::{self, FLUSH, Shown, Source};
use crate::cluster::{ConfigChange, ConfigChanges, TopicChange};
use crate::service::topics::{CLEANUP_POLICY, refuse_for_groups};
use crate::service::{AdminError, Service, Wrong};
use crate::types::{BrokerId, TopicName};

/// A setting of a process as it was told at its start.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BrokerSetting {
    /// Its name.
    pub name: &'static str,
    /// Its value.
    pub value: String,
    /// Its default.
    pub default: String,
    /// What it means.
    pub meaning: &'static str,
}

/// Where a value comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SettingSource {
    /// The topic's own.
    Topic,
    /// The defaults of all brokers, changed at run time.
    Cluster,
    /// What the process was told at its start.
    Process,
    /// The program's default.
    Default,
}

/// Of what kind a value is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SettingKind {
    /// true or false.
    Boolean,
    /// A text.
    Text,
    /// A whole number of 32 bits.
    Int,
    /// A whole number of 64 bits.
    Long,
    /// A number.
    Double,
    /// Texts, separated by commas.
    List,
}

/// A value, and under which name it is set where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SettingValue {
    /// The name.
    pub name: String,
    /// The value.
    pub value: String,
    /// Where.
    pub source: SettingSource,
}

/// A setting as it applies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SettingView {
    /// Its name.
    pub name: String,
    /// Its value; `None` for none.
    pub value: Option<String>,
    /// Where the value comes from.
    pub source: SettingSource,
    /// Whether it cannot be changed at run time.
    pub read_only: bool,
    /// Of what kind the value is.
    pub kind: SettingKind,
    /// All values that are set, the one that applies first.
    pub synonyms: Vec<SettingValue>,
    /// What it means.
    pub meaning: String,
}

/// What happens to one setting, by its name.
pub type SettingChange = ConfigChange;

impl Service {
    /// The settings of a topic, by name.
    ///
    /// # Errors
    /// That there is no such topic.
    pub fn topic_settings(&self, name: &TopicName) -> Result<Vec<SettingView>, AdminError> {
        let image = self.image();
        let topic = image.topic(name).ok_or_else(|| AdminError::UnknownTopic(name.clone()))?;
        Ok(settings_of_topic(&image.config, &topic.config))
    }

    /// The settings of the process here: its own, and the defaults of topics under the names that they have at a broker.
    #[must_use]
    pub fn settings_here(&self) -> Vec<SettingView> {
        let image = self.image();
        let mut views: Vec<SettingView> = self.options().settings.iter().map(of_process).collect();
        for shown in topic_config::describe(&image.config, &BTreeMap::new()) {
            let Some(named) = of_topic(shown.name).filter(|named| named.topic != FLUSH) else { continue };
            if views.iter().all(|view| view.name != named.broker) {
                views.push(of_all_brokers(named, &shown));
            }
        }
        views.sort_by(|one, other| one.name.cmp(&other.name));
        views
    }

    /// What is set for all brokers at run time.
    #[must_use]
    pub fn default_settings(&self) -> Vec<SettingView> {
        let image = self.image();
        let shown = topic_config::describe(&image.config, &BTreeMap::new());
        let set = shown.iter().filter(|shown| shown.source == Source::Cluster);
        set.filter_map(|shown| Some(of_all_brokers(of_topic(shown.name)?, shown))).collect()
    }

    /// Changes settings of a topic: those named, or, if `replaces`, all that are set.
    ///
    /// # Errors
    /// Why nothing was changed.
    pub async fn change_topic_settings(
        &self,
        name: &TopicName,
        changes: BTreeMap<String, SettingChange>,
        replaces: bool,
        validate_only: bool,
    ) -> Result<(), AdminError> {
        if replaces || changes.contains_key(CLEANUP_POLICY) {
            refuse_for_groups(name)?;
        }
        let config = ConfigChanges { changes, replaces };
        let change = TopicChange { config, growth: None, validate_only };
        self.change_topic(name, change).await.map(drop)
    }

    /// Changes what is set for all brokers at run time, by the names that settings have at a broker.
    ///
    /// # Errors
    /// Why nothing was changed.
    pub async fn change_default_settings(
        &self,
        changes: BTreeMap<String, SettingChange>,
        replaces: bool,
        validate_only: bool,
    ) -> Result<(), AdminError> {
        let renamed = changes.into_iter().map(|(name, change)| match of_broker(&name) {
            Some(named) => Ok((named.topic.to_owned(), change)),
            None => Err(self.not_at_run_time(&name)),
        });
        let changes = ConfigChanges { changes: renamed.collect::<Result<_, _>>()?, replaces };
        let config = self.parts.commands.change_cluster_config(&changes, validate_only).await?;
        if !validate_only {
            self.settled(|image| *image.config == config).await;
        }
        Ok(())
    }

    /// Why settings of one broker are not changed at run time.
    ///
    /// # Errors
    /// Always; that there is no such broker, if there is none.
    pub fn refuse_to_change_broker(&self, broker: BrokerId) -> AdminError {
        let reason = if self.image().endpoint(broker).is_some() {
            "a broker's own settings are fixed when it starts: change its file, environment or flags and restart it, \
             or change the defaults of all brokers (no broker named)"
                .to_owned()
        } else {
            format!("there is no broker {broker}")
        };
        AdminError::Invalid { what: Wrong::Command, reason }
    }

    fn not_at_run_time(&self, name: &str) -> AdminError {
        let shown: String = name.chars().take(60).collect();
        let known = self.options().settings.iter().any(|setting| setting.name == name);
        let (what, reason) = if known {
            (
                Wrong::Command,
                format!("'{shown}' is fixed when a broker starts: change it in its file and restart"),
            )
        } else {
            (Wrong::Config, format!("there is no setting '{shown}' that all brokers have"))
        };
        AdminError::Invalid { what, reason }
    }
}

/// The settings of a topic, its own and the defaults.
pub(super) fn settings_of_topic(
    cluster: &Arc<BTreeMap<String, String>>,
    own: &BTreeMap<String, String>,
) -> Vec<SettingView> {
    let none = BTreeMap::new();
    let all = topic_config::describe(cluster, own).into_iter();
    let below = topic_config::describe(cluster, &none).into_iter();
    let defaults = topic_config::describe(&none, &none).into_iter();
    let views = all.zip(below).zip(defaults).filter_map(|((shown, below), default)| {
        let named = of_topic(shown.name)?;
        let mut synonyms = Vec::new();
        if shown.source == Source::Topic {
            synonyms.push(value_of(named.topic, &shown));
        }
        if below.source == Source::Cluster {
            synonyms.push(value_of(named.broker, &below));
        }
        synonyms.push(value_of(named.broker, &default));
        Some(SettingView {
            name: named.topic.to_owned(),
            source: source_of(shown.source),
            value: Some(shown.value),
            read_only: named.topic == FLUSH,
            kind: named.kind,
            synonyms,
            meaning: shown.meaning.to_owned(),
        })
    });
    views.collect()
}

fn of_all_brokers(named: &Named, shown: &Shown) -> SettingView {
    let none = BTreeMap::new();
    let mut synonyms = vec![value_of(named.broker, shown)];
    if shown.source == Source::Cluster {
        let default = topic_config::describe(&none, &none).into_iter().find(|one| one.name == shown.name);
        synonyms.extend(default.map(|default| value_of(named.broker, &default)));
    }
    SettingView {
        name: named.broker.to_owned(),
        value: Some(shown.value.clone()),
        source: source_of(shown.source),
        read_only: false,
        kind: named.kind,
        synonyms,
        meaning: shown.meaning.to_owned(),
    }
}

fn of_process(setting: &BrokerSetting) -> SettingView {
    let named =
        |value: &str, source| SettingValue { name: setting.name.to_owned(), value: value.to_owned(), source };
    let mut synonyms = vec![named(&setting.default, SettingSource::Default)];
    let source = if setting.value == setting.default {
        SettingSource::Default
    } else {
        synonyms.insert(0, named(&setting.value, SettingSource::Process));
        SettingSource::Process
    };
    SettingView {
        name: setting.name.to_owned(),
        value: Some(setting.value.clone()).filter(|value| !value.is_empty()),
        source,
        read_only: true,
        kind: kind_of(&setting.default),
        synonyms,
        meaning: setting.meaning.to_owned(),
    }
}

/// The kind of a value, as its default shows it.
fn kind_of(default: &str) -> SettingKind {
    match default {
        "true" | "false" => SettingKind::Boolean,
        number if number.parse::<i64>().is_ok() => SettingKind::Long,
        _ => SettingKind::Text,
    }
}

fn value_of(name: &str, shown: &Shown) -> SettingValue {
    SettingValue { name: name.to_owned(), value: shown.value.clone(), source: source_of(shown.source) }
}

fn source_of(source: Source) -> SettingSource {
    match source {
        Source::Topic => SettingSource::Topic,
        Source::Cluster => SettingSource::Cluster,
        Source::Default => SettingSource::Default,
    }
}
