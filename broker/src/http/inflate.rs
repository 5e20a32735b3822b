//! Inflating compressed bodies, within the same bound as plain ones.

use std::io::Read;

use bytes::Bytes;
use http::StatusCode;

use super::body::too_large;
use super::door::Door;
use super::errors::Problem;
use super::media::Coding;
use crate::service::Admitted;
use crate::tasks;

/// A compressed body above this size is inflated on a thread where it holds up nobody.
const INLINE_BYTES_MAX: usize = 16 << 10;
/// How much is inflated between two looks at the bound.
const STEP_BYTES: usize = 64 << 10;
/// zstd may ask for a window of up to 2 to the power of this many bytes.
const ZSTD_WINDOW_LOG_MAX: u32 = 23;

/// Inflates `packed`; the inflated bytes are admitted as they come.
pub(super) async fn inflate(
    door: &Door,
    coding: Coding,
    packed: Bytes,
    admitted: Admitted,
) -> Result<(Bytes, Admitted), Problem> {
    let limit = door.options.body_bytes_max;
    if packed.len() <= INLINE_BYTES_MAX {
        return inflate_now(coding, &packed, limit, admitted);
    }
    let work = tasks::lend(move || inflate_now(coding, &packed, limit, admitted));
    work.await.expect("inflating does not panic and is not cancelled")
}

fn inflate_now(
    coding: Coding,
    packed: &[u8],
    limit: usize,
    mut admitted: Admitted,
) -> Result<(Bytes, Admitted), Problem> {
    let bad =
        |_| Problem::bad_request("the body is not what its Content-Encoding says: it cannot be inflated");
    let mut reader: Box<dyn Read + '_> = match coding {
        Coding::Identity => Box::new(packed),
        Coding::Gzip => Box::new(flate2::read::MultiGzDecoder::new(packed)),
        Coding::Zstd => {
            let mut decoder = zstd::stream::read::Decoder::new(packed).map_err(bad)?;
            decoder.window_log_max(ZSTD_WINDOW_LOG_MAX).map_err(bad)?;
            Box::new(decoder)
        }
    };
    let mut inflated = Vec::new();
    loop {
        admitted.grow(STEP_BYTES)?;
        let step = reader.by_ref().take(STEP_BYTES as u64).read_to_end(&mut inflated).map_err(bad)?;
        if inflated.len() > limit {
            let message = format!("inflated, {}", too_large(limit).message());
            return Err(Problem::new(StatusCode::PAYLOAD_TOO_LARGE, message));
        }
        if step == 0 {
            return Ok((Bytes::from(inflated), admitted));
        }
    }
}
