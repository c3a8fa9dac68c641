//! `mimer permit`: an authority's decision on data, copied and revoked by the data controller.

use chrono::{DateTime, Utc};
use serde::Deserialize;
use serde_json::json;
use uuid::Uuid;

use crate::failure::Failure;
use crate::instant;
use crate::project;
use crate::reference::Reference;
use crate::session::{Ending, Session};
use crate::table::Sheet;
use crate::window::Window;

/// Permits: an authority's decision that named persons may compute on named datasets.
#[derive(clap::Subcommand)]
pub(crate) enum PermitCommand {
    /// Record a permit as the authority wrote it (the project's data controller).
    Record(Box<Record>),
    /// Revoke a permit: nothing new starts on it, and what runs is stopped within 60 s.
    Revoke {
        /// Id of the permit.
        permit: Uuid,
        /// Why, for the record.
        #[arg(long, value_name = "TEXT")]
        why: String,
    },
}

#[derive(clap::Args)]
pub(crate) struct Record {
    /// Id of the project.
    #[arg(long)]
    project: Reference,
    /// The authority that decided.
    #[arg(long, value_name = "AUTHORITY")]
    issuer: String,
    /// Its case number.
    #[arg(long, value_name = "NUMBER")]
    reference: String,
    /// What the data may be used for.
    #[arg(long, value_name = "TEXT")]
    purpose: String,
    /// Dataset it covers; repeat for several.
    #[arg(long = "dataset", value_name = "NAME", required = true)]
    datasets: Vec<String>,
    /// Login of a person it names; repeat for several.
    #[arg(long = "person", value_name = "LOGIN", required = true)]
    persons: Vec<String>,
    /// Environment it names; repeat for several.
    #[arg(long = "environment", value_name = "NAME", required = true)]
    environments: Vec<String>,
    #[command(flatten)]
    window: Window,
    /// How long a running job may go on while the permit cannot be checked.
    #[arg(long, value_name = "DURATION", default_value = "15m", value_parser = instant::duration_s)]
    grace: i64,
    /// Id to give it; repeating the command with the same id changes nothing.
    #[arg(long)]
    id: Option<Uuid>,
}

#[derive(Deserialize)]
struct Permit {
    permit_id: Uuid,
    project_id: Uuid,
    issuer: String,
    reference: String,
    datasets: Vec<String>,
    person_ids: Vec<Uuid>,
    environment_names: Vec<String>,
    valid_from: DateTime<Utc>,
    valid_until: DateTime<Utc>,
    grace_s: i64,
    revoked_at: Option<DateTime<Utc>>,
}

impl PermitCommand {
    pub(crate) async fn run(self, session: &Session) -> Result<Ending, Failure> {
        let answer = match self {
            Self::Record(record) => record.send(session).await?,
            Self::Revoke { permit, why } => {
                let path = format!("/v1/permits/{permit}/revocation");
                session.client.post(&path, &json!({ "why": why }), &[]).await?
            }
        };
        session.show(&answer, sheet)?;
        Ok(Ending::Well)
    }
}

impl Record {
    async fn send(self, session: &Session) -> Result<serde_json::Value, Failure> {
        let project_id = project::find(session, &self.project).await?;
        let permit_id = self.id.unwrap_or_else(record::id::fresh);
        let body = json!({
            "permit_id": permit_id,
            "issuer": self.issuer,
            "reference": self.reference,
            "purpose": self.purpose,
            "datasets": self.datasets,
            "persons": self.persons,
            "environments": self.environments,
            "valid_from": self.window.from,
            "valid_until": self.window.until,
            "grace_s": self.grace,
        });
        let path = format!("/v1/projects/{project_id}/permits");
        session.client.post(&path, &body, &[("--id", permit_id)]).await
    }
}

fn sheet(permit: Permit) -> String {
    let persons: Vec<String> = permit.person_ids.iter().map(Uuid::to_string).collect();
    Sheet::default()
        .line("permit", permit.permit_id)
        .line("project", permit.project_id)
        .line("issuer", permit.issuer)
        .line("reference", permit.reference)
        .line("datasets", permit.datasets.join(", "))
        .line("persons", persons.join(", "))
        .line("environments", permit.environment_names.join(", "))
        .line("valid", instant::show_window(permit.valid_from, permit.valid_until))
        .line("grace", instant::show_duration(permit.grace_s))
        .line_if("revoked", permit.revoked_at.map(instant::show))
        .text()
}
