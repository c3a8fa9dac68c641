//! The pace of slurmdbd: how often the gateway asks it, whoever wants to know.
//!
//! One database serves every cluster of a site and every `sacct` of its users. Questions are counted
//! in a bucket that fills evenly; a quarter of a minute's worth may come at once. Changes are few,
//! and are never held up.

use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use slurm_wire::{Refusal, RefusalCode};

use super::link::Link;
use crate::bounds::refusal;
use crate::frame::{Outcome, Task};

/// The line to slurmdbd's worker, at a pace.
pub(super) struct Paced {
    link: Link,
    bucket: Mutex<Bucket>,
}

impl Paced {
    /// At most so many questions per minute.
    pub(super) fn over(link: Link, per_minute: u32) -> Self {
        Self { link, bucket: Mutex::new(Bucket::full(per_minute, Instant::now())) }
    }

    /// Has the worker carry out a task, unless it asks slurmdbd once too often.
    pub(super) fn call(&self, task: Task) -> Outcome {
        if task.asks_slurmdbd() {
            // What is refused without being sent is no question to slurmdbd.
            self.link.check()?;
            self.bucket.lock().unwrap_or_else(PoisonError::into_inner).take(Instant::now())?;
        }
        self.link.call(task)
    }
}

/// Questions that may be asked now, in thousandths.
#[derive(Debug)]
struct Bucket {
    per_minute: u32,
    level: u64,
    filled_at: Instant,
}

const ONE: u64 = 1000;

impl Bucket {
    fn full(per_minute: u32, now: Instant) -> Self {
        Self { per_minute, level: most(per_minute), filled_at: now }
    }

    fn take(&mut self, now: Instant) -> Result<(), Refusal> {
        let passed_ms = u64::try_from(now.duration_since(self.filled_at).as_millis());
        // `per_minute` a minute are `per_minute / 60` thousandths each millisecond.
        let came = passed_ms.unwrap_or(u64::MAX).saturating_mul(u64::from(self.per_minute)) / 60;
        if came > 0 {
            self.level = self.level.saturating_add(came).min(most(self.per_minute));
            self.filled_at = now;
        }
        if self.level < ONE {
            let sentence = format!(
                "slurmdbd was asked {} times in a minute, which is all that the bounds file allows \
                 ([slurm] dbd_queries_per_min): send the same call again in a moment",
                self.per_minute
            );
            return Err(refusal(RefusalCode::AskedTooOften, sentence));
        }
        self.level -= ONE;
        Ok(())
    }
}

/// A quarter of a minute's questions, and at least one.
fn most(per_minute: u32) -> u64 {
    (u64::from(per_minute) * ONE / 4).max(ONE)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn taken(bucket: &mut Bucket, now: Instant, tries: u32) -> u32 {
        (0..tries).filter(|_| bucket.take(now).is_ok()).count().try_into().unwrap()
    }

    #[test]
    fn a_quarter_of_a_minute_may_come_at_once_and_no_more() {
        let start = Instant::now();
        let mut bucket = Bucket::full(120, start);
        assert_eq!(taken(&mut bucket, start, 100), 30);
        assert_eq!(bucket.take(start).unwrap_err().code, RefusalCode::AskedTooOften);
        assert_eq!(taken(&mut bucket, start + Duration::from_secs(1), 100), 2);
        assert_eq!(taken(&mut bucket, start + Duration::from_secs(3600), 100), 30);
    }

    #[test]
    fn who_asks_all_the_time_gets_the_minutes_share() {
        let start = Instant::now();
        let mut bucket = Bucket::full(120, start);
        let _burst = taken(&mut bucket, start, 30);
        let steps = (1..=60_000).map(|ms| start + Duration::from_millis(ms));
        let taken: u32 = steps.map(|now| taken(&mut bucket, now, 1)).sum();
        assert_eq!(taken, 120);
    }

    #[test]
    fn the_slowest_pace_still_lets_one_through() {
        let start = Instant::now();
        let mut bucket = Bucket::full(1, start);
        assert_eq!(taken(&mut bucket, start, 5), 1);
        assert_eq!(taken(&mut bucket, start + Duration::from_secs(59), 5), 0);
        assert_eq!(taken(&mut bucket, start + Duration::from_secs(61), 5), 1);
    }
}
