//! What makes no sense is refused with its line: it is the history that is wrong.

use super::reading::refused;
use super::*;

/// Why the last event of a story is refused.
fn refused_at(line: u64, story: &Story) -> String {
    let why = check(story.history.events()).unwrap_err().to_string();
    why.strip_prefix(&format!("line {line}: ")).unwrap_or_else(|| panic!("{why}")).to_owned()
}

fn place(partition: i32, id: Option<&str>) -> Place {
    Place { topic_id: id.map(Into::into), ..Place::of("t", partition) }
}

fn send(at: Place, base_offset: Option<i64>) -> Operation {
    Operation::Send(SendBatch { base_offset, ..SendBatch::of(at, vec![1]) })
}

fn committed(group: &str, partition: i32) -> Operation {
    Operation::Committed(Committed { group: group.into(), at: place(partition, None), offset: None })
}

#[test]
fn an_end_in_another_place_than_its_beginning_was_taken() {
    let of = |begin, end| story().whole(1, begin, Phase::Ok, end);
    let elsewhere = of(send(place(0, None), None), send(place(1, None), Some(0)));
    assert_eq!(refused_at(2, &elsewhere), "operation 0 is of t/0, as line 1 says, and not of t/1");
    let anew = of(send(place(0, Some("a")), None), send(place(0, Some("b")), Some(0)));
    assert_eq!(refused_at(2, &anew), "operation 0 is of t/0 (a), as line 1 says, and not of t/0 (b)");

    let looked = of(committed("g", 0), committed("h", 0));
    assert_eq!(
        refused_at(2, &looked),
        "operation 0 is of group g and t/0, as line 1 says, and not of group h and t/0"
    );
    refused_at(2, &of(committed("g", 0), committed("g", 1)));
    let read = |at| Operation::Read(ReadBatch::of(at, Some(0)));
    refused_at(2, &of(read(place(0, None)), read(place(1, None))));
    // What a member got it is told at the end only.
    let assigned = |partitions| {
        Operation::Assigned(Assigned { group: "g".into(), member: "a".into(), epoch: 1, partitions })
    };
    of(assigned(Vec::new()), assigned(vec![place(0, None)])).is_clean();
}

#[test]
fn a_topic_with_and_without_its_id_was_taken_for_two() {
    let with_id = || story().in_topic("a").stored(1, &[1], 0);
    let why = refused_at(3, &with_id().in_partition(0).read(0, &[(0, 1)]));
    assert!(why.starts_with("topic t is told without a topic_id, and in line 1 with its topic_id;"), "{why}");
    // At one end only, in facts, and in a list.
    let one_end = story().whole(1, send(place(0, None), None), Phase::Ok, send(place(0, Some("a")), Some(0)));
    refused_at(2, &one_end);
    refused_at(3, &with_id().in_partition(0).fact(|facts| facts.deleted = Some(true)));
    let listed = Revoked { group: "g".into(), member: "a".into(), partitions: Some(vec![place(0, None)]) };
    refused_at(3, &with_id().note(Operation::Revoked(listed)));
    // Another life of it, and another topic.
    let (in_b, at) = (with_id().in_topic("b").stored(1, &[2], 0), Place::of("u", 0));
    let in_u = in_b.read(0, &[(0, 2)]).note(Operation::Read(ReadBatch::of(at, Some(0))));
    in_u.in_topic("a").read(0, &[(0, 1)]).is_clean();
}

#[test]
fn numbers_below_0_were_taken() {
    let why = |number: i64| {
        format!("offsets and partitions are 0 or more, and here is {number}; leave out what is not known")
    };
    assert_eq!(refused_at(1, &story().in_partition(-1).read(0, &[])), why(-1));
    assert_eq!(refused_at(2, &story().stored(1, &[1], -5)), why(-5));
    assert_eq!(refused_at(1, &story().read(-2, &[])), why(-2));
    assert_eq!(refused_at(1, &story().read(0, &[(0, 1), (i64::MIN, 2)])), why(i64::MIN));
    let marked = ReadBatch { high_watermark: Some(-1), ..ReadBatch::of(place(0, None), None) };
    assert_eq!(refused_at(1, &story().note(Operation::Read(marked))), why(-1));

    let at = r#""at":{"topic":"t","partition":0}"#;
    for (op, number) in [
        (format!(r#""delete_records":{{{at},"before":-1}}"#), -1),
        (format!(r#""commit":{{"group":"g",{at},"offset":-3}}"#), -3),
        (format!(r#""committed":{{"group":"g",{at},"offset":-1}}"#), -1),
        (format!(r#""replica":{{{at},"broker":1,"high_watermark":0,"log_end":-4}}"#), -4),
        (
            format!(
                r#""replica":{{{at},"broker":1,"high_watermark":0,"log_end":0,"entries":[[-6,0,1,""]]}}"#
            ),
            -6,
        ),
        (
            r#""assigned":{"group":"g","member":"a","epoch":1,"partitions":[{"topic":"t","partition":-7}]}"#
                .into(),
            -7,
        ),
    ] {
        let line = format!(r#"{{"time_us":1,"process":1,"id":1,"phase":"invoke","op":{{{op}}}}}"#);
        assert_eq!(refused(&line), format!("line 1: {}", why(number)), "{op}");
    }
    // Epochs may be below 0.
    let read = ReadBatch { leader_epoch: Some(-1), ..ReadBatch::of(place(0, None), Some(0)) };
    story().note(Operation::Read(read)).is_clean();
}
