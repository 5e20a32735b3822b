//! What brokers tell each other about a member beyond Kafka's heartbeat, in one tagged field: facts that the door knows at
//! which the member called, and that Kafka's own protocol has no words for.
//!
//! The layout only grows at its end; who knows less reads the beginning.
//!
//! ```text
//! session timeout i32 (-1 = not said), client id, client host: length u16, UTF-8 each,
//! client metadata: length i32 (-1 = not said), UTF-8
//! ```

use bytes::{Buf, BufMut, Bytes};
use kafka_wire_core::{TaggedField, TaggedFields};

use crate::wire::private_tag::find;
use crate::wire::{PRIVATE_TAG, WireError};

/// What a door knows about a member that called there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MemberNote {
    /// How long it may be silent; `None` is as it was.
    pub session_timeout_ms: Option<u32>,
    /// What it calls itself.
    pub client_id: String,
    /// Where it called from.
    pub client_host: String,
    /// A note to be kept with the member; `None` is as it was.
    pub client_metadata: Option<String>,
}

impl MemberNote {
    /// As tagged fields.
    pub(super) fn into_fields(self) -> Result<TaggedFields, WireError> {
        let mut bytes = Vec::new();
        bytes.put_i32(match self.session_timeout_ms {
            Some(ms) => i32::try_from(ms).map_err(|_| WireError::malformed("a session is too long"))?,
            None => -1,
        });
        for text in [&self.client_id, &self.client_host] {
            let len = u16::try_from(text.len());
            bytes.put_u16(len.map_err(|_| WireError::malformed("a client's name is too long"))?);
            bytes.put_slice(text.as_bytes());
        }
        match &self.client_metadata {
            Some(text) => {
                let len = i32::try_from(text.len());
                bytes.put_i32(len.map_err(|_| WireError::malformed("a client's note is too long"))?);
                bytes.put_slice(text.as_bytes());
            }
            None => bytes.put_i32(-1),
        }
        let field = TaggedField::new(PRIVATE_TAG, Bytes::from(bytes));
        TaggedFields::from_sorted(vec![field]).map_err(|error| WireError::malformed(error.to_string()))
    }

    /// From tagged fields, if it is among them.
    pub(super) fn from_fields(fields: &TaggedFields) -> Result<Option<Self>, WireError> {
        let Some(mut data) = find(fields) else { return Ok(None) };
        Self::read(&mut data).map(Some).ok_or_else(|| WireError::malformed("a member's note is damaged"))
    }

    fn read(data: &mut &[u8]) -> Option<Self> {
        let session_timeout_ms = data.try_get_i32().ok()?;
        let client_id = take_text(data, |data| Some(usize::from(data.try_get_u16().ok()?)))?;
        let client_host = take_text(data, |data| Some(usize::from(data.try_get_u16().ok()?)))?;
        let metadata_len = data.try_get_i32().ok()?;
        let client_metadata = match usize::try_from(metadata_len) {
            Ok(len) => Some(take_text(data, |_| Some(len))?),
            Err(_) => None,
        };
        let session_timeout_ms = u32::try_from(session_timeout_ms).ok();
        Some(Self { session_timeout_ms, client_id, client_host, client_metadata })
    }
}

fn take_text(data: &mut &[u8], len: impl FnOnce(&mut &[u8]) -> Option<usize>) -> Option<String> {
    let len = len(data)?;
    let (text, rest) = data.split_at_checked(len)?;
    *data = rest;
    Some(std::str::from_utf8(text).ok()?.to_owned())
}
