//! The benchmark behind `make bench`: every figure beside a floor taken in the same run.
//!
//! The floor for bulk is a program that pushes the same bytes through sockets into a leader's file and, by sendfile, into
//! two followers' files, with and without fsync ([`floor`]); for single posts, the same HTTP stack with an empty handler
//! ([`empty_server`]). Both get the same client as the brokers. Three brokers, replication factor 3, six partitions,
//! `acks=all`, everything on this machine.
//!
//! A virtual machine that hands free pages back to its host is slow at whatever takes them again: so free memory is filled
//! with clean page cache first ([`page_cache`]). Rounds are interleaved: each takes every figure once, and a ratio is one
//! of two figures of the same round. The table shows medians and the spread.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "it is there to print a table")]

mod arguments;
mod bulk;
mod empty_server;
mod figures;
mod floor;
mod page_cache;
mod posts;
mod report;
mod rounds;
mod wire;

use anyhow::Result;

fn main() -> Result<()> {
    match arguments::read()? {
        arguments::Command::EmptyServer { port } => empty_server::serve(port),
        arguments::Command::Bench(plan) => {
            let table = rounds::run(&plan)?;
            println!("{table}");
            Ok(())
        }
    }
}
