//! Cutting a stream of bytes into frames: four bytes of length (big-endian), then that many bytes.
//!
//! Small frames are copied out of one small buffer; a large one gets a buffer of its own, so that whoever holds a frame
//! holds nothing else, and large frames are never copied.
//!
//! *Invariant:* a length outside `0..=bytes_max` is refused before anything is allocated for it.
//! *Invariant:* the memory of a frame is at most [`GROWTH`] times what has arrived of it, or [`FIRST_GROWTH`].

use std::io;

use bytes::{BufMut, Bytes, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt};

const PREFIX: usize = 4;
/// What one read may bring when no large frame is under way.
const HEAD_CAPACITY: usize = 8 * 1024;
/// The first memory of a frame that does not fit in there.
const FIRST_GROWTH: usize = 64 * 1024;
/// How many times what has arrived may be allocated for what comes.
const GROWTH: usize = 4;

/// A length that cannot be believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a frame says that it has {length} bytes, allowed are 0 to {bytes_max}")]
pub struct FrameError {
    /// What the frame says.
    pub length: i32,
    /// The bound.
    pub bytes_max: usize,
}

/// Reads frames from one connection.
#[derive(Debug)]
pub struct FrameReader {
    bytes_max: usize,
    /// Bytes that no frame has taken yet; begins with a length.
    head: BytesMut,
    /// A large frame under way.
    body: Option<Body>,
}

#[derive(Debug)]
struct Body {
    length: usize,
    arrived: BytesMut,
}

impl Body {
    /// The memory that the next read asks for.
    fn capacity_wanted(&self) -> usize {
        if self.arrived.len() < self.arrived.capacity() {
            return self.arrived.capacity().min(self.length);
        }
        self.length.min(FIRST_GROWTH.max(self.arrived.len().saturating_mul(GROWTH)))
    }
}

impl FrameReader {
    /// A reader that refuses frames of more than `bytes_max`.
    #[must_use]
    pub fn new(bytes_max: usize) -> Self {
        Self { bytes_max, head: BytesMut::new(), body: None }
    }

    /// The next frame without its length, if all of it is here.
    ///
    /// # Errors
    /// [`FrameError`]; the stream has lost its meaning from there on.
    pub fn next_frame(&mut self) -> Result<Option<Bytes>, FrameError> {
        if let Some(body) = self.body.take_if(|body| body.arrived.len() == body.length) {
            return Ok(Some(body.arrived.freeze()));
        }
        if self.body.is_some() {
            return Ok(None);
        }
        let Some(length) = self.next_length()? else { return Ok(None) };
        let here = self.head.len() - PREFIX;
        if here >= length {
            let frame = Bytes::copy_from_slice(&self.head[PREFIX..PREFIX + length]);
            self.drop_head(PREFIX + length);
            return Ok(Some(frame));
        }
        if PREFIX + length > HEAD_CAPACITY {
            let mut arrived = BytesMut::with_capacity(length.min(FIRST_GROWTH));
            arrived.extend_from_slice(&self.head[PREFIX..]);
            self.head.clear();
            self.body = Some(Body { length, arrived });
        }
        Ok(None)
    }

    /// The length of the frame that has begun, and its first two bytes (a Kafka request's key), as far as they are here.
    #[must_use]
    pub fn begun(&self) -> Option<(usize, Option<[u8; 2]>)> {
        if let Some(body) = &self.body {
            return Some((body.length, body.arrived.first_chunk().copied()));
        }
        let length = usize::try_from(i32::from_be_bytes(*self.head.first_chunk()?)).ok()?;
        Some((length, self.head[PREFIX..].first_chunk().copied()))
    }

    /// Whether part of a frame is here.
    #[must_use]
    pub fn is_midway(&self) -> bool {
        self.body.is_some() || !self.head.is_empty()
    }

    /// The memory that the frame under way will have after the next [`FrameReader::fill`]; none for a small frame.
    #[must_use]
    pub fn capacity_wanted(&self) -> usize {
        self.body.as_ref().map_or(0, Body::capacity_wanted)
    }

    /// Reads once from `source`: how many bytes came, zero at its end. May be dropped and called again at any time.
    ///
    /// # Errors
    /// What the socket said.
    pub async fn fill<R: AsyncRead + Unpin>(&mut self, source: &mut R) -> io::Result<usize> {
        let Some(body) = &mut self.body else {
            self.head.reserve(HEAD_CAPACITY - self.head.len().min(HEAD_CAPACITY - 1));
            let room = HEAD_CAPACITY.saturating_sub(self.head.len()).max(1);
            return source.read_buf(&mut (&mut self.head).limit(room)).await;
        };
        let wanted = body.capacity_wanted();
        body.arrived.reserve(wanted - body.arrived.len());
        let missing = body.length - body.arrived.len();
        source.read_buf(&mut (&mut body.arrived).limit(missing)).await
    }

    fn next_length(&self) -> Result<Option<usize>, FrameError> {
        let Some(prefix) = self.head.first_chunk() else { return Ok(None) };
        let length = i32::from_be_bytes(*prefix);
        match usize::try_from(length) {
            Ok(believed) if believed <= self.bytes_max => Ok(Some(believed)),
            _ => Err(FrameError { length, bytes_max: self.bytes_max }),
        }
    }

    fn drop_head(&mut self, count: usize) {
        if count == self.head.len() {
            self.head.clear();
        } else {
            bytes::Buf::advance(&mut self.head, count);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn framed(frames: &[&[u8]]) -> Vec<u8> {
        let mut stream = Vec::new();
        for frame in frames {
            stream.extend_from_slice(&u32::try_from(frame.len()).unwrap().to_be_bytes());
            stream.extend_from_slice(frame);
        }
        stream
    }

    async fn read_all(reader: &mut FrameReader, mut stream: &[u8], step: usize) -> Vec<Bytes> {
        let mut frames = Vec::new();
        while !stream.is_empty() {
            let (mut now, later) = stream.split_at(step.min(stream.len()));
            while !now.is_empty() {
                assert!(reader.fill(&mut now).await.unwrap() > 0);
                while let Some(frame) = reader.next_frame().unwrap() {
                    frames.push(frame);
                }
            }
            stream = later;
        }
        frames
    }

    #[tokio::test]
    async fn frames_come_out_whole_however_they_arrive() {
        let large = vec![7_u8; 300_000];
        let middle = vec![8_u8; HEAD_CAPACITY - PREFIX];
        let sent: [&[u8]; 6] = [b"one", b"", &large, b"two", &middle, b"three"];
        let stream = framed(&sent);
        for step in [1, 3, 4, 5, 4096, 9000, 70_000, stream.len()] {
            let mut reader = FrameReader::new(1 << 20);
            let frames = read_all(&mut reader, &stream, step).await;
            assert!(frames.iter().eq(sent.iter()), "step {step}");
            assert!(!reader.is_midway());
        }
    }

    #[tokio::test]
    async fn a_length_is_bounded_before_it_is_believed() {
        for length in [-1_i32, i32::MIN, i32::MAX, 1025] {
            let mut reader = FrameReader::new(1024);
            reader.fill(&mut &length.to_be_bytes()[..]).await.unwrap();
            assert_eq!(reader.next_frame(), Err(FrameError { length, bytes_max: 1024 }));
        }
    }

    #[tokio::test]
    async fn memory_grows_with_what_arrives_not_with_what_is_promised() {
        let mut reader = FrameReader::new(1 << 30);
        reader.fill(&mut &[0x3f, 0xff, 0xff, 0xff, 0, 0, 1][..]).await.unwrap();
        assert_eq!(reader.next_frame(), Ok(None));
        assert_eq!(reader.begun(), Some((0x3fff_ffff, Some([0, 0]))));
        let mut arrived = 3;
        let mut chunk = vec![1_u8; 50_000];
        for _ in 0..40 {
            assert!(reader.capacity_wanted() <= FIRST_GROWTH.max(GROWTH * arrived));
            let mut source = &chunk[..];
            arrived += reader.fill(&mut source).await.unwrap();
            assert_eq!(reader.next_frame(), Ok(None));
        }
        chunk.clear();
        assert!(reader.body.as_ref().unwrap().arrived.capacity() <= 8 << 20);
    }

    #[tokio::test]
    async fn a_large_frame_can_be_written_into_by_its_only_holder() {
        let large = vec![7_u8; 100_000];
        let mut reader = FrameReader::new(1 << 20);
        let frames = read_all(&mut reader, &framed(&[&large, b"next"]), 1 << 20).await;
        for frame in frames {
            assert!(frame.try_into_mut().is_ok());
        }
    }
}
