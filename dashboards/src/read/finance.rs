//! What the finance page shows: per agency, the invoice draft and the charges behind it.

use std::collections::{BTreeMap, BTreeSet};

use accounting::{
    charge::{self, ChargeError, ChargeFilter, ChargeRow},
    invoice::{self, InvoiceError, Line},
};
use chrono::{DateTime, Utc};
use record::{GpuSeconds, MicroSek, Month};
use sqlx::PgConnection;
use uuid::Uuid;

use super::{ProjectRef, impossible, usek};

/// One month of all agencies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FinanceView {
    /// The month.
    pub month: Month,
    /// True until the period is closed.
    pub provisional: bool,
    /// The agencies with charges in the month, by name.
    pub agencies: Vec<AgencyBill>,
}

impl FinanceView {
    /// What all agencies owe on paper, in öre without VAT.
    pub fn total_ore(&self) -> i64 {
        self.agencies.iter().map(|bill| bill.total_ore).sum()
    }
}

/// One agency's month.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AgencyBill {
    /// The agency.
    pub agency_id: Uuid,
    /// Its name.
    pub name: String,
    /// Its organisation number.
    pub organisation_number: String,
    /// The lines of the invoice draft.
    pub lines: Vec<DraftLine>,
    /// The paper's total in öre, without VAT.
    pub total_ore: i64,
    /// Paper minus ledger, in µSEK; may be negative.
    pub rounding_usek: i64,
    /// The charges behind the lines, oldest first.
    pub charges: Vec<ChargeLine>,
}

impl AgencyBill {
    /// The ledger's total.
    pub fn ledger_total(&self) -> MicroSek {
        let total = self.charges.iter().map(|charge| charge.usek.get()).sum();
        MicroSek::new(total).unwrap_or_default()
    }
}

/// One line of an invoice draft: one price and one factor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DraftLine {
    /// The project.
    pub project: ProjectRef,
    /// The class of GPU.
    pub class: String,
    /// The partition.
    pub partition: String,
    /// The rate card's name.
    pub rate_card_name: String,
    /// Runs added up.
    pub run_count: i64,
    /// Their GPU time.
    pub gpu_seconds: GpuSeconds,
    /// Price per GPU-hour.
    pub price_usek_per_gpu_hour: MicroSek,
    /// Factor on the price, in parts per million.
    pub factor_ppm: i64,
    /// The line's amount in öre, rounded once.
    pub ore: i64,
}

/// One charge.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChargeLine {
    /// Its id.
    pub charge_id: Uuid,
    /// The project that ran.
    pub project: ProjectRef,
    /// The job plan; `None` if nobody planned the job.
    pub job_plan_id: Option<Uuid>,
    /// Slurm's job id.
    pub slurm_job_id: i64,
    /// When the run ended.
    pub ended_at: DateTime<Utc>,
    /// GPUs Slurm allocated.
    pub gpu_count: i64,
    /// State in which Slurm ended the run.
    pub state: String,
    /// The time charged.
    pub gpu_seconds: GpuSeconds,
    /// The amount in the ledger.
    pub usek: MicroSek,
}

/// Reads one month of all agencies.
pub async fn read(tx: &mut PgConnection, month: Month) -> Result<FinanceView, sqlx::Error> {
    let filter = ChargeFilter { month: Some(month), ..ChargeFilter::default() };
    let charges = charge::charges(&mut *tx, filter).await.map_err(charge_fault)?;
    let projects = projects(&mut *tx, &charges).await?;
    let plans = job_plans(&mut *tx, &charges).await?;
    let mut agencies = agencies(&mut *tx, &charges).await?;
    for bill in &mut agencies {
        let draft = match invoice::draft(&mut *tx, bill.agency_id, month).await {
            Ok(draft) => draft,
            Err(InvoiceError::Charges(error)) => return Err(charge_fault(error)),
            Err(error @ InvoiceError::OutOfRange { .. }) => return Err(impossible(error)),
        };
        bill.total_ore = draft.total_ore;
        bill.rounding_usek = draft.rounding_usek;
        bill.lines = draft
            .lines
            .into_iter()
            .map(|line| draft_line(line, &projects))
            .collect::<Result<_, sqlx::Error>>()?;
        bill.charges = charges
            .iter()
            .filter(|charge| charge.agency_id == bill.agency_id)
            .map(|charge| charge_line(charge, &projects, &plans))
            .collect::<Result<_, sqlx::Error>>()?;
    }
    // A month without a closed period is provisional; periods are not closed yet.
    Ok(FinanceView { month, provisional: true, agencies })
}

fn charge_fault(fault: ChargeError) -> sqlx::Error {
    match fault {
        ChargeError::Database(error) => error,
        contradiction @ ChargeError::Inconsistent(_) => impossible(contradiction),
    }
}

/// The agencies of `charges` by name, their bills still empty.
async fn agencies(
    tx: &mut PgConnection,
    charges: &[ChargeRow],
) -> Result<Vec<AgencyBill>, sqlx::Error> {
    let agency_ids: BTreeSet<Uuid> = charges.iter().map(|charge| charge.agency_id).collect();
    let rows = sqlx::query!(
        "select agency_id, name, organisation_number from quotas.agency
         where agency_id = any($1) order by name, agency_id",
        &agency_ids.into_iter().collect::<Vec<_>>(),
    )
    .fetch_all(tx)
    .await?;
    let bill = rows.into_iter().map(|row| AgencyBill {
        agency_id: row.agency_id,
        name: row.name,
        organisation_number: row.organisation_number,
        lines: Vec::new(),
        total_ore: 0,
        rounding_usek: 0,
        charges: Vec::new(),
    });
    Ok(bill.collect())
}

async fn projects(
    tx: &mut PgConnection,
    charges: &[ChargeRow],
) -> Result<BTreeMap<Uuid, ProjectRef>, sqlx::Error> {
    let project_ids: BTreeSet<Uuid> = charges.iter().map(|charge| charge.project_id).collect();
    let rows = sqlx::query_as!(
        ProjectRef,
        r#"select project_id, slug, title, data_class = 'confidential' as "confidential!"
           from quotas.project where project_id = any($1)"#,
        &project_ids.into_iter().collect::<Vec<_>>(),
    )
    .fetch_all(tx)
    .await?;
    Ok(rows.into_iter().map(|project| (project.project_id, project)).collect())
}

/// The job plan behind each hold that was charged.
async fn job_plans(
    tx: &mut PgConnection,
    charges: &[ChargeRow],
) -> Result<BTreeMap<Uuid, Uuid>, sqlx::Error> {
    let hold_ids: BTreeSet<Uuid> = charges.iter().map(|charge| charge.hold_id).collect();
    let rows = sqlx::query!(
        "select hold_id, job_plan_id from broker.attempt where hold_id = any($1)",
        &hold_ids.into_iter().collect::<Vec<_>>(),
    )
    .fetch_all(tx)
    .await?;
    Ok(rows.into_iter().map(|row| (row.hold_id, row.job_plan_id)).collect())
}

fn draft_line(line: Line, projects: &BTreeMap<Uuid, ProjectRef>) -> Result<DraftLine, sqlx::Error> {
    Ok(DraftLine {
        project: known(projects, line.project_id)?,
        class: line.class,
        partition: line.partition,
        rate_card_name: line.rate_card_name,
        run_count: line.run_count,
        gpu_seconds: line.gpu_seconds,
        price_usek_per_gpu_hour: usek(line.price)?,
        factor_ppm: line.factor_ppm,
        ore: line.ore,
    })
}

fn charge_line(
    charge: &ChargeRow,
    projects: &BTreeMap<Uuid, ProjectRef>,
    plans: &BTreeMap<Uuid, Uuid>,
) -> Result<ChargeLine, sqlx::Error> {
    Ok(ChargeLine {
        charge_id: charge.charge_id,
        project: known(projects, charge.project_id)?,
        job_plan_id: plans.get(&charge.hold_id).copied(),
        slurm_job_id: charge.slurm_job_id,
        ended_at: charge.ended_at,
        gpu_count: charge.gpu_count,
        state: charge.state.clone(),
        gpu_seconds: charge.gpu_seconds,
        usek: charge.usek,
    })
}

fn known(
    projects: &BTreeMap<Uuid, ProjectRef>,
    project_id: Uuid,
) -> Result<ProjectRef, sqlx::Error> {
    projects.get(&project_id).cloned().ok_or_else(|| impossible(UnknownProject(project_id)))
}

#[derive(Debug, thiserror::Error)]
#[error("a charge names project {0}, which does not exist; `mimer audit verify` tells why")]
struct UnknownProject(Uuid);
