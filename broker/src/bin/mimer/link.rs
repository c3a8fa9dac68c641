//! `mimer link`: permitted data on its way from an environment to a project.

use chrono::{DateTime, Utc};
use serde::Deserialize;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::amount;
use crate::environment::EnvironmentRow;
use crate::failure::Failure;
use crate::instant;
use crate::project;
use crate::reference::{self, Reference};
use crate::session::{Ending, Session};
use crate::size;
use crate::table::{Sheet, plain};
use crate::wait::{Ends, Wait};

/// Staging links: permitted data on its way from an environment to a project.
#[derive(clap::Subcommand)]
pub(crate) enum LinkCommand {
    /// Open a link and begin to fetch; jobs that name it wait until it is verified (member).
    Open(Box<Open>),
    /// Show where a link stands.
    Show {
        /// Id of the link.
        link: Uuid,
        /// Wait until it is verified or stopped; exit code 1 if it is not verified.
        #[arg(long)]
        wait: bool,
    },
}

#[derive(clap::Args)]
pub(crate) struct Open {
    /// Short name or id of the project.
    #[arg(long)]
    project: Reference,
    /// Id of the permit.
    #[arg(long, value_name = "ID")]
    permit: Uuid,
    /// Dataset, as the permit names it.
    #[arg(long, value_name = "NAME")]
    dataset: String,
    /// Name or id of the environment it comes from.
    #[arg(long)]
    environment: Reference,
    /// Directory of the dataset, below the environment's root.
    #[arg(long, value_name = "DIRECTORY")]
    path: String,
    /// Ending of the file names that may pass, as csv; repeat for several.
    #[arg(long = "type", value_name = "ENDING", required = true)]
    types: Vec<String>,
    /// The most bytes in all, as 500MB or 10GiB.
    #[arg(long, value_name = "SIZE", value_parser = size::bytes)]
    max_size: u64,
    /// Wait until it is verified or stopped; exit code 1 if it is not verified.
    #[arg(long)]
    wait: bool,
    /// Id to give it; repeating the command with the same id changes nothing.
    #[arg(long)]
    id: Option<Uuid>,
}

#[derive(Deserialize)]
struct Link {
    link_id: Uuid,
    project_id: Uuid,
    permit_id: Uuid,
    dataset: String,
    environment_name: String,
    source_path: String,
    area: String,
    bounds: Bounds,
    opened_at: DateTime<Utc>,
    #[serde(flatten)]
    state: LinkState,
}

#[derive(Deserialize)]
struct Bounds {
    allowed_types: Vec<String>,
    max_bytes: u64,
}

/// The parts of a state that people read; which of them are there depends on the state.
#[derive(Deserialize)]
struct LinkState {
    state: String,
    since: Option<DateTime<Utc>>,
    at: Option<DateTime<Utc>>,
    code: Option<String>,
    manifest_sha256: Option<String>,
    file_count: Option<u64>,
    size_bytes: Option<u64>,
}

impl Link {
    fn is_verified(&self) -> bool {
        self.state.state == "verified"
    }
}

impl Ends for Link {
    fn standing(&self) -> String {
        match &self.state.code {
            Some(code) => plain(&format!("{} ({code})", self.state.state)),
            None => plain(&self.state.state),
        }
    }

    /// A failed link is fetched again by the broker, so only these three are the end.
    fn is_over(&self) -> bool {
        matches!(self.state.state.as_str(), "verified" | "quarantined" | "revoked")
    }
}

impl LinkCommand {
    pub(crate) async fn run(self, session: &Session) -> Result<Ending, Failure> {
        match self {
            Self::Open(open) => open.run(session).await,
            Self::Show { link, wait: true } => wait(session, link).await,
            Self::Show { link, wait: false } => {
                let answer = session.client.get(&format!("/v1/links/{link}")).await?;
                session.show(&answer, sheet)?;
                Ok(Ending::Well)
            }
        }
    }
}

impl Open {
    async fn run(self, session: &Session) -> Result<Ending, Failure> {
        let project_id = project::find(session, &self.project).await?;
        let environment_id = reference::find::<EnvironmentRow>(session, &self.environment).await?;
        let link_id = self.id.unwrap_or_else(record::id::fresh);
        let body = json!({
            "link_id": link_id,
            "permit_id": self.permit,
            "dataset": self.dataset,
            "environment_id": environment_id,
            "source_path": self.path,
            "allowed_types": self.types,
            "max_bytes": self.max_size,
        });
        let path = format!("/v1/projects/{project_id}/links");
        let answer: Value = session.client.post(&path, &body, &[("--id", link_id)]).await?;
        if self.wait {
            return wait(session, link_id).await;
        }
        session.show(&answer, sheet)?;
        Ok(Ending::Well)
    }
}

async fn wait(session: &Session, link_id: Uuid) -> Result<Ending, Failure> {
    let wait = Wait {
        what: format!("link {link_id}"),
        path: format!("/v1/links/{link_id}"),
        again: format!("mimer link show {link_id} --wait"),
        at_most_s: None,
        session,
    };
    let (answer, link) = wait.until_over::<Link>().await?;
    session.show(&answer, sheet)?;
    Ok(Ending::well_if(link.is_verified()))
}

fn sheet(link: Link) -> String {
    let state = link.state;
    let when = state.at.or(state.since).map(instant::show);
    Sheet::default()
        .line("link", link.link_id)
        .line(
            "state",
            when.map_or_else(|| state.state.clone(), |at| format!("{} {at}", state.state)),
        )
        .line_if("reason", state.code)
        .line("project", link.project_id)
        .line("permit", link.permit_id)
        .line("dataset", link.dataset)
        .line("from", format!("{}, {}", link.environment_name, link.source_path))
        .line("to", link.area)
        .line(
            "may pass",
            format!(
                "{}, at most {}",
                link.bounds.allowed_types.join(", "),
                amount::show_bytes(link.bounds.max_bytes)
            ),
        )
        .line_if("files", state.file_count)
        .line_if("size", state.size_bytes.map(amount::show_bytes))
        .line_if("manifest", state.manifest_sha256)
        .line("opened", instant::show(link.opened_at))
        .text()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn link(state: serde_json::Value) -> Link {
        let mut link = json!({
            "link_id": Uuid::nil(),
            "project_id": Uuid::nil(),
            "permit_id": Uuid::nil(),
            "dataset": "cohort",
            "environment_name": "SPE",
            "source_path": "registers/cohort",
            "area": "/area/data/cohort",
            "bounds": { "allowed_types": ["csv"], "max_bytes": 1_000_000 },
            "opened_at": "2027-03-01T08:00:00Z",
        });
        if let (Some(link), serde_json::Value::Object(state)) = (link.as_object_mut(), state) {
            link.extend(state);
        }
        serde_json::from_value(link).unwrap()
    }

    #[test]
    fn a_link_that_failed_may_still_be_verified() {
        let at = "2027-03-01T08:01:00Z";
        let failed = link(json!({ "state": "failed", "at": at, "code": "connection_lost" }));
        assert!(!failed.is_over());
        assert_eq!(failed.standing(), "failed (connection_lost)");
        let quarantined = link(json!({ "state": "quarantined", "at": at, "code": "wrong_chunk" }));
        assert!(quarantined.is_over() && !quarantined.is_verified());
    }

    #[test]
    fn a_verified_link_shows_what_came() {
        let text = sheet(link(json!({
            "state": "verified",
            "at": "2027-03-01T08:01:00Z",
            "manifest_sha256": "d2c0",
            "file_count": 2,
            "size_bytes": 300_004,
        })));
        assert!(text.contains("verified 2027-03-01 09:01:00"), "{text}");
        assert!(text.contains("300 004 bytes"), "{text}");
    }
}
