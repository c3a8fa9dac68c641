//! Settling a hold with the runs that slurmdbd recorded.

use chrono::{DateTime, Utc};
use record::{GpuSeconds, MicroSek, Month, Stamp, id};
use serde_json::json;
use sqlx::PgConnection;
use uuid::Uuid;

use crate::{
    hold::{HoldError, HoldPart, HoldState, Place, Portion, Source},
    ledger::AccountKind,
    rate_card::{self, RateError},
    store::{
        Inconsistency,
        book::{Book, EntryKind, Movement},
        gpu_seconds,
        hold::{row, run},
        micro_sek,
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
    let before = figures(tx, hold_id).await?;
    let is_open = stored.hold.state() == HoldState::Open;
    if news_count == 0 && !is_open {
        return Ok(before); // The same runs again: already posted.
    }

    let grant_ids: Vec<Uuid> = stored.hold.parts().iter().map(|part| part.grant_id).collect();
    let book = Book::lock(tx, &grant_ids).await?;
    let free = book.free(&grant_ids).map_err(sqlx::Error::from)?;
    let used: Vec<GpuSeconds> = charged_runs.iter().map(|run| run.gpu_seconds).collect();
    let settlement = if is_open {
        let (closed, settlement) = stored.hold.settle(&used, &free, stamp.now)?;
        row::close(tx, &closed).await?;
        settlement
    } else {
        let posted = before.gpu_seconds.checked_add(before.overrun);
        let posted = posted.ok_or(HoldError::OutOfRange(hold_id))?;
        stored.hold.settle_late(posted, &used, &free)?
    };
    for portion in &settlement.portions {
        let run_id = charged_runs[portion.run_no].run_id;
        book.post(tx, &movement_of(portion, (hold_id, run_id)), stamp).await?;
    }
    for (run_no, run) in charged_runs.iter().enumerate() {
        let of_run = settlement.portions.iter().filter(|portion| portion.run_no == run_no);
        charge(tx, (&stored.request, run), of_run, stamp).await?;
    }
    row::give_back(tx, &book, (hold_id, &settlement.returned), stamp).await?;

    let settled = figures(tx, hold_id).await?;
    let details = json!({ "new_runs": news_count, "late": !is_open, "settled": settled });
    stamp.audit(tx, "hold.settle", ("hold", hold_id), details).await?;
    Ok(settled)
}

/// The movement that takes a portion from where it is.
fn movement_of(portion: &Portion, (hold_id, run_id): (Uuid, Uuid)) -> Movement {
    let HoldPart { grant_id, gpu_seconds, usek } = portion.part;
    let (kind, from, to) = match portion.source {
        Source::Held => (EntryKind::Settled, AccountKind::Held, AccountKind::Settled),
        Source::Free => (EntryKind::Settled, AccountKind::Free, AccountKind::Settled),
        Source::Overrun => (EntryKind::Overrun, AccountKind::Uncovered, AccountKind::Overrun),
    };
    Movement {
        kind,
        transfer_id: run_id,
        from: (grant_id, from),
        to: (grant_id, to),
        gpu_seconds,
        usek,
        hold_id: Some(hold_id),
        run_id: Some(run_id),
    }
}

/// Writes one charge for each grant that paid for the run. Overrun is not charged: nobody paid.
async fn charge(
    tx: &mut PgConnection,
    (request, run): (&Place, &NewRun),
    portions: impl Iterator<Item = &Portion>,
    stamp: &Stamp<'_>,
) -> Result<(), SettleError> {
    let out_of_range = || HoldError::OutOfRange(request.hold_id);
    let mut paid: Vec<HoldPart> = Vec::new();
    for Portion { part, .. } in portions.filter(|portion| portion.source != Source::Overrun) {
        match paid.iter_mut().find(|paid| paid.grant_id == part.grant_id) {
            None => paid.push(*part),
            Some(paid) => {
                let time = paid.gpu_seconds.checked_add(part.gpu_seconds);
                let money = paid.usek.checked_add(part.usek);
                paid.gpu_seconds = time.ok_or_else(out_of_range)?;
                paid.usek = money.ok_or_else(out_of_range)?;
            }
        }
    }
    for part in paid {
        sqlx::query!(
            "insert into accounting.charge (charge_id, run_id, hold_id, grant_id, agency_id,
                 project_id, rate_id, month, gpu_seconds, usek, charged_at)
             values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)",
            id::fresh(),
            run.run_id,
            request.hold_id,
            part.grant_id,
            request.payer.agency_id,
            request.payer.project_id,
            request.rate_id,
            Month::of(run.ended_at).first_day(),
            part.gpu_seconds.get(),
            part.usek.get(),
            stamp.now,
        )
        .execute(&mut *tx)
        .await?;
    }
    Ok(())
}

/// What was posted for the hold until now, from the charges and the entries.
async fn figures(tx: &mut PgConnection, hold_id: Uuid) -> Result<Settled, sqlx::Error> {
    let row = sqlx::query!(
        r#"
        with charged as (
            select sum(gpu_seconds) as gpu_seconds, sum(usek) as usek
            from accounting.charge where hold_id = $1
        ), moved as (
            select sum(amount) filter (where kind = 'returned') as returned,
                sum(amount) filter (where kind = 'overrun') as overrun
            from accounting.entry where hold_id = $1 and unit = 'gpu_seconds'
        )
        select coalesce(gpu_seconds, 0)::bigint as "gpu_seconds!",
            coalesce(usek, 0)::bigint as "usek!",
            coalesce(returned, 0)::bigint as "returned!",
            coalesce(overrun, 0)::bigint as "overrun!"
        from charged, moved
        "#,
        hold_id,
    )
    .fetch_one(tx)
    .await?;
    let place = |column| Inconsistency { table: "accounting.entry", column, row: hold_id };
    Ok(Settled {
        gpu_seconds: gpu_seconds(row.gpu_seconds, place("amount"))?,
        usek: micro_sek(row.usek, place("amount"))?,
        returned: gpu_seconds(row.returned, place("amount"))?,
        overrun: gpu_seconds(row.overrun, place("amount"))?,
    })
}
