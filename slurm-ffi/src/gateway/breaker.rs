//! The circuit breaker: while Slurm's daemon is known to be silent, nobody waits to learn it again.
//!
//! One call that went unanswered opens it: every other call is then refused at once, and a probe of
//! the gateway's own asks until somebody answers. A verdict of Slurm's, however unwelcome, is an
//! answer.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use slurm_wire::{Refusal, RefusalCode};

use crate::bounds::refusal;
use crate::frame::{Outcome, Task, WorkerKind};
use crate::metrics::Metrics;

/// Pause between two probes of slurmctld, whose ping costs it nothing.
const PING_EVERY: Duration = Duration::from_secs(1);

/// Pause between two probes of slurmdbd, which shall not be asked often.
const ASK_EVERY: Duration = Duration::from_secs(5);

/// slurmctld's ping asks the primary controller alone. Every so many probes a real question is
/// asked, which a backup controller answers too.
const REAL_QUESTION_EVERY: u32 = 5;

pub(super) struct Breaker {
    kind: WorkerKind,
    silence: Mutex<Option<Silence>>,
    opened: Condvar,
    metrics: Arc<Metrics>,
}

#[derive(Clone)]
struct Silence {
    since: Instant,
    why: String,
}

impl Breaker {
    pub(super) fn new(kind: WorkerKind, metrics: Arc<Metrics>) -> Self {
        metrics.slurm_silent.with_label_values(&[kind.name()]).set(0);
        Self { kind, silence: Mutex::default(), opened: Condvar::new(), metrics }
    }

    /// Refuses while Slurm is known to be silent.
    pub(super) fn check(&self) -> Result<(), Refusal> {
        let Some(silence) = self.silence().clone() else {
            return Ok(());
        };
        self.metrics.calls_failed_fast.with_label_values(&[self.kind.name()]).inc();
        Err(refusal(
            self.code(),
            format!(
                "Slurm does not answer: {} has been silent for {} s ({}); the gateway asks it \
                 again every few seconds and takes calls again as soon as it answers: send the same call again",
                self.daemon(),
                silence.since.elapsed().as_secs(),
                silence.why,
            ),
        ))
    }

    /// Learns from how a call ended.
    pub(super) fn note(&self, outcome: &Outcome) {
        match outcome {
            Err(refusal) if self.is_silence(refusal) => self.open(&refusal.sentence),
            Err(refusal) if says_nothing(refusal) => {}
            // A probe's answer, or a slow one that came after all.
            Ok(_) | Err(_) => self.close(),
        }
    }

    /// Slurm did not answer within the deadline.
    pub(super) fn open(&self, why: &str) {
        let mut silence = self.silence();
        if silence.is_none() {
            tracing::warn!(
                worker = self.kind.name(),
                reason = why,
                "{} does not answer: calls are refused until it does",
                self.daemon()
            );
            *silence = Some(Silence { since: Instant::now(), why: why.to_owned() });
            self.show(true);
            self.opened.notify_all();
        }
    }

    fn close(&self) {
        if let Some(silence) = self.silence().take() {
            let silent_s = silence.since.elapsed().as_secs();
            tracing::info!(worker = self.kind.name(), silent_s, "{} answers again", self.daemon());
            self.show(false);
        }
    }

    /// Probes while it is open; never returns. `ask` passes by [`Breaker::check`], not by `note`.
    pub(super) fn probe_for_ever(&self, ask: impl Fn(Task)) -> ! {
        let pause = match self.kind {
            WorkerKind::Ctl => PING_EVERY,
            WorkerKind::Dbd => ASK_EVERY,
        };
        let mut turn = 0_u32;
        loop {
            turn = turn.wrapping_add(1);
            let silent = self.silence();
            drop(self.opened.wait_while(silent, |it| it.is_none()));
            // The first at once: a call may fail for reasons of its own.
            ask(self.question(turn));
            if self.silence().is_some() {
                std::thread::sleep(pause);
            }
        }
    }

    fn question(&self, turn: u32) -> Task {
        match self.kind {
            WorkerKind::Ctl if turn.is_multiple_of(REAL_QUESTION_EVERY) => Task::ReadSettings,
            WorkerKind::Ctl => Task::Ping,
            WorkerKind::Dbd => Task::ReadDatabaseSettings,
        }
    }

    fn is_silence(&self, refusal: &Refusal) -> bool {
        refusal.code == self.code() && !refusal.slurm_errno.is_some_and(is_verdict)
    }

    const fn code(&self) -> RefusalCode {
        match self.kind {
            WorkerKind::Ctl => RefusalCode::ControllerUnavailable,
            WorkerKind::Dbd => RefusalCode::AccountingUnavailable,
        }
    }

    const fn daemon(&self) -> &'static str {
        match self.kind {
            WorkerKind::Ctl => "slurmctld",
            WorkerKind::Dbd => "slurmdbd",
        }
    }

    fn show(&self, silent: bool) {
        self.metrics.slurm_silent.with_label_values(&[self.kind.name()]).set(i64::from(silent));
        if self.kind == WorkerKind::Ctl {
            self.metrics.controller_up.set(i64::from(!silent));
        }
    }

    fn silence(&self) -> MutexGuard<'_, Option<Silence>> {
        self.silence.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Slurm's own error numbers (slurm_errno.h): whoever gives one has answered.
const fn is_verdict(errno: i32) -> bool {
    matches!(errno, 2000..=2999 | 8000..=8099)
}

/// True for what the gateway says of itself, from which nothing follows about Slurm.
fn says_nothing(refusal: &Refusal) -> bool {
    matches!(
        refusal.code,
        RefusalCode::WorkerReplaced | RefusalCode::Busy | RefusalCode::AskedTooOften
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frame::Product;

    fn breaker(kind: WorkerKind) -> Breaker {
        Breaker::new(kind, Arc::new(Metrics::new().unwrap()))
    }

    fn refused(code: RefusalCode, slurm_errno: Option<i32>) -> Outcome {
        Err(Refusal { code, sentence: "no".to_owned(), slurm_errno })
    }

    #[test]
    fn silence_is_told_at_once_until_somebody_answers() {
        let breaker = breaker(WorkerKind::Ctl);
        assert!(breaker.check().is_ok());
        breaker.note(&refused(RefusalCode::ControllerUnavailable, Some(5004)));
        let refusal = breaker.check().unwrap_err();
        assert_eq!(refusal.code, RefusalCode::ControllerUnavailable);
        assert!(refusal.sentence.starts_with("Slurm does not answer: slurmctld"), "{refusal}");
        breaker.note(&Ok(Product::Nothing));
        assert!(breaker.check().is_ok());
    }

    /// A job in transition, a controller on standby: slurmctld itself said so.
    #[test]
    fn a_verdict_of_slurms_is_an_answer() {
        let breaker = breaker(WorkerKind::Ctl);
        breaker.note(&refused(RefusalCode::ControllerUnavailable, Some(2025)));
        assert!(breaker.check().is_ok());
        breaker.note(&refused(RefusalCode::ControllerUnavailable, None));
        breaker.note(&refused(RefusalCode::SlurmRefused, Some(2014)));
        assert!(breaker.check().is_ok(), "a refusal for good closes it");
    }

    #[test]
    fn a_lost_worker_says_nothing_about_slurm() {
        let breaker = breaker(WorkerKind::Dbd);
        breaker.note(&refused(RefusalCode::WorkerReplaced, None));
        assert!(breaker.check().is_ok());
        breaker.note(&refused(RefusalCode::AccountingUnavailable, Some(111)));
        breaker.note(&refused(RefusalCode::WorkerReplaced, None));
        let refusal = breaker.check().unwrap_err();
        assert_eq!(refusal.code, RefusalCode::AccountingUnavailable);
        assert!(refusal.sentence.contains("slurmdbd"), "{refusal}");
    }
}
