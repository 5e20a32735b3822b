//! A client that speaks frames and shows what comes back.

use std::time::Duration;

use bytes::Bytes;
use tokio::io::AsyncWriteExt;
use tokio::time::timeout;

use crate::net::{FrameReader, TcpStream, connect};
use crate::wire::{Request, Response, decode_response, encode_request};

/// How long any test waits for what must come.
pub(super) const PATIENCE: Duration = Duration::from_secs(20);

pub(super) struct Client {
    pub(super) stream: TcpStream,
    frames: FrameReader,
    name: String,
    sent: i32,
}

impl Client {
    pub(super) async fn connect(port: u16, name: &str) -> Self {
        let stream = connect("127.0.0.1", port, PATIENCE).await.unwrap();
        Self { stream, frames: FrameReader::new(64 << 20), name: name.to_owned(), sent: 0 }
    }

    pub(super) async fn send(&mut self, request: Request) -> i32 {
        self.sent += 1;
        for chunk in encode_request(self.sent, &self.name, request).unwrap() {
            self.stream.write_all(&chunk).await.unwrap();
        }
        self.sent
    }

    /// The next frame, or `None` if the door closed the connection.
    pub(super) async fn frame(&mut self) -> Option<Bytes> {
        timeout(PATIENCE, async {
            loop {
                if let Some(frame) = self.frames.next_frame().unwrap() {
                    return Some(frame);
                }
                if self.frames.fill(&mut self.stream).await.unwrap_or(0) == 0 {
                    return None;
                }
            }
        })
        .await
        .expect("the door answers or closes")
    }

    /// The correlation id of the next answer.
    pub(super) async fn answered(&mut self) -> Option<i32> {
        self.frame().await.map(|frame| i32::from_be_bytes(*frame.first_chunk().unwrap()))
    }

    /// Asks and waits for the answer.
    pub(super) async fn ask(&mut self, request: Request) -> Response {
        let (key, version) = (request.key().code(), request.version_sent());
        let id = self.send(request).await;
        self.answer(key, version, id).await
    }

    /// The next answer, which must be the one to request `id`.
    pub(super) async fn answer(&mut self, key: i16, version: i16, id: i32) -> Response {
        let frame = self.frame().await.expect("an answer");
        let (answered, response) = decode_response(key, version, frame).unwrap();
        assert_eq!(answered, id);
        response
    }
}
