//! `mimer project`: who the work is for.

use serde::Deserialize;
use serde_json::json;
use uuid::Uuid;

use crate::agency::AgencyRow;
use crate::environment::DataClass;
use crate::failure::Failure;
use crate::grant::{self, GrantStanding};
use crate::reference::{self, Named, Reference};
use crate::session::{Ending, Session};
use crate::table::{Sheet, list, words};

/// Projects: who the work is for; they have grants, people, permits and links.
#[derive(clap::Subcommand)]
pub(crate) enum ProjectCommand {
    /// Create a project of your agency; you become its first member (agency member).
    Create(Create),
    /// List the projects you are a member of.
    List,
    /// Show a project with its grants and members.
    Show {
        /// Short name or id.
        project: Reference,
    },
}

#[derive(clap::Args)]
pub(crate) struct Create {
    /// The agency that asks and pays: name, organisation number or id.
    #[arg(long)]
    agency: Reference,
    /// Short name: lower-case letters, digits and inner hyphens, a letter first.
    #[arg(long, value_name = "NAME")]
    slug: String,
    /// What people call it.
    #[arg(long)]
    title: String,
    /// How protected its data are.
    #[arg(long)]
    data_class: DataClass,
    /// Login of the person who answers for the data and may stop it.
    #[arg(long, value_name = "LOGIN")]
    controller: String,
    /// Slurm account its jobs run under.
    #[arg(long, value_name = "ACCOUNT")]
    slurm_account: String,
    /// Id to give it; repeating the command with the same id changes nothing.
    #[arg(long)]
    id: Option<Uuid>,
}

#[derive(Deserialize)]
struct Project {
    project_id: Uuid,
    agency_id: Uuid,
    slug: String,
    title: String,
    data_class: String,
    controller_person_id: Uuid,
    slurm_account: String,
}

#[derive(Deserialize)]
struct ProjectShown {
    #[serde(flatten)]
    project: Project,
    grants: Vec<GrantStanding>,
    members: Vec<Uuid>,
}

impl Named for Project {
    const NOUN: (&'static str, &'static str) = ("project", "projects");
    const LIST: &'static str = "/v1/projects";

    fn id(&self) -> Uuid {
        self.project_id
    }

    fn is_called(&self, name: &str) -> bool {
        self.slug == name
    }
}

/// The id of the project that is meant.
pub(crate) async fn find(session: &Session, project: &Reference) -> Result<Uuid, Failure> {
    reference::find::<Project>(session, project).await
}

impl ProjectCommand {
    pub(crate) async fn run(self, session: &Session) -> Result<Ending, Failure> {
        match self {
            Self::Create(create) => create.run(session).await?,
            Self::List => {
                let answer = session.client.get(Project::LIST).await?;
                session.show(&answer, table)?;
            }
            Self::Show { project } => {
                let project_id = find(session, &project).await?;
                let answer = session.client.get(&format!("/v1/projects/{project_id}")).await?;
                session.show(&answer, shown)?;
            }
        }
        Ok(Ending::Well)
    }
}

impl Create {
    async fn run(self, session: &Session) -> Result<(), Failure> {
        let agency_id = reference::find::<AgencyRow>(session, &self.agency).await?;
        let project_id = self.id.unwrap_or_else(record::id::fresh);
        let body = json!({
            "project_id": project_id,
            "agency_id": agency_id,
            "slug": self.slug,
            "title": self.title,
            "data_class": self.data_class,
            "controller_login": self.controller,
            "slurm_account": self.slurm_account,
        });
        let answer = session.client.post("/v1/projects", &body, &[("--id", project_id)]).await?;
        session.show(&answer, |project: Project| sheet(&project).text())
    }
}

fn sheet(project: &Project) -> Sheet {
    Sheet::default()
        .line("project", project.project_id)
        .line("short name", &project.slug)
        .line("title", &project.title)
        .line("agency", project.agency_id)
        .line("data class", &project.data_class)
        .line("controller", project.controller_person_id)
        .line("Slurm account", &project.slurm_account)
}

fn shown(shown: ProjectShown) -> String {
    let sheet =
        shown.members.iter().fold(sheet(&shown.project), |sheet, id| sheet.line("member", id));
    format!("{}\n\n{}", sheet.text(), grant::table(shown.grants))
}

fn table(projects: Vec<Project>) -> String {
    let columns = [
        words("project"),
        words("short name"),
        words("data class"),
        words("account"),
        words("title"),
    ];
    let rows = projects.into_iter().map(|project| {
        [
            project.project_id.to_string(),
            project.slug,
            project.data_class,
            project.slurm_account,
            project.title,
        ]
    });
    list(columns, rows, "you are not a member of any project; ask a member to add you")
}
