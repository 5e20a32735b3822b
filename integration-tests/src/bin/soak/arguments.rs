//! What the command line asks for.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};

const USAGE: &str = "\
usage: soak [--minutes N] [--round-seconds N] [--seed S] [--etcd 1|3] [--folder PATH]\n            [--without RULE] [--no-bite]
  --minutes        how long, in whole rounds (10)
  --round-seconds  how long things go wrong in one round (200)
  --seed           repeats the choice of an earlier run; it is printed
  --etcd           how many etcd members; by turns 1 and 3 if left out
  --folder         where the histories of rounds that went wrong are kept (.data/soak)
  --without        takes this rule out of the brokers: something must be found wrong then
  --no-bite        does without the proof that the disk forgets";

/// What to do.
#[derive(Debug)]
pub(crate) struct Wish {
    pub(crate) length: Duration,
    pub(crate) round: Duration,
    pub(crate) seed: u64,
    pub(crate) etcd_members: Option<usize>,
    pub(crate) folder: PathBuf,
    pub(crate) without: Option<String>,
    pub(crate) bite: bool,
}

/// Reads the command line.
///
/// # Errors
/// If it asks for something else; the message is the usage.
pub(crate) fn read() -> Result<Wish> {
    let mut wish = Wish {
        length: Duration::from_secs(600),
        round: Duration::from_secs(200),
        seed: u64::from(std::process::id()) ^ nanoseconds(),
        etcd_members: None,
        folder: PathBuf::from(".data/soak"),
        without: None,
        bite: true,
    };
    let mut words = std::env::args().skip(1);
    while let Some(word) = words.next() {
        if word == "--no-bite" {
            wish.bite = false;
            continue;
        }
        let value = words.next().context(USAGE)?;
        let number = || value.parse::<u64>().context(USAGE);
        match word.as_str() {
            "--minutes" => wish.length = Duration::from_secs(number()? * 60),
            "--round-seconds" => wish.round = Duration::from_secs(number()?),
            "--seed" => wish.seed = number()?,
            "--etcd" => wish.etcd_members = Some(usize::try_from(number()?)?),
            "--without" => wish.without = Some(value),
            "--folder" => wish.folder = PathBuf::from(&value),
            _ => bail!(USAGE),
        }
    }
    ensure!(matches!(wish.etcd_members, None | Some(1 | 3)), "{USAGE}");
    Ok(wish)
}

fn nanoseconds() -> u64 {
    let now = std::time::UNIX_EPOCH.elapsed().unwrap_or_default();
    u64::from(now.subsec_nanos()) << 20 ^ now.as_secs()
}
