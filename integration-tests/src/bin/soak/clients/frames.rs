//! Frames of the Kafka protocol by hand, field by field, in the versions without tagged fields.

use std::time::Duration;

use anyhow::{Context, Result};
use integration_tests::kafka::{Wire, frame};

const DEADLINE: Duration = Duration::from_secs(15);

/// A connection to a broker.
pub(super) async fn connect(port: u16) -> Result<Wire> {
    tokio::time::timeout(DEADLINE, Wire::connect(port)).await.context("no connection")?
}

/// An answer without its number.
pub(super) async fn ask(wire: &mut Wire, key: i16, version: i16, body: &[u8]) -> Result<Vec<u8>> {
    wire.send(&frame(key, version, 1, body)).await?;
    let answer = wire.answer(DEADLINE).await?.context("the connection was closed")?;
    Ok(answer.get(4..).context("an answer without a number")?.to_vec())
}

/// A request's body.
#[derive(Debug, Default)]
pub(super) struct Body(pub(super) Vec<u8>);

impl Body {
    pub(super) fn bytes(&mut self, bytes: &[u8]) -> &mut Self {
        self.0.extend_from_slice(bytes);
        self
    }

    pub(super) fn i8(&mut self, number: i8) -> &mut Self {
        self.bytes(&number.to_be_bytes())
    }

    pub(super) fn i16(&mut self, number: i16) -> &mut Self {
        self.bytes(&number.to_be_bytes())
    }

    pub(super) fn i32(&mut self, number: i32) -> &mut Self {
        self.bytes(&number.to_be_bytes())
    }

    pub(super) fn i64(&mut self, number: i64) -> &mut Self {
        self.bytes(&number.to_be_bytes())
    }

    pub(super) fn text(&mut self, text: &str) -> &mut Self {
        self.i16(i16::try_from(text.len()).unwrap_or(i16::MAX)).bytes(text.as_bytes())
    }

    /// Bytes behind their length.
    pub(super) fn blob(&mut self, bytes: &[u8]) -> &mut Self {
        self.i32(i32::try_from(bytes.len()).unwrap_or(i32::MAX)).bytes(bytes)
    }
}

/// An answer's body.
#[derive(Debug)]
pub(super) struct Words<'a>(pub(super) &'a [u8]);

impl<'a> Words<'a> {
    pub(super) fn take(&mut self, count: usize) -> Result<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(count).context("an answer that ends too early")?;
        self.0 = rest;
        Ok(taken)
    }

    pub(super) fn i8(&mut self) -> Result<i8> {
        Ok(i8::from_be_bytes(self.take(1)?.try_into()?))
    }

    pub(super) fn i16(&mut self) -> Result<i16> {
        Ok(i16::from_be_bytes(self.take(2)?.try_into()?))
    }

    pub(super) fn i32(&mut self) -> Result<i32> {
        Ok(i32::from_be_bytes(self.take(4)?.try_into()?))
    }

    pub(super) fn i64(&mut self) -> Result<i64> {
        Ok(i64::from_be_bytes(self.take(8)?.try_into()?))
    }

    /// A text; empty if there is none.
    pub(super) fn text(&mut self) -> Result<&'a str> {
        let length = self.i16()?;
        Ok(std::str::from_utf8(self.take(usize::try_from(length.max(0))?)?)?)
    }

    /// Bytes behind their length; empty if there are none.
    pub(super) fn blob(&mut self) -> Result<&'a [u8]> {
        let length = self.i32()?;
        self.take(usize::try_from(length.max(0))?)
    }
}
