//! One broker as a child process, with its own data directory.
//!
//! *Invariant:* started by the documented command line only, with an environment free of `TIDEMARK_*`.

use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};

use crate::process::Process;

/// Where a broker lives, and how it is started.
#[derive(Clone, Debug)]
pub struct BrokerSpec {
    /// Its number.
    pub id: i32,
    /// etcd's endpoints; none means `tidemark dev`.
    pub etcd: Vec<String>,
    /// Its HTTP port on 127.0.0.1.
    pub http_port: u16,
    /// Its Kafka port on 127.0.0.1.
    pub kafka_port: u16,
    /// The Kafka port that others are told, if not its own.
    pub advertised_kafka_port: Option<u16>,
    /// Its data directory.
    pub data_dir: PathBuf,
    /// Settings, as `name=value`.
    pub settings: Vec<String>,
    /// A line of shell that runs before the program in the same process, such as `ulimit -n 64`.
    pub before: Option<String>,
}

/// Whether a disk could be mounted.
enum Mounted {
    Yes,
    /// No, in none of the ways that were tried; what each said.
    Refused(String),
}

const SMALL_DISK_ADVICE: &str = "\
cannot give a broker a small disk of its own, which needs a mount namespace. One of these allows it:
  run the tests as root;
  Ubuntu: sudo sysctl kernel.apparmor_restrict_unprivileged_userns=0
  Debian: sudo sysctl kernel.unprivileged_userns_clone=1
  in a container: start it with --cap-add SYS_ADMIN --security-opt apparmor=unconfined
What was refused:";

/// A broker that runs, or could.
#[derive(Debug)]
pub struct Broker {
    spec: BrokerSpec,
    log: PathBuf,
    process: Option<Process>,
    pid: Arc<AtomicU32>,
}

impl Broker {
    /// Describes a broker without starting it; its output goes to `log`.
    #[must_use]
    pub fn new(spec: BrokerSpec, log: PathBuf) -> Self {
        Self { spec, log, process: None, pid: Arc::default() }
    }

    /// Its number.
    #[must_use]
    pub fn id(&self) -> i32 {
        self.spec.id
    }

    /// Its description, to be changed before the next start.
    pub fn spec_mut(&mut self) -> &mut BrokerSpec {
        &mut self.spec
    }

    /// Where its HTTP API is.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.spec.http_port)
    }

    /// Its Kafka port.
    #[must_use]
    pub fn kafka_port(&self) -> u16 {
        self.spec.kafka_port
    }

    /// Its HTTP port.
    #[must_use]
    pub fn http_port(&self) -> u16 {
        self.spec.http_port
    }

    /// Its data directory.
    #[must_use]
    pub fn data_dir(&self) -> &Path {
        &self.spec.data_dir
    }

    /// Whether its process runs.
    pub fn is_running(&mut self) -> bool {
        self.process.as_mut().is_some_and(Process::is_running)
    }

    /// Its process.
    ///
    /// # Errors
    /// If it was never started, or killed.
    pub fn process(&mut self) -> Result<&mut Process> {
        self.process.as_mut().with_context(|| format!("broker {} is not running", self.spec.id))
    }

    /// Starts it; does not wait until it is ready.
    ///
    /// # Errors
    /// If it runs already or the program is missing.
    pub fn start(&mut self) -> Result<()> {
        ensure!(!self.is_running(), "broker {} runs already", self.spec.id);
        let name = format!("broker {}", self.spec.id);
        let process = Process::start(&name, &mut self.spec.command()?, &self.log)?;
        self.pid.store(process.id(), Ordering::Relaxed);
        self.process = Some(process);
        Ok(())
    }

    /// Where the id of its newest process is kept, 0 before the first.
    #[must_use]
    pub fn pid(&self) -> Arc<AtomicU32> {
        Arc::clone(&self.pid)
    }

    /// kill -9.
    pub fn kill(&mut self) {
        self.process = None;
    }

    /// SIGTERM, and waits for the end.
    ///
    /// # Errors
    /// If it does not end within the deadline.
    pub async fn stop(&mut self, deadline: Duration) -> Result<ExitStatus> {
        let process = self.process()?;
        process.ask_to_stop()?;
        let status = process.wait(deadline).await?;
        self.process = None;
        Ok(status)
    }

    /// Deletes its data directory. The broker must not run.
    ///
    /// # Errors
    /// If it runs, or the directory cannot be deleted.
    pub fn wipe(&mut self) -> Result<()> {
        ensure!(!self.is_running(), "broker {} still runs", self.spec.id);
        std::fs::remove_dir_all(&self.spec.data_dir).context("wiping a data directory")
    }

    /// Its next start will see a disk of its own of `mib` MiB at `folder`, in a mount namespace that ends with it. Root
    /// may do that; anybody else in a user namespace, where the system allows these.
    ///
    /// # Errors
    /// If this user may do neither, with what can be done about it.
    pub fn mount_small_disk(&mut self, folder: &Path, mib: u32) -> Result<()> {
        match self.mount(&format!("mount -t tmpfs -o size={mib}m none {}", folder.display()))? {
            Mounted::Yes => Ok(()),
            Mounted::Refused(how) => bail!("{SMALL_DISK_ADVICE}{how}"),
        }
    }

    /// Its next start will see, at `disk` in `folder`, a disk that promises more than lies behind it, as a thinly
    /// provisioned volume does: `folder` itself is all there is, and once that is full the disk fails. Ends with the
    /// process. False if this user may not do that.
    ///
    /// # Errors
    /// If there is no shell.
    pub fn mount_thin_disk(&mut self, folder: &Path, mib: u32) -> Result<bool> {
        let folder = folder.display();
        let mounted = self.mount(&format!(
            "mount -t tmpfs -o size={mib}m none {folder} && mkdir {folder}/disk && truncate -s 256M {folder}/image \
             && mkfs.ext4 -q -m 0 {folder}/image && mount -o loop {folder}/image {folder}/disk"
        ));
        Ok(matches!(mounted?, Mounted::Yes))
    }

    /// Its next start runs in a mount namespace of its own, after this line of shell.
    fn mount(&mut self, line: &str) -> Result<Mounted> {
        let mut refusals = String::new();
        for namespaces in ["--mount", "--mount --map-root-user"] {
            let unshare = format!("unshare {namespaces} sh -c '{line}");
            let tried = Command::new("sh").arg("-c").arg(format!("{unshare}'")).output();
            let tried = tried.context("running a shell")?;
            if tried.status.success() {
                // The shell that starts the broker enters the namespace, mounts, and becomes the broker: the pid stays.
                self.spec.before = Some(format!("exec {unshare}; exec \"$0\" \"$@\"' \"$0\" \"$@\""));
                return Ok(Mounted::Yes);
            }
            refusals += &format!("\nunshare {namespaces}: {}", String::from_utf8_lossy(&tried.stderr).trim());
        }
        Ok(Mounted::Refused(refusals))
    }

    /// Its last lines of output.
    #[must_use]
    pub fn last_lines(&self, count: usize) -> String {
        let text = std::fs::read(&self.log).unwrap_or_default();
        let text = String::from_utf8_lossy(&text);
        let lines: Vec<&str> = text.lines().collect();
        lines[lines.len().saturating_sub(count)..].join("\n")
    }

    /// All its output, over all its lives.
    #[must_use]
    pub fn output(&self) -> String {
        String::from_utf8_lossy(&std::fs::read(&self.log).unwrap_or_default()).into_owned()
    }
}

impl BrokerSpec {
    fn command(&self) -> Result<Command> {
        let program = program()?;
        let mut command = match &self.before {
            None => Command::new(program),
            Some(line) => {
                let mut shell = Command::new("sh");
                shell.arg("-c").arg(format!("{line}; exec \"$0\" \"$@\"")).arg(program);
                shell
            }
        };
        clean_environment(&mut command);
        if self.etcd.is_empty() {
            command.arg("dev");
        } else {
            command.arg("broker").arg("--id").arg(self.id.to_string()).arg("--etcd").arg(self.etcd.join(","));
        }
        command.arg("--data-dir").arg(&self.data_dir);
        command.arg("--http-listen").arg(format!("127.0.0.1:{}", self.http_port));
        command.arg("--kafka-listen").arg(format!("127.0.0.1:{}", self.kafka_port));
        if let Some(port) = self.advertised_kafka_port {
            command.arg("--advertised-kafka").arg(format!("127.0.0.1:{port}"));
        }
        for setting in &self.settings {
            command.arg("--set").arg(setting);
        }
        Ok(command)
    }
}

/// Takes the variables away that a broker would read as settings.
pub fn clean_environment(command: &mut Command) {
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("TIDEMARK_") {
            command.env_remove(name);
        }
    }
}

/// The broker's program: `TIDEMARK_BIN`, else the one beside the folder of this test's own executable.
///
/// # Errors
/// If it has not been built.
pub fn program() -> Result<PathBuf> {
    if let Some(path) = std::env::var_os("TIDEMARK_BIN") {
        return Ok(path.into());
    }
    let own = std::env::current_exe().context("finding this executable")?;
    let folder = own.parent().context("an executable without a folder")?;
    // Tests live in target/<profile>/deps, binaries in target/<profile>.
    let profile = if folder.ends_with("deps") { folder.parent().unwrap_or(folder) } else { folder };
    let path = profile.join("tidemark");
    ensure!(path.exists(), "no program at {}: run `cargo build --package tidemark` first", path.display());
    Ok(path)
}
