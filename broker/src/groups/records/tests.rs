//! The bytes of records: as Kafka has them, there and back, and whatever comes.

use proptest::prelude::*;
use uuid::Uuid;

use super::*;
use crate::groups::ids::TopicIdPartition;
use crate::types::{LeaderEpoch, Offset, TopicId};

fn hex(bytes: &Bytes) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn committed(topic_id: Option<TopicId>) -> Committed {
    Committed {
        offset: Offset(42),
        leader_epoch: LeaderEpoch(7),
        metadata: "note".to_owned(),
        commit_timestamp_ms: 1_000,
        topic_id,
    }
}

fn instance(topic: TopicName, one: TopicIdPartition) -> InstanceValue {
    InstanceValue {
        created_by: Uuid::from_u128(9),
        spec: Default::default(),
        subscription: crate::groups::instances::Subscription::Topics([topic].into()),
        member: Some("m".into()),
        turn: 3,
        last_poll: Some(Uuid::from_u128(8)),
        positions: [(
            one,
            Position { since: 2, acked: Offset(4), delivered: Offset(7), committed: Some(Offset(3)) },
        )]
        .into(),
    }
}

fn samples() -> Vec<GroupRecord> {
    let (group, member): (GroupId, MemberId) = ("g".into(), "m".into());
    let one = TopicIdPartition::new(TopicId(Uuid::from_u128(5)), PartitionIndex(3));
    let classic = ClassicValue {
        protocol_type: "consumer".to_owned(),
        generation: 3,
        protocol: Some("range".to_owned()),
        leader: Some(member.clone()),
        state_timestamp_ms: 5,
        members: vec![ClassicMemberValue {
            member: member.clone(),
            instance: Some("i".into()),
            client_id: "c".to_owned(),
            client_host: "/h".to_owned(),
            rebalance_timeout_ms: 9,
            session_timeout_ms: 8,
            subscription: Bytes::from_static(b"sub"),
            assignment: Bytes::from_static(b"ass"),
        }],
    };
    let current = CurrentValue {
        epoch: 4,
        previous_epoch: 3,
        state: MemberState::UnreleasedPartitions,
        away: true,
        assigned: [(one, 2)].into(),
        pending_revocation: AssignedPartitions::new(),
    };
    let topic = TopicName::new("t").unwrap();
    let offset = |value| GroupRecord::Offset {
        group: group.clone(),
        topic: topic.clone(),
        partition: PartitionIndex(1),
        value,
    };
    vec![
        offset(Some(committed(Some(TopicId(Uuid::from_u128(5)))))),
        offset(Some(committed(None))),
        offset(None),
        GroupRecord::Classic { group: group.clone(), value: Some(classic) },
        GroupRecord::Classic { group: group.clone(), value: None },
        GroupRecord::Consumer {
            group: group.clone(),
            value: Some(GroupEpochs { epoch: 9, topics_fingerprint: u64::MAX, ..GroupEpochs::default() }),
        },
        GroupRecord::Member {
            group: group.clone(),
            member: member.clone(),
            value: Some(MemberProfile {
                topics: [topic.clone()].into(),
                client_metadata: "{}".to_owned(),
                ..MemberProfile::default()
            }),
        },
        GroupRecord::Target {
            group: group.clone(),
            member: member.clone(),
            value: Some(TargetPartitions { partitions: [one].into() }),
        },
        GroupRecord::Current { group: group.clone(), member: member.clone(), value: Some(current) },
        GroupRecord::Current { group: group.clone(), member, value: None },
        GroupRecord::Instance {
            group: group.clone(),
            instance: "i".into(),
            value: Some(instance(topic, one)),
        },
        GroupRecord::Instance { group, instance: "i".into(), value: None },
    ]
}

#[test]
fn every_record_comes_back() {
    for record in samples() {
        let read = GroupRecord::read(record.key(), record.value()).unwrap();
        assert_eq!(read, Some(record));
    }
}

#[test]
fn offsets_and_classic_groups_are_kafkas_bytes() {
    let all = samples();
    assert_eq!(hex(&all[0].key()), "0001000167000174".to_owned() + "00000001");
    assert_eq!(
        hex(&all[0].value().unwrap()),
        "0004000000000000002a00000007056e6f746500000000000003e801001000000000000000000000000000000005"
    );
    assert_eq!(hex(&all[3].key()), "0002000167");
    assert_eq!(
        hex(&all[3].value().unwrap()),
        "00030008636f6e73756d657200000003000572616e676500016d000000000000000500000001\
         00016d00016900016300022f68000000090000000800000003737562000000036173 73"
            .replace(' ', "")
    );
}

#[test]
fn older_values_of_kafkas_are_read() {
    let key = samples()[0].key();
    let value = Bytes::from_static(b"\0\x01\0\0\0\0\0\0\0\x05\0\x01x\0\0\0\0\0\0\0\x09\0\0\0\0\0\0\0\x0a");
    let Some(GroupRecord::Offset { value: Some(read), .. }) = GroupRecord::read(key, Some(value)).unwrap()
    else {
        panic!("it is an offset");
    };
    assert_eq!((read.offset, read.metadata.as_str(), read.commit_timestamp_ms), (Offset(5), "x", 9));
    assert_eq!((read.leader_epoch, read.topic_id), (LeaderEpoch::NONE, None));
}

#[test]
fn unknown_kinds_are_passed_over_and_unknown_versions_are_not() {
    assert_eq!(GroupRecord::read(Bytes::from_static(b"\x7f\0rest"), None), Ok(None));
    let all = samples();
    let newer = Bytes::from_static(b"\0\x05\0\0\0\0\0\0\0\x05");
    assert!(GroupRecord::read(all[0].key(), Some(newer)).is_err());
    assert!(GroupRecord::read(all[5].key(), Some(Bytes::from_static(b"{\"v\":2}"))).is_err());
}

proptest! {
    #[test]
    fn cut_or_spoilt_bytes_are_an_error_at_worst(
        which in 0..10_usize, cut in 0..200_usize, spoil in prop::collection::vec((0..200_usize, any::<u8>()), 0..4),
    ) {
        let record = &samples()[which];
        let mut key = record.key().to_vec();
        let mut value = record.value().unwrap_or_default().to_vec();
        for (at, byte) in spoil {
            if let Some(spot) = value.get_mut(at) { *spot = byte; }
            if let Some(spot) = key.get_mut(at) { *spot ^= byte; }
        }
        value.truncate(cut);
        if let Ok(Some(read)) = GroupRecord::read(key.into(), Some(value.into())) {
            let _ = (read.key(), read.value());
        }
    }

    #[test]
    fn any_bytes_are_survived(
        version in prop::sample::select(vec![0_i16, 1, 2, 21_504, 21_505, 21_506, 21_507]),
        key in prop::collection::vec(any::<u8>(), 0..30), value in prop::collection::vec(any::<u8>(), 0..80),
    ) {
        let mut bytes = version.to_be_bytes().to_vec();
        bytes.extend(key);
        let _ = GroupRecord::read(bytes.into(), Some(value.into()));
    }
}
