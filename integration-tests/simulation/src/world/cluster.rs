//! The brokers: the real code on turmoil's hosts, each with a door to the store of its own and a directory of its own.
//!
//! *Invariant:* nothing of a life outlives it but its directory: a start makes everything anew, as a process does.

use std::cell::{Cell, RefCell};
use std::path::PathBuf;
use std::rc::Rc;
use std::sync::Arc;

use coordinator_adapter::{MemoryOptions, MemoryStore, Store, UnreliableStore};
use tidemark::config::Config;
use tidemark::node::{self, Coordinator};
use tidemark::storage::forgetful::{self, Cut, Trouble};
use tokio_util::sync::CancellationToken;
use turmoil::Sim;

use super::plan::Plan;
use super::{http, kafka};

/// One broker's place in the world.
pub(super) struct Host {
    /// Its name on the network.
    pub(super) name: String,
    /// Its way to the store.
    pub(super) door: Arc<UnreliableStore>,
    /// Where it keeps its logs; beside it stands what its disk would forget.
    pub(super) data_dir: PathBuf,
    life: Rc<Life>,
}

/// What a host's software and the world tell each other.
struct Life {
    config: Config,
    store: Arc<dyn Store>,
    is_on: Cell<bool>,
    asked: RefCell<CancellationToken>,
    ended: RefCell<Option<String>>,
}

impl Life {
    async fn live(self: Rc<Self>) {
        if self.is_on.get() {
            let asked = self.asked.borrow().clone();
            let run = node::run(
                self.config.clone(),
                Coordinator::Given(Arc::clone(&self.store)),
                asked.cancelled_owned(),
            );
            let how = match Box::pin(run).await {
                Ok(()) => "as asked".to_owned(),
                Err(error) => error.to_string(),
            };
            self.ended.replace(Some(how));
        }
        std::future::pending().await
    }
}

/// All brokers, and the store.
pub(super) struct Cluster {
    pub(super) store: Arc<MemoryStore>,
    pub(super) hosts: Vec<Host>,
}

impl Cluster {
    /// Puts the brokers on the network and starts them.
    pub(super) fn start(sim: &mut Sim<'static>, plan: &Plan, seed: u64) -> anyhow::Result<Self> {
        let store = Arc::new(MemoryStore::new(MemoryOptions::default()));
        let mut hosts = Vec::new();
        for id in 1..=plan.brokers {
            let name = format!("broker-{id}");
            let address = sim.lookup(name.as_str());
            let data_dir = PathBuf::from(&name);
            forgetful::begin(&data_dir)?;
            let door = Arc::new(UnreliableStore::new(Arc::clone(&store) as _, seed ^ u64::from(id)));
            let life = Rc::new(Life {
                config: config(plan, id, &address.to_string(), &data_dir),
                store: Arc::clone(&door) as _,
                is_on: Cell::new(true),
                asked: RefCell::default(),
                ended: RefCell::default(),
            });
            let software = Rc::clone(&life);
            sim.host(name.as_str(), move || {
                let life = Rc::clone(&software);
                async move {
                    life.live().await;
                    Ok(())
                }
            });
            hosts.push(Host { name, door, data_dir, life });
        }
        Ok(Self { store, hosts })
    }

    /// Ends a broker's process here and now. Its machine says so to whoever calls.
    pub(super) fn kill(&self, sim: &mut Sim<'static>, which: usize) {
        let host = &self.hosts[which];
        host.life.is_on.set(false);
        host.life.ended.take();
        sim.crash(host.name.as_str());
        sim.bounce(host.name.as_str());
    }

    /// Takes from a disk that is not in use what was not fsynced, as `seed` chooses.
    pub(super) fn forget(&self, which: usize, seed: u64) {
        let losses = forgetful::power_cut(&self.hosts[which].data_dir, Cut::Some(seed));
        tracing::info!(broker = which + 1, ?losses, "the power is gone");
    }

    /// Puts an empty disk in the place of one that is not in use.
    pub(super) fn replace_disk(&self, which: usize) {
        let data_dir = &self.hosts[which].data_dir;
        let replaced = std::fs::remove_dir_all(data_dir)
            .and_then(|()| std::fs::remove_dir_all(data_dir.with_extension("forgetful")))
            .and_then(|()| forgetful::begin(data_dir));
        tracing::info!(broker = which + 1, ?replaced, "a new disk");
    }

    /// What goes wrong with a disk from now on; nothing, by default.
    pub(super) fn trouble_disk(&self, which: usize, trouble: Trouble) {
        if let Err(error) = forgetful::set_trouble(&self.hosts[which].data_dir, trouble) {
            tracing::error!(broker = which + 1, %error, "the disk cannot be troubled");
        }
    }

    /// Starts a broker's process.
    pub(super) fn boot(&self, sim: &mut Sim<'static>, which: usize) {
        let host = &self.hosts[which];
        host.life.is_on.set(true);
        host.life.ended.take();
        host.life.asked.replace(CancellationToken::new());
        sim.bounce(host.name.as_str());
    }

    pub(super) fn is_on(&self, which: usize) -> bool {
        self.hosts[which].life.is_on.get()
    }

    /// Asks a broker to stop in order.
    pub(super) fn ask_to_stop(&self, which: usize) {
        self.hosts[which].life.asked.borrow().cancel();
    }

    /// How a broker ended that has ended by itself since this was asked last.
    pub(super) fn take_ended(&self, which: usize) -> Option<String> {
        self.hosts[which].life.ended.take()
    }
}

fn config(plan: &Plan, id: u32, address: &str, data_dir: &std::path::Path) -> Config {
    let mut config = Config::default();
    config.broker.id = i32::try_from(id).unwrap_or(i32::MAX);
    config.broker.data_dir = data_dir.to_string_lossy().into_owned();
    config.broker.http_listen = format!("0.0.0.0:{}", http::PORT);
    config.broker.kafka_listen = format!("0.0.0.0:{}", kafka::PORT);
    config.broker.advertised_http = Some(format!("{address}:{}", http::PORT));
    config.broker.advertised_kafka = Some(format!("{address}:{}", kafka::PORT));
    config.membership.session_timeout_ms = plan.session_timeout_ms;
    config.replication.flush_threads = 1;
    config.replication.replica_lag_ms_max = plan.replica_lag_ms;
    config.replication.retention_interval_ms = 5_000;
    // A run that waits for its speed would stop the only thread.
    config.replication.compaction_bytes_per_second_max = u64::MAX;
    // The room on the machine that simulates is nobody's business here.
    config.node.disk_reserve_bytes = 0;
    config.node.delete_grace_ms = 2_000;
    config.coordinator.offsets_partitions = 1;
    config.groups.session_timeout_ms = 6_000;
    config.groups.session_timeout_ms_min = 2_000;
    config.groups.heartbeat_interval_ms = 1_000;
    config
}
