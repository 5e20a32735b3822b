//! The settings of groups: times, and the bounds that keep clients from exhausting a broker.

use super::error::GroupError;

/// How groups live on this broker. `config` fills it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupOptions {
    /// `group.consumer.session.timeout.ms`: a member that does not say otherwise is gone after so long a silence.
    pub session_timeout_ms: u32,
    /// `group.min.session.timeout.ms`: the least that a member may ask for.
    pub session_timeout_ms_min: u32,
    /// `group.max.session.timeout.ms`: the most that a member may ask for.
    pub session_timeout_ms_max: u32,
    /// `group.consumer.heartbeat.interval.ms`: how often members are told to heartbeat.
    pub heartbeat_interval_ms: u32,
    /// The time to give up partitions, for members that do not say theirs.
    pub rebalance_timeout_ms: u32,
    /// The most that a member may ask for to give up partitions or to join again.
    pub rebalance_timeout_ms_max: u32,
    /// `group.initial.rebalance.delay.ms`: how long a new classic group waits for more members.
    pub initial_rebalance_delay_ms: u32,
    /// How long a member that is new to a classic group may wait for the others to join.
    pub new_member_join_timeout_ms: u32,
    /// `offsets.retention.minutes`: committed offsets that nobody uses go after so long.
    pub offsets_retention_minutes: u32,
    /// `offsets.retention.check.interval.ms`: how often they are looked for.
    pub offsets_retention_check_interval_ms: u32,
    /// The most tombstones that one look writes; the rest follows in the next, which is then not waited for.
    pub expired_per_sweep_max: usize,
    /// `offset.metadata.max.bytes`: the longest note beside a committed offset.
    pub offset_metadata_bytes_max: usize,
    /// The most offsets in one commit.
    pub offsets_per_commit_max: usize,
    /// The most memory, roughly, that the committed offsets of one shard may take.
    pub offset_bytes_max: usize,
    /// The most groups of one shard.
    pub groups_max: usize,
    /// `group.max.size`: the most members of one group, those included who are yet to join.
    pub members_max: usize,
    /// The longest name of a group, a member, an instance, a client, a host, a rack or a protocol.
    pub id_bytes_max: usize,
    /// The most topics that one member may subscribe to.
    pub topics_per_member_max: usize,
    /// The longest note that a client may keep with its member.
    pub client_metadata_bytes_max: usize,
    /// The most protocols that one classic member may offer.
    pub protocols_max: usize,
    /// The most bytes that all members of a classic group may offer in metadata, and be given in assignments: each.
    pub group_bytes_max: usize,
    /// `consumer.instance.timeout.ms`: a consumer instance over HTTP of which nothing is heard goes after so long.
    pub instance_timeout_ms: u32,
    /// How long such an instance that is a member of its group keeps its partitions without a poll or a commit.
    pub instance_session_timeout_ms: u32,
    /// How long a poll of an instance is left alone before a later one takes its place.
    pub instance_patience_ms: u32,
    /// The most instances of one group.
    pub instances_per_group_max: usize,
    /// The most instances of one shard.
    pub instances_max: usize,
    /// The most memory, roughly, that what the instances of one shard read may take.
    pub instance_bytes_max: usize,
    /// The most partitions that an instance may assign itself, or name in one request.
    pub instance_partitions_max: usize,
    /// The most polls of one instance that may wait for their turn.
    pub instance_polls_max: usize,
}

impl GroupOptions {
    /// Refuses a text from outside that is longer than a name may be.
    pub(super) fn check_text(&self, field: &'static str, text: &str) -> Result<(), GroupError> {
        // Kafka's records give a text two bytes of length, so no setting may allow more.
        let max = self.id_bytes_max.min(i16::MAX as usize);
        if text.len() > max { Err(GroupError::TooLong { field, len: text.len(), max }) } else { Ok(()) }
    }
}

impl Default for GroupOptions {
    fn default() -> Self {
        Self {
            session_timeout_ms: 45_000,
            session_timeout_ms_min: 6_000,
            session_timeout_ms_max: 1_800_000,
            heartbeat_interval_ms: 5_000,
            rebalance_timeout_ms: 300_000,
            rebalance_timeout_ms_max: 1_800_000,
            initial_rebalance_delay_ms: 3_000,
            new_member_join_timeout_ms: 300_000,
            offsets_retention_minutes: 7 * 24 * 60,
            offsets_retention_check_interval_ms: 600_000,
            expired_per_sweep_max: 1_000,
            offset_metadata_bytes_max: 4_096,
            offsets_per_commit_max: 20_000,
            offset_bytes_max: 16 << 20,
            groups_max: 2_000,
            members_max: 1_000,
            id_bytes_max: 512,
            topics_per_member_max: 1_000,
            client_metadata_bytes_max: 4_096,
            protocols_max: 32,
            group_bytes_max: 400_000,
            instance_timeout_ms: 300_000,
            instance_session_timeout_ms: 30_000,
            instance_patience_ms: 500,
            instances_per_group_max: 1_000,
            instances_max: 2_000,
            instance_bytes_max: 8 << 20,
            instance_partitions_max: 10_000,
            instance_polls_max: 16,
        }
    }
}
