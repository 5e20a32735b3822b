//! How the pieces of a stream are written: as server-sent events, or as lines. Pure.

use std::io::Write as _;

use axum::body::Body;
use axum::response::Response;
use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use http::{HeaderName, HeaderValue};

use crate::http::door::Door;
use crate::http::errors::Problem;
use crate::http::media::ReadKind;
use crate::http::names::SERVED_BY;

/// How long a reader waits before it comes back, as server-sent events say it.
const RETRY: &[u8] = b"retry: 1000\n\n";

/// One of the two ways.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Framing {
    /// Server-sent events.
    Events,
    /// A line of JSON for each record.
    Lines,
}

impl Framing {
    /// The framing of an answer of this kind, if it is one of a stream.
    pub(super) fn of(kind: ReadKind) -> Option<Self> {
        match kind {
            ReadKind::Events => Some(Self::Events),
            ReadKind::Lines => Some(Self::Lines),
            _ => None,
        }
    }

    /// An answer that has begun, without its body.
    pub(super) fn response(self, door: &Door) -> Response {
        let kind = if self == Self::Events { ReadKind::Events } else { ReadKind::Lines };
        let mut response = Response::new(Body::empty());
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(kind.media_type()));
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache, no-transform"));
        headers.insert(HeaderName::from_static("x-accel-buffering"), HeaderValue::from_static("no"));
        headers.insert(SERVED_BY, door.served_by.clone());
        response
    }

    /// What a stream begins with.
    pub(super) fn begin(self, out: &mut Vec<u8>) {
        if self == Self::Events {
            out.extend_from_slice(RETRY);
        }
    }

    /// One record: `id` writes its id, `record` its JSON.
    pub(super) fn record(
        self,
        out: &mut Vec<u8>,
        id: impl FnOnce(&mut Vec<u8>),
        record: impl FnOnce(&mut Vec<u8>),
    ) {
        if self == Self::Lines {
            record(out);
            out.push(b'\n');
            return;
        }
        out.extend_from_slice(b"id: ");
        id(out);
        out.extend_from_slice(b"\nevent: record\ndata: ");
        record(out);
        out.extend_from_slice(b"\n\n");
    }

    /// That the stream lives.
    pub(super) fn heartbeat(self, out: &mut Vec<u8>) {
        out.extend_from_slice(if self == Self::Events { b": heartbeat\n\n" } else { b"\n" });
    }

    /// Where the stream stands; `members` writes the JSON's members, and `reason` is why it ends.
    pub(super) fn control(self, out: &mut Vec<u8>, members: impl FnOnce(&mut Vec<u8>), reason: Option<&str>) {
        if self == Self::Lines {
            return;
        }
        out.extend_from_slice(b"event: control\ndata: {");
        members(out);
        if let Some(reason) = reason {
            // Writing to memory cannot fail.
            let _ = write!(out, ",\"reason\":\"{reason}\"");
        }
        out.extend_from_slice(b"}\n\n");
    }

    /// Why the stream cannot go on.
    pub(super) fn problem(self, out: &mut Vec<u8>, problem: &Problem) {
        let mut json = String::from("{");
        problem.write_members(&mut json);
        json.push('}');
        // Writing to memory cannot fail.
        let _ = match self {
            Self::Events => write!(out, "event: error\ndata: {json}\n\n"),
            Self::Lines => writeln!(out, "{json}"),
        };
    }
}
