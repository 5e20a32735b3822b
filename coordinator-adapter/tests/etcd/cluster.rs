//! Real etcd members as child processes, in a directory that goes with them.
//!
//! Each child is ended by its own id when its cluster is dropped, also by a panic.

use std::fs::File;
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;
use tokio::time::{Instant, sleep};

/// Longer than any start takes on a busy machine.
const PATIENCE: Duration = Duration::from_secs(30);

/// One etcd of one or more members.
pub(crate) struct Cluster {
    members: Vec<Member>,
    dir: TempDir,
}

struct Member {
    client_port: u16,
    peer_port: u16,
    child: Option<Child>,
}

impl Cluster {
    /// Ports and a directory for so many members; none runs yet.
    pub(crate) fn new(size: usize) -> Self {
        let ports = free_ports(2 * size);
        let members = ports
            .chunks_exact(2)
            .map(|pair| Member { client_port: pair[0], peer_port: pair[1], child: None })
            .collect();
        Self { members, dir: TempDir::new().unwrap() }
    }

    /// So many members, running and ready.
    pub(crate) async fn start(size: usize) -> Self {
        let mut cluster = Self::new(size);
        for place in 0..size {
            cluster.run(place);
        }
        cluster.ready().await;
        cluster
    }

    pub(crate) fn endpoints(&self) -> Vec<String> {
        self.members.iter().map(|member| format!("http://127.0.0.1:{}", member.client_port)).collect()
    }

    /// Starts a member that does not run, on the data that it has.
    pub(crate) fn run(&mut self, place: usize) {
        let name = |place: usize| format!("m{place}");
        let peers: Vec<_> = self
            .members
            .iter()
            .enumerate()
            .map(|(place, member)| format!("{}=http://127.0.0.1:{}", name(place), member.peer_port))
            .collect();
        // one for all members, and not that of another test that had these ports before
        let token = self.dir.path().to_string_lossy().into_owned();
        let log = File::options().create(true).append(true).open(self.log(place)).unwrap();
        let member = &mut self.members[place];
        let client = format!("http://127.0.0.1:{}", member.client_port);
        let peer = format!("http://127.0.0.1:{}", member.peer_port);
        let spawned = Command::new("etcd")
            .args(["--name", &name(place)])
            .args(["--data-dir".as_ref(), self.dir.path().join(name(place)).as_os_str()])
            .args(["--listen-client-urls", &client, "--advertise-client-urls", &client])
            .args(["--listen-peer-urls", &peer, "--initial-advertise-peer-urls", &peer])
            .args(["--initial-cluster", &peers.join(","), "--initial-cluster-token", &token])
            .args(["--logger", "zap", "--log-outputs", "stderr"])
            .stdout(Stdio::null())
            .stderr(log)
            .spawn();
        assert!(member.child.is_none(), "member {place} runs already");
        member.child = Some(spawned.unwrap_or_else(|error| {
            panic!("cannot start etcd ({error}): run the tests by `make test`, which installs it")
        }));
    }

    /// Waits until a majority serves.
    pub(crate) async fn ready(&self) {
        let deadline = Instant::now() + PATIENCE;
        let mut last = String::new();
        while Instant::now() < deadline {
            match self.probe().await {
                Ok(()) => return,
                Err(error) => last = error.to_string(),
            }
            sleep(Duration::from_millis(50)).await;
        }
        let log = std::fs::read_to_string(self.log(0)).unwrap_or_default();
        let tail: Vec<_> = log.lines().rev().take(5).collect();
        panic!("etcd is not ready after {PATIENCE:?}: {last}\n{}", tail.join("\n"));
    }

    async fn probe(&self) -> Result<(), etcd_client::Error> {
        let options = etcd_client::ConnectOptions::new().with_timeout(Duration::from_secs(2));
        for member in self.members.iter().filter(|member| member.child.is_some()) {
            let endpoint = format!("http://127.0.0.1:{}", member.client_port);
            let mut client = etcd_client::Client::connect([endpoint], Some(options.clone())).await?;
            client.get("ready", None).await?;
        }
        Ok(())
    }

    /// Compacts the history below a revision.
    pub(crate) async fn compact(&self, revision: i64) {
        let mut client = etcd_client::Client::connect([&self.endpoints()[0]], None).await.unwrap();
        client.compact(revision, None).await.unwrap();
    }

    /// Ends a member as a power cut would.
    pub(crate) fn kill(&mut self, place: usize) {
        if let Some(mut child) = self.members[place].child.take() {
            // it may have ended by itself
            let _ = child.kill();
            let _ = child.wait();
        }
    }

    /// Stops a member in its tracks, its sockets open.
    pub(crate) fn freeze(&self, place: usize) {
        self.signal(place, Signal::STOP);
    }

    /// Lets it go on.
    pub(crate) fn thaw(&self, place: usize) {
        self.signal(place, Signal::CONT);
    }

    fn signal(&self, place: usize, signal: Signal) {
        let child = self.members[place].child.as_ref().expect("it runs");
        kill_process(Pid::from_child(child), signal).unwrap();
    }

    fn log(&self, place: usize) -> PathBuf {
        self.dir.path().join(format!("m{place}.log"))
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        for place in 0..self.members.len() {
            self.kill(place);
        }
    }
}

/// Ports that nobody holds now; all are held together until all are found.
fn free_ports(count: usize) -> Vec<u16> {
    let listeners: Vec<_> = (0..count).map(|_| TcpListener::bind("127.0.0.1:0").unwrap()).collect();
    listeners.iter().map(|listener| listener.local_addr().unwrap().port()).collect()
}
