//! Whole frames: a request read, a response written, and the other way round for the broker as a client.

use bytes::Bytes;
use kafka_wire_core::{ApiVersion, Decoder, KafkaDecode};

use super::api_versions::request_into_codec;
use super::header::{begin_request, begin_response, read_request_header, read_response_header};
use super::{
    AdminRequest, AdminResponse, ApiKey, ApiVersionsResponse, DeleteRecordsRequest, DeleteRecordsResponse,
    ErrorCode, FetchRequest, FetchResponse, GroupRequest, GroupResponse, InitProducerIdRequest,
    InitProducerIdResponse, InstanceRequest, InstanceResponse, ListOffsetsRequest, ListOffsetsResponse,
    MetadataRequest, MetadataResponse, OffsetForLeaderEpochRequest, OffsetForLeaderEpochResponse,
    ProduceRequest, ProduceResponse, Request, RequestHeader, Response, WireError, WireLimits,
};

/// The version in which brokers send `Produce` to each other.
pub const PRODUCE_VERSION: i16 = 11;
/// The version in which brokers send `Fetch` to each other.
pub const FETCH_VERSION: i16 = 16;
/// The version in which brokers send `ListOffsets` to each other.
pub const LIST_OFFSETS_VERSION: i16 = 7;
/// The version in which brokers send `Metadata` to each other.
pub const METADATA_VERSION: i16 = 12;
/// The version in which brokers send `ApiVersions` to each other.
pub(super) const API_VERSIONS_VERSION: i16 = 4;
/// The version in which brokers send `DeleteRecords` to each other.
pub const DELETE_RECORDS_VERSION: i16 = 2;
/// The version in which brokers send `OffsetForLeaderEpoch` to each other.
pub const OFFSET_FOR_LEADER_EPOCH_VERSION: i16 = 4;
/// The version in which brokers send `InitProducerId` to each other.
pub(super) const INIT_PRODUCER_ID_VERSION: i16 = 4;

/// Reads a request; `frame` is what follows the 4-byte length.
///
/// # Errors
/// [`WireError`]; after any of them but an unsupported version of `ApiVersions` the connection is of no more use.
pub fn decode_request(frame: Bytes, limits: &WireLimits) -> Result<(RequestHeader, Request), WireError> {
    if frame.len() > limits.frame_bytes_max {
        return Err(WireError::TooLarge { bytes: frame.len(), limit: limits.frame_bytes_max });
    }
    let mut decoder = Decoder::new(frame, limits.for_codec())?;
    let (header, key) = read_request_header(&mut decoder)?;
    let version = header.api_version;
    let decoder = &mut decoder;
    let request = match key {
        // The body names the client's software, which changes nothing here; so nothing in it is a reason to refuse.
        ApiKey::ApiVersions => return Ok((header, Request::ApiVersions)),
        ApiKey::Produce => Request::Produce(ProduceRequest::read(decoder, version, limits.array_items_max)?),
        ApiKey::Fetch => Request::Fetch(FetchRequest::from_codec(read(decoder, version)?, version)),
        ApiKey::Metadata => Request::Metadata(MetadataRequest::from_codec(read(decoder, version)?, version)),
        ApiKey::ListOffsets => Request::ListOffsets(ListOffsetsRequest::from_codec(read(decoder, version)?)),
        ApiKey::DeleteRecords => {
            Request::DeleteRecords(DeleteRecordsRequest::from_codec(read(decoder, version)?))
        }
        ApiKey::OffsetForLeaderEpoch => {
            Request::OffsetForLeaderEpoch(OffsetForLeaderEpochRequest::from_codec(read(decoder, version)?))
        }
        ApiKey::InitProducerId => {
            Request::InitProducerId(InitProducerIdRequest::from_codec(&read(decoder, version)?))
        }
        ApiKey::Instance => Request::Instance(InstanceRequest::read(decoder)?),
        key => match GroupRequest::read(decoder, key, version)? {
            Some(request) => Request::Group(Box::new(request)),
            None => match AdminRequest::read(decoder, key, version)? {
                Some(request) => Request::Admin(Box::new(request)),
                None => return Err(WireError::malformed(format!("{key:?} is not read here"))),
            },
        },
    };
    // What follows the message is passed over, as Kafka does: librdkafka leaves three bytes behind a Metadata request for
    // all topics (its issue 5049).
    Ok((header, request))
}

/// Writes a whole response, length first, as chunks to be sent in order; record bytes are not copied.
///
/// # Errors
/// `Malformed` if the response does not answer the header's request, or cannot be said in its version.
pub fn encode_response(header: &RequestHeader, response: Response) -> Result<Vec<Bytes>, WireError> {
    let key = response.key();
    let range = key.range();
    let known = (range.min..=range.max).contains(&header.api_version);
    if header.api_key != key.code() || (!known && key != ApiKey::ApiVersions) {
        let (asked, version) = (header.api_key, header.api_version);
        return Err(WireError::malformed(format!(
            "{key:?} does not answer api key {asked} in version {version}"
        )));
    }
    // A client whose version we do not know reads version 0 (KIP-511), and finds in it what we do know.
    let refused = Response::ApiVersions(ApiVersionsResponse { error: ErrorCode::UnsupportedVersion });
    let response = if known { response } else { refused.clone() };
    let version = if response == refused { 0 } else { header.api_version };
    let mut writer = begin_response(key, version, header.correlation_id);
    match response {
        Response::ApiVersions(response) => writer.message(&response.into_codec(), version)?,
        Response::Produce(response) => response.write(&mut writer, version),
        Response::Fetch(response) => response.write(&mut writer, version),
        Response::Metadata(response) => writer.message(&response.into_codec(version), version)?,
        Response::ListOffsets(response) => writer.message(&response.into_codec(version), version)?,
        Response::DeleteRecords(response) => writer.message(&response.into_codec(), version)?,
        Response::OffsetForLeaderEpoch(response) => writer.message(&response.into_codec(), version)?,
        Response::InitProducerId(response) => writer.message(&response.into_codec(), version)?,
        Response::Group(response) => response.write(&mut writer, version)?,
        Response::Admin(response) => response.write(&mut writer, version)?,
        Response::Instance(response) => response.write(&mut writer),
    }
    writer.finish()
}

/// Writes a whole request, length first, in the highest version that we speak; record bytes are not copied.
///
/// # Errors
/// `Malformed` if the request cannot be said in that version.
pub fn encode_request(
    correlation_id: i32,
    client_id: &str,
    request: Request,
) -> Result<Vec<Bytes>, WireError> {
    let version = request.version_sent();
    let mut writer = begin_request(request.key(), version, correlation_id, client_id);
    match request {
        Request::ApiVersions => writer.message(&request_into_codec(), version)?,
        Request::Produce(request) => request.write(&mut writer)?,
        Request::Fetch(request) => writer.message(&request.into_codec(), version)?,
        Request::Metadata(request) => writer.message(&request.into_codec(), version)?,
        Request::ListOffsets(request) => writer.message(&request.into_codec(), version)?,
        Request::DeleteRecords(request) => writer.message(&request.into_codec(), version)?,
        Request::OffsetForLeaderEpoch(request) => writer.message(&request.into_codec(), version)?,
        Request::InitProducerId(request) => writer.message(&request.into_codec(), version)?,
        Request::Group(request) => request.write(&mut writer)?,
        Request::Admin(request) => request.write(&mut writer)?,
        Request::Instance(request) => request.write(&mut writer),
    }
    writer.finish()
}

/// Reads a response to a request of this key and version: its correlation id and body. `frame` is what follows the
/// 4-byte length; the caller has bounded it.
///
/// # Errors
/// [`WireError`].
pub fn decode_response(api_key: i16, api_version: i16, frame: Bytes) -> Result<(i32, Response), WireError> {
    let Some(key) = ApiKey::from_code(api_key) else {
        return Err(WireError::malformed(format!("no response to api key {api_key} is known")));
    };
    let limits = WireLimits { frame_bytes_max: frame.len(), ..WireLimits::default() };
    let mut decoder = Decoder::new(frame, limits.for_codec())?;
    let correlation_id = read_response_header(&mut decoder, key, api_version)?;
    let (decoder, version) = (&mut decoder, api_version);
    let response = match key {
        ApiKey::ApiVersions => {
            Response::ApiVersions(ApiVersionsResponse::from_codec(&read(decoder, version)?))
        }
        ApiKey::Produce => Response::Produce(ProduceResponse::from_codec(read(decoder, version)?)),
        ApiKey::Fetch => Response::Fetch(FetchResponse::from_codec(read(decoder, version)?, version)),
        ApiKey::Metadata => Response::Metadata(MetadataResponse::from_codec(read(decoder, version)?)),
        ApiKey::ListOffsets => {
            Response::ListOffsets(ListOffsetsResponse::from_codec(read(decoder, version)?))
        }
        ApiKey::DeleteRecords => {
            Response::DeleteRecords(DeleteRecordsResponse::from_codec(read(decoder, version)?))
        }
        ApiKey::OffsetForLeaderEpoch => {
            Response::OffsetForLeaderEpoch(OffsetForLeaderEpochResponse::from_codec(read(decoder, version)?))
        }
        ApiKey::InitProducerId => {
            Response::InitProducerId(InitProducerIdResponse::from_codec(&read(decoder, version)?))
        }
        ApiKey::Instance => Response::Instance(InstanceResponse::read(decoder)?),
        key => match GroupResponse::read(decoder, key, version)? {
            Some(response) => Response::Group(response),
            None => match AdminResponse::read(decoder, key, version)? {
                Some(response) => Response::Admin(response),
                None => return Err(WireError::malformed(format!("{key:?} is not read here"))),
            },
        },
    };
    nothing_left(decoder)?;
    Ok((correlation_id, response))
}

fn read<M: KafkaDecode>(decoder: &mut Decoder, version: i16) -> Result<M, WireError> {
    Ok(M::decode(decoder, ApiVersion::new(version))?)
}

fn nothing_left(decoder: &Decoder) -> Result<(), WireError> {
    match decoder.remaining() {
        0 => Ok(()),
        extra => Err(WireError::malformed(format!("{extra} bytes follow the message"))),
    }
}
