//! `mimer invoice`: what an agency owes for a month.

use record::{GpuSeconds, MicroSek, Month};
use serde::Deserialize;
use uuid::Uuid;

use crate::agency::AgencyRow;
use crate::amount;
use crate::failure::Failure;
use crate::reference::{self, Reference};
use crate::session::{Ending, Session};
use crate::table::{Sheet, figures, list, words};

/// Invoices: what an agency owes for a month.
#[derive(clap::Subcommand)]
pub(crate) enum InvoiceCommand {
    /// Show the draft of an agency's invoice for a month (finance).
    Draft {
        /// The agency: name, organisation number or id.
        agency: Reference,
        /// The month, as 2027-03.
        month: Month,
    },
}

#[derive(Deserialize)]
struct Draft {
    agency_id: Uuid,
    month: String,
    lines: Vec<Line>,
    total_ore: i64,
    rounding_usek: i64,
}

#[derive(Deserialize)]
struct Line {
    project_id: Uuid,
    class: String,
    partition: String,
    rate_card_name: String,
    gpu_seconds: GpuSeconds,
    price: MicroSek,
    factor_ppm: i64,
    ore: i64,
    run_count: i64,
}

impl InvoiceCommand {
    pub(crate) async fn run(self, session: &Session) -> Result<Ending, Failure> {
        let Self::Draft { agency, month } = self;
        let agency_id = reference::find::<AgencyRow>(session, &agency).await?;
        let path = format!("/v1/invoice-drafts/{agency_id}/{month}");
        let answer = session.client.get(&path).await?;
        session.show(&answer, text)?;
        Ok(Ending::Well)
    }
}

fn text(draft: Draft) -> String {
    let head = Sheet::default()
        .line("agency", draft.agency_id)
        .line("month", format!("{}, a draft until the month is closed", draft.month));
    let foot = Sheet::default()
        .line("total before VAT", amount::show_ore(draft.total_ore))
        .line("rounding", amount::show_difference(draft.rounding_usek));
    format!("{}\n\n{}\n\n{}", head.text(), table(draft.lines), foot.text())
}

fn table(lines: Vec<Line>) -> String {
    let columns = [
        words("project"),
        words("class"),
        words("partition"),
        words("rate card"),
        figures("runs"),
        figures("GPU time"),
        figures("price per GPU-hour"),
        figures("factor"),
        figures("amount"),
    ];
    let rows = lines.into_iter().map(|line| {
        [
            line.project_id.to_string(),
            line.class,
            line.partition,
            line.rate_card_name,
            line.run_count.to_string(),
            amount::show_gpu_time(line.gpu_seconds),
            amount::show_kronor(line.price),
            amount::show_factor(line.factor_ppm),
            amount::show_ore(line.ore),
        ]
    });
    list(columns, rows, "nothing was charged")
}
