//! What brokers tell each other beyond Kafka's protocol, in one tagged field of a produce's partition. (Of a member's
//! heartbeat too, with a layout of its own: [`MemberNote`](super::MemberNote).)
//!
//! A layout only grows at its end, so its length is its version: who knows less reads the beginning, and what is
//! shorter than all that we know is not ours.
//!
//! ```text
//! request:  expected offset i64
//! response: duplicate i8 (0, 1), written i8 (0 no, 1 maybe, 2 yes), log end offset i64, expected sequence i32,
//!           producer epoch i16, leader epoch i32
//! ```

use bytes::{Buf, BufMut};
use kafka_wire_core::TaggedFields;

use super::{ProduceDetail, WireError};
use crate::types::{LeaderEpoch, Offset};

/// The number of the field.
pub const PRIVATE_TAG: u32 = 10_000;

const EXPECTED_LEN: usize = 8;
const DETAIL_LEN: usize = 20;

/// The expected offset of a produce, if it is told. A field that is too short is refused, not ignored: who sent it
/// wanted a condition, and appending without one is not what was asked.
pub(super) fn read_expected_offset(fields: &TaggedFields) -> Result<Option<Offset>, WireError> {
    let Some(mut data) = find(fields) else {
        return Ok(None);
    };
    if data.len() < EXPECTED_LEN {
        return Err(WireError::malformed("the expected offset is cut short"));
    }
    Ok(Some(Offset(data.get_i64())))
}

/// The field that tells an expected offset.
pub(super) fn write_expected_offset(offset: Offset) -> [u8; EXPECTED_LEN] {
    offset.0.to_be_bytes()
}

/// What became of a produce, if it is told.
pub(super) fn read_detail(fields: &TaggedFields) -> Option<ProduceDetail> {
    let mut data = find(fields).filter(|data| data.len() >= DETAIL_LEN)?;
    Some(ProduceDetail {
        duplicate: data.get_i8() != 0,
        written: data.get_i8(),
        log_end_offset: Offset(data.get_i64()),
        expected_sequence: data.get_i32(),
        producer_epoch: data.get_i16(),
        leader_epoch: LeaderEpoch(data.get_i32()),
    })
}

/// The field that tells what became of a produce.
pub(super) fn write_detail(detail: &ProduceDetail) -> [u8; DETAIL_LEN] {
    let mut bytes = [0; DETAIL_LEN];
    let mut out = &mut bytes[..];
    out.put_i8(i8::from(detail.duplicate));
    out.put_i8(detail.written);
    out.put_i64(detail.log_end_offset.0);
    out.put_i32(detail.expected_sequence);
    out.put_i16(detail.producer_epoch);
    out.put_i32(detail.leader_epoch.0);
    assert!(out.is_empty(), "the layout is as long as drawn, not {} bytes less", out.len());
    bytes
}

/// The field, if it is among these.
pub(super) fn find(fields: &TaggedFields) -> Option<&[u8]> {
    fields.iter().find(|field| field.tag() == PRIVATE_TAG).map(|field| &field.data()[..])
}
