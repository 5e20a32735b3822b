//! Long-lived work in one place: a task or thread that panics is noted, and the process ends.
//!
//! A broker that keeps its lease while a part of it has died does nothing, and nobody takes over. So whatever runs for as
//! long as the process is started here, and `node` waits for the first crash. It is not for connections and requests:
//! what comes from outside must not end a broker, and a panic there costs its connection only.
//!
//! *Invariant:* nothing is started again: after a panic nobody knows what was left half done, and a new process finds out
//! by recovery.
//! *Invariant:* the first crash is kept; later ones are only logged.

use std::any::Any;
use std::io;
use std::panic::AssertUnwindSafe;
use std::thread;
use std::time::Duration;

use futures_util::FutureExt as _;
use tokio::sync::watch;
use tokio::task::{JoinError, JoinHandle};

/// Lends work that may block a thread where it holds up nobody. It is done even if nobody waits for it.
///
/// In the simulation, which has one thread, it is done in its place after a moment that chance decides.
pub fn lend<R: Send + 'static>(work: impl FnOnce() -> R + Send + 'static) -> JoinHandle<R> {
    #[cfg(not(feature = "simulation"))]
    return tokio::task::spawn_blocking(work);
    #[cfg(feature = "simulation")]
    tokio::spawn(async {
        tokio::time::sleep(simulated_moment()).await;
        work()
    })
}

/// How long blocking work takes where time is simulated: mostly next to nothing, at times a while.
#[cfg(feature = "simulation")]
fn simulated_moment() -> Duration {
    // The simulation has seeded what identifiers are drawn from.
    let (kind, length) = uuid::Uuid::new_v4().as_u64_pair();
    let longest_ms = match kind % 100 {
        0..60 => 1,
        60..97 => 5,
        _ => 80,
    };
    Duration::from_millis(length % (longest_ms + 1))
}

/// Stands still where it is allowed to block. The simulation's one thread must not: there it is no time at all.
pub fn stand_still(pause: Duration) {
    if cfg!(not(feature = "simulation")) {
        thread::sleep(pause);
    }
}

/// Work that panicked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Crash {
    /// Which.
    pub task: String,
    /// What the panic said.
    pub reason: String,
}

/// Starts long-lived work, and tells when some of it has panicked. Cheap to clone; all clones are one.
#[derive(Clone, Debug)]
pub struct Tasks {
    first: watch::Sender<Option<Crash>>,
}

impl Default for Tasks {
    fn default() -> Self {
        Self { first: watch::Sender::new(None) }
    }
}

impl Tasks {
    /// Starts a task.
    pub fn spawn(
        &self,
        name: &'static str,
        work: impl Future<Output = ()> + Send + 'static,
    ) -> JoinHandle<()> {
        let tasks = self.clone();
        tokio::spawn(async move {
            if let Err(panic) = AssertUnwindSafe(work).catch_unwind().await {
                tasks.crashed_with(name, panic.as_ref());
            }
        })
    }

    /// Starts a thread.
    ///
    /// # Errors
    /// What the system said.
    pub fn thread(
        &self,
        name: String,
        work: impl FnOnce() + Send + 'static,
    ) -> io::Result<thread::JoinHandle<()>> {
        let tasks = self.clone();
        thread::Builder::new().name(name.clone()).spawn(move || {
            if let Err(panic) = std::panic::catch_unwind(AssertUnwindSafe(work)) {
                tasks.crashed_with(&name, panic.as_ref());
            }
        })
    }

    /// Notes the panic of work that was lent to a thread that may block, if that is how it ended.
    pub fn note(&self, name: &str, error: JoinError) {
        if let Ok(panic) = error.try_into_panic() {
            self.crashed_with(name, panic.as_ref());
        }
    }

    /// Waits for the first crash.
    pub async fn crashed(&self) -> Crash {
        let mut first = self.first.subscribe();
        let crash = first.wait_for(Option::is_some).await.ok().and_then(|crash| crash.clone());
        crash.expect("this sender lives, and what was waited for is there")
    }

    fn crashed_with(&self, task: &str, panic: &(dyn Any + Send)) {
        let said = panic.downcast_ref::<&str>().copied();
        let said = said.or_else(|| panic.downcast_ref::<String>().map(String::as_str));
        let crash = Crash { task: task.to_owned(), reason: said.unwrap_or("no reason").to_owned() };
        tracing::error!(task, reason = crash.reason, "a part of this broker has panicked");
        self.first.send_if_modified(|first| {
            let is_first = first.is_none();
            if is_first {
                *first = Some(crash);
            }
            is_first
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn crash_of(tasks: &Tasks) -> Crash {
        tokio::time::timeout(Duration::from_secs(20), tasks.crashed()).await.expect("a crash is told")
    }

    #[tokio::test]
    async fn the_first_panic_is_told_to_whoever_waits_then_or_later() {
        let tasks = Tasks::default();
        let waiting = tasks.clone();
        let told = tokio::spawn(async move { waiting.crashed().await });
        let number = 7;
        tasks.spawn("watcher", async move { panic!("offset {number}") }).await.expect("it is caught");
        let crash = Crash { task: "watcher".to_owned(), reason: "offset 7".to_owned() };
        assert_eq!(told.await.expect("it waits on"), crash);
        tasks.spawn("keeper", async { panic!("a later one") }).await.expect("it is caught");
        assert_eq!(crash_of(&tasks).await, crash);
    }

    #[tokio::test]
    async fn threads_and_lent_work_count_too() {
        let tasks = Tasks::default();
        let thread = tasks.thread("flush-0".to_owned(), || panic!("on a thread")).expect("it starts");
        assert_eq!(crash_of(&tasks).await.task, "flush-0");
        thread.join().expect("it is caught");

        let tasks = Tasks::default();
        let lent = tokio::task::spawn_blocking(|| panic!("on a lent thread"));
        tasks.note("a cut", lent.await.expect_err("it panicked"));
        assert_eq!(crash_of(&tasks).await.reason, "on a lent thread");
    }

    #[tokio::test]
    async fn work_that_ends_or_is_stopped_is_no_crash() {
        let tasks = Tasks::default();
        tasks.spawn("short", async {}).await.expect("it ends");
        let endless = tasks.spawn("endless", std::future::pending());
        endless.abort();
        assert!(endless.await.expect_err("it was stopped").is_cancelled());
        assert!(tasks.crashed().now_or_never().is_none());
    }
}
