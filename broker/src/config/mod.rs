//! What may be set, where it comes from, and what must hold between settings.
//!
//! Each component owns its options; here they are gathered under one name each ([`settings`]), read from a file, the
//! environment and flags ([`layers`], [`cli`]), and their relations are checked before anything starts.
//!
//! *Invariant:* an unknown name is refused with the nearest known one; a bad value is refused with what is expected.

mod cli;
mod error;
mod gather;
mod layers;
mod settings;
mod value;

pub use cli::{BrokerFlags, Cli, Command, CommonFlags, DevFlags};
pub use error::ConfigError;
pub use gather::{BrokerSettings, Config, NodeSettings};
pub use layers::Layer;
pub use settings::render_settings;
