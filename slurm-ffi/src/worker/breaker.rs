//! The circuit breaker: while slurmctld is known to be away, do not wait seconds to learn it again.
//!
//! A call to an absent slurmctld blocks for MessageTimeout; a ping says so at once. After a call
//! went unanswered, the next ones ping first. The ping reaches only the primary controller, so the
//! breaker stays in charge for a few seconds at a time and then lets a real call try.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

const IN_CHARGE: Duration = Duration::from_secs(5);

/// Shared by the threads of one worker.
#[derive(Debug, Default)]
pub(super) struct Breaker {
    unanswered_at: Mutex<Option<Instant>>,
}

impl Breaker {
    /// True if the next call should ping first.
    pub(super) fn is_in_charge(&self, now: Instant) -> bool {
        let at = *self.unanswered_at.lock().unwrap_or_else(PoisonError::into_inner);
        at.is_some_and(|at| now.duration_since(at) < IN_CHARGE)
    }

    /// Notes how a real call ended.
    pub(super) fn note(&self, answered: bool, now: Instant) {
        let mut at = self.unanswered_at.lock().unwrap_or_else(PoisonError::into_inner);
        *at = (!answered).then_some(now);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_takes_charge_after_silence_and_hands_back_in_time() {
        let breaker = Breaker::default();
        let start = Instant::now();
        assert!(!breaker.is_in_charge(start));
        breaker.note(false, start);
        assert!(breaker.is_in_charge(start + Duration::from_secs(1)));
        assert!(!breaker.is_in_charge(start + IN_CHARGE), "a backup controller gets its chance");
    }

    #[test]
    fn an_answer_hands_back_at_once() {
        let breaker = Breaker::default();
        let start = Instant::now();
        breaker.note(false, start);
        breaker.note(true, start);
        assert!(!breaker.is_in_charge(start));
    }
}
