//! Where settings come from: a TOML file, `TIDEMARK_*` variables, flags; the later wins.
//!
//! Nothing is interpreted here: the result is text under Kafka-style dotted names. `log.retention.ms = 1` in the file,
//! `TIDEMARK_LOG_RETENTION_MS=1` and `--set log.retention.ms=1` name the same setting.

use std::collections::BTreeMap;
use std::path::Path;

use super::ConfigError;

/// Settings as text, by dotted name.
pub type Layer = BTreeMap<String, String>;

/// Variables that begin so are settings.
const ENVIRONMENT_PREFIX: &str = "TIDEMARK_";

/// Variables that begin like a setting and are none.
const NOT_SETTINGS: &[&str] = &[
    "TIDEMARK_CONFIG",
    "TIDEMARK_LOG",
    "TIDEMARK_LOG_FORMAT",
    "TIDEMARK_BIN",
    #[cfg(feature = "mutants")]
    "TIDEMARK_WITHOUT",
];

/// Reads a TOML file.
///
/// # Errors
/// [`ConfigError::File`] if it cannot be read, is no TOML, or holds a value that is no setting (a list of tables).
pub(super) fn from_file(path: &Path) -> Result<Layer, ConfigError> {
    let fail = |reason: String| ConfigError::File { path: path.to_path_buf(), reason };
    let text = std::fs::read_to_string(path).map_err(|error| fail(error.to_string()))?;
    let table: toml::Table = text.parse().map_err(|error: toml::de::Error| fail(error.to_string()))?;
    let mut layer = Layer::new();
    flatten("", &table, &mut layer).map_err(fail)?;
    Ok(layer)
}

fn flatten(prefix: &str, table: &toml::Table, layer: &mut Layer) -> Result<(), String> {
    for (key, value) in table {
        let name = if prefix.is_empty() { key.clone() } else { format!("{prefix}.{key}") };
        match value {
            toml::Value::Table(inner) => flatten(&name, inner, layer)?,
            toml::Value::Array(items) => {
                let texts: Result<Vec<String>, String> =
                    items.iter().map(|item| scalar(&name, item)).collect();
                layer.insert(name, texts?.join(","));
            }
            other => {
                layer.insert(name.clone(), scalar(&name, other)?);
            }
        }
    }
    Ok(())
}

fn scalar(name: &str, value: &toml::Value) -> Result<String, String> {
    match value {
        toml::Value::String(text) => Ok(text.clone()),
        toml::Value::Integer(number) => Ok(number.to_string()),
        toml::Value::Float(number) => Ok(number.to_string()),
        toml::Value::Boolean(flag) => Ok(flag.to_string()),
        _ => Err(format!("'{name}' must be a text, a number, true or false")),
    }
}

/// Takes the settings among `variables` (the process' environment).
pub(super) fn from_environment(variables: impl Iterator<Item = (String, String)>) -> Layer {
    variables
        .filter(|(name, _)| !NOT_SETTINGS.contains(&name.as_str()))
        .filter_map(|(name, value)| {
            let rest = name.strip_prefix(ENVIRONMENT_PREFIX)?;
            Some((rest.to_ascii_lowercase().replace('_', "."), value))
        })
        .collect()
}

/// Reads `name=value` pairs from the command line.
///
/// # Errors
/// [`ConfigError::Value`] for a pair without `=`.
pub(super) fn from_pairs(pairs: &[String]) -> Result<Layer, ConfigError> {
    pairs
        .iter()
        .map(|pair| match pair.split_once('=') {
            Some((name, value)) => Ok((name.trim().to_owned(), value.trim().to_owned())),
            None => Err(ConfigError::Value {
                name: pair.clone(),
                value: String::new(),
                reason: "write --set name=value".to_owned(),
            }),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dotted_and_nested_names_are_one() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("t.toml");
        std::fs::write(&path, "log.retention.ms = 5\netcd = [\"a\", \"b\"]\n[min]\ninsync.replicas = 2\n")
            .unwrap();
        let layer = from_file(&path).unwrap();
        assert_eq!(layer["log.retention.ms"], "5");
        assert_eq!(layer["etcd"], "a,b");
        assert_eq!(layer["min.insync.replicas"], "2");
    }

    #[test]
    fn variables_become_dotted_names() {
        let variables = [("TIDEMARK_LOG_RETENTION_MS", "7"), ("TIDEMARK_CONFIG", "x"), ("HOME", "/")];
        let layer = from_environment(variables.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())));
        assert_eq!(layer.into_iter().collect::<Vec<_>>(), [("log.retention.ms".to_owned(), "7".to_owned())]);
    }
}
