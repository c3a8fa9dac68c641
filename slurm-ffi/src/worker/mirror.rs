//! The mirror: what slurmctld has of the broker's jobs, kept so that only changes are passed on.
//!
//! slurmctld answers a question about jobs with all of them or with "no change", never with a
//! difference. The mirror asks it once for all callers, compares, and numbers what changed. It lives
//! in the worker, whose memory is lost with it: a caller who followed another one gets everything.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use slurm_wire::{Changes, Cursor};

use crate::error::SlurmError;
use crate::job;
use crate::ours::Own;
use crate::session::Session;

mod tracks;

use tracks::Tracks;

/// A caller takes what another one was told so shortly before.
const SAME_INSTANT: Duration = Duration::from_millis(500);

/// After this, everything is asked for whether or not slurmctld thinks that it changed.
const WHOLE_AFTER: Duration = Duration::from_secs(30);

/// Of a clock with whole seconds: see [`Held::since`].
const SAME_SECOND_S: i64 = 1;

/// Shared by the threads of the worker.
#[derive(Debug, Default)]
pub(super) struct Mirror {
    held: Mutex<Option<Held>>,
}

#[derive(Debug)]
struct Held {
    own: Own,
    tracks: Tracks,
    /// slurmctld's time of what was last taken in.
    as_of: i64,
    /// When everything was last asked for.
    whole_at: Option<Instant>,
    last_look: Option<Look>,
}

/// A question to slurmctld.
#[derive(Debug)]
struct Look {
    begun_at: Instant,
    failure: Option<SlurmError>,
}

impl Mirror {
    /// What has changed of the broker's jobs since `cursor`, or everything.
    ///
    /// One caller asks at a time. Who waited for another's answer takes it, a failure too, when that
    /// question was asked hardly before their own.
    pub(super) fn changes(
        &self,
        session: Session,
        cursor: Option<Cursor>,
        own: Own,
    ) -> Result<Changes, SlurmError> {
        let came_at = Instant::now();
        let mut held = self.lock();
        let held = match &mut *held {
            Some(held) if held.own == own => held,
            other => other.insert(Held::of(own)),
        };
        held.refresh(session, came_at)?;
        Ok(held.tracks.since(cursor))
    }

    fn lock(&self) -> MutexGuard<'_, Option<Held>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Held {
    fn of(own: Own) -> Self {
        Self { own, tracks: Tracks::begin(), as_of: 0, whole_at: None, last_look: None }
    }

    fn refresh(&mut self, session: Session, came_at: Instant) -> Result<(), SlurmError> {
        if let Some(look) = &self.last_look
            && look.begun_at + SAME_INSTANT >= came_at
        {
            return look.failure.clone().map_or(Ok(()), Err);
        }
        let begun_at = Instant::now();
        let outcome = self.take_in(session, begun_at);
        self.last_look = Some(Look { begun_at, failure: outcome.clone().err() });
        outcome
    }

    fn take_in(&mut self, session: Session, now: Instant) -> Result<(), SlurmError> {
        let since = self.since(now);
        let Some((mut jobs, as_of)) = job::load_changed(session, since)? else {
            return Ok(());
        };
        jobs.retain(|row| self.own.has(row));
        self.tracks.take_in(jobs);
        self.as_of = as_of;
        if since == 0 {
            self.whole_at = Some(now);
        }
        Ok(())
    }

    /// What to ask slurmctld for: changes since then, or 0 for everything.
    ///
    /// Its time of the last change has whole seconds, so a change may carry the very second of the
    /// answer that did not have it yet. slurmctld allows for that (it compares with the second before
    /// the one given, 22.05 to 25.05), and so do we, once more: the price is one answer too many after
    /// each change. And because some of its changes are stamped with the time at which their work
    /// began, nothing is left unasked for longer than half a minute.
    fn since(&self, now: Instant) -> i64 {
        let asked_lately = self.whole_at.is_some_and(|at| now.duration_since(at) < WHOLE_AFTER);
        if asked_lately { (self.as_of - SAME_SECOND_S).max(0) } else { 0 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn held() -> Held {
        let own = Own { ids: Some((1_000_000, 1_999_999)), key_prefix: "mimer:".to_owned() };
        Held::of(own)
    }

    #[test]
    fn a_change_in_the_second_of_the_last_answer_is_asked_for_again() {
        let now = Instant::now();
        let held = Held { as_of: 1_800_000_000, whole_at: Some(now), ..held() };
        // slurmctld says "no change" when its last change is older than the second before this one.
        assert!(held.since(now) < 1_800_000_000);
    }

    #[test]
    fn everything_is_asked_for_at_first_and_every_half_minute() {
        let now = Instant::now();
        assert_eq!(held().since(now), 0);
        let held = Held { as_of: 1_800_000_000, whole_at: Some(now), ..held() };
        assert_ne!(held.since(now + WHOLE_AFTER / 2), 0);
        assert_eq!(held.since(now + WHOLE_AFTER), 0);
    }
}
