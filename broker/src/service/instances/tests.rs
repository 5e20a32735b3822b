//! Instances over a real log.
