//! The codecs in which a batch's records may be packed: inflating them within a bound, and packing what compaction left.
//!
//! *Invariant:* inflating stops at the bound, however much more the data would give; no length that the data claims is
//! believed before it is bounded.

use std::borrow::Cow;
use std::io::{Read, Write as _};

use super::RecordError;

/// What begins a stream of Java's xerial library: magic, version, least compatible version.
const XERIAL_MAGIC: [u8; 8] = *b"\x82SNAPPY\0";
const XERIAL_HEADER_LEN: usize = 16;

/// No snappy stream inflates to more than this many times its size: its best element says 64 bytes with 3.
const SNAPPY_RATIO_MAX: usize = 64;

/// zstd's own default. A frame may ask for a window of 128 MiB, but only as much of it is touched as is written, and
/// that is bounded.
const ZSTD_WINDOW_LOG_MAX: u32 = 27;

/// How the records of a batch are compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Compression {
    /// Not at all.
    None,
    /// gzip, RFC 1952.
    Gzip,
    /// Snappy, raw or in the framing of Java's xerial library.
    Snappy,
    /// LZ4 frames.
    Lz4,
    /// Zstandard, RFC 8878.
    Zstd,
}

impl Compression {
    /// The codec with this number in a batch's attributes.
    pub(super) fn from_code(code: i16) -> Result<Self, RecordError> {
        match code {
            0 => Ok(Self::None),
            1 => Ok(Self::Gzip),
            2 => Ok(Self::Snappy),
            3 => Ok(Self::Lz4),
            4 => Ok(Self::Zstd),
            other => Err(RecordError::UnknownCompression(other)),
        }
    }

    /// The codec's name in Kafka's configuration.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Gzip => "gzip",
            Self::Snappy => "snappy",
            Self::Lz4 => "lz4",
            Self::Zstd => "zstd",
        }
    }
}

/// Inflates `data` to at most `bytes_max`; what is not compressed is lent as it is, and bounded by its batch.
pub(super) fn decompress(
    codec: Compression,
    data: &[u8],
    bytes_max: usize,
) -> Result<Cow<'_, [u8]>, RecordError> {
    let bad = |_| RecordError::BadCompression { codec: codec.name() };
    let inflated = match codec {
        Compression::None => return Ok(Cow::Borrowed(data)),
        Compression::Gzip => drain(codec, flate2::bufread::MultiGzDecoder::new(data), data.len(), bytes_max)?,
        Compression::Snappy => inflate_snappy(data, bytes_max)?,
        Compression::Lz4 => drain(codec, lz4_flex::frame::FrameDecoder::new(data), data.len(), bytes_max)?,
        Compression::Zstd => {
            let mut decoder = zstd::stream::read::Decoder::with_buffer(data).map_err(bad)?;
            decoder.window_log_max(ZSTD_WINDOW_LOG_MAX).map_err(bad)?;
            drain(codec, decoder, data.len(), bytes_max)?
        }
    };
    Ok(Cow::Owned(inflated))
}

/// Packs `data`, at the speed that each codec chooses by itself. Snappy comes out as one raw block, as from librdkafka.
pub(super) fn compress(codec: Compression, data: &[u8]) -> Result<Cow<'_, [u8]>, RecordError> {
    let bad = || RecordError::BadCompression { codec: codec.name() };
    let packed = match codec {
        Compression::None => return Ok(Cow::Borrowed(data)),
        Compression::Gzip => {
            let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
            encoder.write_all(data).and_then(|()| encoder.finish()).map_err(|_| bad())?
        }
        Compression::Snappy => snap::raw::Encoder::new().compress_vec(data).map_err(|_| bad())?,
        Compression::Lz4 => {
            let mut encoder = lz4_flex::frame::FrameEncoder::new(Vec::new());
            encoder.write_all(data).map_err(|_| bad())?;
            encoder.finish().map_err(|_| bad())?
        }
        Compression::Zstd => {
            zstd::stream::encode_all(data, zstd::DEFAULT_COMPRESSION_LEVEL).map_err(|_| bad())?
        }
    };
    Ok(Cow::Owned(packed))
}

/// Reads all that `decoder` gives, unless it is more than `bytes_max`.
fn drain(
    codec: Compression,
    decoder: impl Read,
    packed: usize,
    bytes_max: usize,
) -> Result<Vec<u8>, RecordError> {
    let mut inflated = Vec::with_capacity(packed.saturating_mul(3).min(bytes_max));
    let one_more = u64::try_from(bytes_max).unwrap_or(u64::MAX).saturating_add(1);
    decoder
        .take(one_more)
        .read_to_end(&mut inflated)
        .map_err(|_| RecordError::BadCompression { codec: codec.name() })?;
    if inflated.len() > bytes_max { Err(RecordError::Inflation { limit: bytes_max }) } else { Ok(inflated) }
}

/// Snappy as the two families of clients write it: one raw block (librdkafka), or xerial's chunks (Java).
fn inflate_snappy(data: &[u8], bytes_max: usize) -> Result<Vec<u8>, RecordError> {
    let mut inflated = Vec::new();
    if !data.starts_with(&XERIAL_MAGIC) {
        inflate_snappy_block(data, &mut inflated, bytes_max)?;
        return Ok(inflated);
    }
    let bad = RecordError::BadCompression { codec: Compression::Snappy.name() };
    let mut rest = data;
    while !rest.is_empty() {
        // Streams that were put one after the other each have their header.
        if rest.starts_with(&XERIAL_MAGIC) {
            rest = rest.get(XERIAL_HEADER_LEN..).ok_or_else(|| bad.clone())?;
            continue;
        }
        let (len, after) = rest.split_first_chunk::<4>().ok_or_else(|| bad.clone())?;
        let len = usize::try_from(i32::from_be_bytes(*len)).map_err(|_| bad.clone())?;
        let (block, after) = after.split_at_checked(len).ok_or_else(|| bad.clone())?;
        inflate_snappy_block(block, &mut inflated, bytes_max)?;
        rest = after;
    }
    Ok(inflated)
}

/// Appends one raw block's content.
fn inflate_snappy_block(block: &[u8], inflated: &mut Vec<u8>, bytes_max: usize) -> Result<(), RecordError> {
    let bad = |_| RecordError::BadCompression { codec: Compression::Snappy.name() };
    let claimed = snap::raw::decompress_len(block).map_err(bad)?;
    let before = inflated.len();
    if claimed > bytes_max - before {
        return Err(RecordError::Inflation { limit: bytes_max });
    }
    if claimed > block.len().saturating_mul(SNAPPY_RATIO_MAX) {
        return Err(RecordError::BadCompression { codec: Compression::Snappy.name() });
    }
    inflated.resize(before + claimed, 0);
    snap::raw::Decoder::new().decompress(block, &mut inflated[before..]).map_err(bad)?;
    Ok(())
}
