//! Histories as text: what is taken, and what is refused with its line.

use super::*;

fn read_text(text: &str) -> Result<Report, Unreadable> {
    let mut checker = Checker::default();
    for event in Reader::new(text.as_bytes()) {
        let (line, event) = event?;
        checker.observe(line, event)?;
    }
    checker.finish()
}

pub(super) fn refused(text: &str) -> String {
    read_text(text).unwrap_err().to_string()
}

const SEND: &str = r#"{"time_us":1,"process":1,"id":1,"phase":"invoke","op":{"send":{"at":{"topic":"t","partition":0},"values":[1,2]}}}"#;
const STORED: &str = r#"{"time_us":2,"process":1,"id":1,"phase":"ok","op":{"send":{"at":{"topic":"t","partition":0},"base_offset":0}}}"#;

#[test]
fn the_example_of_the_format_is_a_clean_history() {
    let example = FORMAT.split("```json\n").nth(1).and_then(|rest| rest.split("```").next()).unwrap();
    let report = read_text(example).unwrap();
    assert!(report.is_clean(), "{report}");
    assert_eq!((report.counts.events, report.counts.values_ok, report.counts.replicas), (4, 2, 1));
}

#[test]
fn the_format_names_what_may_be_told_by_its_end_alone() {
    let told = FORMAT
        .split(" may be told by their `ok` alone")
        .next()
        .and_then(|text| text.rsplit('\n').next())
        .unwrap();
    let at = r#"{"topic":"t","partition":0}"#;
    for (name, members) in [
        ("send", format!(r#""at":{at}"#)),
        ("read", format!(r#""at":{at}"#)),
        ("seek", format!(r#""at":{at}"#)),
        ("delete_records", format!(r#""at":{at},"before":0"#)),
        ("topic", r#""topic":"t""#.to_owned()),
        ("assigned", r#""group":"g","member":"a","epoch":1"#.to_owned()),
        ("revoked", r#""group":"g","member":"a""#.to_owned()),
        ("heartbeat", r#""group":"g","member":"a","epoch":1"#.to_owned()),
        ("commit", format!(r#""group":"g","at":{at},"offset":0"#)),
        ("committed", format!(r#""group":"g","at":{at}"#)),
        ("replica", format!(r#""at":{at},"broker":1,"high_watermark":0,"log_end":0"#)),
    ] {
        let line =
            format!(r#"{{"time_us":1,"process":1,"id":1,"phase":"ok","op":{{"{name}":{{{members}}}}}}}"#);
        match read_text(&line) {
            Ok(_) => assert!(told.contains(&format!("`{name}`")), "{name}"),
            Err(why) => {
                assert!(why.to_string().contains("ends without having begun"), "{name}: {why}");
                assert!(!told.contains(&format!("`{name}`")), "{name}");
            }
        }
    }
}

#[test]
fn every_anomaly_and_every_operation_is_in_the_format() {
    for kind in story().stored(1, &[1], 0).kinds() {
        assert!(FORMAT.contains(&format!("| `{kind}` |")));
    }
    let all = serde_json::to_string(&[
        Kind::Lost,
        Kind::Unseen,
        Kind::Duplicate,
        Kind::InconsistentOffset,
        Kind::ForkedEpoch,
        Kind::AbortedRead,
        Kind::Phantom,
        Kind::Reordered,
        Kind::PollBack,
        Kind::PollSkip,
        Kind::AboveWatermark,
        Kind::WatermarkBack,
        Kind::LogStartBack,
        Kind::LogStartAhead,
        Kind::OwnedTwice,
        Kind::FencedCommit,
        Kind::PhantomCommit,
        Kind::CommitBack,
        Kind::ReplicasDiffer,
    ]);
    let all: Vec<String> = serde_json::from_str(&all.unwrap()).unwrap();
    for name in all {
        assert!(FORMAT.contains(&format!("| `{name}` |")), "{name}");
    }
    for name in [
        "send",
        "read",
        "seek",
        "delete_records",
        "topic",
        "assigned",
        "revoked",
        "heartbeat",
        "commit",
        "committed",
        "replica",
    ] {
        assert!(FORMAT.contains(&format!("| `{name}` |")), "{name}");
    }
}

#[test]
fn a_history_written_is_the_history_read() {
    let story = story()
        .stored(1, &[1, 2], 0)
        .idempotent(3, &[9], Phase::Unknown, None)
        .read(0, &[(0, 1), (1, 2)])
        .fact(|facts| facts.retention = Some(false));
    let mut text = Vec::new();
    story.history.write_to(&mut text).unwrap();
    let read: Vec<Event> = Reader::new(text.as_slice()).map(|event| event.unwrap().1).collect();
    assert_eq!(read, story.history.events());
}

#[test]
fn an_epoch_in_a_record_and_empty_lines_are_read() {
    let read = r#"{"time_us":3,"process":2,"id":2,"phase":"ok","op":{"read":{"at":{"topic":"t","partition":0},"records":[[0,1,4],[1,2]]}}}"#;
    let report = read_text(&format!("{SEND}\n\n{STORED}\r\n{read}")).unwrap();
    assert!(report.is_clean(), "{report}");
    assert_eq!(report.counts.records, 2);
}

#[test]
fn a_history_without_an_event_was_called_clean() {
    for text in ["", "\n", " \n\r\n\t"] {
        assert_eq!(refused(text), "no event in it", "{text:?}");
    }
    assert_eq!(check(&[]).unwrap_err().to_string(), "no event in it");
}

#[test]
fn a_bad_line_is_named() {
    assert!(
        refused(&format!("{SEND}\nno\n")).starts_with("line 2: "),
        "{}",
        refused(&format!("{SEND}\nno\n"))
    );
    let misspelled = STORED.replace("base_offset", "base_ofset");
    let why = refused(&format!("{SEND}\n{misspelled}\n"));
    assert!(why.starts_with("line 2: unknown field `base_ofset`"), "{why}");
}

#[test]
fn a_bad_line_had_two_numbers() {
    let cut = SEND.split_at(SEND.find(",2]").unwrap()).0;
    for end in ["", "\n", "\r\n"] {
        let why = refused(&format!("{SEND}\n{cut}{end}"));
        assert_eq!(why, format!("line 2: EOF while parsing a list at column {}", cut.len()));
    }
    assert_eq!(refused("  no\n"), "line 1: expected ident at column 4");
}

#[test]
fn two_operations_in_one_event_were_an_expected_value() {
    let seek = r#","seek":{"at":{"topic":"t","partition":0}}}}"#;
    let both = format!("{}{seek}", SEND.strip_suffix("}}").unwrap());
    assert_eq!(refused(&both), "line 1: `op` holds one operation, and here 2");
    let none = r#"{"time_us":1,"process":1,"id":1,"phase":"invoke","op":{}}"#;
    assert_eq!(refused(none), "line 1: `op` holds one operation, and here 0");
}

#[test]
fn a_byte_order_mark_was_an_expected_value() {
    assert!(read_text(&format!("\u{feff}{SEND}\n{STORED}")).is_ok());
    assert!(read_text(&format!("\u{feff}\n{SEND}\n{STORED}")).is_ok());
    assert_eq!(refused("\u{feff}"), "no event in it");
    assert!(refused(&format!("{SEND}\n\u{feff}{STORED}")).starts_with("line 2: expected value"));
}

#[test]
fn an_end_needs_its_beginning_and_says_where() {
    assert_eq!(refused(STORED), "line 1: operation 1 ends without having begun");
    assert_eq!(refused(&format!("{SEND}\n{SEND}")), "line 2: operation 1 began before, in line 1");
    let nowhere = STORED.replace(",\"base_offset\":0", "");
    assert_eq!(refused(&format!("{SEND}\n{nowhere}")), "line 2: a send that is ok needs its base_offset");
    let other = STORED.replace("\"process\":1", "\"process\":2");
    assert_eq!(
        refused(&format!("{SEND}\n{other}")),
        "line 2: operation 1 is process 1's send, as line 1 says"
    );
}

#[test]
fn a_batch_past_the_last_offset_overflowed() {
    let at = |base: i64| {
        format!("{SEND}\n{}", STORED.replace("\"base_offset\":0", &format!("\"base_offset\":{base}")))
    };
    for base in [i64::MAX, i64::MAX - 1] {
        let why = format!("line 2: its values from offset {base} on go past the last offset");
        assert_eq!(refused(&at(base)), why);
    }
    // The last for which there is room; and reads of any offset.
    assert!(read_text(&at(i64::MAX - 2)).is_ok());
    let read = |records: &str| {
        let at = r#"{"time_us":3,"process":2,"id":2,"phase":"ok","op":{"read":{"at":{"topic":"t","partition":0},"records":"#;
        format!("{SEND}\n{at}{records}}}}}}}")
    };
    for records in
        ["[[9223372036854775807,1]]", "[[9223372036854775807,2],[0,1]]", "[[0,2],[9223372036854775807,1]]"]
    {
        assert!(read_text(&read(records)).is_ok(), "{records}");
    }
}

#[test]
fn a_value_is_sent_once() {
    let again = SEND.replace("\"id\":1", "\"id\":2");
    assert_eq!(refused(&format!("{SEND}\n{again}")), "line 2: value 1 was sent before, in line 1");
    let twice = SEND.replace("[1,2]", "[1,1]");
    assert!(refused(&twice).starts_with("line 1: value 1 was sent before"));
}

#[test]
fn anomalies_beyond_what_is_shown_are_counted() {
    let mut story = story();
    for value in 0..500 {
        story = story.stored(value, &[value], value as i64);
    }
    let report = story.report();
    assert_eq!(report.number_of(&[Kind::Unseen]), 500);
    assert!(report.anomalies.len() < 500);
    assert!(report.to_string().ends_with("and 300 more\n"), "{report}");
}
