//! The Kafka port from the outside: Debian's kcat as a real client, and frames by hand that no client would send.
//!
//! *Invariant:* a frame built here is exactly what the test says, lies included.

use std::collections::BTreeSet;
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use parking_lot::Mutex;
use tokio::io::{AsyncBufReadExt as _, AsyncRead, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::TcpStream;
use tokio::process::{Child, ChildStdin, Command};

const KCAT_DEADLINE: Duration = Duration::from_secs(60);

/// Runs kcat against a broker with something on its standard input, and gives its standard output.
///
/// # Errors
/// If kcat is not installed, fails, or does not end in time; its own words are the message.
pub async fn kcat(kafka_port: u16, arguments: &[&str], input: &[u8]) -> Result<Vec<u8>> {
    let (child, mut stdin) = spawn_kcat(&[kafka_port], arguments)?;
    let feed = async {
        // kcat may end without reading everything, which is its right.
        let _ = stdin.write_all(input).await;
        drop(stdin);
    };
    tokio::join!(feed, ended(child, arguments)).1
}

/// A kcat that produces what it is given, a line at a time, for as long as the test likes.
#[derive(Debug)]
pub struct KcatProducer {
    child: Child,
    stdin: ChildStdin,
}

impl KcatProducer {
    /// Starts one that knows these brokers to begin with; `arguments` say where to.
    ///
    /// # Errors
    /// If kcat is not installed.
    pub fn start(kafka_ports: &[u16], arguments: &[&str]) -> Result<Self> {
        let arguments = [&["-P"], arguments].concat();
        let (child, stdin) = spawn_kcat(kafka_ports, &arguments)?;
        Ok(Self { child, stdin })
    }

    /// Gives it one line.
    ///
    /// # Errors
    /// If it has ended; its own words are the message.
    pub async fn line(&mut self, text: &str) -> Result<()> {
        let line = format!("{text}\n");
        if self.stdin.write_all(line.as_bytes()).await.is_ok() {
            return Ok(());
        }
        let mut words = String::new();
        if let Some(mut stderr) = self.child.stderr.take() {
            stderr.read_to_string(&mut words).await?;
        }
        bail!("kcat has ended before its time: {}", words.trim());
    }

    /// Lets it bring to an end what it was given.
    ///
    /// # Errors
    /// If it says that it could not, or takes too long.
    pub async fn finish(self) -> Result<()> {
        drop(self.stdin);
        ended(self.child, &["-P"]).await.map(drop)
    }
}

/// A kcat that reads as a member of a group, for as long as the test likes.
#[derive(Debug)]
pub struct KcatMember {
    child: Child,
    seen: Arc<Mutex<Seen>>,
    _stdin: ChildStdin,
}

/// What a member has told so far.
#[derive(Clone, Debug, Default)]
struct Seen {
    records: Vec<String>,
    assigned: BTreeSet<i32>,
}

impl KcatMember {
    /// Starts one that knows these brokers to begin with. It is taken for dead after six seconds, and commits often.
    ///
    /// # Errors
    /// If kcat is not installed.
    pub fn start(kafka_ports: &[u16], group: &str, topic: &str) -> Result<Self> {
        let settings = [
            "auto.offset.reset=earliest",
            "session.timeout.ms=6000",
            "heartbeat.interval.ms=500",
            "auto.commit.interval.ms=200",
        ];
        let settings = settings.iter().flat_map(|setting| ["-X", *setting]);
        let arguments: Vec<&str> =
            ["-G", group, "-u", "-f", "%s\n"].into_iter().chain(settings).chain([topic]).collect();
        let (mut child, stdin) = spawn_kcat(kafka_ports, &arguments)?;
        let seen: Arc<Mutex<Seen>> = Arc::default();
        let out = child.stdout.take().context("a pipe from kcat")?;
        let told = child.stderr.take().context("a pipe from kcat")?;
        each_line(out, &seen, |seen, line| seen.records.push(line));
        each_line(told, &seen, |seen, line| seen.hear(&line));
        Ok(Self { child, seen, _stdin: stdin })
    }

    /// The values of the records that it has read so far.
    #[must_use]
    pub fn records(&self) -> Vec<String> {
        self.seen.lock().records.clone()
    }

    /// The partitions that are assigned to it.
    #[must_use]
    pub fn assigned(&self) -> BTreeSet<i32> {
        self.seen.lock().assigned.clone()
    }

    /// Kills it, so that its group hears nothing of it.
    ///
    /// # Errors
    /// If it has ended by itself.
    pub async fn kill(mut self) -> Result<Vec<String>> {
        self.child.kill().await?;
        Ok(self.records())
    }
}

impl Seen {
    /// `% Group g rebalanced (memberid m): assigned: t [0], t [1]`, or `revoked`.
    fn hear(&mut self, line: &str) {
        let partitions = |text: &str| -> BTreeSet<i32> {
            let numbers = text.split('[').skip(1).filter_map(|rest| rest.split(']').next()?.parse().ok());
            numbers.collect()
        };
        if let Some((_, assigned)) = line.split_once("): assigned: ") {
            self.assigned = partitions(assigned);
        } else if let Some((_, revoked)) = line.split_once("): revoked: ") {
            self.assigned = self.assigned.difference(&partitions(revoked)).copied().collect();
        }
    }
}

fn each_line(
    from: impl AsyncRead + Unpin + Send + 'static,
    seen: &Arc<Mutex<Seen>>,
    take: impl Fn(&mut Seen, String) + Send + 'static,
) {
    let (mut lines, seen) = (BufReader::new(from).lines(), Arc::clone(seen));
    tokio::spawn(async move {
        while let Ok(Some(line)) = lines.next_line().await {
            take(&mut seen.lock(), line);
        }
    });
}

fn spawn_kcat(kafka_ports: &[u16], arguments: &[&str]) -> Result<(Child, ChildStdin)> {
    let brokers: Vec<String> = kafka_ports.iter().map(|port| format!("127.0.0.1:{port}")).collect();
    let mut command = Command::new("kcat");
    command.arg("-b").arg(brokers.join(",")).args(arguments).kill_on_drop(true);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child =
        command.spawn().context("is kcat installed? scripts/install-tools.sh --for-tests does it")?;
    let stdin = child.stdin.take().context("a pipe to kcat")?;
    Ok((child, stdin))
}

/// What a kcat that ended well has written.
async fn ended(child: Child, arguments: &[&str]) -> Result<Vec<u8>> {
    let Ok(output) = tokio::time::timeout(KCAT_DEADLINE, child.wait_with_output()).await else {
        bail!("kcat {} did not end within {KCAT_DEADLINE:?}", arguments.join(" "));
    };
    let output = output?;
    if !output.status.success() {
        bail!("kcat {}: {}", arguments.join(" "), String::from_utf8_lossy(&output.stderr).trim());
    }
    Ok(output.stdout)
}

/// A request frame: length, api key, api version, correlation id, client id, then the body.
#[must_use]
pub fn frame(api_key: i16, api_version: i16, correlation_id: i32, body: &[u8]) -> Vec<u8> {
    let mut request = Vec::new();
    request.extend_from_slice(&api_key.to_be_bytes());
    request.extend_from_slice(&api_version.to_be_bytes());
    request.extend_from_slice(&correlation_id.to_be_bytes());
    request.extend_from_slice(&4_i16.to_be_bytes());
    request.extend_from_slice(b"test");
    request.extend_from_slice(body);
    let length = i32::try_from(request.len()).unwrap_or(i32::MAX);
    [&length.to_be_bytes()[..], &request].concat()
}

/// A bare connection to a Kafka port.
#[derive(Debug)]
pub struct Wire {
    stream: TcpStream,
}

impl Wire {
    /// Connects.
    ///
    /// # Errors
    /// If nobody listens.
    pub async fn connect(port: u16) -> Result<Self> {
        Ok(Self { stream: TcpStream::connect(("127.0.0.1", port)).await? })
    }

    /// Sends bytes as they are.
    ///
    /// # Errors
    /// If the other side has closed.
    pub async fn send(&mut self, bytes: &[u8]) -> Result<()> {
        Ok(self.stream.write_all(bytes).await?)
    }

    /// The next answer without its length; `None` if the broker closed the connection instead.
    ///
    /// # Errors
    /// If neither happens in time.
    pub async fn answer(&mut self, deadline: Duration) -> Result<Option<Vec<u8>>> {
        let read = async {
            let mut length = [0; 4];
            if self.stream.read_exact(&mut length).await.is_err() {
                return None;
            }
            let mut body = vec![0; usize::try_from(i32::from_be_bytes(length)).ok()?];
            self.stream.read_exact(&mut body).await.ok()?;
            Some(body)
        };
        tokio::time::timeout(deadline, read).await.context("neither an answer nor an end of the connection")
    }
}
