//! What happens to a topic's old records (`cleanup.policy`). Pure.

use std::str::FromStr;

/// What happens to old records. Both may: then superseded records go, and old ones too.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cleanup {
    /// They go by age and size.
    pub deletes: bool,
    /// They go when a later one has the same key.
    pub compacts: bool,
}

impl Default for Cleanup {
    fn default() -> Self {
        Self { deletes: true, compacts: false }
    }
}

impl FromStr for Cleanup {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let mut cleanup = Self { deletes: false, compacts: false };
        for word in text.split(',').map(str::trim) {
            match word {
                "delete" => cleanup.deletes = true,
                "compact" => cleanup.compacts = true,
                _ => return Err("use delete, compact, or compact,delete".to_owned()),
            }
        }
        Ok(cleanup)
    }
}
