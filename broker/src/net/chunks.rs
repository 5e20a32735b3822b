//! A queue of byte chunks to be written in order, without copying any of them together.

use std::collections::VecDeque;
use std::io::IoSlice;

use bytes::{Buf, Bytes};

/// Chunks that wait to be written. As a [`Buf`] it hands many chunks to one vectored write.
#[derive(Debug, Default)]
pub struct Chunks {
    chunks: VecDeque<Bytes>,
    remaining: usize,
}

impl Chunks {
    /// Adds `chunk` behind those that wait.
    pub fn push(&mut self, chunk: Bytes) {
        if !chunk.is_empty() {
            self.remaining += chunk.len();
            self.chunks.push_back(chunk);
        }
    }

    /// Forgets all that waits.
    pub fn clear(&mut self) {
        self.chunks.clear();
        self.remaining = 0;
    }
}

impl Extend<Bytes> for Chunks {
    fn extend<T: IntoIterator<Item = Bytes>>(&mut self, chunks: T) {
        chunks.into_iter().for_each(|chunk| self.push(chunk));
    }
}

impl Buf for Chunks {
    fn remaining(&self) -> usize {
        self.remaining
    }

    fn chunk(&self) -> &[u8] {
        self.chunks.front().map_or(&[], |chunk| chunk)
    }

    fn chunks_vectored<'a>(&'a self, slices: &mut [IoSlice<'a>]) -> usize {
        let filled = slices.len().min(self.chunks.len());
        for (slice, chunk) in slices.iter_mut().zip(&self.chunks) {
            *slice = IoSlice::new(chunk);
        }
        filled
    }

    fn advance(&mut self, mut count: usize) {
        assert!(count <= self.remaining, "wrote {count} bytes of {}", self.remaining);
        self.remaining -= count;
        while let Some(front) = self.chunks.front_mut() {
            if count < front.len() {
                front.advance(count);
                return;
            }
            count -= front.len();
            self.chunks.pop_front();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chunks_leave_in_order_whatever_is_written_at_a_time() {
        for step in 1..8 {
            let mut chunks = Chunks::default();
            chunks.extend([&b"ab"[..], b"", b"cdefg", b"h"].map(Bytes::from_static));
            let mut seen = Vec::new();
            while chunks.has_remaining() {
                let mut slices = [IoSlice::new(&[]); 2];
                let filled = chunks.chunks_vectored(&mut slices);
                let flat: Vec<u8> = slices[..filled].iter().flat_map(|slice| slice.to_vec()).collect();
                let count = step.min(flat.len());
                seen.extend_from_slice(&flat[..count]);
                chunks.advance(count);
            }
            assert_eq!(seen, b"abcdefgh");
        }
    }
}
