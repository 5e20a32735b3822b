//! DescribeConfigs: the settings of topics, of this broker, of another, and the defaults of all.

use std::collections::BTreeSet;

use super::call::{Refusal, refusal, topic_name};
use crate::kafka::dispatch::Dispatch;
use crate::service::{NoSettings, SettingKind, SettingSource, SettingView};
use crate::types::BrokerId;
use crate::wire::{
    ConfigKind, ConfigSource, ConfigSynonym, DescribeConfigsRequest, DescribeConfigsResource,
    DescribeConfigsResponse, DescribedConfig, DescribedConfigs, ErrorCode, ResourceKind,
};

impl Dispatch {
    pub(super) async fn describe_configs(
        &self,
        request: DescribeConfigsRequest,
        for_broker: bool,
    ) -> DescribeConfigsResponse {
        let DescribeConfigsRequest { mut resources, synonyms, documentation } = request;
        // What is named twice is told once: each costs many times its name.
        let mut told = BTreeSet::new();
        resources.retain(|one| told.insert((format!("{:?}", one.kind), one.name.clone())));
        let one = |resource: DescribeConfigsResource| async move {
            let DescribeConfigsResource { kind, name, keys } = resource;
            let (error, error_message, mut views) = match self.settings_of(kind, &name, for_broker).await {
                Ok(views) => (ErrorCode::None, None, views),
                Err((error, text)) => (error, Some(text), Vec::new()),
            };
            // As by Kafka, no names at all stand for all of them.
            if let Some(keys) = keys.filter(|keys| !keys.is_empty()) {
                views.retain(|view| keys.contains(&view.name));
            }
            let configs = views.into_iter().map(|view| described(view, synonyms, documentation)).collect();
            DescribedConfigs { error, error_message, kind, name, configs }
        };
        DescribeConfigsResponse { resources: self.each(resources, one).await }
    }

    async fn settings_of(
        &self,
        kind: ResourceKind,
        name: &str,
        for_broker: bool,
    ) -> Result<Vec<SettingView>, Refusal> {
        match kind {
            ResourceKind::Topic => {
                let topic = topic_name(name)?;
                self.service.topic_settings(&topic).map_err(|error| refusal(&error))
            }
            ResourceKind::Broker if name.is_empty() => Ok(self.service.default_settings()),
            ResourceKind::Broker => {
                let broker = broker_id(name)?;
                if for_broker && broker != self.service.me().broker {
                    let text = format!("this is broker {}, not {broker}", self.service.me().broker);
                    return Err((ErrorCode::InvalidRequest, text));
                }
                self.service.broker_settings(broker).await.map_err(|error| {
                    let code = match &error {
                        NoSettings::UnknownBroker(_) => ErrorCode::InvalidRequest,
                        NoSettings::Silent { .. } => ErrorCode::BrokerNotAvailable,
                    };
                    (code, error.to_string())
                })
            }
            ResourceKind::BrokerLogger | ResourceKind::Other(_) => Err(no_such_kind(kind)),
        }
    }
}

/// The broker that a resource names.
pub(super) fn broker_id(name: &str) -> Result<BrokerId, Refusal> {
    let id = name.parse::<i32>().ok().filter(|id| *id >= 0).map(BrokerId);
    id.ok_or_else(|| {
        let shown: String = name.chars().take(60).collect();
        (ErrorCode::InvalidRequest, format!("'{shown}' is no broker: use its number, or nothing for all"))
    })
}

/// The refusal of a kind of resource that has no settings here.
pub(super) fn no_such_kind(kind: ResourceKind) -> Refusal {
    let text =
        format!("resources of type {} have no settings here: use topic (2) or broker (4)", kind.code());
    (ErrorCode::InvalidRequest, text)
}

fn described(view: SettingView, synonyms: bool, documentation: bool) -> DescribedConfig {
    let synonym = |value: crate::service::SettingValue| ConfigSynonym {
        name: value.name,
        value: Some(value.value),
        source: source_of(value.source),
    };
    DescribedConfig {
        name: view.name,
        value: view.value,
        read_only: view.read_only,
        source: source_of(view.source),
        synonyms: if synonyms { view.synonyms.into_iter().map(synonym).collect() } else { Vec::new() },
        kind: match view.kind {
            SettingKind::Boolean => ConfigKind::Boolean,
            SettingKind::Text => ConfigKind::String,
            SettingKind::Int => ConfigKind::Int,
            SettingKind::Long => ConfigKind::Long,
            SettingKind::Double => ConfigKind::Double,
            SettingKind::List => ConfigKind::List,
        },
        documentation: Some(view.meaning).filter(|_| documentation),
    }
}

/// Where a value comes from, in Kafka's words.
pub(super) fn source_of(source: SettingSource) -> ConfigSource {
    match source {
        SettingSource::Topic => ConfigSource::DynamicTopic,
        SettingSource::Cluster => ConfigSource::DynamicDefaultBroker,
        SettingSource::Process => ConfigSource::StaticBroker,
        SettingSource::Default => ConfigSource::Default,
    }
}
