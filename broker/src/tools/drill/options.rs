//! Flags of `tidemark drill`, and what they allow.

use std::path::PathBuf;

use clap::{ArgGroup, Args};

use super::means::Act;

const EXAMPLES: &str = "\
A broker is hurt by its process id, or by commands in which {broker} stands for its number:

  tidemark drill --url http://10.0.0.1:8082 --url http://10.0.0.2:8082 --kill-leader \\
    --may-hurt 1 --may-hurt 2 --kill-with 'ssh node{broker} systemctl kill -s KILL tidemark'

  tidemark drill --url http://127.0.0.1:8082 --pause --may-hurt 2=pid:4711

Exit code: 0 nothing is wrong, 1 something that was acknowledged is, 2 the drill could not be held.";

/// Flags of `tidemark drill`.
#[derive(Clone, Debug, Args)]
#[command(group(ArgGroup::new("what").required(true).args(["kill_leader", "pause", "restart_all"])))]
#[command(after_help = EXAMPLES)]
pub struct DrillFlags {
    /// Where a broker serves HTTP; repeat it for others: clients go through all of them.
    #[arg(long, value_name = "URL", required = true)]
    pub url: Vec<String>,
    /// Kill the leader of a partition, without warning.
    #[arg(long)]
    pub kill_leader: bool,
    /// Freeze the leader of a partition for a while.
    #[arg(long)]
    pub pause: bool,
    /// Stop and start every broker, one after the other.
    #[arg(long)]
    pub restart_all: bool,
    /// A broker that may be hurt, as its number, or with its process on this machine; may be repeated.
    #[arg(long, value_name = "BROKER[=pid:PID]", value_parser = may_hurt, required = true)]
    pub may_hurt: Vec<(i32, Option<i32>)>,
    /// The command that kills a broker.
    #[arg(long, value_name = "COMMAND")]
    pub kill_with: Option<String>,
    /// The command that stops a broker in good order.
    #[arg(long, value_name = "COMMAND")]
    pub stop_with: Option<String>,
    /// The command that starts a broker, and returns.
    #[arg(long, value_name = "COMMAND")]
    pub start_with: Option<String>,
    /// The command that freezes a broker.
    #[arg(long, value_name = "COMMAND", requires = "resume_with")]
    pub pause_with: Option<String>,
    /// The command that lets a frozen broker go on.
    #[arg(long, value_name = "COMMAND", requires = "pause_with")]
    pub resume_with: Option<String>,
    /// How long a pause lasts.
    #[arg(long, value_name = "MS", default_value_t = 10_000)]
    pub pause_ms: u64,
    /// The topic to use, which stays; without it, one is made and deleted at the end.
    #[arg(long)]
    pub topic: Option<String>,
    /// Partitions of the topic that is made.
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(i32).range(1..=100))]
    pub partitions: i32,
    /// Do not delete the topic that was made.
    #[arg(long)]
    pub keep: bool,
    /// Write the history to this file, for `tidemark check`, however the drill ends; if it is interrupted, what was not read
    /// yet looks unseen there.
    #[arg(long, value_name = "FILE")]
    pub history: Option<PathBuf>,
    /// How long the cluster may take for each step before the drill is given up.
    #[arg(long, value_name = "S", default_value_t = 120)]
    pub deadline_s: u64,
    /// Print the outcome as JSON.
    #[arg(long)]
    pub json: bool,
}

impl DrillFlags {
    /// What will be done to a broker.
    pub(super) fn acts(&self) -> &'static [Act] {
        if self.restart_all {
            &[Act::Stop, Act::Start]
        } else if self.pause {
            &[Act::Pause, Act::Resume]
        } else {
            &[Act::Kill]
        }
    }
}

/// `2` or `2=pid:4711`.
fn may_hurt(text: &str) -> Result<(i32, Option<i32>), String> {
    let wrong = || format!("'{text}' is neither a broker's number nor NUMBER=pid:PID");
    let (broker, pid) = match text.split_once('=') {
        None => (text, None),
        Some((broker, pid)) => (broker, Some(pid.strip_prefix("pid:").ok_or_else(wrong)?)),
    };
    let broker = broker.parse().ok().filter(|broker| *broker >= 0).ok_or_else(wrong)?;
    // 1 is the machine's own, and what is not above it is a group of processes.
    let pid = pid.map(|pid| pid.parse().ok().filter(|pid| *pid > 1).ok_or_else(wrong)).transpose()?;
    Ok((broker, pid))
}

#[cfg(test)]
mod tests {
    use super::may_hurt;

    #[test]
    fn who_may_be_hurt_is_read_exactly() {
        assert_eq!(may_hurt("2"), Ok((2, None)));
        assert_eq!(may_hurt("0=pid:4711"), Ok((0, Some(4711))));
        for wrong in ["", "x", "-1", "2=4711", "2=pid:", "2=pid:1", "2=pid:-5", "2=pid:x"] {
            assert!(may_hurt(wrong).is_err(), "{wrong}");
        }
    }
}
