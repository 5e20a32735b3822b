//! A request about a consumer instance over HTTP, from the broker that a client called to the one that coordinates its
//! group: a key of our own, which is not advertised and which clients are refused.
//!
//! What is asked and answered is JSON in the words of groups; this floor does not read it. Its version is the frame's: it
//! changes when an older broker could not understand what a newer one says.
//!
//! ```text
//! request:  question (compact bytes), tags
//! response: error i16, answer (compact bytes), tags
//! ```

use bytes::Bytes;
use kafka_wire_core::Decoder;

use super::writer::FrameWriter;
use super::{ErrorCode, WireError};

/// The version in which brokers send it to each other.
pub(super) const INSTANCE_VERSION: i16 = 0;

/// A question about an instance.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InstanceRequest {
    /// As JSON.
    pub question: Bytes,
}

/// The answer to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InstanceResponse {
    /// Why nobody was asked, if so.
    pub error: ErrorCode,
    /// As JSON; empty with an error.
    pub answer: Bytes,
}

impl InstanceRequest {
    pub(super) fn read(decoder: &mut Decoder) -> Result<Self, WireError> {
        let question = decoder.read_compact_bytes()?;
        decoder.read_tagged_fields()?;
        Ok(Self { question })
    }

    pub(super) fn write(self, writer: &mut FrameWriter) {
        writer.records([self.question]);
        writer.tags(&[]);
    }
}

impl InstanceResponse {
    /// Nobody was asked.
    #[must_use]
    pub fn refused(error: ErrorCode) -> Self {
        Self { error, answer: Bytes::new() }
    }

    pub(super) fn read(decoder: &mut Decoder) -> Result<Self, WireError> {
        let error = decoder.read_i16()?.into();
        let answer = decoder.read_compact_bytes()?;
        decoder.read_tagged_fields()?;
        Ok(Self { error, answer })
    }

    pub(super) fn write(self, writer: &mut FrameWriter) {
        writer.i16(self.error.code());
        writer.records([self.answer]);
        writer.tags(&[]);
    }
}
