//! AlterConfigs and IncrementalAlterConfigs: settings of topics, and the defaults of all brokers, changed at run time.

use std::collections::BTreeMap;

use super::call::{Refusal, WAIT_DEFAULT_MS, refusal, repeated, topic_name};
use super::describe::{broker_id, no_such_kind};
use crate::kafka::dispatch::Dispatch;
use crate::service::SettingChange;
use crate::wire::{
    AlterConfigsRequest, AlterConfigsResource, AlterConfigsResponse, AlteredConfigs, ConfigOperation,
    ErrorCode, IncrementalAlterConfigsRequest, IncrementalAlterConfigsResource,
    IncrementalAlterConfigsResponse, ResourceKind,
};

/// Changes of one resource's settings, whichever request brought them.
struct Wanted {
    kind: ResourceKind,
    name: String,
    changes: Result<BTreeMap<String, SettingChange>, Refusal>,
}

impl Dispatch {
    pub(super) async fn alter_configs(&self, request: AlterConfigsRequest) -> AlterConfigsResponse {
        let wanted = |resource: AlterConfigsResource| {
            let set = |(name, value): (String, Option<String>)| match value {
                Some(value) => Ok((name, SettingChange::Set(value))),
                None => Err(no_value(&name)),
            };
            Wanted { kind: resource.kind, name: resource.name, changes: gathered(resource.configs, set) }
        };
        let wanted = request.resources.into_iter().map(wanted).collect();
        AlterConfigsResponse { resources: self.alter_all(wanted, true, request.validate_only).await }
    }

    pub(super) async fn alter_configs_one_by_one(
        &self,
        request: IncrementalAlterConfigsRequest,
    ) -> IncrementalAlterConfigsResponse {
        let wanted = |resource: IncrementalAlterConfigsResource| {
            let change = |(name, operation, value): (String, ConfigOperation, Option<String>)| {
                let change = match (operation, value) {
                    (ConfigOperation::Delete, _) => SettingChange::Delete,
                    (ConfigOperation::Set, Some(value)) => SettingChange::Set(value),
                    (ConfigOperation::Append, Some(items)) => SettingChange::Append(items),
                    (ConfigOperation::Subtract, Some(items)) => SettingChange::Subtract(items),
                    (ConfigOperation::Other(code), _) => {
                        let text =
                            format!("there is no operation {code}: use set, delete, append or subtract");
                        return Err((ErrorCode::InvalidRequest, text));
                    }
                    (_, None) => return Err(no_value(&name)),
                };
                Ok((name, change))
            };
            Wanted { kind: resource.kind, name: resource.name, changes: gathered(resource.configs, change) }
        };
        let wanted = request.resources.into_iter().map(wanted).collect();
        IncrementalAlterConfigsResponse {
            resources: self.alter_all(wanted, false, request.validate_only).await,
        }
    }

    async fn alter_all(
        &self,
        wanted: Vec<Wanted>,
        replaces: bool,
        validate_only: bool,
    ) -> Vec<AlteredConfigs> {
        let twice = repeated(wanted.iter().map(|one| (one.kind, one.name.clone())));
        let one = |wanted: Wanted| {
            let is_twice = twice.contains(&(wanted.kind, wanted.name.clone()));
            async move {
                let Wanted { kind, name, changes } = wanted;
                let altered = if is_twice {
                    Err((
                        ErrorCode::InvalidRequest,
                        "the request names this resource more than once".to_owned(),
                    ))
                } else {
                    self.alter(kind, &name, changes, replaces, validate_only).await
                };
                let (error, error_message) = match altered {
                    Ok(()) => (ErrorCode::None, None),
                    Err((error, text)) => (error, Some(text)),
                };
                AlteredConfigs { error, error_message, kind, name }
            }
        };
        self.each(wanted, one).await
    }

    async fn alter(
        &self,
        kind: ResourceKind,
        name: &str,
        changes: Result<BTreeMap<String, SettingChange>, Refusal>,
        replaces: bool,
        validate_only: bool,
    ) -> Result<(), Refusal> {
        let changes = changes?;
        let deadline = self.deadline(WAIT_DEFAULT_MS);
        match kind {
            ResourceKind::Topic => {
                let topic = topic_name(name)?;
                let change = self.service.change_topic_settings(&topic, changes, replaces, validate_only);
                self.in_time(deadline, change).await
            }
            ResourceKind::Broker if name.is_empty() => {
                let change = self.service.change_default_settings(changes, replaces, validate_only);
                self.in_time(deadline, change).await
            }
            ResourceKind::Broker => Err(refusal(&self.service.refuse_to_change_broker(broker_id(name)?))),
            ResourceKind::BrokerLogger | ResourceKind::Other(_) => Err(no_such_kind(kind)),
        }
    }
}

/// The changes by name, unless one is refused or a name stands there twice.
fn gathered<T>(
    configs: Vec<T>,
    change: impl Fn(T) -> Result<(String, SettingChange), Refusal>,
) -> Result<BTreeMap<String, SettingChange>, Refusal> {
    let mut changes = BTreeMap::new();
    for config in configs {
        let (name, change) = change(config)?;
        if changes.insert(name.clone(), change).is_some() {
            let shown: String = name.chars().take(60).collect();
            return Err((ErrorCode::InvalidRequest, format!("setting '{shown}' is given more than once")));
        }
    }
    Ok(changes)
}

fn no_value(name: &str) -> Refusal {
    let shown: String = name.chars().take(60).collect();
    (ErrorCode::InvalidRequest, format!("setting '{shown}' has no value"))
}
