//! `mimer cluster`: is Slurm set up as the broker needs it, and has it what it should have?

mod difference;
mod import;
mod setting;

use serde_json::json;

use self::difference::{Differences, Outcome};
use self::setting::SettingFault;
use crate::failure::Failure;
use crate::session::{Ending, Session, read};

/// The cluster as the broker sees it.
#[derive(clap::Subcommand)]
pub(crate) enum ClusterCommand {
    /// Compare Slurm's settings with what the broker needs; exit code 1 if one differs (operator).
    Check,
    /// Compare Slurm's accounts, users, QOS and reservations with what they should be; exit code 1
    /// if one differs (operator).
    Diff,
    /// Set them as they should be, also where somebody changed them by hand; exit code 1 if
    /// something is left (operator).
    Apply {
        /// Why, for the record.
        #[arg(long, value_name = "TEXT")]
        why: String,
    },
    /// Tell what the broker would make of the accounts, users and limits that Slurm has; changes
    /// nothing (operator).
    Import,
}

impl ClusterCommand {
    pub(crate) async fn run(self, session: &Session) -> Result<Ending, Failure> {
        match self {
            Self::Check => {
                let answer = session.client.get("/v1/cluster/settings").await?;
                let faults: Vec<SettingFault> = read(&answer)?;
                session.show(&answer, setting::text)?;
                Ok(Ending::well_if(faults.is_empty()))
            }
            Self::Diff => {
                let answer = session.client.get("/v1/cluster/diff").await?;
                let differences: Differences = read(&answer)?;
                session.show(&answer, difference::text)?;
                Ok(Ending::well_if(differences.lines.is_empty()))
            }
            Self::Apply { why } => {
                let body = json!({ "why": why });
                let answer = session.client.post("/v1/cluster/apply", &body, &[]).await?;
                let outcome: Outcome = read(&answer)?;
                session.show(&answer, difference::outcome)?;
                Ok(Ending::well_if(outcome.failed.is_empty() && outcome.left.is_empty()))
            }
            Self::Import => {
                let answer = session.client.get("/v1/cluster/import").await?;
                session.show(&answer, import::text)?;
                Ok(Ending::Well)
            }
        }
    }
}
