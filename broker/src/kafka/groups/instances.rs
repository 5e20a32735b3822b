//! What other brokers ask about consumer instances over HTTP. Clients are refused: theirs is the HTTP door.

use crate::groups::{CoordinatorError, Reply};
use crate::kafka::dispatch::Dispatch;
use crate::kafka::handler::Caller;
use crate::service::{asked_by_broker, told_to_broker};
use crate::wire::{ErrorCode, InstanceRequest, InstanceResponse};

impl Dispatch {
    pub(in crate::kafka) async fn instance(
        &self,
        caller: &Caller,
        request: InstanceRequest,
    ) -> InstanceResponse {
        if caller.link.is_none() {
            return InstanceResponse::refused(ErrorCode::InvalidRequest);
        }
        let Some(asked) = asked_by_broker(&request) else {
            return InstanceResponse::refused(ErrorCode::InvalidRequest);
        };
        // Its bytes are not needed while it waits.
        drop(request);
        match self.service.ask_group_here(asked).await {
            Ok(Reply::Instance(answer)) => told_to_broker(&answer),
            Ok(_) => InstanceResponse::refused(ErrorCode::UnknownServerError),
            Err(CoordinatorError::NotCoordinator) => InstanceResponse::refused(ErrorCode::NotCoordinator),
            Err(CoordinatorError::Lost) => InstanceResponse::refused(ErrorCode::CoordinatorNotAvailable),
            Err(CoordinatorError::LoadInProgress) => {
                InstanceResponse::refused(ErrorCode::CoordinatorLoadInProgress)
            }
            Err(CoordinatorError::Overloaded) => {
                InstanceResponse::refused(ErrorCode::ThrottlingQuotaExceeded)
            }
        }
    }
}
