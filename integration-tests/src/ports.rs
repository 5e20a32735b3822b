//! Free ports, below the range from which the kernel takes outgoing ones, reserved by file locks across test processes.
//!
//! A port that was only found free by binding it and letting go is soon taken by a neighbour; a reserved block is not.
//!
//! *Invariant:* no two live [`PortBlock`]s of one user overlap.

use std::fs::File;
use std::net::TcpListener;

use anyhow::{Result, bail};

use crate::slots::try_lock;

const FIRST: u16 = 20_000;
const BLOCK: u16 = 24;
const BLOCKS: u16 = 500;

/// A block of neighbouring ports, ours while it lives.
#[derive(Debug)]
pub struct PortBlock {
    first: u16,
    used: u16,
    _lock: File,
}

impl PortBlock {
    /// Reserves a block in which every port is free.
    ///
    /// # Errors
    /// If there is none, or the lock files cannot be used.
    pub fn reserve() -> Result<Self> {
        for block in 0..BLOCKS {
            let Some(lock) = try_lock(&format!("ports-{block}"))? else { continue };
            let first = FIRST + block * BLOCK;
            if (first..first + BLOCK).all(|port| TcpListener::bind(("127.0.0.1", port)).is_ok()) {
                return Ok(Self { first, used: 0, _lock: lock });
            }
        }
        bail!("no block of {BLOCK} free ports from {FIRST} up")
    }

    /// The next port of the block.
    ///
    /// # Panics
    /// If the block is used up.
    pub fn take(&mut self) -> u16 {
        assert!(self.used < BLOCK, "a cluster wants more than {BLOCK} ports");
        self.used += 1;
        self.first + self.used - 1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_blocks_share_no_port() {
        let (mut a, mut b) = (PortBlock::reserve().unwrap(), PortBlock::reserve().unwrap());
        assert!(a.take().abs_diff(b.take()) >= BLOCK);
    }
}
