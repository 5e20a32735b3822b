//! Kafka's small text files: a version, a count, and one entry a line; or properties. Pure.

/// A file of entries: version 0, their count, and they themselves.
pub(super) fn format_entries(lines: impl ExactSizeIterator<Item = String>) -> String {
    let mut text = format!("0\n{}\n", lines.len());
    for line in lines {
        text.push_str(&line);
        text.push('\n');
    }
    text
}

/// The entries of a file of version 0; `None` if it is torn, or holds what `parse` does not know.
pub(super) fn parse_entries<E>(bytes: &[u8], parse: impl Fn(&str) -> Option<E>) -> Option<Vec<E>> {
    let text = std::str::from_utf8(bytes).ok()?;
    let mut lines = text.lines();
    (lines.next()? == "0").then_some(())?;
    let count: usize = lines.next()?.parse().ok()?;
    let entries: Vec<E> = lines.map(parse).collect::<Option<_>>()?;
    (entries.len() == count && text.ends_with('\n')).then_some(entries)
}

/// The value of `key` in a file of properties (`key=value`, or `key: value`).
pub(super) fn property<'a>(text: &'a str, key: &str, separator: char) -> Option<&'a str> {
    let mut properties = text.lines().filter_map(|line| line.split_once(separator));
    properties.find(|(name, _)| name.trim() == key).map(|(_, value)| value.trim())
}

/// Adds a last line with the checksum of all before it, for small files of our own that have none by format.
pub(super) fn seal(body: &str) -> String {
    format!("{body}crc32={:08x}\n", crc32fast::hash(body.as_bytes()))
}

/// What [`seal`] was given; `None` if the text is torn or damaged.
pub(super) fn unseal(bytes: &[u8]) -> Option<&str> {
    let text = std::str::from_utf8(bytes).ok()?;
    let body_len = text.strip_suffix('\n')?.rfind('\n').map_or(0, |at| at + 1);
    let (body, _) = text.split_at(body_len);
    (seal(body) == text).then_some(body)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_come_back_and_a_torn_file_does_not() {
        let text = format_entries(["3 0".to_string(), "4 1200".to_string()].into_iter());
        assert_eq!(text, "0\n2\n3 0\n4 1200\n");
        let parse = |line: &str| Some(line.to_string());
        assert_eq!(
            parse_entries(text.as_bytes(), parse),
            Some(vec!["3 0".to_string(), "4 1200".to_string()])
        );
        for len in 0..text.len() {
            assert_eq!(parse_entries(&text.as_bytes()[..len], parse), None, "cut to {len}");
        }
    }

    #[test]
    fn a_sealed_text_is_whole_or_refused() {
        let sealed = seal("broker_epoch=9021\n");
        assert_eq!(unseal(sealed.as_bytes()), Some("broker_epoch=9021\n"));
        for len in 0..sealed.len() {
            assert_eq!(unseal(&sealed.as_bytes()[..len]), None, "cut to {len}");
        }
        assert_eq!(unseal(sealed.replace('9', "8").as_bytes()), None);
    }

    #[test]
    fn properties_are_found() {
        let text = "#comment\nversion=1\nbroker.id = 7\n";
        assert_eq!(property(text, "broker.id", '='), Some("7"));
        assert_eq!(property(text, "cluster.id", '='), None);
        assert_eq!(property("version: 0\ntopic_id: abc", "topic_id", ':'), Some("abc"));
    }
}
