//! The whole of Tidemark under a seed, and its rules under a model checker.
//!
//! The code that is run here is the broker's own, built with the features `simulation` and `mutants`: nothing is copied.
//!
//! - [`model`]: the rules of replication, searched breadth first
//! - [`mutants`]: who notices when a rule is taken out
//! - [`world`]: whole brokers on a simulated network, clock and disk, by seed
//! - [`seeds`]: many worlds, each in a process of its own
//!
//! *Invariant:* one seed gives one trace, on any machine.

pub mod model;
pub mod mutants;
pub mod seeds;
pub mod world;
