//! Crash points: every step of a worker, so that a test can have mimerd die exactly there.
//!
//! In the program itself a point is an empty function. In tests an armed point does not return, and the
//! test drops the worker there with its runtime and its connections, which is all that kill -9 leaves
//! of it for PostgreSQL and for the gateway.

#[cfg(test)]
pub(super) use armed::{Pass, Run, point};

/// A step on the way of every effect. The list is closed: [`super::worker`] alone passes them, so an
/// effect that reaches Slurm by [`super::worker::ask`] and writes by [`super::worker::commit`] has
/// them all.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Step {
    /// The effect is this worker's; nothing of it has happened.
    Claimed,
    /// Slurm, or the mover, is about to be asked.
    Asking,
    /// It has answered, and nothing of the answer is written down.
    Answered,
    /// Everything is written, and the transaction is not committed.
    Committing,
    /// The transaction is committed.
    Committed,
    /// An effect with nothing more to record is about to be marked done.
    Marking,
    /// It is marked.
    Marked,
    /// The lease of a long effect is about to be renewed.
    Renewing,
    /// It is renewed.
    Renewed,
    /// An effect is about to be put back in line, or given up.
    Postponing,
    /// It is back in line.
    Postponed,
}

/// Does nothing: the program has no crash points.
#[cfg(not(test))]
#[inline]
pub(super) async fn point(_: Step) {}

#[cfg(test)]
mod armed {
    use std::sync::{Arc, Mutex, PoisonError};

    use tokio::sync::Notify;

    use super::Step;

    tokio::task_local! {
        static RUN: Arc<Run>;
    }

    /// A step, and the how manieth time it is passed in one run.
    #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
    pub(in crate::outbox) struct Pass {
        pub(in crate::outbox) step: Step,
        pub(in crate::outbox) time: usize,
    }

    /// One run of a worker: what it passed, and where it is to die.
    pub(in crate::outbox) struct Run {
        dies_at: Option<Pass>,
        passed: Mutex<Vec<Pass>>,
        there: Notify,
        goes_on: Notify,
    }

    impl Run {
        /// A run that dies there, or passes everything.
        pub(in crate::outbox) fn until(dies_at: Option<Pass>) -> Arc<Self> {
            Arc::new(Self {
                dies_at,
                passed: Mutex::default(),
                there: Notify::new(),
                goes_on: Notify::new(),
            })
        }

        /// Watches `work` for the points it passes.
        pub(in crate::outbox) async fn over<T>(
            self: &Arc<Self>,
            work: impl Future<Output = T>,
        ) -> T {
            RUN.scope(Arc::clone(self), work).await
        }

        /// Returns once the armed point is reached.
        pub(in crate::outbox) async fn dead(&self) {
            self.there.notified().await;
        }

        /// Lets it go on from there after all: it had only stalled.
        pub(in crate::outbox) fn go_on(&self) {
            self.goes_on.notify_one();
        }

        /// The points in the order they were passed.
        pub(in crate::outbox) fn passed(&self) -> Vec<Pass> {
            self.passed.lock().unwrap_or_else(PoisonError::into_inner).clone()
        }

        fn pass(&self, step: Step) -> Pass {
            let mut passed = self.passed.lock().unwrap_or_else(PoisonError::into_inner);
            let time = 1 + passed.iter().filter(|pass| pass.step == step).count();
            passed.push(Pass { step, time });
            Pass { step, time }
        }
    }

    /// Returns at the test's word only, if the test armed this point for the worker that reaches it.
    pub(in crate::outbox) async fn point(step: Step) {
        let Ok(run) = RUN.try_with(Arc::clone) else { return };
        if Some(run.pass(step)) == run.dies_at {
            run.there.notify_one();
            run.goes_on.notified().await;
        }
    }
}
