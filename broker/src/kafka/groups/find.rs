//! FindCoordinator: the broker that a group's members are to call. The topic that groups are kept in is created the first
//! time that anybody asks.

use std::time::Duration;

use crate::groups::GroupId;
use crate::kafka::dispatch::Dispatch;
use crate::kafka::errors::find_code;
use crate::types::BrokerId;
use crate::wire::{
    CoordinatorKind, ErrorCode, FindCoordinatorRequest, FindCoordinatorResponse, FoundCoordinator,
};

/// How long an answer waits for that topic; after that the client is told to ask again.
const CREATION_WAIT: Duration = Duration::from_secs(3);

impl Dispatch {
    pub(super) async fn find_coordinators(&self, request: FindCoordinatorRequest) -> FindCoordinatorResponse {
        let mut wait = CREATION_WAIT;
        let mut coordinators = Vec::with_capacity(request.keys.len());
        for key in request.keys {
            let found = match request.kind {
                CoordinatorKind::Group => self.find_coordinator(&key, wait).await,
                // As for producer ids: the one refusal that every client takes for final.
                CoordinatorKind::Transaction => Err((
                    ErrorCode::TransactionalIdAuthorizationFailed,
                    "transactions are not served".to_owned(),
                )),
                CoordinatorKind::Other(kind) => {
                    Err((ErrorCode::InvalidRequest, format!("there are no coordinators of kind {kind}")))
                }
            };
            if found.is_err() {
                // One wait is enough for all that are asked for.
                wait = Duration::ZERO;
            }
            let (error, error_message) = match &found {
                Ok(_) => (ErrorCode::None, None),
                Err((error, message)) => (*error, Some(message.clone())),
            };
            coordinators.push(FoundCoordinator { key, error, error_message, broker: found.ok() });
        }
        FindCoordinatorResponse { coordinators }
    }

    async fn find_coordinator(
        &self,
        key: &str,
        wait: Duration,
    ) -> Result<(BrokerId, String, i32), (ErrorCode, String)> {
        let group = GroupId::from(key);
        let found = tokio::time::timeout(wait, self.service.find_coordinator(&group)).await;
        let late =
            |_| (ErrorCode::CoordinatorNotAvailable, "the topic of groups is being created".to_owned());
        let found = found.map_err(late)?.map_err(|error| (find_code(&error), error.to_string()));
        found.map(|(broker, at)| (broker, at.host, i32::from(at.port)))
    }
}
