//! The bounds within which every history is tried: those of `make test`, each in seconds, and the larger ones of
//! `make model` and `make soak`.
//!
//! No single bound could hold all that may happen and be run to its end, so each part has one kind of trouble in depth;
//! the last of the larger ones has a little of each, and is not run to its end.

use super::bounds::Bounds;
use tidemark::types::FlushMode;

/// One part, by its name.
pub type Part = (&'static str, Bounds);

/// Run to their ends by `make test`.
pub const SUITE: &[Part] = &[
    ("elections", Bounds { epochs: 3, expiries: 1, proposals: 1, ..Bounds::CALM }),
    ("hand-overs", Bounds { writes: 1, epochs: 4, expiries: 1, hand_overs: 2, ..Bounds::CALM }),
    ("crashes", Bounds { writes: 1, epochs: 2, crashes: 1, expiries: 1, proposals: 1, ..Bounds::CALM }),
    ("lost disks", Bounds { writes: 1, epochs: 2, crashes: 2, lost_disks: 1, ..Bounds::CALM }),
    ("no fsync", Bounds { flush: FlushMode::Os, writes: 1, epochs: 3, crashes: 2, ..Bounds::CALM }),
    (
        "unknown outcomes",
        Bounds {
            in_sync: 2,
            writes: 1,
            epochs: 2,
            expiries: 1,
            proposals: 2,
            timeouts: 1,
            falling: true,
            ..Bounds::CALM
        },
    ),
    (
        "late decisions",
        Bounds { writes: 1, epochs: 3, expiries: 2, late_writes: 1, controllers: 1, ..Bounds::CALM },
    ),
    ("late fetches", Bounds { epochs: 2, hand_overs: 1, late_fetches: 2, ..Bounds::CALM }),
];

/// A search of the larger ones ends after so many states, so that they fit into 6 GB.
pub const LARGER_STATES_MAX: u64 = 80_000_000;

/// Run by `make model`, for as long as it takes, and by `make soak`, for as long as it is told.
pub const LARGER: &[Part] = &[
    (
        "elections",
        Bounds { epochs: 3, expiries: 2, hand_overs: 1, proposals: 1, falling: true, ..Bounds::CALM },
    ),
    ("hand-overs", Bounds { writes: 2, epochs: 4, expiries: 1, hand_overs: 2, proposals: 1, ..Bounds::CALM }),
    ("crashes", Bounds { writes: 2, epochs: 3, crashes: 2, expiries: 1, ..Bounds::CALM }),
    (
        "no fsync",
        Bounds { flush: FlushMode::Os, writes: 2, epochs: 3, crashes: 2, expiries: 1, ..Bounds::CALM },
    ),
    (
        "unknown outcomes",
        Bounds {
            in_sync: 2,
            writes: 2,
            epochs: 3,
            expiries: 1,
            proposals: 2,
            timeouts: 1,
            falling: true,
            ..Bounds::CALM
        },
    ),
    (
        "a little of each",
        Bounds {
            writes: 2,
            epochs: 3,
            crashes: 1,
            expiries: 1,
            proposals: 1,
            timeouts: 1,
            late_writes: 1,
            ..Bounds::CALM
        },
    ),
];
