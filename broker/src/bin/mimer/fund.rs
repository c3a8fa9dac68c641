//! `mimer fund`: money with a purpose and a period.

use chrono::{DateTime, Utc};
use record::MicroSek;
use serde::{Deserialize, Serialize};
use serde_json::json;
use uuid::Uuid;

use crate::amount;
use crate::failure::Failure;
use crate::instant;
use crate::session::{Ending, Session};
use crate::table::Sheet;
use crate::window::Window;

/// Funds: money with a purpose and a period; funds never mix.
#[derive(clap::Subcommand)]
pub(crate) enum FundCommand {
    /// Open a fund (operator).
    Create(Create),
}

#[derive(clap::Args)]
pub(crate) struct Create {
    /// What people call it, as "Public sector 2027".
    #[arg(long)]
    name: String,
    /// What its money is for.
    #[arg(long)]
    purpose: Purpose,
    /// The most that may ever be granted from it, in kronor, as 30000000 or 12,50.
    #[arg(long, value_name = "AMOUNT", value_parser = amount::kronor)]
    kronor: MicroSek,
    #[command(flatten)]
    window: Window,
    /// Id to give it; repeating the command with the same id changes nothing.
    #[arg(long)]
    id: Option<Uuid>,
}

#[derive(Clone, Copy, clap::ValueEnum, Serialize)]
#[serde(rename_all = "snake_case")]
enum Purpose {
    /// The public sector's share.
    PublicSector,
    /// Research.
    Research,
}

#[derive(Deserialize)]
struct Fund {
    fund_id: Uuid,
    name: String,
    purpose: String,
    ceiling: MicroSek,
    valid_from: DateTime<Utc>,
    valid_until: DateTime<Utc>,
}

impl FundCommand {
    pub(crate) async fn run(self, session: &Session) -> Result<Ending, Failure> {
        let Self::Create(create) = self;
        let fund_id = create.id.unwrap_or_else(record::id::fresh);
        let body = json!({
            "fund_id": fund_id,
            "name": create.name,
            "purpose": create.purpose,
            "ceiling_usek": create.kronor,
            "valid_from": create.window.from,
            "valid_until": create.window.until,
        });
        let answer = session.client.post("/v1/funds", &body, &[("--id", fund_id)]).await?;
        session.show(&answer, |fund: Fund| {
            Sheet::default()
                .line("fund", fund.fund_id)
                .line("name", fund.name)
                .line("purpose", fund.purpose)
                .line("holds", amount::show_kronor(fund.ceiling))
                .line("valid", instant::show_window(fund.valid_from, fund.valid_until))
                .text()
        })?;
        Ok(Ending::Well)
    }
}
