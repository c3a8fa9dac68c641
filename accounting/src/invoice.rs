//! Invoice drafts: one agency's month, line by line, from its charges alone.
//!
//! A line has exactly one price and one factor. Its öre are rounded once, over the line's whole
//! time; its runs then share that figure by largest remainder. The charges in the ledger were
//! rounded run by run, so paper and ledger differ by a little, and the draft says by how much.

use std::collections::BTreeMap;

use record::{GpuSeconds, MicroSek, Month};
use sqlx::PgConnection;
use uuid::Uuid;

use crate::{
    apportion,
    charge::{self, ChargeError, ChargeFilter, ChargeRow, as_text},
    rate::Price,
};

/// What an agency would be invoiced for a month, as the ledger stands now.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Draft {
    /// The agency that pays.
    pub agency_id: Uuid,
    /// The month the runs ended in, in Stockholm.
    #[serde(serialize_with = "as_text")]
    pub month: Month,
    /// One line per project, class, partition, card, price and factor.
    pub lines: Vec<Line>,
    /// The sum of the lines, in öre, before VAT.
    pub total_ore: i64,
    /// Paper minus ledger, in µSEK; what closing the month will post as rounding.
    pub rounding_usek: i64,
}

/// One line of a draft.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Line {
    /// The project that ran.
    pub project_id: Uuid,
    /// The class of GPU capacity.
    pub class: String,
    /// The Slurm partition.
    pub partition: String,
    /// The card the price stands on.
    pub rate_card_name: String,
    /// The time charged.
    pub gpu_seconds: GpuSeconds,
    /// The price in µSEK per GPU-hour.
    pub price: i64,
    /// The factor on the price, in parts per million.
    pub factor_ppm: i64,
    /// The line's amount in öre: half up over the sum, in 128 bits, once.
    pub ore: i64,
    /// How many runs the line covers.
    pub run_count: i64,
    /// What each run carries of the line; the shares add up to the line.
    pub shares: Vec<Share>,
}

/// One run's share of a line.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Share {
    /// The run.
    pub run_id: Uuid,
    /// The time charged for it.
    pub gpu_seconds: GpuSeconds,
    /// Its part of the line's amount.
    pub usek: MicroSek,
}

/// Why a draft could not be made.
#[derive(Debug, thiserror::Error)]
pub enum InvoiceError {
    /// A line is beyond what 64 bits can say.
    #[error("the month {month} of agency {agency_id} adds up to more than can be written down")]
    OutOfRange {
        /// The agency.
        agency_id: Uuid,
        /// The month.
        month: Month,
    },
    /// The charges could not be read.
    #[error("reading the month's charges")]
    Charges(#[from] ChargeError),
}

impl InvoiceError {
    /// The stable code of the fault.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::OutOfRange { .. } => "invoice_out_of_range",
            Self::Charges(error) => error.code(),
        }
    }
}

/// Drafts an agency's month. Nothing is stored: the same charges give the same draft.
pub async fn draft(
    tx: &mut PgConnection,
    agency_id: Uuid,
    month: Month,
) -> Result<Draft, InvoiceError> {
    let filter = ChargeFilter { agency_id: Some(agency_id), project_id: None, month: Some(month) };
    let charges = charge::charges(tx, filter).await?;
    summed(agency_id, month, &charges).ok_or(InvoiceError::OutOfRange { agency_id, month })
}

/// What makes two charges share a line: everything that is printed on it but its sums.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct LineKey<'a> {
    project_id: Uuid,
    class: &'a str,
    partition: &'a str,
    rate_card_name: &'a str,
    price: i64,
    factor_ppm: i64,
}

/// The draft of these charges, or `None` if a sum does not fit.
fn summed(agency_id: Uuid, month: Month, charges: &[ChargeRow]) -> Option<Draft> {
    let mut runs_of_line: BTreeMap<LineKey<'_>, BTreeMap<Uuid, GpuSeconds>> = BTreeMap::new();
    let mut ledger_usek = MicroSek::ZERO;
    for charge in charges {
        let key = LineKey {
            project_id: charge.project_id,
            class: &charge.class,
            partition: &charge.partition,
            rate_card_name: &charge.rate_card_name,
            price: charge.price_usek_per_gpu_hour,
            factor_ppm: charge.factor_ppm,
        };
        let run = runs_of_line.entry(key).or_default().entry(charge.run_id).or_default();
        *run = run.checked_add(charge.gpu_seconds)?;
        ledger_usek = ledger_usek.checked_add(charge.usek)?;
    }
    let lines: Vec<Line> =
        runs_of_line.into_iter().map(|(key, runs)| line(&key, &runs)).collect::<Option<_>>()?;
    let total_ore = lines.iter().try_fold(0_i64, |sum, line| sum.checked_add(line.ore))?;
    let rounding_usek = usek_of(total_ore)?.get() - ledger_usek.get();
    Some(Draft { agency_id, month, lines, total_ore, rounding_usek })
}

fn line(key: &LineKey<'_>, runs: &BTreeMap<Uuid, GpuSeconds>) -> Option<Line> {
    let gpu_seconds = runs.values().try_fold(GpuSeconds::ZERO, |sum, &run| sum.checked_add(run))?;
    let ore = Price::new(key.price, key.factor_ppm)?.ore(gpu_seconds)?;
    let weights: Vec<i64> = runs.values().map(|run| run.get()).collect();
    let usek = apportion::by_largest_remainder(usek_of(ore)?.get(), &weights)?;
    let shares = runs
        .iter()
        .zip(usek)
        .map(|((&run_id, &gpu_seconds), usek)| {
            Some(Share { run_id, gpu_seconds, usek: MicroSek::new(usek)? })
        })
        .collect::<Option<Vec<_>>>()?;
    Some(Line {
        project_id: key.project_id,
        class: key.class.to_owned(),
        partition: key.partition.to_owned(),
        rate_card_name: key.rate_card_name.to_owned(),
        gpu_seconds,
        price: key.price,
        factor_ppm: key.factor_ppm,
        ore,
        run_count: i64::try_from(shares.len()).ok()?,
        shares,
    })
}

fn usek_of(ore: i64) -> Option<MicroSek> {
    MicroSek::new(ore.checked_mul(MicroSek::ORE.get())?)
}
