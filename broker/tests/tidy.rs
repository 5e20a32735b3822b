//! The rules of the house, held by a test: who may import whom, how long a file may be, what pure files may not do.
//!
//! The list of floors below is the architecture; `src/lib.rs` tells the same story in prose.

use std::fs;
use std::path::{Path, PathBuf};

/// From the ground up. A folder imports only from floors below its own; folders on one floor do not know each other.
const FLOORS: &[&[&str]] = &[
    &["rules"],
    &["types"],
    &["checker"],
    &["clock"],
    &["tasks"],
    &["metrics"],
    &["record"],
    &["wire"],
    &["net"],
    &["storage"],
    &["replication", "cluster"],
    &["groups"],
    &["service"],
    &["http", "kafka", "peer", "tools"],
    &["config"],
    &["node"],
    &["fuzzing"],
    &["main", "lib"],
];

/// Files and folders that decide and do nothing else: no clock, no socket, no file, no `async`.
const PURE: &[&str] = &[
    "types/",
    "checker/",
    "record/",
    "wire/",
    "storage/compaction.rs",
    "storage/epochs.rs",
    "storage/offset_map.rs",
    "storage/retention.rs",
    "replication/leader.rs",
    "replication/follower.rs",
    "replication/gather.rs",
    "replication/progress.rs",
    "replication/proposal.rs",
    "replication/isr.rs",
    "cluster/keyspace",
    "cluster/image",
    "cluster/cleanup",
    "cluster/topic_config",
    "cluster/reconcile",
    "cluster/election",
    "cluster/guards",
    "cluster/assignment",
    "cluster/reassignment",
    "cluster/balance",
    "cluster/chores",
    "cluster/orders",
    "groups/",
];

/// Shells that lie in a folder which is declared pure.
const SHELLS: &[&str] = &["groups/coordinator/"];

/// What a pure file may not mention, and why.
const IMPURE: &[(&str, &str)] = &[
    ("async fn", "waits"),
    (".await", "waits"),
    ("std::fs", "touches files"),
    ("std::net", "touches sockets"),
    ("tokio::", "needs a runtime"),
    ("rustix::", "calls the system"),
    ("crate::clock", "reads the time; take `now` as an argument"),
    ("Instant::now", "reads the time"),
    ("SystemTime", "reads the time"),
];

const FILE_LINES_MAX: usize = 500;

struct Source {
    /// Relative to the folder that was searched, with `/`.
    name: String,
    text: String,
}

impl Source {
    /// The folder (or top-level file) that the file belongs to.
    fn room(&self) -> &str {
        let first = self.name.split('/').next().expect("a name has a first part");
        first.strip_suffix(".rs").unwrap_or(first)
    }

    /// Tests may join what production keeps apart.
    fn is_for_tests(&self) -> bool {
        ["tests.rs", "tests/", "test_support"].iter().any(|part| self.name.contains(part))
    }

    /// The lines before the unit tests, without comments.
    fn production_lines(&self) -> impl Iterator<Item = (usize, &str)> {
        self.text
            .lines()
            .take_while(|line| !line.trim_start().starts_with("#[cfg(test)]"))
            .enumerate()
            .filter(|(_, line)| !line.trim_start().starts_with("//"))
    }
}

fn sources_under(root: &Path) -> Vec<Source> {
    let mut found = Vec::new();
    let mut folders = vec![root.to_path_buf()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).expect("the source folder can be read") {
            let path = entry.expect("an entry can be read").path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let name = path.strip_prefix(root).expect("it lies under the root");
                found.push(Source {
                    name: name.to_string_lossy().replace('\\', "/"),
                    text: fs::read_to_string(&path).expect("a source is text"),
                });
            }
        }
    }
    found.sort_by(|a, b| a.name.cmp(&b.name));
    found
}

fn broker_sources() -> Vec<Source> {
    sources_under(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"))
}

fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the broker lies in the workspace").to_path_buf()
}

fn floor_of(room: &str) -> Option<usize> {
    FLOORS.iter().position(|floor| floor.contains(&room))
}

/// The rooms that a line imports by `crate::room`.
fn imports_in(line: &str) -> impl Iterator<Item = &str> {
    line.match_indices("crate::").filter_map(|(at, prefix)| {
        let rest = &line[at + prefix.len()..];
        let end = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(rest.len());
        (end > 0).then(|| &rest[..end])
    })
}

fn assert_none(complaints: &[String]) {
    assert!(complaints.is_empty(), "\n{}", complaints.join("\n"));
}

#[test]
fn imports_point_down() {
    let mut complaints = Vec::new();
    for source in broker_sources().iter().filter(|source| !source.is_for_tests()) {
        let Some(own) = floor_of(source.room()) else {
            complaints.push(format!("{}: '{}' is on no floor; add it to FLOORS", source.name, source.room()));
            continue;
        };
        for (number, line) in source.production_lines() {
            for import in imports_in(line).filter(|import| *import != source.room()) {
                if floor_of(import).is_some_and(|floor| floor >= own) {
                    complaints.push(format!(
                        "{}:{}: '{}' may not know '{import}', which is not below it",
                        source.name,
                        number + 1,
                        source.room()
                    ));
                }
            }
        }
    }
    assert_none(&complaints);
}

#[test]
fn every_file_is_short_and_opens_with_its_page() {
    let mut complaints = Vec::new();
    for member in ["broker/src", "broker/tests", "coordinator-adapter", "integration-tests"] {
        for source in sources_under(&workspace().join(member)) {
            let lines = source.text.lines().count();
            if lines > FILE_LINES_MAX {
                complaints.push(format!("{member}/{}: {lines} lines, over {FILE_LINES_MAX}", source.name));
            }
            if !source.text.starts_with("//!") {
                complaints.push(format!("{member}/{}: does not open with a page (//!)", source.name));
            }
        }
    }
    assert_none(&complaints);
}

#[test]
fn pure_files_do_nothing_but_decide() {
    let mut complaints = Vec::new();
    let sources = broker_sources();
    for pure in PURE {
        let mut found = false;
        for source in sources.iter().filter(|source| source.name.starts_with(pure)) {
            found = true;
            let is_shell = SHELLS.iter().any(|shell| source.name.starts_with(shell));
            if is_shell || source.is_for_tests() {
                continue;
            }
            for (number, line) in source.production_lines() {
                for (word, sin) in IMPURE.iter().filter(|(word, _)| line.contains(word)) {
                    let place = format!("{}:{}", source.name, number + 1);
                    complaints.push(format!("{place}: a pure file {sin} ('{word}')"));
                }
            }
        }
        if !found {
            complaints.push(format!("{pure} is declared pure but does not exist"));
        }
    }
    assert_none(&complaints);
}

/// The simulation has no threads to lend: blocking work goes through one door.
#[test]
fn blocking_work_is_lent_in_tasks_only() {
    let mut complaints = Vec::new();
    for source in broker_sources().iter().filter(|source| source.room() != "tasks" && !source.is_for_tests())
    {
        for (number, line) in source.production_lines() {
            if ["spawn_blocking", "thread::sleep", "thread::spawn"].iter().any(|word| line.contains(word)) {
                complaints.push(format!(
                    "{}:{}: use tasks::lend or tasks::stand_still",
                    source.name,
                    number + 1
                ));
            }
        }
    }
    assert_none(&complaints);
}

#[test]
fn the_kafka_codec_is_seen_in_wire_only() {
    let complaints: Vec<String> = broker_sources()
        .iter()
        .filter(|source| source.room() != "wire" && source.text.contains("kafka_wire"))
        .map(|source| format!("{}: names the Kafka codec", source.name))
        .collect();
    assert_none(&complaints);
}

#[test]
fn the_top_level_is_what_the_readme_says() {
    let expected = [
        "Cargo.lock",
        "Cargo.toml",
        "LICENSE",
        "Makefile",
        "README.md",
        "broker",
        "coordinator-adapter",
        "integration-tests",
        "scripts",
    ];
    let mut visible: Vec<String> = fs::read_dir(workspace())
        .expect("the workspace can be read")
        .map(|entry| entry.expect("an entry can be read").file_name().to_string_lossy().into_owned())
        .filter(|name| !name.starts_with('.') && name != "target")
        .collect();
    visible.sort();
    assert_eq!(visible, expected);
}

#[test]
fn the_import_reader_reads() {
    let line = "use crate::wire::Frame; crate::types::X";
    assert_eq!(imports_in(line).collect::<Vec<_>>(), ["wire", "types"]);
}
