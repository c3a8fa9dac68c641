//! Settling a hold with the runs that slurmdbd recorded.

use chrono::{DateTime, Utc};
use record::{GpuSeconds, MicroSek, Stamp};
use serde_json::json;
use sqlx::PgConnection;
use uuid::Uuid;

use crate::{
    hold::{HoldError, HoldState, Portion, Settlement, Source},
    rate_card::{self, RateError},
    spread::by_grant,
    store::{
        book::Book,
        hold::{posting, row, run, write},
    },
};

/// A request to close a hold with what its attempt ran.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Settle {
    /// The hold.
    pub hold_id: Uuid,
    /// Every run of the attempt that has ended, in any order; runs told before change nothing.
    pub runs: Vec<NewRun>,
}

/// One ended incarnation of a Slurm job, as slurmdbd has it.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct NewRun {
    /// Chosen by the caller. A second reading of the same run may carry another id.
    pub run_id: Uuid,
    /// The cluster it ran on.
    pub cluster: String,
    /// Slurm's job id.
    pub slurm_job_id: i64,
    /// Its key in slurmdbd, which with the cluster tells it from every other run.
    pub db_index: i64,
    /// When it started.
    pub started_at: DateTime<Utc>,
    /// When it ended.
    pub ended_at: DateTime<Utc>,
    /// How many GPUs Slurm allocated.
    pub gpu_count: i64,
    /// GPUs × seconds.
    pub gpu_seconds: GpuSeconds,
    /// The Slurm state it ended in.
    pub state: String,
    /// Whether the caller would charge it; the rate card may still say no.
    pub chargeable: bool,
    /// The raw record it was read from.
    pub observation_id: Uuid,
}

/// What became of the hold: always the whole of it, however often it is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Settled {
    /// Time charged to the grants.
    pub gpu_seconds: GpuSeconds,
    /// Money charged to the grants, until the invoice line is rounded.
    pub usek: MicroSek,
    /// Time of the hold that went back to the grants.
    pub returned: GpuSeconds,
    /// Time that no grant had room for; it is in the overrun account and on no invoice.
    pub overrun: GpuSeconds,
}

/// Why a hold was not settled.
#[derive(Debug, thiserror::Error)]
pub enum SettleError {
    /// The id names no hold.
    #[error("hold {0} does not exist")]
    NoSuchHold(Uuid),
    /// The request tells of no run.
    #[error("hold {0} cannot be settled without a run; release it if the job never ran")]
    NoRuns(Uuid),
    /// The run ends before it starts, or has a negative figure.
    #[error("run {run_id} cannot be recorded: {fault}")]
    Malformed {
        /// The run.
        run_id: Uuid,
        /// What is wrong with it, as a sentence.
        fault: &'static str,
    },
    /// The run was recorded before with other figures or for another hold.
    #[error(
        "run {db_index} of {cluster} was recorded before with other figures or for another hold; \
         correct it by a correction, not by settling again"
    )]
    RunDiffers {
        /// The cluster.
        cluster: String,
        /// The run's key in slurmdbd.
        db_index: i64,
    },
    /// The id was used for another run.
    #[error("run id {0} was used before for a different run; choose a new id")]
    RunIdReused(Uuid),
    /// The hold refused to move.
    #[error("the hold refused")]
    Hold(#[from] HoldError),
    /// The hold's rate could not be read.
    #[error("reading the hold's rate")]
    Rate(#[from] RateError),
    /// The database failed.
    #[error("reading or writing holds and charges")]
    Database(#[from] sqlx::Error),
}

impl SettleError {
    /// The stable code of the refusal.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::NoSuchHold(_) => "settle_hold_unknown",
            Self::NoRuns(_) => "settle_no_runs",
            Self::Malformed { .. } => "settle_run_malformed",
            Self::RunDiffers { .. } => "settle_run_differs",
            Self::RunIdReused(_) => "settle_run_id_reused",
            Self::Hold(_) => "settle_hold_refused",
            Self::Rate(_) => "settle_rate",
            Self::Database(_) => "settle_database",
        }
    }
}

/// Charges the runs, closes the hold and gives the rest back to its grants.
///
/// A run that comes to light after the hold was closed (a late record, or a script that slurmctld
/// started twice) is charged to what its grants have free, or goes to their overrun.
pub async fn settle(
    tx: &mut PgConnection,
    request: &Settle,
    stamp: &Stamp<'_>,
) -> Result<Settled, SettleError> {
    let hold_id = request.hold_id;
    let stored = row::lock(tx, hold_id).await?.ok_or(SettleError::NoSuchHold(hold_id))?;
    if request.runs.is_empty() {
        return Err(SettleError::NoRuns(hold_id));
    }
    let rate = rate_card::rate_by_id(tx, stored.request.rate_id).await?;
    let mut runs: Vec<&NewRun> = request.runs.iter().collect();
    runs.sort_by_key(|run| (run.started_at, run.db_index));
    let mut news_count = 0;
    let mut charged_runs = Vec::new();
    for run in runs {
        let charged = run.chargeable && rate.charges(&run.state);
        let is_news = run::record(tx, (hold_id, charged), run, stamp).await?;
        if is_news {
            news_count += 1;
            charged_runs.extend(charged.then_some(run));
        }
    }
    let is_open = stored.hold.state() == HoldState::Open;
    if news_count == 0 && !is_open {
        // The same runs again: already posted.
        return Ok(posting::posted(tx, hold_id).await?.settled);
    }

    let held = by_grant(stored.hold.parts()).ok_or(HoldError::OutOfRange(hold_id))?;
    let grant_ids: Vec<Uuid> = held.iter().map(|part| part.grant_id).collect();
    let book = Book::lock(tx, &grant_ids).await?;
    let free = book.free(&grant_ids).map_err(sqlx::Error::from)?;
    let used: Vec<GpuSeconds> = charged_runs.iter().map(|run| run.gpu_seconds).collect();
    let (before, settlement) = if is_open {
        let (closed, settlement) = stored.hold.settle(&used, &free, stamp.now)?;
        write::close(tx, &closed).await?;
        (Settled::NOTHING, settlement)
    } else {
        let before = posting::posted(tx, hold_id).await?;
        (before.settled, stored.hold.settle_late(before.used, &used, &free)?)
    };
    posting::post(tx, &book, (&stored.request, &charged_runs, &settlement), stamp).await?;

    let settled = before.and(&settlement).ok_or(HoldError::OutOfRange(hold_id))?;
    let details = json!({ "new_runs": news_count, "late": !is_open, "settled": settled });
    stamp.audit(tx, "hold.settle", ("hold", hold_id), details).await?;
    Ok(settled)
}

impl Settled {
    /// Nothing was posted yet.
    const NOTHING: Self = Self {
        gpu_seconds: GpuSeconds::ZERO,
        usek: MicroSek::ZERO,
        returned: GpuSeconds::ZERO,
        overrun: GpuSeconds::ZERO,
    };

    /// These figures with what a settlement adds to them; `None` if they do not fit.
    fn and(self, settlement: &Settlement) -> Option<Self> {
        let mut sum = self;
        for Portion { source, part, .. } in &settlement.portions {
            match source {
                Source::Held | Source::Free => {
                    sum.gpu_seconds = sum.gpu_seconds.checked_add(part.gpu_seconds)?;
                    sum.usek = sum.usek.checked_add(part.usek)?;
                }
                Source::Overrun => sum.overrun = sum.overrun.checked_add(part.gpu_seconds)?,
            }
        }
        for part in &settlement.returned {
            sum.returned = sum.returned.checked_add(part.gpu_seconds)?;
        }
        Some(sum)
    }
}
