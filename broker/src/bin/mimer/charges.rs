//! `mimer charges`: what runs cost, each charge down to one run of one job.

use chrono::{DateTime, Utc};
use record::{GpuSeconds, MicroSek, Month};
use serde::Deserialize;
use uuid::Uuid;

use crate::agency::AgencyRow;
use crate::amount;
use crate::failure::Failure;
use crate::instant;
use crate::project;
use crate::reference::{self, Reference};
use crate::session::{Ending, Session};
use crate::table::{figures, list, words};

/// Which charges to list.
#[derive(clap::Args)]
pub(crate) struct Charges {
    /// Only this agency's: name, organisation number or id.
    #[arg(long)]
    agency: Option<Reference>,
    /// Only this project's: its id, or its short name if you are a member.
    #[arg(long)]
    project: Option<Reference>,
    /// Only runs that ended in this month, as 2027-03.
    #[arg(long, value_name = "MONTH")]
    month: Option<Month>,
}

#[derive(Deserialize)]
struct ChargeRow {
    month: String,
    project_id: Uuid,
    slurm_job_id: i64,
    ended_at: DateTime<Utc>,
    gpu_count: i64,
    state: String,
    class: String,
    partition: String,
    gpu_seconds: GpuSeconds,
    usek: MicroSek,
}

impl Charges {
    pub(crate) async fn run(self, session: &Session) -> Result<Ending, Failure> {
        let mut which = Vec::new();
        if let Some(agency) = &self.agency {
            let agency_id = reference::find::<AgencyRow>(session, agency).await?;
            which.push(format!("agency_id={agency_id}"));
        }
        if let Some(project) = &self.project {
            which.push(format!("project_id={}", project::find(session, project).await?));
        }
        if let Some(month) = self.month {
            which.push(format!("month={month}"));
        }
        let answer = session.client.get(&format!("/v1/charges?{}", which.join("&"))).await?;
        session.show(&answer, text)?;
        Ok(Ending::Well)
    }
}

fn text(charges: Vec<ChargeRow>) -> String {
    let count = charges.len();
    // An overflow of the sum cannot be shown, and no sum is better than a wrong one.
    let total =
        charges.iter().try_fold((GpuSeconds::ZERO, MicroSek::ZERO), |(time, money), charge| {
            Some((time.checked_add(charge.gpu_seconds)?, money.checked_add(charge.usek)?))
        });
    let table = table(charges);
    match total {
        Some((time, money)) if count > 0 => format!(
            "{table}\n\n{}: {} GPU time, {}",
            if count == 1 { "one charge".to_owned() } else { format!("{count} charges") },
            amount::show_gpu_time(time),
            amount::show_kronor(money)
        ),
        _ => table,
    }
}

fn table(charges: Vec<ChargeRow>) -> String {
    let columns = [
        words("month"),
        words("project"),
        figures("Slurm job"),
        words("ended"),
        words("state"),
        words("class"),
        words("partition"),
        figures("GPUs"),
        figures("GPU time"),
        figures("cost"),
    ];
    let rows = charges.into_iter().map(|charge| {
        [
            charge.month,
            charge.project_id.to_string(),
            charge.slurm_job_id.to_string(),
            instant::show(charge.ended_at),
            charge.state,
            charge.class,
            charge.partition,
            charge.gpu_count.to_string(),
            amount::show_gpu_time(charge.gpu_seconds),
            amount::show_kronor(charge.usek),
        ]
    });
    list(columns, rows, "there are no such charges")
}
