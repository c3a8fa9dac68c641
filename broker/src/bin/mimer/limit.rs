//! `mimer limit`: bounds on use at once, beside grants.

use serde::Deserialize;
use serde_json::json;
use uuid::Uuid;

use crate::agency::AgencyRow;
use crate::failure::Failure;
use crate::project;
use crate::reference::{self, Reference};
use crate::session::{Ending, Session};
use crate::table::{Sheet, figures, list, words};

/// Limits: how many GPUs and jobs may be in use at once.
#[derive(clap::Subcommand)]
pub(crate) enum LimitCommand {
    /// Limit use at once of an agency or a project; the newest limit counts (operator).
    Set(Set),
    /// List the limits that count (operator, decider, finance).
    List,
}

#[derive(clap::Args)]
pub(crate) struct Set {
    #[command(flatten)]
    of: Of,
    /// Only for this class of GPU; for every class if it is left out.
    #[arg(long, value_name = "NAME")]
    class: Option<String>,
    /// The most GPUs at once; not limited if it is left out.
    #[arg(long, value_name = "COUNT")]
    gpus: Option<u32>,
    /// The most jobs at once; not limited if it is left out.
    #[arg(long, value_name = "COUNT")]
    jobs: Option<u32>,
    /// Id to give it; repeating the command with the same id changes nothing.
    #[arg(long)]
    id: Option<Uuid>,
}

#[derive(clap::Args)]
#[group(required = true, multiple = false)]
struct Of {
    /// The agency: name, organisation number or id.
    #[arg(long)]
    agency: Option<Reference>,
    /// Id of the project, or its short name if you are a member.
    #[arg(long)]
    project: Option<Reference>,
}

#[derive(Deserialize)]
struct UseLimit {
    use_limit_id: Uuid,
    scope: Scope,
    class: Option<String>,
    gpus_at_once: Option<i64>,
    jobs_at_once: Option<i64>,
}

/// Whose limit it is.
#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum Scope {
    Agency(Uuid),
    Project(Uuid),
}

impl Scope {
    fn text(&self) -> String {
        match self {
            Self::Agency(agency_id) => format!("agency {agency_id}"),
            Self::Project(project_id) => format!("project {project_id}"),
        }
    }
}

impl LimitCommand {
    pub(crate) async fn run(self, session: &Session) -> Result<Ending, Failure> {
        match self {
            Self::Set(set) => set.run(session).await?,
            Self::List => {
                let answer = session.client.get("/v1/use-limits").await?;
                session.show(&answer, table)?;
            }
        }
        Ok(Ending::Well)
    }
}

impl Set {
    async fn run(self, session: &Session) -> Result<(), Failure> {
        let agency_id = match &self.of.agency {
            Some(agency) => Some(reference::find::<AgencyRow>(session, agency).await?),
            None => None,
        };
        let project_id = match &self.of.project {
            Some(project) => Some(project::find(session, project).await?),
            None => None,
        };
        let use_limit_id = self.id.unwrap_or_else(record::id::fresh);
        let body = json!({
            "use_limit_id": use_limit_id,
            "agency_id": agency_id,
            "project_id": project_id,
            "class": self.class,
            "gpus_at_once": self.gpus,
            "jobs_at_once": self.jobs,
        });
        let ids = [("--id", use_limit_id)];
        let answer = session.client.post("/v1/use-limits", &body, &ids).await?;
        session.show(&answer, |limit: UseLimit| {
            Sheet::default()
                .line("limit", limit.use_limit_id)
                .line("of", limit.scope.text())
                .line("class", limit.class.unwrap_or_else(|| "every class".to_owned()))
                .line("GPUs at once", at_most(limit.gpus_at_once))
                .line("jobs at once", at_most(limit.jobs_at_once))
                .text()
        })
    }
}

fn at_most(limit: Option<i64>) -> String {
    limit.map_or_else(|| "not limited".to_owned(), |limit| limit.to_string())
}

fn table(limits: Vec<UseLimit>) -> String {
    let columns = [
        words("limit"),
        words("of"),
        words("class"),
        figures("GPUs at once"),
        figures("jobs at once"),
    ];
    let rows = limits.into_iter().map(|limit| {
        [
            limit.use_limit_id.to_string(),
            limit.scope.text(),
            limit.class.unwrap_or_else(|| "every class".to_owned()),
            at_most(limit.gpus_at_once),
            at_most(limit.jobs_at_once),
        ]
    });
    list(columns, rows, "nothing is limited but by grants")
}
