//! Waiting for a condition, with a bound and a name.
//!
//! Tests never sleep for a guessed time: they say what they wait for and for how long at most.

use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use tokio::signal::unix::{SignalKind, signal};

/// How long to pause between two looks.
const PAUSE: Duration = Duration::from_millis(20);

/// Waits until `look` answers `Some`, or fails by name after `bound`.
pub async fn until_some<T>(
    what: &str,
    bound: Duration,
    mut look: impl AsyncFnMut() -> Result<Option<T>>,
) -> Result<T> {
    let started = Instant::now();
    loop {
        if let Some(found) = look().await? {
            return Ok(found);
        }
        if started.elapsed() >= bound {
            bail!("waited {} s in vain for: {what}", bound.as_secs());
        }
        tokio::time::sleep(PAUSE).await;
    }
}

/// Waits until `look` answers true, or fails by name after `bound`.
pub async fn until(
    what: &str,
    bound: Duration,
    mut look: impl AsyncFnMut() -> Result<bool>,
) -> Result<()> {
    until_some(what, bound, async || Ok(look().await?.then_some(()))).await
}

/// The same for code that may not wait asynchronously, such as `Drop`; false when time is up.
pub(crate) fn blocking_until(bound: Duration, mut look: impl FnMut() -> bool) -> bool {
    let started = Instant::now();
    while !look() {
        if started.elapsed() >= bound {
            return false;
        }
        std::thread::sleep(PAUSE);
    }
    true
}

/// Waits for Ctrl-C or SIGTERM: how the programs here are asked to end.
pub async fn end_asked_for() -> Result<()> {
    let mut terminate = signal(SignalKind::terminate())?;
    tokio::select! {
        interrupted = tokio::signal::ctrl_c() => interrupted?,
        _ = terminate.recv() => {}
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_condition_that_never_comes_is_named() {
        let fault = until("the moon", Duration::ZERO, async || Ok(false)).await.unwrap_err();
        assert_eq!(fault.to_string(), "waited 0 s in vain for: the moon");
    }
}
