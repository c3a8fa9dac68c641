//! The clock and the ids: the only place that reads time and makes ids.
//!
//! Everything else takes a [`Moment`], so that tests can move time.

use chrono::{DateTime, SubsecRound, Utc};
use rustix::time::{ClockId, clock_gettime};
use uuid::Uuid;

/// One instant, by both clocks.
///
/// Lengths come from `boot_ms`, which no administrator and no NTP daemon can step; `wall` only says
/// where on the calendar a length lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Moment {
    /// The wall clock.
    pub wall: DateTime<Utc>,
    /// Milliseconds since the kernel booted, sleep included.
    pub boot_ms: u64,
}

/// The present.
#[expect(clippy::disallowed_methods, reason = "this is the agent's one reader of the wall clock")]
pub fn now() -> Moment {
    let boot = clock_gettime(ClockId::Boottime);
    let seconds = u64::try_from(boot.tv_sec).unwrap_or(0);
    let nanoseconds = u64::try_from(boot.tv_nsec).unwrap_or(0);
    // Whole microseconds, as the broker's database keeps them: a segment sent twice stays equal.
    let wall = Utc::now().trunc_subsecs(6);
    Moment { wall, boot_ms: seconds * 1_000 + nanoseconds / 1_000_000 }
}

/// The start of a measurement of how long something takes.
pub fn stopwatch() -> std::time::Instant {
    std::time::Instant::now()
}

/// A new id.
#[expect(clippy::disallowed_methods, reason = "this is the agent's one maker of ids")]
pub fn fresh_id() -> Uuid {
    Uuid::now_v7()
}

/// The kernel's id of this boot.
pub fn boot_id() -> std::io::Result<Uuid> {
    let text = std::fs::read_to_string("/proc/sys/kernel/random/boot_id")?;
    text.trim().parse().map_err(|error| std::io::Error::new(std::io::ErrorKind::InvalidData, error))
}
