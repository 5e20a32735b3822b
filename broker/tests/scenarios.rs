//! Scenarios of replication: small stories in text files, told with the real pure decisions of leader and follower.
//!
//! `scenarios/*.txt` are named after the rule of DESIGN 4 that they hold: each fails when its rule is taken out of the
//! code. The language is described in `scenarios/script.rs`. Random stories, from seeds, are in `scenarios/chaos.rs`.

#![allow(
    clippy::unwrap_used,
    clippy::unit_arg,
    reason = "a test may stop where it stands, and a script is terse"
)]

#[path = "scenarios/chaos.rs"]
mod chaos;
#[path = "scenarios/log.rs"]
mod log;
#[path = "scenarios/node.rs"]
mod node;
#[path = "scenarios/script.rs"]
mod script;
#[path = "scenarios/world.rs"]
mod world;

use std::path::Path;

#[test]
fn every_story_goes_as_told() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/scenarios");
    let mut files: Vec<_> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "txt"))
        .collect();
    files.sort();
    assert!(files.len() >= 15, "the stories are gone: {files:?}");
    let failures: Vec<String> = files.iter().filter_map(|path| script::run(path).err()).collect();
    assert!(failures.is_empty(), "\n{}", failures.join("\n\n"));
}
