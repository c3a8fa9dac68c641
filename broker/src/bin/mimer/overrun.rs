//! `mimer overrun`: use that no grant had room for, cleared by two people.

use chrono::{DateTime, Utc};
use record::{GpuSeconds, MicroSek};
use serde::{Deserialize, Serialize};
use serde_json::json;
use uuid::Uuid;

use crate::amount;
use crate::failure::Failure;
use crate::instant;
use crate::session::{Ending, Session};
use crate::table::{Sheet, figures, list, words};

/// Overruns: use that no grant had room for; one person proposes how it is cleared, another confirms.
#[derive(clap::Subcommand)]
pub(crate) enum OverrunCommand {
    /// List the grants with use that nobody has cleared yet (operator, decider, finance).
    List,
    /// List the clearings that wait for a second person (operator, decider, finance).
    Proposed,
    /// Propose how a grant's overrun is cleared; nothing moves until another confirms (finance).
    Propose(Propose),
    /// Reject a clearing, so that another may be proposed (finance, decider).
    Reject {
        /// Id of the clearing.
        clearing: Uuid,
    },
    /// Confirm a clearing that somebody else proposed, which carries it out (finance, decider).
    Confirm {
        /// Id of the clearing.
        clearing: Uuid,
    },
}

#[derive(clap::Args)]
pub(crate) struct Propose {
    /// Id of the grant.
    grant: Uuid,
    /// GPU time to clear, in hours, as 100 or 0,5.
    #[arg(long, value_name = "HOURS", value_parser = amount::gpu_hours)]
    gpu_hours: GpuSeconds,
    /// Money to clear, in kronor, as 50000 or 12,50.
    #[arg(long, value_name = "AMOUNT", value_parser = amount::kronor)]
    kronor: MicroSek,
    /// Who bears it.
    #[arg(long)]
    how: How,
    /// Why, for the record.
    #[arg(long, value_name = "TEXT")]
    motivation: String,
    /// Id to give the clearing; repeating the command with the same id changes nothing.
    #[arg(long)]
    id: Option<Uuid>,
}

#[derive(Clone, Copy, clap::ValueEnum, Serialize)]
#[serde(rename_all = "snake_case")]
enum How {
    /// The grant, which must have room by now: top it up first.
    ChargeGrant,
    /// Nobody.
    WriteOff,
}

#[derive(Deserialize)]
struct Overrun {
    grant_id: Uuid,
    gpu_seconds: GpuSeconds,
    usek: MicroSek,
}

#[derive(Deserialize)]
struct Clearing {
    clearing_id: Uuid,
    grant_id: Uuid,
    gpu_seconds: GpuSeconds,
    usek: MicroSek,
    how: String,
    proposed_by: Uuid,
    proposed_at: DateTime<Utc>,
}

#[derive(Deserialize)]
struct ClearingStands {
    clearing_id: Uuid,
    standing: String,
}

impl OverrunCommand {
    pub(crate) async fn run(self, session: &Session) -> Result<Ending, Failure> {
        match self {
            Self::List => {
                let answer = session.client.get("/v1/overruns").await?;
                session.show(&answer, overruns)?;
            }
            Self::Proposed => {
                let answer = session.client.get("/v1/overrun-clearings").await?;
                session.show(&answer, clearings)?;
            }
            Self::Propose(propose) => propose.run(session).await?,
            Self::Confirm { clearing } => decide(session, clearing, "confirmation").await?,
            Self::Reject { clearing } => decide(session, clearing, "rejection").await?,
        }
        Ok(Ending::Well)
    }
}

async fn decide(session: &Session, clearing: Uuid, what: &str) -> Result<(), Failure> {
    let path = format!("/v1/overrun-clearings/{clearing}/{what}");
    let answer = session.client.post_empty(&path).await?;
    session.show(&answer, ClearingStands::text)
}

impl Propose {
    async fn run(self, session: &Session) -> Result<(), Failure> {
        let clearing_id = self.id.unwrap_or_else(record::id::fresh);
        let body = json!({
            "clearing_id": clearing_id,
            "gpu_seconds": self.gpu_hours,
            "usek": self.kronor,
            "how": self.how,
            "motivation": self.motivation,
        });
        let path = format!("/v1/grants/{}/overrun-clearings", self.grant);
        let answer = session.client.post(&path, &body, &[("--id", clearing_id)]).await?;
        session.show(&answer, ClearingStands::text)
    }
}

impl ClearingStands {
    fn text(self) -> String {
        let id = self.clearing_id;
        let standing = match self.standing.as_str() {
            "proposed" => format!("waits for a second person: `mimer overrun confirm {id}`"),
            other => other.to_owned(),
        };
        Sheet::default().line("clearing", id).line("standing", standing).text()
    }
}

fn overruns(overruns: Vec<Overrun>) -> String {
    let columns = [words("grant"), figures("GPU time"), figures("would have cost")];
    let rows = overruns.into_iter().map(|overrun| {
        [
            overrun.grant_id.to_string(),
            amount::show_gpu_time(overrun.gpu_seconds),
            amount::show_kronor(overrun.usek),
        ]
    });
    list(columns, rows, "every use was covered by its grant")
}

fn clearings(clearings: Vec<Clearing>) -> String {
    let columns = [
        words("clearing"),
        words("grant"),
        figures("GPU time"),
        figures("money"),
        words("how"),
        words("proposed by"),
        words("proposed"),
    ];
    let rows = clearings.into_iter().map(|clearing| {
        [
            clearing.clearing_id.to_string(),
            clearing.grant_id.to_string(),
            amount::show_gpu_time(clearing.gpu_seconds),
            amount::show_kronor(clearing.usek),
            clearing.how,
            clearing.proposed_by.to_string(),
            instant::show(clearing.proposed_at),
        ]
    });
    list(columns, rows, "no clearing waits for a second person")
}
