//! Whole frames: a request read, a response written, and the other way round for the broker as a client.

use bytes::Bytes;

use super::{Request, RequestHeader, Response, WireError, WireLimits};

/// The version in which brokers send `Produce` to each other.
pub const PRODUCE_VERSION: i16 = 11;
/// The version in which brokers send `Fetch` to each other.
pub const FETCH_VERSION: i16 = 16;
/// The version in which brokers send `ListOffsets` to each other.
pub const LIST_OFFSETS_VERSION: i16 = 7;
/// The version in which brokers send `Metadata` to each other.
pub const METADATA_VERSION: i16 = 12;
/// The version in which brokers send `OffsetForLeaderEpoch` to each other.
pub const OFFSET_FOR_LEADER_EPOCH_VERSION: i16 = 4;

/// Reads a request; `frame` is what follows the 4-byte length.
///
/// # Errors
/// [`WireError`]; after any of them but an unsupported version of `ApiVersions` the connection is of no more use.
pub fn decode_request(frame: Bytes, limits: &WireLimits) -> Result<(RequestHeader, Request), WireError> {
    let _ = (frame, limits);
    unimplemented!("decode_request")
}

/// Writes a whole response, length first, as chunks to be sent in order; record bytes are not copied.
///
/// # Errors
/// `Malformed` if the response does not answer the header's request, or cannot be said in its version.
pub fn encode_response(header: &RequestHeader, response: Response) -> Result<Vec<Bytes>, WireError> {
    let _ = (header, response);
    unimplemented!("encode_response")
}

/// Writes a whole request, length first, in the highest version that we speak.
///
/// # Errors
/// `Malformed` if the request cannot be said in that version.
pub fn encode_request(
    correlation_id: i32,
    client_id: &str,
    request: Request,
) -> Result<Vec<Bytes>, WireError> {
    let _ = (correlation_id, client_id, request);
    unimplemented!("encode_request")
}

/// Reads a response to a request of this key and version: its correlation id and body. `frame` is what follows the
/// 4-byte length.
///
/// # Errors
/// [`WireError`].
pub fn decode_response(api_key: i16, api_version: i16, frame: Bytes) -> Result<(i32, Response), WireError> {
    let _ = (api_key, api_version, frame);
    unimplemented!("decode_response")
}
