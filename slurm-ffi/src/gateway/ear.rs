//! The ear at one worker process: its outcomes, its words, and its end.

use std::io::{self, BufRead, BufReader};
use std::path::PathBuf;
use std::process::{ChildStderr, ChildStdout};
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::Duration;

use super::death::Death;
use super::fault;
use super::keeper::Event;
use super::pending::Pending;
use super::spoken::{Gravity, LastWords, Spoken};
use crate::frame::{Done, READY, WorkerKind};
use crate::metrics::Metrics;

/// How long a dead worker's last words are waited for: something it started may hold the pipe.
const LAST_WORDS: Duration = Duration::from_millis(500);

pub(super) struct Ear {
    pub(super) kind: WorkerKind,
    pub(super) pid: u32,
    pub(super) generation: u64,
    /// The file that libslurm reads at its start.
    pub(super) conf: PathBuf,
    pub(super) pending: Arc<Pending>,
    pub(super) metrics: Arc<Metrics>,
    pub(super) events: mpsc::Sender<Event>,
}

impl Ear {
    /// Listens on two threads until the process has ended.
    pub(super) fn listen(
        self,
        output: Option<ChildStdout>,
        errors: Option<ChildStderr>,
    ) -> io::Result<()> {
        let (tell, last_words) = mpsc::sync_channel(1);
        let ear = Arc::new(self);
        let words = Arc::clone(&ear);
        thread::Builder::new().spawn(move || {
            // Nobody asks any more if the outcomes' reader has ended first.
            let _ = tell.send(words.hear_words(errors));
        })?;
        thread::Builder::new().spawn(move || ear.hear_outcomes(output, &last_words))?;
        Ok(())
    }

    /// Hands outcomes to callers until the worker's output ends; then sees it buried.
    fn hear_outcomes(&self, output: Option<ChildStdout>, last_words: &mpsc::Receiver<String>) {
        let mut worked = false;
        for line in output.into_iter().flat_map(|output| BufReader::new(output).lines()) {
            match line.map(|line| serde_json::from_str::<Done>(&line)) {
                Ok(Ok(done)) if done.seq == READY => {
                    worked = true;
                    self.pending.note_ready();
                }
                Ok(Ok(done)) => self.pending.settle(done.seq, done.outcome),
                Ok(Err(error)) => {
                    tracing::error!(worker = self.kind.name(), error = %error,
                        "a worker wrote something else than an outcome");
                    self.pending.kill(self.generation, Death::Garbled);
                    break;
                }
                Err(_) => break,
            }
        }
        let words = last_words.recv_timeout(LAST_WORDS).unwrap_or_default();
        let words = fault::with_place(&words, &self.conf);
        self.pending.bury(self.generation, worked, &words);
        // A keeper that is gone needs no news: the gateway is about to end.
        let _ = self.events.send(Event::Ended(self.generation));
    }

    /// libslurm explains itself on standard error only: every line becomes a log line.
    fn hear_words(&self, errors: Option<ChildStderr>) -> String {
        let mut last_words = LastWords::default();
        for line in errors.into_iter().flat_map(|errors| BufReader::new(errors).split(b'\n')) {
            let Ok(line) = line else { break };
            let spoken = Spoken::read(&String::from_utf8_lossy(&line));
            spoken.log(self.kind, self.pid);
            let labels = [self.kind.name(), spoken.gravity.name()];
            self.metrics.worker_lines.with_label_values(&labels).inc();
            if matches!(spoken.gravity, Gravity::Fatal | Gravity::Error) {
                self.pending.hear(&spoken.text);
            }
            last_words.hear(&spoken);
        }
        last_words.sentence()
    }
}
