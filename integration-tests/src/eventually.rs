//! Wait for a condition, with a deadline.
//!
//! *Invariant:* a wait ends as soon as the condition holds, and at the deadline with the last reason why it did not.

use std::time::Duration;

use anyhow::{Context, Result};
use tokio::time::Instant;

const PAUSE: Duration = Duration::from_millis(20);

/// Tries until the attempt succeeds, and gives its value; at the deadline, its last error with `what` in front.
///
/// # Errors
/// The last error of the attempt, if none succeeded in time.
pub async fn eventually<T>(
    what: &str,
    deadline: Duration,
    mut attempt: impl AsyncFnMut() -> Result<T>,
) -> Result<T> {
    let end = Instant::now() + deadline;
    loop {
        let last = match tokio::time::timeout_at(end + PAUSE, attempt()).await {
            Ok(Ok(value)) => return Ok(value),
            Ok(Err(error)) => error,
            Err(_) => anyhow::anyhow!("the last attempt did not come back"),
        };
        if Instant::now() >= end {
            return Err(last).with_context(|| format!("waited {deadline:?} for: {what}"));
        }
        tokio::time::sleep(PAUSE).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn it_ends_as_soon_as_the_condition_holds() {
        let mut tries = 0;
        let found = eventually("three tries", Duration::from_secs(10), async || {
            tries += 1;
            anyhow::ensure!(tries == 3, "only {tries}");
            Ok(tries)
        });
        assert_eq!(found.await.unwrap(), 3);
    }

    #[tokio::test]
    async fn at_the_deadline_it_says_what_it_waited_for_and_why_not() {
        let never = eventually("a miracle", Duration::from_millis(30), async || -> Result<()> {
            anyhow::bail!("none today")
        });
        let message = format!("{:#}", never.await.unwrap_err());
        assert!(message.contains("a miracle") && message.contains("none today"), "{message}");
    }
}
