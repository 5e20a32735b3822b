//! How much may happen in one history: what makes the number of states finite.

use std::fmt;
use std::str::FromStr;

use tidemark::types::FlushMode;

/// The shape of a model, and how often each thing may happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// When a record counts as held.
    pub flush: FlushMode,
    /// The least in-sync set that may commit.
    pub min_isr: u32,
    /// How many of the three brokers are in sync at first.
    pub in_sync: usize,
    /// Appends.
    pub writes: u8,
    /// The last leader epoch; the first is 1.
    pub epochs: u8,
    /// Crashes, and stops in good order.
    pub crashes: u8,
    /// Disks that are replaced by empty ones. Fewer than `min_isr`: no rule survives the loss of every copy.
    pub lost_disks: u8,
    /// Leases that end while their process lives.
    pub expiries: u8,
    /// Elections without need: the leader's disk is full for a moment.
    pub hand_overs: u8,
    /// Changes of the in-sync set that leaders propose.
    pub proposals: u8,
    /// Such changes of which the leader hears no outcome.
    pub timeouts: u8,
    /// Controller's writes that land later than they were decided.
    pub late_writes: u8,
    /// Changes of the controller.
    pub controllers: u8,
    /// Fetches whose question or answer arrives later, or never.
    pub late_fetches: u8,
    /// Whether the brokers stand in the replica list from the last to the first, so that the last is elected first.
    pub falling: bool,
    /// Whether leadership may return to the preferred leader, though the present one is well.
    pub prefers: bool,
}

impl Bounds {
    /// Nothing but appends and fetches.
    pub const CALM: Self = Self {
        flush: FlushMode::Ack,
        min_isr: 2,
        in_sync: 3,
        writes: 2,
        epochs: 1,
        crashes: 0,
        lost_disks: 0,
        expiries: 0,
        hand_overs: 0,
        proposals: 0,
        timeouts: 0,
        late_writes: 0,
        controllers: 0,
        late_fetches: 0,
        falling: false,
        prefers: false,
    };

    /// Sets one of them by its name.
    ///
    /// # Errors
    /// What is wrong with the name or the value.
    pub fn set(&mut self, name: &str, value: &str) -> Result<(), String> {
        match name {
            "flush" => put(&mut self.flush, value),
            "min_isr" => put(&mut self.min_isr, value),
            "in_sync" => put(&mut self.in_sync, value),
            "writes" => put(&mut self.writes, value),
            "epochs" => put(&mut self.epochs, value),
            "crashes" => put(&mut self.crashes, value),
            "lost_disks" => put(&mut self.lost_disks, value),
            "expiries" => put(&mut self.expiries, value),
            "hand_overs" => put(&mut self.hand_overs, value),
            "proposals" => put(&mut self.proposals, value),
            "timeouts" => put(&mut self.timeouts, value),
            "late_writes" => put(&mut self.late_writes, value),
            "controllers" => put(&mut self.controllers, value),
            "late_fetches" => put(&mut self.late_fetches, value),
            "falling" => put(&mut self.falling, value),
            "prefers" => put(&mut self.prefers, value),
            _ => Err("there is no such bound".to_owned()),
        }
        .map_err(|error| format!("{name}={value}: {error}"))
    }
}

fn put<T: FromStr<Err: fmt::Display>>(bound: &mut T, value: &str) -> Result<(), String> {
    *bound = value.parse().map_err(|error: T::Err| error.to_string())?;
    Ok(())
}

impl fmt::Display for Bounds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "flush={} min_isr={} in_sync={} writes={} epochs={} crashes={} lost_disks={} expiries={} hand_overs={} proposals={} timeouts={} \
             late_writes={} controllers={} late_fetches={} falling={} prefers={}",
            self.flush,
            self.min_isr,
            self.in_sync,
            self.writes,
            self.epochs,
            self.crashes,
            self.lost_disks,
            self.expiries,
            self.hand_overs,
            self.proposals,
            self.timeouts,
            self.late_writes,
            self.controllers,
            self.late_fetches,
            self.falling,
            self.prefers
        )
    }
}
