//! Every version of every message about groups is read and written as the codec does.

use bytes::Bytes;
use kafka_wire::KafkaRequest;
use kafka_wire_core::{KafkaEncode, TaggedFields};

use super::samples::{requests, responses};
use super::*;
use crate::types::LeaderEpoch;
use crate::wire::tests::bench::{framed, header, versions};
use crate::wire::{
    ErrorCode, Request, RequestHeader, Response, WireLimits, decode_request, decode_response, encode_request,
    encode_response,
};

fn decode(frame: Bytes) -> Result<(RequestHeader, Request), WireError> {
    decode_request(frame, &WireLimits::default())
}

fn frame_of(request: GroupRequest) -> Bytes {
    Bytes::from(encode_request(77, "me", Request::Group(Box::new(request))).unwrap().concat()).slice(4..)
}

/// A request as the codec frames it in a version, read by us.
fn read<M: KafkaRequest + KafkaEncode>(message: &M, version: i16) -> GroupRequest {
    let (_, request) = decode(framed(message, version)).unwrap();
    let Request::Group(request) = request else { panic!("{request:?}") };
    *request
}

/// A response, written by us in a version and read back.
fn written(response: GroupResponse, version: i16) -> GroupResponse {
    let key = response.key();
    let chunks = encode_response(&header(key, version), Response::Group(response)).unwrap();
    let (correlation, read) =
        decode_response(key.code(), version, Bytes::from(chunks.concat()).slice(4..)).unwrap();
    let (77, Response::Group(response)) = (correlation, read) else { panic!("{key:?} {version}") };
    response
}

#[test]
fn what_is_sent_is_what_is_read() {
    let all = requests();
    for request in all {
        let (key, version) = (request.key(), request.version_sent());
        assert_eq!(version, *versions(key).end(), "{key:?}");
        let read = decode(frame_of(request.clone()));
        assert_eq!(read, Ok((header(key, version), Request::Group(Box::new(request)))));
    }
    for response in responses() {
        let version = *versions(response.key()).end();
        assert_eq!(written(response.clone(), version), response);
    }
}

/// Checks one kind of request in all its versions: `alter` makes of the newest form that of a version, on both sides.
macro_rules! in_every_version {
    ($name:ident, |$message:ident, $expected:ident, $version:ident| $alter:block) => {{
        let sample = requests().into_iter().find(|request| request.key() == ApiKey::$name);
        let Some(GroupRequest::$name(sample)) = sample else { panic!("there is a sample") };
        for $version in versions(ApiKey::$name) {
            #[allow(unused_mut)]
            let mut $expected = sample.clone();
            #[allow(unused_mut)]
            let mut $message = sample.clone().into_codec().unwrap();
            $alter
            assert_eq!(read(&$message, $version), GroupRequest::$name($expected), "{}", $version);
        }
    }};
}

#[test]
fn requests_of_the_classic_protocol_are_read_in_every_version() {
    in_every_version!(FindCoordinator, |message, expected, version| {
        if version < 4 {
            message.coordinator_keys.clear();
            message.key = "g".into();
            expected.keys.truncate(1);
        }
        if version < 1 {
            message.key_type = 0;
            expected.kind = CoordinatorKind::Group;
        }
    });
    in_every_version!(JoinGroup, |message, expected, version| {
        if version < 5 {
            message.group_instance_id = None;
            expected.instance_id = None;
        }
        expected.reason = expected.reason.filter(|_| version >= 8);
        if version == 0 {
            expected.rebalance_timeout_ms = expected.session_timeout_ms;
        }
        expected.requires_known_member = version >= 4;
        expected.may_skip_assignment = version >= 9;
    });
    in_every_version!(SyncGroup, |message, expected, version| {
        if version < 3 {
            message.group_instance_id = None;
            expected.instance_id = None;
        }
        if version < 5 {
            (expected.protocol_type, expected.protocol) = (None, None);
        }
    });
    in_every_version!(Heartbeat, |message, expected, version| {
        if version < 3 {
            message.group_instance_id = None;
            expected.instance_id = None;
        }
    });
    in_every_version!(LeaveGroup, |message, expected, version| {
        if version < 3 {
            message.members.clear();
            message.member_id = "m-1".into();
            expected.members[0].instance_id = None;
        }
        expected.members[0].reason = expected.members[0].reason.take().filter(|_| version >= 5);
    });
}

#[test]
fn requests_about_offsets_and_groups_are_read_in_every_version() {
    in_every_version!(OffsetCommit, |message, expected, version| {
        if version < 7 {
            message.group_instance_id = None;
            expected.instance_id = None;
        }
        if version < 5 {
            message.retention_time_ms = 99;
            expected.retention_ms = Some(99);
        }
        for partition in &mut expected.topics[0].partitions {
            partition.leader_epoch = if version >= 6 { LeaderEpoch(3) } else { LeaderEpoch::NONE };
        }
    });
    in_every_version!(OffsetFetch, |message, expected, version| {
        if version < 8 {
            let mut topic = kafka_wire::offset_fetch_request::OffsetFetchRequestTopic::default();
            (topic.name, topic.partition_indexes) = ("orders".into(), vec![0, 2]);
            message.groups.clear();
            (message.group_id, message.topics) = ("g".into(), Some(vec![topic]));
        }
        if version < 9 {
            (expected.groups[0].member_id, expected.groups[0].member_epoch) = (None, -1);
        }
        message.require_stable = version >= 7;
        expected.require_stable = version >= 7;
    });
    in_every_version!(OffsetDelete, |message, expected, version| {});
    in_every_version!(ListGroups, |message, expected, version| {
        if version < 4 {
            message.states_filter.clear();
            expected.states.clear();
        }
        if version < 5 {
            message.types_filter.clear();
            expected.types.clear();
        }
    });
    in_every_version!(DescribeGroups, |message, expected, version| {
        message.include_authorized_operations = version >= 3;
    });
    in_every_version!(DeleteGroups, |message, expected, version| {});
    in_every_version!(ConsumerGroupHeartbeat, |message, expected, version| {
        if version < 1 {
            message.subscribed_topic_regex = None;
            expected.topics_regex = None;
        }
    });
    in_every_version!(ConsumerGroupDescribe, |message, expected, version| {});
}

#[test]
fn all_offsets_may_be_asked_for() {
    for version in 2..=9 {
        let mut message = kafka_wire::OffsetFetchRequest::default();
        if version < 8 {
            (message.group_id, message.topics) = ("g".into(), None);
        } else {
            let mut group = kafka_wire::offset_fetch_request::OffsetFetchRequestGroup::default();
            (group.group_id, group.topics) = ("g".into(), None);
            message.groups.push(group);
        }
        let GroupRequest::OffsetFetch(request) = read(&message, version) else { panic!() };
        assert_eq!((request.groups[0].group_id.as_str(), &request.groups[0].topics), ("g", &None));
    }
}

/// What a response is reduced to by a version.
fn reduced(response: GroupResponse, version: i16) -> GroupResponse {
    let mut response = response;
    match &mut response {
        GroupResponse::FindCoordinator(found) if version < 4 => {
            let only = &mut found.coordinators[0];
            only.key.clear();
            only.error_message = only.error_message.take().filter(|_| version >= 1);
        }
        GroupResponse::JoinGroup(joined) => {
            joined.protocol_type = joined.protocol_type.take().filter(|_| version >= 7);
            joined.skip_assignment = version >= 9;
            joined.members[0].instance_id = joined.members[0].instance_id.take().filter(|_| version >= 5);
        }
        GroupResponse::SyncGroup(synced) if version < 5 => {
            (synced.protocol_type, synced.protocol) = (None, None);
        }
        GroupResponse::LeaveGroup(left) if version < 3 => {
            left.error = left.members[0].error;
            left.members.clear();
        }
        GroupResponse::OffsetFetch(fetched) if version < 8 => {
            let group = &mut fetched.groups[0];
            group.group_id.clear();
            for partition in &mut group.topics[0].partitions {
                partition.leader_epoch =
                    if version >= 5 { partition.leader_epoch } else { LeaderEpoch::NONE };
                partition.error = if version >= 2 { partition.error } else { group.error };
            }
            group.error = if version >= 2 { group.error } else { ErrorCode::None };
        }
        GroupResponse::ListGroups(listed) => {
            let group = &mut listed.groups[0];
            group.state.retain(|_| version >= 4);
            group.group_type.retain(|_| version >= 5);
        }
        GroupResponse::DescribeGroups(described) => {
            let group = &mut described.groups[0];
            group.error_message = group.error_message.take().filter(|_| version >= 6);
            // Which says the state, in old versions.
            let is_told = version >= 6 || group.error != ErrorCode::GroupIdNotFound;
            group.error = if is_told { group.error } else { ErrorCode::None };
            group.members[0].instance_id = group.members[0].instance_id.take().filter(|_| version >= 4);
        }
        GroupResponse::ConsumerGroupDescribe(described) if version < 1 => {
            described.groups[0].members[0].member_type = -1;
        }
        _ => {}
    }
    response
}

#[test]
fn responses_are_written_in_every_version() {
    for response in responses() {
        let key = response.key();
        for version in versions(key) {
            let expected = reduced(response.clone(), version);
            assert_eq!(written(response.clone(), version), expected, "{key:?} {version}");
        }
    }
}

#[test]
fn refusals_are_written_in_every_version() {
    let refused = |error| {
        vec![
            GroupResponse::JoinGroup(JoinGroupResponse::refused(error, "m-1".into())),
            GroupResponse::SyncGroup(SyncGroupResponse::refused(error)),
            GroupResponse::ConsumerGroupHeartbeat(ConsumerGroupHeartbeatResponse::refused(
                error,
                "no".into(),
            )),
            GroupResponse::FindCoordinator(FindCoordinatorResponse {
                coordinators: vec![FoundCoordinator {
                    key: "g".into(),
                    error,
                    error_message: None,
                    broker: None,
                }],
            }),
        ]
    };
    for response in refused(ErrorCode::NotCoordinator) {
        for version in versions(response.key()) {
            let read = written(response.clone(), version);
            let error = match &read {
                GroupResponse::JoinGroup(read) => read.error,
                GroupResponse::SyncGroup(read) => read.error,
                GroupResponse::ConsumerGroupHeartbeat(read) => read.error,
                GroupResponse::FindCoordinator(read) => {
                    assert_eq!(read.coordinators[0].broker, None);
                    read.coordinators[0].error
                }
                other => panic!("{other:?}"),
            };
            assert_eq!(error, ErrorCode::NotCoordinator, "{read:?} {version}");
        }
    }
}

#[test]
fn a_join_of_an_old_version_is_not_sent_on_as_a_newer_one() {
    for request in requests() {
        if let GroupRequest::JoinGroup(mut join) = request {
            join.may_skip_assignment = false;
            let request = Request::Group(Box::new(GroupRequest::JoinGroup(join)));
            assert!(matches!(encode_request(1, "me", request), Err(WireError::Malformed { .. })));
        }
    }
}

#[test]
fn a_members_note_comes_whole_or_not_at_all() {
    let note = MemberNote {
        session_timeout_ms: None,
        client_id: "né".into(),
        client_host: String::new(),
        client_metadata: None,
    };
    assert_eq!(MemberNote::from_fields(&note.clone().into_fields().unwrap()), Ok(Some(note.clone())));
    assert_eq!(MemberNote::from_fields(&TaggedFields::default()), Ok(None));
    let full = MemberNote { session_timeout_ms: Some(5), client_metadata: Some("m".into()), ..note };
    let bytes = crate::wire::private_tag::find(&full.clone().into_fields().unwrap()).unwrap().to_vec();
    let fields = |bytes: &[u8]| {
        let field = kafka_wire_core::TaggedField::new(crate::wire::PRIVATE_TAG, bytes.to_vec().into());
        TaggedFields::from_sorted(vec![field]).unwrap()
    };
    for len in 0..bytes.len() {
        assert!(MemberNote::from_fields(&fields(&bytes[..len])).is_err(), "{len}");
    }
    let longer = [&bytes[..], b"of a later layout"].concat();
    assert_eq!(MemberNote::from_fields(&fields(&longer)), Ok(Some(full)));
    let mut not_text = bytes;
    not_text[6] = 0xff;
    assert!(MemberNote::from_fields(&fields(&not_text)).is_err());
}

#[test]
fn every_frame_cut_short_is_refused_and_what_follows_one_is_passed_over() {
    for request in requests() {
        let key = request.key();
        let frame = frame_of(request.clone());
        for len in 0..frame.len() {
            assert!(decode(frame.slice(..len)).is_err(), "{key:?} {len}");
        }
        let longer = Bytes::from([&frame[..], &[0]].concat());
        assert_eq!(decode(longer).unwrap().1, Request::Group(Box::new(request)), "{key:?}");
    }
}
