//! DescribeConfigs: the settings of topics and brokers, as they apply.

use kafka_wire::describe_configs_request as request;
use kafka_wire::describe_configs_response as response;

use super::{ConfigKind, ConfigSource, ResourceKind, maybe_text, text};
use crate::wire::{ErrorCode, WireError};

/// From this version on a setting's kind and meaning are told.
const KIND_SINCE: i16 = 3;

/// Whose settings are asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DescribeConfigsRequest {
    /// Whose.
    pub resources: Vec<DescribeConfigsResource>,
    /// Whether to tell from where else a value could come.
    pub synonyms: bool,
    /// Whether to tell what a setting means; not before version 3.
    pub documentation: bool,
}

/// Which settings are asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DescribeConfigsResource {
    /// Whose.
    pub kind: ResourceKind,
    /// Its name.
    pub name: String,
    /// Which; all if not given.
    pub keys: Option<Vec<String>>,
}

/// The settings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DescribeConfigsResponse {
    /// In the order of the request.
    pub resources: Vec<DescribedConfigs>,
}

/// The settings of one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DescribedConfigs {
    /// Why they cannot be told, if so.
    pub error: ErrorCode,
    /// The same in words.
    pub error_message: Option<String>,
    /// Whose.
    pub kind: ResourceKind,
    /// Its name.
    pub name: String,
    /// Its settings.
    pub configs: Vec<DescribedConfig>,
}

/// One setting.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DescribedConfig {
    /// Its name.
    pub name: String,
    /// Its value.
    pub value: Option<String>,
    /// Whether it cannot be changed at run time.
    pub read_only: bool,
    /// Where the value comes from.
    pub source: ConfigSource,
    /// All values that are set, the one that applies first.
    pub synonyms: Vec<ConfigSynonym>,
    /// Of what kind the value is; not told before version 3.
    pub kind: ConfigKind,
    /// What it means; not told before version 3.
    pub documentation: Option<String>,
}

/// A value, and under which name it is set where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigSynonym {
    /// The name.
    pub name: String,
    /// The value.
    pub value: Option<String>,
    /// Where.
    pub source: ConfigSource,
}

impl DescribeConfigsRequest {
    pub(super) fn into_codec(self) -> Result<kafka_wire::DescribeConfigsRequest, WireError> {
        let resource = |resource: DescribeConfigsResource| {
            let mut into = request::DescribeConfigsResource::default();
            into.resource_type = resource.kind.code();
            into.resource_name = resource.name.into();
            into.configuration_keys = resource.keys.map(|keys| keys.into_iter().map(Into::into).collect());
            into
        };
        let mut message = kafka_wire::DescribeConfigsRequest::default();
        message.resources = self.resources.into_iter().map(resource).collect();
        message.include_synonyms = self.synonyms;
        message.include_documentation = self.documentation;
        Ok(message)
    }

    pub(super) fn from_codec(message: kafka_wire::DescribeConfigsRequest, _: i16) -> Result<Self, WireError> {
        let resource = |resource: request::DescribeConfigsResource| DescribeConfigsResource {
            kind: ResourceKind::from_code(resource.resource_type),
            name: text(resource.resource_name),
            keys: resource.configuration_keys.map(|keys| keys.into_iter().map(text).collect()),
        };
        Ok(Self {
            resources: message.resources.into_iter().map(resource).collect(),
            synonyms: message.include_synonyms,
            documentation: message.include_documentation,
        })
    }
}

impl DescribeConfigsResponse {
    pub(super) fn into_codec(self, version: i16) -> kafka_wire::DescribeConfigsResponse {
        let resource = |resource: DescribedConfigs| {
            let mut into = response::DescribeConfigsResult::default();
            into.error_code = resource.error.code();
            into.error_message = resource.error_message.map(Into::into);
            into.resource_type = resource.kind.code();
            into.resource_name = resource.name.into();
            into.configs = resource.configs.into_iter().map(|config| config.into_codec(version)).collect();
            into
        };
        let mut message = kafka_wire::DescribeConfigsResponse::default();
        message.results = self.resources.into_iter().map(resource).collect();
        message
    }

    pub(super) fn from_codec(message: kafka_wire::DescribeConfigsResponse) -> Self {
        let resource = |resource: response::DescribeConfigsResult| DescribedConfigs {
            error: resource.error_code.into(),
            error_message: maybe_text(resource.error_message),
            kind: ResourceKind::from_code(resource.resource_type),
            name: text(resource.resource_name),
            configs: resource.configs.into_iter().map(DescribedConfig::from_codec).collect(),
        };
        Self { resources: message.results.into_iter().map(resource).collect() }
    }
}

impl DescribedConfig {
    fn into_codec(self, version: i16) -> response::DescribeConfigsResourceResult {
        let synonym = |synonym: ConfigSynonym| {
            let mut into = response::DescribeConfigsSynonym::default();
            into.name = synonym.name.into();
            into.value = synonym.value.map(Into::into);
            into.source = synonym.source.code();
            into
        };
        let mut into = response::DescribeConfigsResourceResult::default();
        into.name = self.name.into();
        into.value = self.value.map(Into::into);
        into.read_only = self.read_only;
        into.config_source = self.source.code();
        into.synonyms = self.synonyms.into_iter().map(synonym).collect();
        if version >= KIND_SINCE {
            into.config_type = self.kind.code();
            into.documentation = self.documentation.map(Into::into);
        }
        into
    }

    fn from_codec(config: response::DescribeConfigsResourceResult) -> Self {
        let synonym = |synonym: response::DescribeConfigsSynonym| ConfigSynonym {
            name: text(synonym.name),
            value: maybe_text(synonym.value),
            source: ConfigSource::from_code(synonym.source),
        };
        Self {
            name: text(config.name),
            value: maybe_text(config.value),
            read_only: config.read_only,
            source: ConfigSource::from_code(config.config_source),
            synonyms: config.synonyms.into_iter().map(synonym).collect(),
            kind: ConfigKind::from_code(config.config_type),
            documentation: maybe_text(config.documentation),
        }
    }
}
