//! What an etcd store may be told.

/// Pings that come faster than this make etcd close the connection (`--grpc-keepalive-min-time`), unless it has sent
/// something meanwhile: from the third on, measured after 8 s of pings every 2 s.
const ETCD_PING_EVERY_MS: u64 = 5_000;

/// Where etcd is and how long it may take.
#[derive(Clone, Debug)]
pub struct EtcdOptions {
    /// The members' client addresses, such as `http://10.0.0.1:2379`; all of the same etcd.
    pub endpoints: Vec<String>,
    /// After this long without an answer another member is tried, where trying again is harmless.
    pub attempt_timeout_ms: u64,
    /// The longest that one call takes; a list of several pages takes this for each page.
    pub request_timeout_ms: u64,
    /// The longest that opening a connection takes.
    pub connect_timeout_ms: u64,
    /// How often a connection in use is asked for a sign of life when it is silent.
    pub keep_alive_interval_ms: u64,
    /// How long it may take to give it.
    pub keep_alive_timeout_ms: u64,
    /// After this long without news a watch asks its member for a sign of life, and after as long again it is broken.
    pub watch_silence_ms: u64,
    /// How many keys one page of a list holds.
    pub page_entries: u32,
    /// The largest answer that is decoded.
    pub answer_bytes_max: usize,
}

impl Default for EtcdOptions {
    fn default() -> Self {
        Self {
            endpoints: vec!["http://127.0.0.1:2379".to_owned()],
            attempt_timeout_ms: 1_500,
            request_timeout_ms: 5_000,
            connect_timeout_ms: 1_000,
            keep_alive_interval_ms: 2_000,
            keep_alive_timeout_ms: 2_000,
            watch_silence_ms: 2_000,
            page_entries: 10_000,
            answer_bytes_max: 64 << 20,
        }
    }
}

impl EtcdOptions {
    /// Says what does not go together.
    pub(super) fn check(&self) -> Result<(), String> {
        let pings = self.keep_alive_interval_ms;
        if pings < ETCD_PING_EVERY_MS && self.watch_silence_ms > 2 * pings {
            return Err(format!(
                "watch_silence_ms {} is over twice keep_alive_interval_ms {pings}: etcd would close a quiet connection \
                 for being pinged too often; lower the one, or raise the other to {ETCD_PING_EVERY_MS}",
                self.watch_silence_ms
            ));
        }
        Ok(())
    }
}
