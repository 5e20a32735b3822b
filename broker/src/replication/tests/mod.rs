//! Replicas in one process, with real logs, a link and a store that fail on demand.

mod appending;
mod cluster;
mod failing_over;
mod following;
mod in_sync;
mod leading;
