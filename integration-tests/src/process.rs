//! A child process that never outlives its owner.
//!
//! *Invariant:* only ever signals the child that it started and has not yet waited for, so the pid is certainly ours.

use std::fs::OpenOptions;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use rustix::process::{Pid, Signal, kill_process};
use tokio::time::Instant;

/// A running (or stopped, or dead) child with its output in a file.
#[derive(Debug)]
pub struct Process {
    name: String,
    child: Child,
    ended: Option<ExitStatus>,
    log: PathBuf,
}

impl Process {
    /// Starts a command; both its outputs are appended to `log`.
    ///
    /// # Errors
    /// If the program or the log file cannot be opened.
    pub fn start(name: &str, command: &mut Command, log: &Path) -> Result<Self> {
        let file = OpenOptions::new().create(true).append(true).open(log);
        let file = file.with_context(|| format!("opening {}", log.display()))?;
        command.stdin(Stdio::null()).stdout(file.try_clone()?).stderr(file);
        let child = command.spawn().with_context(|| format!("starting {name}: {command:?}"))?;
        Ok(Self { name: name.to_owned(), child, ended: None, log: log.to_owned() })
    }

    /// Its process id.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Whether it still runs.
    pub fn is_running(&mut self) -> bool {
        self.poll_end().is_none()
    }

    fn poll_end(&mut self) -> Option<ExitStatus> {
        if self.ended.is_none() {
            self.ended = self.child.try_wait().ok().flatten();
        }
        self.ended
    }

    fn signal(&mut self, signal: Signal) -> Result<()> {
        if let Some(status) = self.poll_end() {
            bail!("{} has already ended: {status}", self.name);
        }
        let pid = Pid::from_child(&self.child);
        kill_process(pid, signal).with_context(|| format!("signalling {}", self.name))
    }

    /// SIGSTOP: it stands still, and its sockets stay open.
    ///
    /// # Errors
    /// If it has already ended.
    pub fn freeze(&mut self) -> Result<()> {
        self.signal(Signal::STOP)
    }

    /// SIGCONT.
    ///
    /// # Errors
    /// If it has already ended.
    pub fn thaw(&mut self) -> Result<()> {
        self.signal(Signal::CONT)
    }

    /// SIGTERM, without waiting.
    ///
    /// # Errors
    /// If it has already ended.
    pub fn ask_to_stop(&mut self) -> Result<()> {
        self.signal(Signal::TERM)
    }

    /// Waits until it ends by itself.
    ///
    /// # Errors
    /// If it does not within the deadline; it is then still running.
    pub async fn wait(&mut self, deadline: Duration) -> Result<ExitStatus> {
        let end = Instant::now() + deadline;
        loop {
            if let Some(status) = self.poll_end() {
                return Ok(status);
            }
            if Instant::now() >= end {
                bail!("{} has not ended within {deadline:?}; its log: {}", self.name, self.log.display());
            }
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    }

    /// SIGKILL, and waits for the end, which the kernel brings about at once.
    pub fn kill(&mut self) {
        if self.poll_end().is_none() {
            let _ = self.child.kill();
            self.ended = self.child.wait().ok();
        }
    }

    /// Everything that it has printed so far.
    #[must_use]
    pub fn output(&self) -> String {
        std::fs::read(&self.log).map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default()
    }

    /// Its last lines, for a message.
    #[must_use]
    pub fn last_lines(&self, count: usize) -> String {
        let output = self.output();
        let lines: Vec<&str> = output.lines().collect();
        lines[lines.len().saturating_sub(count)..].join("\n")
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
}

/// What `/proc` says a process has used.
#[derive(Clone, Copy, Debug, Default)]
pub struct Usage {
    /// Processor time, user and system together.
    pub cpu: Duration,
    /// Resident memory.
    pub resident_bytes: u64,
    /// What of it is the program's own file, and pages of other files: no memory that the process has taken for itself.
    pub file_bytes: u64,
}

/// Reads the usage of a running process.
///
/// # Errors
/// If there is no such process.
pub fn usage(pid: u32) -> Result<Usage> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat"))?;
    let (_, fields) = stat.rsplit_once(") ").context("a stat line without a name")?;
    let number = |n: usize| -> Result<u64> {
        Ok(fields.split(' ').nth(n).context("a stat line that is too short")?.parse()?)
    };
    let statm = std::fs::read_to_string(format!("/proc/{pid}/statm"))?;
    let file_pages: u64 = statm.split(' ').nth(2).context("a statm line that is too short")?.parse()?;
    // Fields 14, 15 and 24 of proc(5), counted from the one after the name; ticks are 10 ms wherever Linux runs today.
    Ok(Usage {
        cpu: Duration::from_millis((number(11)? + number(12)?) * 10),
        resident_bytes: number(21)? * 4096,
        file_bytes: file_pages * 4096,
    })
}

/// Which of these processes has the connection from `local` to `remote`, two ports of 127.0.0.1, as `/proc` tells it.
#[must_use]
pub fn owner_of_connection(local: u16, remote: u16, pids: &[u32]) -> Option<usize> {
    let table = std::fs::read_to_string("/proc/net/tcp").ok()?;
    let (local, remote) = (format!("0100007F:{local:04X}"), format!("0100007F:{remote:04X}"));
    let inode = table.lines().find_map(|line| {
        let fields: Vec<&str> = line.split_whitespace().collect();
        (fields.get(1) == Some(&local.as_str()) && fields.get(2) == Some(&remote.as_str()))
            .then(|| fields.get(9).copied())
            .flatten()
    })?;
    let socket = PathBuf::from(format!("socket:[{inode}]"));
    pids.iter().position(|pid| {
        let Ok(open) = std::fs::read_dir(format!("/proc/{pid}/fd")) else { return false };
        open.flatten().any(|entry| std::fs::read_link(entry.path()).is_ok_and(|target| target == socket))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_child_is_gone_when_its_owner_is() {
        let folder = tempfile::tempdir().unwrap();
        let mut child =
            Process::start("sleep", Command::new("sleep").arg("1000"), &folder.path().join("log")).unwrap();
        let pid = child.id();
        assert!(child.is_running());
        child.freeze().unwrap();
        drop(child);
        assert!(!Path::new(&format!("/proc/{pid}")).exists());
    }

    #[test]
    fn the_usage_of_this_process_is_not_nothing() {
        assert!(usage(std::process::id()).unwrap().resident_bytes > 100_000);
    }

    #[test]
    fn a_connection_is_known_by_its_owner() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let stream = std::net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (local, remote) = (stream.local_addr().unwrap().port(), listener.local_addr().unwrap().port());
        assert_eq!(owner_of_connection(local, remote, &[1, std::process::id()]), Some(1));
        assert_eq!(owner_of_connection(local, remote, &[u32::MAX]), None);
    }
}
