//! The threads that call libslurm.
//!
//! libslurm blocks, for seconds or (slurmdbd) without bound, so each call has a thread of its own
//! to block. Each thread makes its own [`Seat`] and keeps it: a connection to slurmdbd may never
//! be used by two threads.

use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::{io, thread};

use crate::frame::{Outcome, Task};

/// What one thread owns, and how it carries out a task.
pub trait Seat {
    /// Carries out one task; blocks for as long as libslurm does.
    fn carry_out(&mut self, task: Task) -> Outcome;
}

/// Gives tasks to the threads.
pub struct SlurmHandle {
    queue: mpsc::Sender<Job>,
}

struct Job {
    task: Task,
    tell: Box<dyn FnOnce(Outcome) + Send>,
}

impl SlurmHandle {
    /// Starts `thread_count` threads; each makes its seat itself.
    pub fn start<S: Seat>(
        thread_count: usize,
        seat: impl Fn() -> S + Clone + Send + 'static,
    ) -> io::Result<Self> {
        let (queue, jobs) = mpsc::channel::<Job>();
        let jobs = Arc::new(Mutex::new(jobs));
        for number in 0..thread_count {
            let (jobs, seat) = (Arc::clone(&jobs), seat.clone());
            thread::Builder::new().name(format!("slurm-{number}")).spawn(move || {
                let mut seat = seat();
                while let Some(job) = next(&jobs) {
                    (job.tell)(seat.carry_out(job.task));
                }
            })?;
        }
        Ok(Self { queue })
    }

    /// Queues a task; `tell` is called on the thread that carried it out.
    pub fn give(&self, task: Task, tell: impl FnOnce(Outcome) + Send + 'static) {
        // The threads live as long as the queue does, so there is always somebody to take it.
        let _ = self.queue.send(Job { task, tell: Box::new(tell) });
    }
}

/// Waits for a job; `None` once the handle is gone. Only the waiting thread holds the lock.
fn next(jobs: &Mutex<mpsc::Receiver<Job>>) -> Option<Job> {
    jobs.lock().unwrap_or_else(PoisonError::into_inner).recv().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frame::Product;
    use std::sync::Barrier;

    struct Meeting(Arc<Barrier>);

    impl Seat for Meeting {
        fn carry_out(&mut self, _: Task) -> Outcome {
            self.0.wait();
            Ok(Product::Nothing)
        }
    }

    #[test]
    fn a_blocked_thread_does_not_hold_up_the_others() {
        // Each task waits for three others: only four threads at once can finish them.
        let barrier = Arc::new(Barrier::new(4));
        let handle = SlurmHandle::start(4, move || Meeting(Arc::clone(&barrier))).unwrap();
        let (tell, told) = mpsc::channel();
        for _ in 0..4 {
            let tell = tell.clone();
            handle.give(Task::Ping, move |outcome| tell.send(outcome).unwrap());
        }
        for _ in 0..4 {
            assert_eq!(told.recv().unwrap(), Ok(Product::Nothing));
        }
    }
}
