//! Every line that the world says, with its simulated time: hashed, and written down if somebody wants to read it.

use std::cell::Cell;
use std::fmt;
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::time::FormatTime;

thread_local! {
    static NOW: Cell<Duration> = const { Cell::new(Duration::ZERO) };
}

/// Tells the trace what time it is.
pub(super) fn now_is(now: Duration) {
    NOW.set(now);
}

/// The simulated time.
pub(super) fn now() -> Duration {
    NOW.get()
}

/// A trace. Clones are one.
#[derive(Clone, Debug)]
pub struct Trace {
    inner: Arc<Mutex<Inner>>,
}

#[derive(Debug)]
struct Inner {
    hash: u64,
    lines: u64,
    out: Option<BufWriter<File>>,
}

impl Trace {
    /// Begins a trace, and lets everything that is logged in this process go there. Once in a process.
    ///
    /// # Errors
    /// If the file cannot be made, or logging has begun elsewhere.
    pub fn begin(file: Option<&Path>, filter: &str) -> anyhow::Result<Self> {
        let out = file.map(File::create).transpose()?.map(BufWriter::new);
        let trace = Self { inner: Arc::new(Mutex::new(Inner { hash: FNV_OFFSET, lines: 0, out })) };
        tracing_subscriber::fmt()
            .with_env_filter(tracing_subscriber::EnvFilter::try_new(filter)?)
            .with_ansi(false)
            .with_timer(SimulatedTime)
            .with_writer(trace.clone())
            .try_init()
            .map_err(|error| anyhow::anyhow!("{error}"))?;
        Ok(trace)
    }

    /// The hash of all lines so far, and how many there are.
    #[must_use]
    pub fn sum(&self) -> (u64, u64) {
        let inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        (inner.hash, inner.lines)
    }

    /// Writes what is still in memory.
    ///
    /// # Errors
    /// If the file takes no more.
    pub fn flush(&self) -> io::Result<()> {
        let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        inner.out.as_mut().map_or(Ok(()), Write::flush)
    }
}

const FNV_OFFSET: u64 = 0xcbf2_9ce4_8422_2325;
const FNV_PRIME: u64 = 0x0100_0000_01b3;

/// One line on its way.
#[derive(Debug)]
pub struct Line(Trace);

impl Write for Line {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut inner = self.0.inner.lock().unwrap_or_else(PoisonError::into_inner);
        for byte in bytes {
            inner.hash = (inner.hash ^ u64::from(*byte)).wrapping_mul(FNV_PRIME);
        }
        inner.lines += 1;
        if let Some(out) = &mut inner.out {
            out.write_all(bytes)?;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Trace {
    type Writer = Line;

    fn make_writer(&'a self) -> Line {
        Line(self.clone())
    }
}

struct SimulatedTime;

impl FormatTime for SimulatedTime {
    fn format_time(&self, out: &mut Writer<'_>) -> fmt::Result {
        let now = NOW.get();
        write!(out, "{:>4}.{:03}", now.as_secs(), now.subsec_millis())
    }
}
