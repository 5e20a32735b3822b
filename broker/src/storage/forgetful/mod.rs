//! A disk that forgets: what lies beneath the files of a data directory in builds for tests, never in a broker in use.
//!
//! ```text
//! medium    the door, of the same shape as `storage::medium`   trouble first, then remember, then do it
//! faults    a disk that fails when it is told to               full, failing fsync, no descriptors, a death
//! trouble   the same said from outside the process             a file beside the data directory
//! memory    how to take back what was not fsynced              kept in a journal beside the data directory
//! journal   its form
//! loss      the power cut: takes back, wholly or in part, by seed
//! place     the names of the files beside the data directory
//! ```
//!
//! A data directory `d` forgets if there is a directory `d.forgetful` beside it ([`begin`] makes it). From then on each
//! change of a file or a directory is preceded by a line in the journal there that tells how to take it back; an fsync
//! of the file (its bytes and its length) or of the directory (its names) settles the lines that came before it. All
//! that is written with plain writes, which outlive a process that is killed. When no process has the data directory,
//! [`power_cut`] takes back what is not settled; a process that is to start can be told to do so itself by a file
//! `power-cut` in `d.forgetful` with the word `all`, or with the seed that chooses what survives.
//!
//! What a power cut may do here: bytes added since the last fsync are gone, or a prefix of them stays, or the length
//! stays and a part of them is zeros or garbage; a cut or an overwriting is undone; of the names made, removed and
//! renamed in one directory since its last fsync any number of the latest is undone, each directory for itself, and
//! apart from the bytes (so that a renamed file may be found empty).
//!
//! What it cannot: a directory that is removed with all in it goes or stays as a whole; writes to one file survive in
//! their order, but for the hole; bytes that were fsynced never rot; an fsync that fails has made nothing durable, and
//! what is written later can still become so; a full disk refuses bytes, not names; the lock of the data directory, and
//! the making of the data directory itself, are not remembered.

mod faults;
mod journal;
mod loss;
mod medium;
mod memory;
mod place;
#[cfg(test)]
mod tests;
mod trouble;

pub use loss::{Cut, Losses, power_cut};
pub use place::begin;
pub use trouble::{Trouble, set_trouble};

pub(super) use medium::Medium;
