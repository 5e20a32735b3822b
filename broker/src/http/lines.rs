//! Lines into a batch: one record a line, its value the bytes between two line feeds as they were sent. Pure.
//!
//! Each chunk of a body is searched once and copied once, into the batch; only a line that runs over the end of a chunk
//! is kept aside. A line may be empty, and then its record's value is; the last line needs no line feed.

use bytes::Bytes;

use super::body::Sink;
use super::errors::Problem;
use super::template::Template;
use crate::record::BatchBuilder;

/// Bounds on one batch.
#[derive(Clone, Copy, Debug)]
pub(super) struct BatchBounds {
    /// Bytes of the batch.
    pub(super) bytes_max: usize,
    /// Records in it.
    pub(super) records_max: usize,
}

impl BatchBounds {
    /// Refuses a batch that has grown beyond the bounds.
    pub(super) fn check(&self, builder: &BatchBuilder) -> Result<(), Problem> {
        if builder.bytes() > self.bytes_max {
            let limit = self.bytes_max;
            let message = format!(
                "the records make a batch of more than {limit} bytes, the topic's max.message.bytes: send fewer at once"
            );
            return Err(Problem::new(http::StatusCode::PAYLOAD_TOO_LARGE, message)
                .detail(1)
                .number("limit_bytes", i64::try_from(limit).unwrap_or(i64::MAX)));
        }
        if builder.len() > self.records_max {
            let limit = self.records_max;
            let message = format!("more than {limit} records in one request: send fewer at once");
            return Err(Problem::new(http::StatusCode::PAYLOAD_TOO_LARGE, message).detail(1));
        }
        Ok(())
    }
}

/// A batch that grows line by line.
#[derive(Debug)]
pub(super) struct Lines<'a> {
    template: &'a Template<'a>,
    bounds: BatchBounds,
    builder: BatchBuilder,
    carry: Vec<u8>,
}

impl<'a> Lines<'a> {
    /// An empty batch, for a body of about `body_bytes`.
    pub(super) fn new(template: &'a Template<'a>, bounds: BatchBounds, body_bytes: usize) -> Self {
        // A record adds about nine bytes to its line; lines of a hundred bytes are taken as the rule.
        let room = (body_bytes + body_bytes / 8 + 256).min(bounds.bytes_max.saturating_add(256));
        Self { template, bounds, builder: BatchBuilder::with_capacity(room), carry: Vec::new() }
    }

    /// The batch, with the last line if it had no line feed.
    pub(super) fn finish(mut self) -> Result<BatchBuilder, Problem> {
        if !self.carry.is_empty() {
            let last = std::mem::take(&mut self.carry);
            self.template.push(&mut self.builder, Some(&last));
        }
        if self.builder.is_empty() {
            return Err(Problem::bad_request("the body is empty: send one record a line"));
        }
        self.bounds.check(&self.builder)?;
        Ok(self.builder)
    }
}

impl Sink for Lines<'_> {
    fn take(&mut self, chunk: Bytes) -> Result<(), Problem> {
        let mut start = 0;
        for end in memchr::memchr_iter(b'\n', &chunk) {
            let line = &chunk[start..end];
            if self.carry.is_empty() {
                self.template.push(&mut self.builder, Some(line));
            } else {
                self.carry.extend_from_slice(line);
                self.template.push(&mut self.builder, Some(&self.carry));
                self.carry.clear();
            }
            start = end + 1;
        }
        self.carry.extend_from_slice(&chunk[start..]);
        self.bounds.check(&self.builder)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::record::{BatchLimits, records};

    const BOUNDS: BatchBounds = BatchBounds { bytes_max: 1 << 20, records_max: 1_000 };

    fn values(chunks: &[&[u8]]) -> Result<Vec<Vec<u8>>, Problem> {
        let template = Template::at(1_000);
        let mut lines = Lines::new(&template, BOUNDS, 0);
        for chunk in chunks {
            lines.take(Bytes::copy_from_slice(chunk))?;
        }
        let batch = lines.finish()?.finish(None);
        let records = records(&batch, &BatchLimits::default()).unwrap();
        Ok(records.into_iter().map(|record| record.value.unwrap().to_vec()).collect())
    }

    #[test]
    fn a_line_is_a_record_as_it_was_sent() {
        let cases: [(&[&[u8]], &[&[u8]]); 6] = [
            (&[b"a\nb\n"], &[b"a", b"b"]),
            (&[b"a\nb"], &[b"a", b"b"]),
            (&[b"a\r\n\n b \n"], &[b"a\r", b"", b" b "]),
            (&[b"\n"], &[b""]),
            (&[b"ab", b"cd\nef", b"\n"], &[b"abcd", b"ef"]),
            (&[b"\xff\x00\n{\"not\": json\n"], &[b"\xff\x00", b"{\"not\": json"]),
        ];
        for (chunks, expected) in cases {
            assert_eq!(values(chunks).unwrap(), expected, "{chunks:?}");
        }
    }

    #[test]
    fn an_empty_body_is_refused() {
        assert_eq!(values(&[]).unwrap_err().status(), 400);
        assert_eq!(values(&[b""]).unwrap_err().status(), 400);
    }

    #[test]
    fn bounds_hold() {
        let template = Template::at(0);
        let mut small = Lines::new(&template, BatchBounds { bytes_max: 100, records_max: 1_000 }, 0);
        assert_eq!(small.take(Bytes::from(vec![b'\n'; 1_000])).unwrap_err().status(), 413);
        let mut few = Lines::new(&template, BatchBounds { bytes_max: 1 << 20, records_max: 3 }, 0);
        assert!(few.take(Bytes::from_static(b"1\n2\n3\n4")).is_ok());
        assert_eq!(few.finish().unwrap_err().status(), 413);
    }

    proptest! {
        /// However a body is cut into chunks, its lines are the same.
        #[test]
        fn chunks_do_not_matter(
            body in prop::collection::vec(prop_oneof![3 => any::<u8>(), 1 => Just(b'\n')], 1..300),
            cuts in prop::collection::vec(0_usize..300, 0..6),
        ) {
            let mut cuts: Vec<usize> = cuts.into_iter().map(|cut| cut.min(body.len())).collect();
            cuts.extend([0, body.len()]);
            cuts.sort_unstable();
            let chunks: Vec<&[u8]> = cuts.windows(2).map(|pair| &body[pair[0]..pair[1]]).collect();
            let whole = body.strip_suffix(b"\n").unwrap_or(&body);
            let expected: Vec<Vec<u8>> = whole.split(|byte| *byte == b'\n').map(<[u8]>::to_vec).collect();
            prop_assert_eq!(values(&chunks).unwrap(), expected);
        }
    }
}
