//! Keeping a program running, as systemd does on a real node.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::Result;
use tokio::task::JoinHandle;

use crate::{Daemon, poll};

/// Pause before the next look at whether the program still runs.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// A program that is started again whenever it ends; dropping this ends it for good.
#[derive(Debug)]
pub struct Supervised {
    daemon: Arc<Mutex<Daemon>>,
    watching: JoinHandle<()>,
}

impl Supervised {
    /// Starts the program by `start`, and again each time it has ended.
    pub fn start(start: impl Fn() -> Result<Daemon> + Send + 'static) -> Result<Self> {
        let daemon = Arc::new(Mutex::new(start()?));
        let watched = Arc::clone(&daemon);
        let watching = tokio::spawn(async move {
            loop {
                tokio::time::sleep(LOOK_EVERY).await;
                let mut daemon = lock(&watched);
                if daemon.exit_status().is_none() {
                    continue;
                }
                match start() {
                    Ok(next) => *daemon = next,
                    Err(error) => eprintln!("{} cannot be started: {error:#}", daemon.name()),
                }
            }
        });
        Ok(Self { daemon, watching })
    }

    /// Pid of the program as it runs now.
    pub fn pid(&self) -> u32 {
        lock(&self.daemon).pid()
    }

    /// Kills it with -9 and does not wait until it runs again.
    pub fn kill(&self) {
        lock(&self.daemon).crash();
    }

    /// Kills it with -9 and waits until it runs again.
    pub async fn crash(&self) -> Result<()> {
        let before = self.pid();
        lock(&self.daemon).crash();
        poll::until("the program to be started again", Duration::from_secs(10), async || {
            Ok(self.pid() != before)
        })
        .await
    }
}

impl Drop for Supervised {
    fn drop(&mut self) {
        self.watching.abort();
        lock(&self.daemon).stop();
    }
}

fn lock(daemon: &Mutex<Daemon>) -> MutexGuard<'_, Daemon> {
    daemon.lock().unwrap_or_else(PoisonError::into_inner)
}
