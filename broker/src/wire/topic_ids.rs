//! Topic ids in the codec's words: sixteen bytes, all zero for none.

use kafka_wire_core::Uuid;

use crate::types::TopicId;

/// In the codec's words.
pub(super) fn into_codec_id(id: Option<TopicId>) -> Uuid {
    id.map_or(Uuid::ZERO, |id| Uuid::from_bytes(id.0.into_bytes()))
}

/// From the codec's words.
pub(super) fn from_codec_id(id: Uuid) -> Option<TopicId> {
    (!id.is_zero()).then(|| TopicId(uuid::Uuid::from_bytes(id.to_bytes())))
}
