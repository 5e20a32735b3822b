//! The bounds within which every history is tried: those of `make test`, each in seconds, and the larger ones of
//! `make model`.
//!
//! No single bound could hold all that may happen and be run to its end, so each part has one kind of trouble in depth.

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

/// Run by `make model`, which takes an hour or so, and some gigabytes.
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
];
