//! AlterConfigs, which puts the settings given in place of all that are set, and IncrementalAlterConfigs (KIP-339),
//! which changes them one by one. Both are answered alike.

use kafka_wire::{
    alter_configs_request as whole, alter_configs_response as whole_response,
    incremental_alter_configs_request as single, incremental_alter_configs_response as single_response,
};

use super::{ResourceKind, maybe_text, text};
use crate::wire::{ErrorCode, WireError};

/// Settings in place of all that are set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AlterConfigsRequest {
    /// Whose.
    pub resources: Vec<AlterConfigsResource>,
    /// Only to say whether it could be done.
    pub validate_only: bool,
}

/// All settings that one is to have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AlterConfigsResource {
    /// Whose.
    pub kind: ResourceKind,
    /// Its name.
    pub name: String,
    /// Names and values.
    pub configs: Vec<(String, Option<String>)>,
}

/// Settings one by one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IncrementalAlterConfigsRequest {
    /// Whose.
    pub resources: Vec<IncrementalAlterConfigsResource>,
    /// Only to say whether it could be done.
    pub validate_only: bool,
}

/// Changes of one's settings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IncrementalAlterConfigsResource {
    /// Whose.
    pub kind: ResourceKind,
    /// Its name.
    pub name: String,
    /// Names, what to do, and values.
    pub configs: Vec<(String, ConfigOperation, Option<String>)>,
}

/// What to do with a setting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConfigOperation {
    /// Give it the value.
    Set,
    /// Take it back to its default.
    Delete,
    /// Add the values to a list.
    Append,
    /// Take the values out of a list.
    Subtract,
    /// Any other.
    Other(i8),
}

/// What became of the changes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AlterConfigsResponse {
    /// In the order of the request.
    pub resources: Vec<AlteredConfigs>,
}

/// What became of the changes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IncrementalAlterConfigsResponse {
    /// In the order of the request.
    pub resources: Vec<AlteredConfigs>,
}

/// What became of the changes of one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AlteredConfigs {
    /// Why nothing was changed, if so.
    pub error: ErrorCode,
    /// The same in words.
    pub error_message: Option<String>,
    /// Whose.
    pub kind: ResourceKind,
    /// Its name.
    pub name: String,
}

impl ConfigOperation {
    fn code(self) -> i8 {
        match self {
            Self::Set => 0,
            Self::Delete => 1,
            Self::Append => 2,
            Self::Subtract => 3,
            Self::Other(code) => code,
        }
    }

    fn from_code(code: i8) -> Self {
        match code {
            0 => Self::Set,
            1 => Self::Delete,
            2 => Self::Append,
            3 => Self::Subtract,
            code => Self::Other(code),
        }
    }
}

impl AlterConfigsRequest {
    pub(super) fn into_codec(self) -> Result<kafka_wire::AlterConfigsRequest, WireError> {
        let config = |(name, value): (String, Option<String>)| {
            let mut into = whole::AlterableConfig::default();
            into.name = name.into();
            into.value = value.map(Into::into);
            into
        };
        let resource = |resource: AlterConfigsResource| {
            let mut into = whole::AlterConfigsResource::default();
            into.resource_type = resource.kind.code();
            into.resource_name = resource.name.into();
            into.configs = resource.configs.into_iter().map(config).collect();
            into
        };
        let mut message = kafka_wire::AlterConfigsRequest::default();
        message.resources = self.resources.into_iter().map(resource).collect();
        message.validate_only = self.validate_only;
        Ok(message)
    }

    pub(super) fn from_codec(message: kafka_wire::AlterConfigsRequest, _: i16) -> Result<Self, WireError> {
        let resource = |resource: whole::AlterConfigsResource| AlterConfigsResource {
            kind: ResourceKind::from_code(resource.resource_type),
            name: text(resource.resource_name),
            configs: resource
                .configs
                .into_iter()
                .map(|one| (text(one.name), maybe_text(one.value)))
                .collect(),
        };
        let resources = message.resources.into_iter().map(resource).collect();
        Ok(Self { resources, validate_only: message.validate_only })
    }
}

impl IncrementalAlterConfigsRequest {
    pub(super) fn into_codec(self) -> Result<kafka_wire::IncrementalAlterConfigsRequest, WireError> {
        let config = |(name, operation, value): (String, ConfigOperation, Option<String>)| {
            let mut into = single::AlterableConfig::default();
            into.name = name.into();
            into.config_operation = operation.code();
            into.value = value.map(Into::into);
            into
        };
        let resource = |resource: IncrementalAlterConfigsResource| {
            let mut into = single::AlterConfigsResource::default();
            into.resource_type = resource.kind.code();
            into.resource_name = resource.name.into();
            into.configs = resource.configs.into_iter().map(config).collect();
            into
        };
        let mut message = kafka_wire::IncrementalAlterConfigsRequest::default();
        message.resources = self.resources.into_iter().map(resource).collect();
        message.validate_only = self.validate_only;
        Ok(message)
    }

    pub(super) fn from_codec(
        message: kafka_wire::IncrementalAlterConfigsRequest,
        _: i16,
    ) -> Result<Self, WireError> {
        let config = |one: single::AlterableConfig| {
            (text(one.name), ConfigOperation::from_code(one.config_operation), maybe_text(one.value))
        };
        let resource = |resource: single::AlterConfigsResource| IncrementalAlterConfigsResource {
            kind: ResourceKind::from_code(resource.resource_type),
            name: text(resource.resource_name),
            configs: resource.configs.into_iter().map(config).collect(),
        };
        let resources = message.resources.into_iter().map(resource).collect();
        Ok(Self { resources, validate_only: message.validate_only })
    }
}

impl AlterConfigsResponse {
    pub(super) fn into_codec(self, _: i16) -> kafka_wire::AlterConfigsResponse {
        let resource = |resource: AlteredConfigs| {
            let mut into = whole_response::AlterConfigsResourceResponse::default();
            into.error_code = resource.error.code();
            into.error_message = resource.error_message.map(Into::into);
            into.resource_type = resource.kind.code();
            into.resource_name = resource.name.into();
            into
        };
        let mut message = kafka_wire::AlterConfigsResponse::default();
        message.responses = self.resources.into_iter().map(resource).collect();
        message
    }

    pub(super) fn from_codec(message: kafka_wire::AlterConfigsResponse) -> Self {
        let resource = |resource: whole_response::AlterConfigsResourceResponse| AlteredConfigs {
            error: resource.error_code.into(),
            error_message: maybe_text(resource.error_message),
            kind: ResourceKind::from_code(resource.resource_type),
            name: text(resource.resource_name),
        };
        Self { resources: message.responses.into_iter().map(resource).collect() }
    }
}

impl IncrementalAlterConfigsResponse {
    pub(super) fn into_codec(self, _: i16) -> kafka_wire::IncrementalAlterConfigsResponse {
        let resource = |resource: AlteredConfigs| {
            let mut into = single_response::AlterConfigsResourceResponse::default();
            into.error_code = resource.error.code();
            into.error_message = resource.error_message.map(Into::into);
            into.resource_type = resource.kind.code();
            into.resource_name = resource.name.into();
            into
        };
        let mut message = kafka_wire::IncrementalAlterConfigsResponse::default();
        message.responses = self.resources.into_iter().map(resource).collect();
        message
    }

    pub(super) fn from_codec(message: kafka_wire::IncrementalAlterConfigsResponse) -> Self {
        let resource = |resource: single_response::AlterConfigsResourceResponse| AlteredConfigs {
            error: resource.error_code.into(),
            error_message: maybe_text(resource.error_message),
            kind: ResourceKind::from_code(resource.resource_type),
            name: text(resource.resource_name),
        };
        Self { resources: message.responses.into_iter().map(resource).collect() }
    }
}
