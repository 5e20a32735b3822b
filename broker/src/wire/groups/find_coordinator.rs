//! FindCoordinator: which broker looks after a group. Before version 4 it asks for one; later for several at once.

use kafka_wire_core::StrBytes;

use super::{into_texts, text, texts};
use crate::types::BrokerId;
use crate::wire::{ErrorCode, WireError};

/// What a coordinator coordinates.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CoordinatorKind {
    /// Consumer groups.
    Group,
    /// Transactions.
    Transaction,
    /// Something that we do not know, by its number.
    Other(i8),
}

/// Asks who looks after some groups.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FindCoordinatorRequest {
    /// What the keys name.
    pub kind: CoordinatorKind,
    /// The names.
    pub keys: Vec<String>,
}

/// Who looks after them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FindCoordinatorResponse {
    /// In the order of the request.
    pub coordinators: Vec<FoundCoordinator>,
}

/// Who looks after one group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FoundCoordinator {
    /// The group; empty in answers before version 4.
    pub key: String,
    /// Why nobody is named, if so.
    pub error: ErrorCode,
    /// The error in words.
    pub error_message: Option<String>,
    /// The broker, and how clients reach it.
    pub broker: Option<(BrokerId, String, i32)>,
}

impl FindCoordinatorRequest {
    pub(super) fn into_codec(self) -> Result<kafka_wire::FindCoordinatorRequest, WireError> {
        let mut message = kafka_wire::FindCoordinatorRequest::default();
        message.key_type = match self.kind {
            CoordinatorKind::Group => 0,
            CoordinatorKind::Transaction => 1,
            CoordinatorKind::Other(number) => number,
        };
        message.coordinator_keys = into_texts(self.keys);
        Ok(message)
    }

    pub(super) fn from_codec(
        message: kafka_wire::FindCoordinatorRequest,
        version: i16,
    ) -> Result<Self, WireError> {
        let kind = match message.key_type {
            0 => CoordinatorKind::Group,
            1 => CoordinatorKind::Transaction,
            number => CoordinatorKind::Other(number),
        };
        let keys = if version < 4 { vec![text(message.key)] } else { texts(message.coordinator_keys) };
        Ok(Self { kind, keys })
    }
}

impl FindCoordinatorResponse {
    pub(super) fn into_codec(self, version: i16) -> kafka_wire::FindCoordinatorResponse {
        let mut message = kafka_wire::FindCoordinatorResponse::default();
        for found in self.coordinators {
            let (node, host, port) = found.broker.unwrap_or((BrokerId(-1), String::new(), -1));
            if version < 4 {
                (message.node_id, message.host, message.port) = (node.0, host.into(), port);
                message.error_code = found.error.code();
                message.error_message = found.error_message.map(Into::into);
                break;
            }
            let mut into = kafka_wire::find_coordinator_response::Coordinator::default();
            into.key = found.key.into();
            (into.node_id, into.host, into.port) = (node.0, host.into(), port);
            into.error_code = found.error.code();
            into.error_message = found.error_message.map(Into::into);
            message.coordinators.push(into);
        }
        message
    }

    pub(super) fn from_codec(message: kafka_wire::FindCoordinatorResponse) -> Self {
        let broker = |node: i32, host, port| (node >= 0).then(|| (BrokerId(node), text(host), port));
        if message.coordinators.is_empty() {
            let only = FoundCoordinator {
                key: String::new(),
                error: message.error_code.into(),
                error_message: said(message.error_message),
                broker: broker(message.node_id, message.host, message.port),
            };
            return Self { coordinators: vec![only] };
        }
        let found = |found: kafka_wire::find_coordinator_response::Coordinator| FoundCoordinator {
            key: text(found.key),
            error: found.error_code.into(),
            error_message: said(found.error_message),
            broker: broker(found.node_id, found.host, found.port),
        };
        Self { coordinators: message.coordinators.into_iter().map(found).collect() }
    }
}

/// Version 0 has no place for a message, and is read as an empty one.
fn said(message: Option<StrBytes>) -> Option<String> {
    message.map(text).filter(|message| !message.is_empty())
}
