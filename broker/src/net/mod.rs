//! The only place that makes sockets, and the framing that both ends of a Kafka connection share.
//!
//! The simulation puts a network of its own here (feature `simulation`); nothing above can tell.
//!
//! It knows no message: a frame is a length and that many bytes. Who may send what is decided at the doors.
//!
//! *Invariant:* a length that a peer sends is compared with a bound before it is believed, and memory for a frame grows
//! as its bytes arrive.

mod acceptor;
mod chunks;
mod frames;
mod stream;
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) mod fuzzing;

pub use acceptor::Acceptor;
pub use chunks::Chunks;
pub use frames::{FrameError, FrameReader};
pub use stream::{ConnectError, TcpListener, TcpStream, connect, dismiss, listen};
