//! What heads every request, and the bounds under which frames are read.

/// Bounds on what a peer may send.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WireLimits {
    /// Bytes of one frame.
    pub frame_bytes_max: usize,
    /// Items in any one array of a message.
    pub array_items_max: usize,
}

impl Default for WireLimits {
    fn default() -> Self {
        Self { frame_bytes_max: 100 << 20, array_items_max: 100_000 }
    }
}

/// The head of a request, the same for all versions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestHeader {
    /// Which request, see [`ApiKey`].
    pub api_key: i16,
    /// In which version.
    pub api_version: i16,
    /// The client's number for it, echoed in the response.
    pub correlation_id: i32,
    /// What the client calls itself.
    pub client_id: Option<String>,
}

/// The requests that we serve.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(i16)]
pub enum ApiKey {
    /// Append records.
    Produce = 0,
    /// Read records, as a consumer or a replica.
    Fetch = 1,
    /// Find offsets by time, or the ends.
    ListOffsets = 2,
    /// Brokers, topics, leaders.
    Metadata = 3,
    /// What is served in which versions.
    ApiVersions = 18,
    /// Where an epoch ends.
    OffsetForLeaderEpoch = 23,
}
