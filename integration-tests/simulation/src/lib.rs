//! The whole of Tidemark under a seed, and its rules under a model checker.
//!
//! The code that is run here is the broker's own, built with the features `simulation` and `mutants`: nothing is copied.
//!
//! *Invariant:* one seed gives one trace, on any machine.

pub mod model;
pub mod mutants;
