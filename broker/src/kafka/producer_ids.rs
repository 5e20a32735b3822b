//! InitProducerId: a new id for an idempotent producer, always with epoch 0.
//!
//! Who has an id already and wants a newer epoch (KIP-360) gets a new id, as in Kafka: a sequence begins anew under either,
//! and no broker needs to know who had which. Transactions are not served.

use super::dispatch::Dispatch;
use crate::wire::{ErrorCode, InitProducerIdRequest, InitProducerIdResponse};

/// What stands for no id, and for no epoch.
const NONE: (i64, i16) = (-1, -1);

impl Dispatch {
    pub(super) async fn init_producer_id(&self, request: InitProducerIdRequest) -> InitProducerIdResponse {
        if request.transactional {
            // The one refusal that every client takes for final.
            return InitProducerIdResponse::refused(ErrorCode::TransactionalIdAuthorizationFailed);
        }
        let (id, epoch) = request.current;
        if (id == NONE.0) != (epoch == NONE.1) {
            return InitProducerIdResponse::refused(ErrorCode::InvalidRequest);
        }
        match self.service.next_producer_id().await {
            Ok(producer_id) => {
                InitProducerIdResponse { error: ErrorCode::None, producer_id, producer_epoch: 0 }
            }
            Err(error) => {
                tracing::debug!(%error, "no producer id");
                // Clients that are told that the coordinator is not available look for one by their transactional id, and
                // those without one fail at that; so they are told, as by Kafka, to come again.
                InitProducerIdResponse::refused(ErrorCode::CoordinatorLoadInProgress)
            }
        }
    }
}
