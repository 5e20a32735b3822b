//! The Kafka port from the outside: Debian's kcat as a real client, and frames by hand that no client would send.
//!
//! *Invariant:* a frame built here is exactly what the test says, lies included.

use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

const KCAT_DEADLINE: Duration = Duration::from_secs(60);

/// Runs kcat against a broker with something on its standard input, and gives its standard output.
///
/// # Errors
/// If kcat is not installed, fails, or does not end in time; its own words are the message.
pub async fn kcat(kafka_port: u16, arguments: &[&str], input: &[u8]) -> Result<Vec<u8>> {
    let mut command = tokio::process::Command::new("kcat");
    command.arg("-b").arg(format!("127.0.0.1:{kafka_port}")).args(arguments).kill_on_drop(true);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child =
        command.spawn().context("is kcat installed? scripts/install-tools.sh --for-tests does it")?;
    let mut stdin = child.stdin.take().context("a pipe to kcat")?;
    let feed = async {
        // kcat may end without reading everything, which is its right.
        let _ = stdin.write_all(input).await;
        drop(stdin);
    };
    let run = async { tokio::join!(feed, child.wait_with_output()).1 };
    let Ok(output) = tokio::time::timeout(KCAT_DEADLINE, run).await else {
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
