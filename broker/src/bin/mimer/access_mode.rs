//! `mimer access-mode`: the sizes of request that a fund knows.

use record::GpuSeconds;
use serde::Deserialize;
use serde_json::json;
use uuid::Uuid;

use crate::amount;
use crate::failure::Failure;
use crate::fund;
use crate::project;
use crate::reference::{Reference, choose_among};
use crate::session::{Ending, Session, read};
use crate::table::{Sheet, figures, list, words};

/// Access modes: the sizes of request that a fund knows, as short, medium and large.
#[derive(clap::Subcommand)]
pub(crate) enum AccessModeCommand {
    /// Make an access mode of a fund (operator).
    Create(Create),
    /// List those of a fund (operator, decider, finance), or those your project may ask by.
    List(Of),
}

#[derive(clap::Args)]
pub(crate) struct Create {
    /// Name or id of the fund.
    #[arg(long)]
    fund: Reference,
    /// What people call it, as short.
    #[arg(long)]
    name: String,
    /// The least GPU time of a request, in hours, as 1 or 0,5.
    #[arg(long, value_name = "HOURS", value_parser = amount::gpu_hours)]
    least: GpuSeconds,
    /// The most GPU time of a request, in hours, as 500.
    #[arg(long, value_name = "HOURS", value_parser = amount::gpu_hours)]
    most: GpuSeconds,
    /// The longest window, in days.
    #[arg(long, value_name = "DAYS")]
    days: u16,
    /// Id to give it; repeating the command with the same id changes nothing.
    #[arg(long)]
    id: Option<Uuid>,
}

#[derive(clap::Args)]
#[group(required = true, multiple = false)]
pub(crate) struct Of {
    /// Name or id of the fund.
    #[arg(long)]
    fund: Option<Reference>,
    /// Short name or id of the project.
    #[arg(long)]
    project: Option<Reference>,
}

#[derive(Deserialize)]
struct AccessMode {
    access_mode_id: Uuid,
    fund_id: Uuid,
    name: String,
    min_gpu_seconds: GpuSeconds,
    max_gpu_seconds: GpuSeconds,
    max_days: i64,
}

/// The access mode that a project's request means.
pub(crate) async fn find(
    session: &Session,
    project_id: Uuid,
    mode: &Reference,
) -> Result<Uuid, Failure> {
    let name = match mode {
        Reference::Id(id) => return Ok(*id),
        Reference::Name(name) => name,
    };
    let answer = session.client.get(&of_project(project_id)).await?;
    let modes: Vec<AccessMode> = read(&answer)?;
    let called = modes.iter().filter(|mode| mode.name == *name).map(|mode| mode.access_mode_id);
    choose_among(called, ("access-mode", "access modes"), name)
}

fn of_project(project_id: Uuid) -> String {
    format!("/v1/projects/{project_id}/access-modes")
}

impl AccessModeCommand {
    pub(crate) async fn run(self, session: &Session) -> Result<Ending, Failure> {
        match self {
            Self::Create(create) => create.run(session).await?,
            Self::List(of) => {
                let path = match (&of.fund, &of.project) {
                    (Some(fund), _) => {
                        format!("/v1/funds/{}/access-modes", fund::find(session, fund).await?)
                    }
                    (None, Some(project)) => of_project(project::find(session, project).await?),
                    // The command line demands one of the two.
                    (None, None) => return Ok(Ending::Well),
                };
                session.show(&session.client.get(&path).await?, table)?;
            }
        }
        Ok(Ending::Well)
    }
}

impl Create {
    async fn run(self, session: &Session) -> Result<(), Failure> {
        let fund_id = fund::find(session, &self.fund).await?;
        let access_mode_id = self.id.unwrap_or_else(record::id::fresh);
        let body = json!({
            "access_mode_id": access_mode_id,
            "name": self.name,
            "min_gpu_seconds": self.least,
            "max_gpu_seconds": self.most,
            "max_days": self.days,
        });
        let path = format!("/v1/funds/{fund_id}/access-modes");
        let answer = session.client.post(&path, &body, &[("--id", access_mode_id)]).await?;
        session.show(&answer, |mode: AccessMode| {
            Sheet::default()
                .line("access mode", mode.access_mode_id)
                .line("fund", mode.fund_id)
                .line("name", mode.name)
                .line("least", amount::show_gpu_time(mode.min_gpu_seconds))
                .line("most", amount::show_gpu_time(mode.max_gpu_seconds))
                .line("window", format!("at most {} days", mode.max_days))
                .text()
        })
    }
}

fn table(modes: Vec<AccessMode>) -> String {
    let columns = [
        words("access mode"),
        words("fund"),
        words("name"),
        figures("least"),
        figures("most"),
        figures("days"),
    ];
    let rows = modes.into_iter().map(|mode| {
        [
            mode.access_mode_id.to_string(),
            mode.fund_id.to_string(),
            mode.name,
            amount::show_gpu_time(mode.min_gpu_seconds),
            amount::show_gpu_time(mode.max_gpu_seconds),
            mode.max_days.to_string(),
        ]
    });
    list(columns, rows, "there are no access modes; requests have no bounds of that kind")
}
