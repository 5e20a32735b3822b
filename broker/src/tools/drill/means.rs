//! How a broker may be hurt: by a signal to its process on this machine, or by the operator's own commands.
//!
//! *Invariant:* a broker that was not named is never touched; the way is known before the first step is taken.

use std::collections::BTreeMap;
use std::process::Stdio;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};

use super::DrillError;
use super::cluster::Broker;
use super::options::DrillFlags;
use super::process::{ensure_is_broker, ensure_serves, has_ended};

const COMMAND_MAX: Duration = Duration::from_secs(120);

/// What may be done to a broker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Act {
    Kill,
    Stop,
    Start,
    Pause,
    Resume,
}

impl Act {
    fn name(self) -> &'static str {
        match self {
            Self::Kill => "kill",
            Self::Stop => "stop",
            Self::Start => "start",
            Self::Pause => "pause",
            Self::Resume => "resume",
        }
    }

    fn signal(self) -> Option<Signal> {
        match self {
            Self::Kill => Some(Signal::KILL),
            Self::Stop => Some(Signal::TERM),
            Self::Start => None,
            Self::Pause => Some(Signal::STOP),
            Self::Resume => Some(Signal::CONT),
        }
    }
}

/// One way to do one thing to one broker.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Way {
    Command(String),
    Signal(Pid, Signal),
}

/// Who may be hurt, and how.
#[derive(Clone, Debug)]
pub(super) struct Means {
    may: BTreeMap<i32, Option<Pid>>,
    commands: [(Act, Option<String>); 5],
}

impl Means {
    /// What the flags allow, as far as it can be known without the cluster.
    ///
    /// # Errors
    /// If what is to be done could be done to nobody, or a process is no broker.
    pub(super) fn of(flags: &DrillFlags) -> Result<Self, DrillError> {
        let pid = |pid: Option<i32>| pid.and_then(Pid::from_raw);
        let means = Self {
            may: flags.may_hurt.iter().map(|(broker, process)| (*broker, pid(*process))).collect(),
            commands: [
                (Act::Kill, flags.kill_with.clone()),
                (Act::Stop, flags.stop_with.clone()),
                (Act::Start, flags.start_with.clone()),
                (Act::Pause, flags.pause_with.clone()),
                (Act::Resume, flags.resume_with.clone()),
            ],
        };
        let mut pids = BTreeMap::new();
        for (broker, pid) in means.may.iter().filter_map(|(broker, pid)| Some((*broker, (*pid)?))) {
            ensure_is_broker(broker, pid)?;
            if let Some(other) = pids.insert(pid.as_raw_nonzero(), broker) {
                let why = format!("process {pid} cannot be broker {other} and broker {broker}");
                return Err(DrillError::NotAllowed(why));
            }
        }
        let ways = |broker: &i32| flags.acts().iter().try_for_each(|act| means.way(*act, *broker).map(drop));
        let known: Vec<Result<(), DrillError>> = means.may.keys().map(ways).collect();
        // A leader is chosen among those that can be hurt; of all, each must be.
        if flags.restart_all || !known.iter().any(Result::is_ok) {
            known.into_iter().collect::<Result<(), _>>()?;
        }
        Ok(means)
    }

    /// Whether a broker was named.
    pub(super) fn may_hurt(&self, broker: i32) -> bool {
        self.may.contains_key(&broker)
    }

    /// The brokers that were named, for messages.
    pub(super) fn named(&self) -> String {
        let ids: Vec<String> = self.may.keys().map(ToString::to_string).collect();
        ids.join(", ")
    }

    /// Whether a command was given for this.
    pub(super) fn has_command(&self, act: Act) -> bool {
        self.commands.iter().any(|(of, command)| *of == act && command.is_some())
    }

    /// Makes sure that it is allowed, and known how.
    pub(super) fn ensure(&self, act: Act, broker: &Broker) -> Result<(), DrillError> {
        match self.way(act, broker.id)? {
            Way::Command(_) => Ok(()),
            Way::Signal(pid, _) => ensure_serves(broker.id, pid, broker.port()?),
        }
    }

    fn way(&self, act: Act, broker: i32) -> Result<Way, DrillError> {
        let Some(pid) = self.may.get(&broker) else {
            let named = self.named();
            return Err(DrillError::NotAllowed(format!("broker {broker} may not be hurt, only {named}")));
        };
        let command =
            self.commands.iter().find(|(of, _)| *of == act).and_then(|(_, command)| command.as_ref());
        if let Some(command) = command {
            return Ok(Way::Command(command.replace("{broker}", &broker.to_string())));
        }
        if let (Some(pid), Some(signal)) = (pid, act.signal()) {
            return Ok(Way::Signal(*pid, signal));
        }
        let name = act.name();
        let by_pid = act.signal().map_or(String::new(), |_| format!(", or --may-hurt {broker}=pid:PID"));
        Err(DrillError::NotAllowed(format!(
            "how to {name} broker {broker} is not known: give --{name}-with{by_pid}"
        )))
    }

    /// Whether the process of a broker, if it is known, has ended.
    pub(super) fn has_ended(&self, broker: i32) -> bool {
        self.may.get(&broker).copied().flatten().is_none_or(has_ended)
    }

    /// Does it.
    pub(super) async fn act(&self, act: Act, broker: &Broker) -> Result<(), DrillError> {
        match self.way(act, broker.id)? {
            Way::Command(command) => run(&command).await,
            Way::Signal(pid, signal) => {
                ensure_serves(broker.id, pid, broker.port()?)?;
                let (name, id) = (act.name(), broker.id);
                kill_process(pid, signal).map_err(|error| {
                    DrillError::Means(format!("cannot {name} broker {id}, process {pid}: {error}"))
                })
            }
        }
    }

    /// Freezes a broker; dropping what is returned lets it go on.
    pub(super) async fn pause(&self, broker: &Broker) -> Result<Paused, DrillError> {
        let paused = Paused { resume: Some(self.way(Act::Resume, broker.id)?) };
        self.act(Act::Pause, broker).await?;
        Ok(paused)
    }
}

/// A frozen broker.
#[derive(Debug)]
pub(super) struct Paused {
    resume: Option<Way>,
}

impl Paused {
    /// Lets it go on.
    pub(super) fn resume(mut self) -> Result<(), DrillError> {
        self.resume.take().map_or(Ok(()), |way| resume(&way))
    }
}

impl Drop for Paused {
    fn drop(&mut self) {
        if let Some(Err(error)) = self.resume.take().map(|way| resume(&way)) {
            tracing::error!(%error, "a broker that was paused could not be resumed");
        }
    }
}

fn resume(way: &Way) -> Result<(), DrillError> {
    match way {
        Way::Command(command) => {
            let status =
                std::process::Command::new("sh").arg("-c").arg(command).stdin(Stdio::null()).status();
            match status {
                Ok(status) if status.success() => Ok(()),
                Ok(status) => Err(DrillError::Means(format!("'{command}' ended with {status}"))),
                Err(error) => Err(DrillError::Means(format!("'{command}' cannot be run: {error}"))),
            }
        }
        Way::Signal(pid, signal) => kill_process(*pid, *signal)
            .map_err(|error| DrillError::Means(format!("cannot resume process {pid}: {error}"))),
    }
}

async fn run(command: &str) -> Result<(), DrillError> {
    let mut shell = tokio::process::Command::new("sh");
    shell.arg("-c").arg(command).stdin(Stdio::null()).stdout(Stdio::null()).kill_on_drop(true);
    match tokio::time::timeout(COMMAND_MAX, shell.status()).await {
        Ok(Ok(status)) if status.success() => Ok(()),
        Ok(Ok(status)) => Err(DrillError::Means(format!("'{command}' ended with {status}"))),
        Ok(Err(error)) => Err(DrillError::Means(format!("'{command}' cannot be run: {error}"))),
        Err(_) => {
            let seconds = COMMAND_MAX.as_secs();
            Err(DrillError::Means(format!("'{command}' did not return within {seconds} s")))
        }
    }
}
