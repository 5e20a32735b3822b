//! A question about a consumer instance, and its answer, as brokers send them to each other: JSON within a frame. Pure.
//!
//! *Invariant:* what another broker says is read strictly: an unknown field or word is an error, not a guess.

use bytes::Bytes;

use super::from_wire::Told;
use crate::groups::instances::{InstanceAnswer, InstanceCall, InstanceRefusal};
use crate::groups::{Reply, Request};
use crate::wire::{ErrorCode, InstanceRequest, InstanceResponse};

/// The question in a frame.
pub(super) fn request_of(call: &InstanceCall) -> InstanceRequest {
    InstanceRequest { question: json(call) }
}

/// The answer that a frame holds.
pub(super) fn reply_of(response: &InstanceResponse) -> Told {
    match response.error {
        ErrorCode::None => {}
        ErrorCode::ThrottlingQuotaExceeded => return Told::Overloaded,
        ErrorCode::NotCoordinator | ErrorCode::CoordinatorLoadInProgress => {
            return Told::Again(format!("it answered {:?}", response.error));
        }
        other => return Told::Lost(format!("it answered {other:?}")),
    }
    let read = serde_json::from_slice::<Result<InstanceAnswer, InstanceRefusal>>(&response.answer);
    match read {
        Ok(answer) => Told::Reply(Reply::Instance(answer)),
        Err(error) => Told::Lost(format!("its answer cannot be read: {error}")),
    }
}

/// What another broker asks; `None` if it makes no sense here.
#[must_use]
pub fn asked_by_broker(request: &InstanceRequest) -> Option<Request> {
    serde_json::from_slice::<InstanceCall>(&request.question)
        .ok()
        .map(|call| Request::Instance(Box::new(call)))
}

/// What it is answered.
#[must_use]
pub fn told_to_broker(answer: &Result<InstanceAnswer, InstanceRefusal>) -> InstanceResponse {
    InstanceResponse { error: ErrorCode::None, answer: json(answer) }
}

fn json(value: &impl serde::Serialize) -> Bytes {
    serde_json::to_vec(value).expect("these structures are always JSON").into()
}
