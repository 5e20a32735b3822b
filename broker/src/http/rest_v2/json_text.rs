//! JSON as it is stored: without the white space between its tokens, its strings in UTF-8 with no more escapes than they
//! need, so that one value has one serialisation however its sender wrote it. Pure.
//!
//! Keys depend on it: Python writes `"\u00e9"` where others write `"é"`, and both must go to one partition. Numbers and the
//! order of members stay as they were sent.

use std::borrow::Cow;

/// The stored form of JSON that is known to be well-formed.
pub(super) fn stored(json: &str) -> Cow<'_, str> {
    if !json.bytes().any(|byte| matches!(byte, b' ' | b'\t' | b'\n' | b'\r' | b'\\')) {
        return Cow::Borrowed(json);
    }
    let mut out = String::with_capacity(json.len());
    let mut rest = json;
    while let Some(at) = rest.find(['"', ' ', '\t', '\n', '\r']) {
        out.push_str(&rest[..at]);
        rest = &rest[at..];
        if !rest.starts_with('"') {
            rest = &rest[1..];
            continue;
        }
        let end = string_end(rest);
        push_string(&mut out, &rest[..end]);
        rest = &rest[end..];
    }
    out.push_str(rest);
    Cow::Owned(out)
}

/// The text of a JSON string; `None` if it is none, or no text (half a surrogate pair).
pub(super) fn string_of(json: &str) -> Option<Cow<'_, str>> {
    let inner = json.strip_prefix('"')?.strip_suffix('"')?;
    if !inner.contains('\\') {
        return Some(Cow::Borrowed(inner));
    }
    serde_json::from_str::<String>(json).ok().map(Cow::Owned)
}

/// Where the string ends that `json` begins with.
fn string_end(json: &str) -> usize {
    let mut escaped = false;
    for (at, byte) in json.bytes().enumerate().skip(1) {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'"' => return at + 1,
            _ => {}
        }
    }
    json.len()
}

fn push_string(out: &mut String, json: &str) {
    match string_of(json) {
        Some(Cow::Owned(text)) => {
            out.push_str(&serde_json::to_string(&text).expect("a string is always JSON"));
        }
        // Nothing to undo, or what cannot be: as it was sent.
        _ => out.push_str(json),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn white_space_and_needless_escapes_go_and_all_else_stays() {
        let cases = [
            ("{\"n\": 1 ,\n\t\"b\":[ 1.50, 1e5 ]}", "{\"n\":1,\"b\":[1.50,1e5]}"),
            (r#" "a b" "#, r#""a b""#),
            (r#""\u00e9\/\u0041\n""#, "\"é/A\\n\""),
            (r#"{"z":"\"","a":"\\"}"#, r#"{"z":"\"","a":"\\"}"#),
            (r#""\ud800""#, r#""\ud800""#),
            ("12345678901234567890.10", "12345678901234567890.10"),
        ];
        for (sent, expected) in cases {
            assert_eq!(stored(sent), expected, "{sent}");
        }
    }

    fn value() -> impl Strategy<Value = serde_json::Value> {
        let leaf = prop_oneof![
            Just(serde_json::Value::Null),
            any::<bool>().prop_map(Into::into),
            any::<i64>().prop_map(Into::into),
            ".*".prop_map(Into::into),
        ];
        leaf.prop_recursive(3, 20, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Into::into),
                prop::collection::btree_map(".*", inner, 0..4)
                    .prop_map(|map| serde_json::Value::Object(map.into_iter().collect())),
            ]
        })
    }

    proptest! {
        /// The stored form says the same, is stable, and does not depend on how the value was laid out.
        #[test]
        fn the_meaning_stays(value in value()) {
            let plain = serde_json::to_string(&value).unwrap();
            let pretty = serde_json::to_string_pretty(&value).unwrap();
            prop_assert_eq!(stored(&plain), stored(&pretty));
            prop_assert_eq!(&serde_json::from_str::<serde_json::Value>(&stored(&pretty)).unwrap(), &value);
            let once = stored(&pretty);
            prop_assert_eq!(stored(&once), stored(&plain));
        }
    }
}
