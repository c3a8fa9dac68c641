//! The clock: the only place that reads the wall time.
//!
//! Everything else takes a [`Clock`] or an instant, so that tests can move time.

use std::sync::{Arc, Mutex, PoisonError};

use chrono::{DateTime, SubsecRound, TimeDelta, Utc};

/// Where "now" comes from.
#[derive(Clone, Debug)]
pub enum Clock {
    /// The machine's wall clock.
    System,
    /// A clock that a test moves by hand.
    Manual(Arc<Mutex<DateTime<Utc>>>),
}

impl Clock {
    /// A clock that stands at `at` until somebody moves it.
    pub fn manual(at: DateTime<Utc>) -> Self {
        Self::Manual(Arc::new(Mutex::new(at)))
    }

    /// The present instant, in whole microseconds as the database keeps it.
    pub fn now(&self) -> DateTime<Utc> {
        let instant = match self {
            #[expect(
                clippy::disallowed_methods,
                reason = "this is the one reader of the wall clock"
            )]
            Self::System => Utc::now(),
            Self::Manual(at) => *at.lock().unwrap_or_else(PoisonError::into_inner),
        };
        instant.trunc_subsecs(6)
    }

    /// Moves a manual clock forward.
    ///
    /// # Panics
    /// On a system clock: moving that is a programmer's error.
    pub fn advance(&self, by: TimeDelta) {
        match self {
            Self::System => panic!("the system clock cannot be moved"),
            Self::Manual(at) => {
                let mut at = at.lock().unwrap_or_else(PoisonError::into_inner);
                *at += by;
            }
        }
    }
}
