//! The settings of another broker: it is asked in Kafka's words, as any client would.

use std::time::Duration;

use super::settings::{SettingKind, SettingSource, SettingValue, SettingView};
use crate::service::Service;
use crate::types::BrokerId;
use crate::wire::{
    AdminRequest, AdminResponse, ConfigKind, ConfigSource, DescribeConfigsRequest, DescribeConfigsResource,
    DescribedConfig, Request, ResourceKind, Response,
};

/// Why the settings of a broker cannot be told.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoSettings {
    /// There is no such broker.
    #[error("there is no broker {0}")]
    UnknownBroker(BrokerId),
    /// It does not answer.
    #[error("broker {broker} does not tell its settings: {reason}")]
    Silent {
        /// The broker.
        broker: BrokerId,
        /// What came instead.
        reason: String,
    },
}

impl Service {
    /// The settings of a broker, wherever it is.
    ///
    /// # Errors
    /// That there is no such broker, or that it does not answer.
    pub async fn broker_settings(&self, broker: BrokerId) -> Result<Vec<SettingView>, NoSettings> {
        if broker == self.me().broker {
            return Ok(self.settings_here());
        }
        if self.image().endpoint(broker).is_none() {
            return Err(NoSettings::UnknownBroker(broker));
        }
        let silent = |reason: String| NoSettings::Silent { broker, reason };
        let resource =
            DescribeConfigsResource { kind: ResourceKind::Broker, name: broker.to_string(), keys: None };
        let request =
            DescribeConfigsRequest { resources: vec![resource], synonyms: true, documentation: true };
        let request = Request::Admin(Box::new(AdminRequest::DescribeConfigs(request)));
        let deadline = self.clock().now() + Duration::from_millis(self.options().describe_ms_max);
        match self.parts.forward.call(broker, request, deadline).await {
            Ok(Response::Admin(AdminResponse::DescribeConfigs(mut answer)))
                if answer.resources.len() == 1 =>
            {
                let answer = answer.resources.remove(0);
                if answer.error.is_none() {
                    return Ok(answer.configs.into_iter().map(view_of).collect());
                }
                Err(silent(answer.error.to_string()))
            }
            Ok(_) => Err(silent("it answers something else".to_owned())),
            Err(error) => Err(silent(error.to_string())),
        }
    }
}

fn view_of(config: DescribedConfig) -> SettingView {
    let synonyms = config.synonyms.into_iter().map(|synonym| SettingValue {
        name: synonym.name,
        value: synonym.value.unwrap_or_default(),
        source: source_of(synonym.source),
    });
    SettingView {
        name: config.name,
        value: config.value,
        source: source_of(config.source),
        read_only: config.read_only,
        kind: match config.kind {
            ConfigKind::Boolean => SettingKind::Boolean,
            ConfigKind::Int => SettingKind::Int,
            ConfigKind::Long => SettingKind::Long,
            ConfigKind::Double => SettingKind::Double,
            ConfigKind::List => SettingKind::List,
            ConfigKind::String | ConfigKind::Other(_) => SettingKind::Text,
        },
        synonyms: synonyms.collect(),
        meaning: config.documentation.unwrap_or_default(),
    }
}

fn source_of(source: ConfigSource) -> SettingSource {
    match source {
        ConfigSource::DynamicTopic => SettingSource::Topic,
        ConfigSource::DynamicBroker | ConfigSource::DynamicDefaultBroker => SettingSource::Cluster,
        ConfigSource::StaticBroker => SettingSource::Process,
        ConfigSource::Default | ConfigSource::Other(_) => SettingSource::Default,
    }
}
