//! The bounds of the Kafka door.

/// What `config` may set about the Kafka door.
#[derive(Clone, Debug)]
pub struct KafkaOptions {
    /// How many connections may be open at once.
    pub connections_max: usize,
    /// How many more may be open if they are links from other brokers: clients must not lock replication out.
    pub link_connections_max: usize,
    /// The largest request, as Kafka's `socket.request.max.bytes`.
    pub frame_bytes_max: usize,
    /// The most items in any one array of a request.
    pub array_items_max: usize,
    /// How many bytes of Produce requests may be in memory at once, in all connections; one request more may grow whole.
    pub produce_bytes_in_flight_max: usize,
    /// The same for requests that carry no records, which are in memory only until they are decoded.
    pub request_bytes_in_flight_max: usize,
    /// How many requests of one connection may be under way.
    pub pipeline_depth: usize,
    /// The same for a link from another broker, which carries the requests of many clients.
    pub link_pipeline_depth: usize,
    /// How many bytes of answers may wait in one connection before no more of its requests are taken.
    pub answer_bytes_queued_max: usize,
    /// How long a request may take to arrive, from its first byte to its last.
    pub frame_timeout_ms: u64,
    /// How long a connection may be silent, as Kafka's `connections.max.idle.ms`.
    pub idle_timeout_ms: u64,
    /// How long a connection beyond `connections_max` may take to show that it is a link.
    pub link_greeting_timeout_ms: u64,
    /// How long a client may leave an answer lying without taking a byte of it.
    pub write_timeout_ms: u64,
    /// Whether asking for a topic that does not exist creates it, as Kafka's `auto.create.topics.enable`.
    pub auto_create_topics: bool,
    /// How many topics may be under creation at once by being asked for.
    pub auto_creations_max: usize,
    /// How many changes of topics and settings may be under way at once.
    pub admin_changes_max: usize,
    /// How long requests under way may take to finish when the broker stops.
    pub drain_timeout_ms: u64,
}

impl Default for KafkaOptions {
    fn default() -> Self {
        Self {
            connections_max: 2_048,
            link_connections_max: 256,
            frame_bytes_max: 100 << 20,
            array_items_max: 100_000,
            produce_bytes_in_flight_max: 128 << 20,
            request_bytes_in_flight_max: 16 << 20,
            pipeline_depth: 64,
            link_pipeline_depth: 4_096,
            answer_bytes_queued_max: 1 << 20,
            frame_timeout_ms: 30_000,
            idle_timeout_ms: 600_000,
            link_greeting_timeout_ms: 2_000,
            write_timeout_ms: 30_000,
            auto_create_topics: true,
            auto_creations_max: 8,
            admin_changes_max: 64,
            drain_timeout_ms: 5_000,
        }
    }
}
