//! Waiting for something to end, with its state shown meanwhile.

use std::io::{self, IsTerminal, Write};
use std::time::Duration;

use serde::de::DeserializeOwned;
use serde_json::Value;
use tokio::time::{Instant, sleep};

use crate::failure::Failure;
use crate::instant;
use crate::session::{Session, read};

/// How often the server is asked.
const PAUSE: Duration = Duration::from_secs(2);

/// How long the server may be away before waiting is given up.
const SILENCE_LIMIT: Duration = Duration::from_secs(300);

/// Something that ends.
pub(crate) trait Ends: DeserializeOwned {
    /// Where it stands, in a few words.
    fn standing(&self) -> String;

    /// True once nothing more will happen to it.
    fn is_over(&self) -> bool;
}

/// What to wait for.
pub(crate) struct Wait<'a> {
    /// What it is, for people: `job 7`.
    pub(crate) what: String,
    /// Where it is read.
    pub(crate) path: String,
    /// The command that waits again.
    pub(crate) again: String,
    /// Patience in seconds; `None` for no end.
    pub(crate) at_most_s: Option<i64>,
    /// The way to the server.
    pub(crate) session: &'a Session,
}

impl Wait<'_> {
    /// The last answer, once it is over. Ctrl-C ends the waiting and not what is waited for.
    pub(crate) async fn until_over<T: Ends>(&self) -> Result<(Value, T), Failure> {
        let mut progress = Progress::default();
        let outcome = tokio::select! {
            outcome = self.poll(&mut progress) => outcome,
            _ = tokio::signal::ctrl_c() => {
                let note = format!("{} goes on, and `{}` waits again", self.what, self.again);
                Err(Failure::Interrupted(note))
            }
        };
        progress.end();
        outcome
    }

    async fn poll<T: Ends>(&self, progress: &mut Progress) -> Result<(Value, T), Failure> {
        let begun = Instant::now();
        let patience = self.at_most_s.map(|s| Duration::from_secs(s.try_into().unwrap_or(0)));
        let mut last_heard = begun;
        loop {
            match self.session.client.get(&self.path).await {
                Ok(answer) => {
                    let thing: T = read(&answer)?;
                    if thing.is_over() {
                        return Ok((answer, thing));
                    }
                    last_heard = Instant::now();
                    progress.say(&self.what, &thing.standing(), begun.elapsed());
                }
                // A restart of mimerd must not end a night's waiting.
                Err(Failure::Unreachable { .. } | Failure::NoAnswer { .. })
                    if last_heard.elapsed() < SILENCE_LIMIT =>
                {
                    progress.say(&self.what, "the server does not answer", begun.elapsed());
                }
                Err(failure) => return Err(failure),
            }
            if patience.is_some_and(|patience| begun.elapsed() >= patience) {
                let (what, again) = (self.what.clone(), self.again.clone());
                return Err(Failure::StillGoing { what, again });
            }
            sleep(PAUSE).await;
        }
    }
}

/// One line on a terminal that is written over, or one line per change in a log.
#[derive(Default)]
struct Progress {
    last: String,
}

impl Progress {
    fn say(&mut self, what: &str, standing: &str, waited: Duration) {
        let mut log = io::stderr().lock();
        // Progress that cannot be shown is no reason to stop.
        let _ = if log.is_terminal() {
            let waited_s = i64::try_from(waited.as_secs()).unwrap_or(i64::MAX);
            let waited = instant::show_duration(waited_s);
            write!(log, "\r\u{1b}[K{what}: {standing} ({waited})").and_then(|()| log.flush())
        } else if self.last != standing {
            writeln!(log, "{what}: {standing}")
        } else {
            Ok(())
        };
        standing.clone_into(&mut self.last);
    }

    /// Clears the line, so that what comes next begins on a fresh one.
    fn end(&self) {
        let mut log = io::stderr().lock();
        if log.is_terminal() && !self.last.is_empty() {
            let _ = write!(log, "\r\u{1b}[K");
        }
    }
}
