//! `mimer agency-share`: how much of a pool one agency may be granted.

use chrono::{DateTime, Utc};
use record::GpuSeconds;
use serde::Deserialize;
use serde_json::json;
use uuid::Uuid;

use crate::agency::AgencyRow;
use crate::amount;
use crate::failure::Failure;
use crate::instant;
use crate::reference::{self, Reference};
use crate::session::{Ending, Session};
use crate::table::{Sheet, figures, list, words};

/// Agency shares: how much of a pool one agency may be granted.
#[derive(clap::Subcommand)]
pub(crate) enum AgencyShareCommand {
    /// Set an agency's share of a pool; the newest setting counts (operator).
    Set(Set),
    /// List the shares that count in a pool (operator, decider, finance).
    List {
        /// Id of the pool.
        pool: Uuid,
    },
}

#[derive(clap::Args)]
pub(crate) struct Set {
    /// Id of the pool.
    #[arg(long, value_name = "ID")]
    pool: Uuid,
    /// The agency: name, organisation number or id.
    #[arg(long)]
    agency: Reference,
    /// The most GPU time its projects may be granted together, in hours, as 1000 or 0,5.
    #[arg(long, value_name = "HOURS", value_parser = amount::gpu_hours)]
    gpu_hours: GpuSeconds,
    /// Id to give the setting; repeating the command with the same id changes nothing.
    #[arg(long)]
    id: Option<Uuid>,
}

#[derive(Deserialize)]
struct AgencyShare {
    pool_id: Uuid,
    agency_id: Uuid,
    gpu_seconds: GpuSeconds,
    set_at: DateTime<Utc>,
}

impl AgencyShareCommand {
    pub(crate) async fn run(self, session: &Session) -> Result<Ending, Failure> {
        match self {
            Self::Set(set) => set.run(session).await?,
            Self::List { pool } => {
                let answer = session.client.get(&format!("/v1/pools/{pool}/agency-shares")).await?;
                session.show(&answer, table)?;
            }
        }
        Ok(Ending::Well)
    }
}

impl Set {
    async fn run(self, session: &Session) -> Result<(), Failure> {
        let agency_id = reference::find::<AgencyRow>(session, &self.agency).await?;
        let agency_share_id = self.id.unwrap_or_else(record::id::fresh);
        let body = json!({
            "agency_share_id": agency_share_id,
            "agency_id": agency_id,
            "gpu_seconds": self.gpu_hours,
        });
        let path = format!("/v1/pools/{}/agency-shares", self.pool);
        let answer = session.client.post(&path, &body, &[("--id", agency_share_id)]).await?;
        session.show(&answer, |share: AgencyShare| {
            Sheet::default()
                .line("pool", share.pool_id)
                .line("agency", share.agency_id)
                .line("may be granted", amount::show_gpu_time(share.gpu_seconds))
                .line("since", instant::show(share.set_at))
                .text()
        })
    }
}

fn table(shares: Vec<AgencyShare>) -> String {
    let columns = [words("agency"), figures("may be granted"), words("since")];
    let rows = shares.into_iter().map(|share| {
        [
            share.agency_id.to_string(),
            amount::show_gpu_time(share.gpu_seconds),
            instant::show(share.set_at),
        ]
    });
    list(columns, rows, "the pool is not divided: any agency may be granted all that is left")
}
