//! What can be wrong with a configuration, and what to do about it.

use std::path::PathBuf;

/// A configuration that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be used.
    #[error("configuration file {}: {reason}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Why not.
        reason: String,
    },
    /// No setting has this name.
    #[error("there is no setting '{name}'{}; `tidemark settings` lists them all", nearest.as_ref().map(|near| format!(", did you mean '{near}'?")).unwrap_or_default())]
    Unknown {
        /// The name.
        name: String,
        /// The nearest name that exists.
        nearest: Option<String>,
    },
    /// A value does not fit its setting.
    #[error("setting {name} = '{value}': {reason}")]
    Value {
        /// The setting.
        name: String,
        /// The value that was refused.
        value: String,
        /// What is expected.
        reason: String,
    },
    /// A setting that must be given is not.
    #[error("{flag} is missing: {meaning}")]
    Missing {
        /// The flag that gives it.
        flag: String,
        /// What it is.
        meaning: String,
    },
    /// Settings contradict each other.
    #[error("{0}")]
    Relation(String),
}
