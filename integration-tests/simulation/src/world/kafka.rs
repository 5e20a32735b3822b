//! Kafka's protocol over a simulated connection: the requests of one client, answered in their order.
//!
//! It speaks in the broker's own messages (`tidemark::wire`): that those are Kafka's is for real clients to show.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use tidemark::wire::{Request, Response, decode_response, encode_request};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::time::{Instant, timeout_at};
use turmoil::net::TcpStream;

use super::http::Silence;

/// Where brokers listen for Kafka's clients.
pub(super) const PORT: u16 = 9092;
/// What an answer may hold.
const ANSWER_BYTES_MAX: usize = 16 << 20;

/// An answer, or why there is none.
pub(super) type Answered = Result<Response, Silence>;

/// A client's connection to the broker it spoke to last.
#[derive(Default)]
pub(super) struct Client {
    open: Option<(String, TcpStream)>,
    correlation_id: i32,
}

impl Client {
    /// Sends these to `host` in one go and waits for their answers, up to `limit` for all of them; one answer for each.
    pub(super) async fn call_all(
        &mut self,
        host: &str,
        limit: Duration,
        requests: Vec<Request>,
    ) -> Vec<Answered> {
        let count = requests.len();
        let unsent = || (0..count).map(|_| Err(Silence::NotSent)).collect();
        let end = Instant::now() + limit;
        let before = self.open.take().filter(|(open, _)| open == host);
        let mut stream = match before {
            Some((_, stream)) => stream,
            None => match timeout_at(end, TcpStream::connect((host, PORT))).await {
                Ok(Ok(stream)) => stream,
                _ => return unsent(),
            },
        };
        let (mut bytes, mut asked) = (BytesMut::new(), Vec::new());
        for request in requests {
            self.correlation_id = self.correlation_id.wrapping_add(1);
            asked.push((request.key() as i16, request.version_sent()));
            match encode_request(self.correlation_id, "simulated", request) {
                Ok(chunks) => bytes.extend(chunks),
                Err(error) => {
                    tracing::error!(%error, "a request cannot be said");
                    return unsent();
                }
            }
        }
        let mut answers: Vec<Answered> = Vec::new();
        let exchange = async {
            stream.write_all(&bytes).await.ok()?;
            for (key, version) in asked {
                let frame = read_frame(&mut stream).await?;
                answers.push(Ok(decode_response(key, version, frame).ok()?.1));
            }
            Some(())
        };
        if let Ok(Some(())) = timeout_at(end, exchange).await {
            self.open = Some((host.to_owned(), stream));
        }
        answers.resize_with(count, || Err(Silence::NotAnswered));
        answers
    }
}

async fn read_frame(stream: &mut TcpStream) -> Option<Bytes> {
    let length = usize::try_from(stream.read_i32().await.ok()?).ok()?;
    if length > ANSWER_BYTES_MAX {
        return None;
    }
    let mut frame = vec![0; length];
    stream.read_exact(&mut frame).await.ok()?;
    Some(frame.into())
}
