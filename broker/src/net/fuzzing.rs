//! Any bytes as Kafka's frames and messages. Tests only.
//!
//! The first byte tells what the rest is: frames in pieces as a socket gives them, or a message that another broker
//! answers with.

use bytes::Bytes;

use super::FrameReader;
use crate::record::fuzzing::take_byte;
use crate::wire::{WireLimits, decode_request, decode_response, encode_request, supported_apis};

const LIMITS: WireLimits = WireLimits { frame_bytes_max: 1 << 20, array_items_max: 1_000 };

/// Reads `data` as a connection's bytes, or as an answer.
///
/// # Panics
/// If a request that was read cannot be said again, or reads differently then.
pub fn frames(mut data: &[u8]) {
    let form = take_byte(&mut data);
    if form & 1 == 0 {
        connection(data, usize::from(form >> 1) + 1);
    } else {
        let apis = supported_apis();
        let api = &apis[usize::from(form >> 1) % apis.len()];
        let versions = i16::from(take_byte(&mut data)) % (api.max - api.min + 1);
        // Whatever it is, it is read or refused.
        let _ = decode_response(api.key as i16, api.min + versions, Bytes::copy_from_slice(data));
    }
}

fn connection(data: &[u8], piece: usize) {
    let mut reader = FrameReader::new(LIMITS.frame_bytes_max);
    for mut chunk in data.chunks(piece) {
        while !chunk.is_empty() {
            let filled = futures_util::FutureExt::now_or_never(reader.fill(&mut chunk));
            assert!(matches!(filled, Some(Ok(count)) if count > 0), "bytes that are here are taken");
            loop {
                match reader.next_frame() {
                    Ok(Some(frame)) => request(frame),
                    Ok(None) => break,
                    Err(_) => return,
                }
            }
        }
    }
    // A frame's memory grows as its bytes arrive: twice what came, and a first step.
    assert!(reader.capacity_wanted() <= 2 * data.len() + (64 << 10), "memory on the word of a length");
}

fn request(frame: Bytes) {
    let Ok((header, request)) = decode_request(frame, &LIMITS) else { return };
    // What a client said can be handed on to another broker, or that is refused; it is never half said.
    let Ok(chunks) = encode_request(header.correlation_id, "fuzz", request.clone()) else { return };
    let whole: Vec<u8> = chunks.iter().flat_map(|chunk| chunk.iter().copied()).collect();
    let length = i32::from_be_bytes(whole[..4].try_into().expect("a frame begins with its length"));
    assert_eq!(usize::try_from(length).ok(), Some(whole.len() - 4), "the length of {request:?}");
    let wide = WireLimits { frame_bytes_max: 64 << 20, array_items_max: 100_000 };
    let again = decode_request(Bytes::from(whole).slice(4..), &wide);
    assert!(again.is_ok(), "{request:?} is said as {again:?}");
}
