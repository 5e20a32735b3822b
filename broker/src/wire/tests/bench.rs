//! What the tests of all messages share.

use bytes::{Bytes, BytesMut};
use kafka_wire::{KafkaRequest, OutboundFrameLimits};
use kafka_wire_core::{ApiVersion, KafkaEncode};

use crate::wire::{ApiKey, RequestHeader};

pub(in crate::wire) fn header(key: ApiKey, api_version: i16) -> RequestHeader {
    RequestHeader { api_key: key.code(), api_version, correlation_id: 77, client_id: Some("me".into()) }
}

pub(in crate::wire) fn versions(key: ApiKey) -> std::ops::RangeInclusive<i16> {
    let range = key.range();
    range.min..=range.max
}

/// A request as the codec frames it, without its length.
pub(in crate::wire) fn framed(request: &(impl KafkaRequest + KafkaEncode), version: i16) -> Bytes {
    let mut bytes = BytesMut::new();
    let (version, limits) = (ApiVersion::new(version), OutboundFrameLimits::new(1 << 20));
    kafka_wire::encode_request(&mut bytes, 77, Some("me".into()), request, version, limits).unwrap();
    bytes.freeze().slice(4..)
}
