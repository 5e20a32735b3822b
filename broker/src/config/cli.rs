//! The command line: `tidemark broker`, `tidemark dev`, `tidemark settings`, and the tools.
//!
//! Flags are only another way to write a setting; what a setting means stands in the table of settings.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

use super::layers::{self, Layer};
use super::{Config, ConfigError};
use crate::tools::{CheckFlags, DrillFlags};

/// A replicated log in Kafka's model, coordinated by etcd, served over HTTP.
#[derive(Debug, Parser)]
#[command(name = "tidemark", version, about)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What the binary can do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run one broker of a cluster whose state is in etcd.
    Broker(BrokerFlags),
    /// Run one broker with an embedded coordinator: no etcd, ready at once, for a laptop or a test suite.
    Dev(DevFlags),
    /// Print every setting with its default and its meaning.
    Settings,
    /// Check a history of what clients did and saw; exit code 0 clean, 1 anomalies, 2 unreadable.
    Check(CheckFlags),
    /// Try a running cluster: hurt one broker under a small load, and count what is lost.
    Drill(Box<DrillFlags>),
}

/// Flags that both ways of running share.
#[derive(Debug, Args)]
pub struct CommonFlags {
    /// Where the broker keeps its partitions.
    #[arg(long, value_name = "DIR")]
    pub data_dir: Option<String>,
    /// Where HTTP is served.
    #[arg(long, value_name = "HOST:PORT")]
    pub http_listen: Option<String>,
    /// Where Kafka's protocol is served, to clients and to the other brokers.
    #[arg(long, value_name = "HOST:PORT")]
    pub kafka_listen: Option<String>,
    /// The HTTP address that others are told, if not the one listened on.
    #[arg(long, value_name = "HOST:PORT")]
    pub advertised_http: Option<String>,
    /// The Kafka address that others are told, if not the one listened on.
    #[arg(long, value_name = "HOST:PORT")]
    pub advertised_kafka: Option<String>,
    /// A TOML file with settings.
    #[arg(long, value_name = "FILE", env = "TIDEMARK_CONFIG")]
    pub config: Option<PathBuf>,
    /// Any setting, as name=value; may be repeated. `tidemark settings` lists them.
    #[arg(long = "set", value_name = "NAME=VALUE")]
    pub set: Vec<String>,
}

/// Flags of `tidemark broker`.
#[derive(Debug, Args)]
pub struct BrokerFlags {
    /// This broker's number, unique in its cluster.
    #[arg(long)]
    pub id: Option<String>,
    /// etcd's endpoints, separated by commas.
    #[arg(long, value_name = "URL[,URL]")]
    pub etcd: Option<String>,
    /// Where this broker stands; replicas are spread over racks.
    #[arg(long)]
    pub rack: Option<String>,
    /// The cluster's name: its keys stand under /tidemark/NAME/.
    #[arg(long)]
    pub cluster: Option<String>,
    /// The rest.
    #[command(flatten)]
    pub common: CommonFlags,
}

/// Flags of `tidemark dev`.
#[derive(Debug, Args)]
pub struct DevFlags {
    /// The rest.
    #[command(flatten)]
    pub common: CommonFlags,
}

impl BrokerFlags {
    /// The configuration of `tidemark broker`: defaults, then file, then environment, then flags.
    ///
    /// # Errors
    /// [`ConfigError`] tells what to change.
    pub fn config(&self) -> Result<Config, ConfigError> {
        let mut flags = self.common.layer()?;
        put(&mut flags, "broker.id", self.id.as_ref());
        put(&mut flags, "etcd", self.etcd.as_ref());
        put(&mut flags, "broker.rack", self.rack.as_ref());
        put(&mut flags, "cluster", self.cluster.as_ref());
        let config = Config::from_layers(&self.common.layers_with(flags)?)?;
        config.require_for_broker()?;
        Ok(config)
    }
}

impl DevFlags {
    /// The configuration of `tidemark dev`: as of a broker, with defaults that need nothing.
    ///
    /// # Errors
    /// [`ConfigError`] tells what to change.
    pub fn config(&self) -> Result<Config, ConfigError> {
        let defaults = [("broker.id", "1"), ("data.dir", ".tidemark-dev")];
        let defaults =
            defaults.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let mut layers = vec![defaults];
        layers.extend(self.common.layers_with(self.common.layer()?)?);
        Config::from_layers(&layers)
    }
}

impl CommonFlags {
    fn layer(&self) -> Result<Layer, ConfigError> {
        let mut layer = layers::from_pairs(&self.set)?;
        put(&mut layer, "data.dir", self.data_dir.as_ref());
        put(&mut layer, "http.listen", self.http_listen.as_ref());
        put(&mut layer, "kafka.listen", self.kafka_listen.as_ref());
        put(&mut layer, "advertised.http", self.advertised_http.as_ref());
        put(&mut layer, "advertised.kafka", self.advertised_kafka.as_ref());
        Ok(layer)
    }

    fn layers_with(&self, flags: Layer) -> Result<Vec<Layer>, ConfigError> {
        let mut layers = Vec::new();
        if let Some(path) = &self.config {
            layers.push(layers::from_file(path)?);
        }
        layers.push(layers::from_environment(std::env::vars()));
        layers.push(flags);
        Ok(layers)
    }
}

fn put(layer: &mut Layer, name: &str, value: Option<&String>) {
    if let Some(value) = value {
        layer.insert(name.to_owned(), value.clone());
    }
}
