//! InitProducerId: an id under which a producer's batches are counted.

use super::ErrorCode;

/// Asks for a producer id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InitProducerIdRequest {
    /// Whether a transactional id was given.
    pub transactional: bool,
    /// The id and epoch that the producer has now, to be followed by newer ones (KIP-360); -1 for none.
    pub current: (i64, i16),
}

/// A producer id.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InitProducerIdResponse {
    /// Why there is none, if so.
    pub error: ErrorCode,
    /// The id; -1 with an error.
    pub producer_id: i64,
    /// Its epoch; -1 with an error.
    pub producer_epoch: i16,
}

impl InitProducerIdRequest {
    /// In the codec's words.
    pub(super) fn into_codec(self) -> kafka_wire::InitProducerIdRequest {
        let mut message = kafka_wire::InitProducerIdRequest::default();
        message.transactional_id = self.transactional.then(Default::default);
        message.transaction_timeout_ms = i32::MAX;
        (message.producer_id, message.producer_epoch) = self.current;
        message
    }

    /// From the codec's words.
    pub(super) fn from_codec(message: &kafka_wire::InitProducerIdRequest) -> Self {
        Self {
            transactional: message.transactional_id.is_some(),
            current: (message.producer_id, message.producer_epoch),
        }
    }
}

impl InitProducerIdResponse {
    /// A refusal.
    #[must_use]
    pub fn refused(error: ErrorCode) -> Self {
        Self { error, producer_id: -1, producer_epoch: -1 }
    }

    /// In the codec's words.
    pub(super) fn into_codec(self) -> kafka_wire::InitProducerIdResponse {
        let mut message = kafka_wire::InitProducerIdResponse::default();
        message.error_code = self.error.code();
        message.producer_id = self.producer_id;
        message.producer_epoch = self.producer_epoch;
        message
    }

    /// From the codec's words.
    pub(super) fn from_codec(message: &kafka_wire::InitProducerIdResponse) -> Self {
        Self {
            error: message.error_code.into(),
            producer_id: message.producer_id,
            producer_epoch: message.producer_epoch,
        }
    }
}
