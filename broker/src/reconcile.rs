//! Reconciling: plans, slurmctld, slurmdbd, the ledger and Slurm's own sums side by side.
//!
//! For a stretch of time every difference is listed with its cause, from a closed list, and what to
//! do about it. Nothing is changed, in Slurm or here: whoever repairs does it by other commands.
//!
//! The broker goes on working meanwhile. What it moved while it was looked at is left out of the
//! comparison and of the totals, and counted: so a difference that is told was there all the time.
//! The figures of a record are computed here anew, not by the watcher that charged them.

mod attempt;
mod difference;
mod ledger;
mod picture;
mod question;
mod roll;
mod run_time;
mod stranger;
mod stretch;
#[cfg(test)]
mod tests;
mod usage;

use chrono::{DateTime, Utc};
use serde::Serialize;
use utoipa::ToSchema;

pub use difference::{Cause, Difference};
pub use ledger::Totals;
pub use question::Questions;
pub use stretch::{Stretch, StretchError};

use crate::app::App;
use crate::gateway::GatewayError;

/// What came of comparing a stretch of time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Reconciliation {
    /// The first instant that was compared.
    pub from: DateTime<Utc>,
    /// The instant after the last.
    pub until: DateTime<Utc>,
    /// Every difference; none is what should be.
    pub differences: Vec<Difference>,
    /// What the runs that ended in the stretch took, by slurmdbd and by the ledger.
    pub totals: Totals,
    /// Until when Slurm's own sums agree; `None` if there was no whole hour to compare.
    pub sreport_until: Option<DateTime<Utc>>,
    /// Attempts that moved while they were looked at, and were left out.
    pub in_motion: usize,
    /// How often Slurm was asked.
    pub questions: Questions,
}

/// Why nothing could be compared.
#[derive(Debug, thiserror::Error)]
pub enum ReconcileError {
    /// Slurm or its gateway did not answer.
    #[error("asking Slurm for what it has")]
    Gateway(#[from] GatewayError),
    /// The database failed.
    #[error("reading what the broker has")]
    Database(#[from] sqlx::Error),
}

/// Compares everything that ended in the stretch, and everything that goes on.
pub async fn reconcile(app: &App, stretch: Stretch) -> Result<Reconciliation, ReconcileError> {
    let picture = picture::take(app, stretch).await?;
    let mut differences = attempt::differences(&picture);
    let (totals, of_runs) = ledger::compare(&picture);
    differences.extend(of_runs);
    differences.extend(stranger::differences(&picture));
    differences.extend(ledger::of_holds(&picture));
    let (sreport_until, of_usage) = usage::compare(&picture);
    differences.extend(of_usage);
    differences.sort_by_key(|it| (it.cause, it.slurm_job_id, it.db_index));
    Ok(Reconciliation {
        from: stretch.from(),
        until: stretch.until(),
        differences,
        totals,
        sreport_until,
        in_motion: picture.in_motion.len(),
        questions: picture.questions,
    })
}
