//! `mimer request`: what an agency asks for, before a decision.

use chrono::{DateTime, Utc};
use record::GpuSeconds;
use serde::{Deserialize, Serialize};
use serde_json::json;
use uuid::Uuid;

use crate::access_mode;
use crate::amount;
use crate::failure::Failure;
use crate::instant;
use crate::project;
use crate::reference::Reference;
use crate::session::{Ending, Session};
use crate::table::{Sheet, figures, list, words};
use crate::window::Window;

/// Requests: what a project asks for, before a decision.
#[derive(clap::Subcommand)]
pub(crate) enum RequestCommand {
    /// Send a request for GPU time (agency member).
    Submit(Box<Submit>),
    /// List the requests that wait for a decision (decider).
    List,
}

#[derive(clap::Args)]
pub(crate) struct Submit {
    /// Short name or id of the project.
    #[arg(long)]
    project: Reference,
    /// What it is for, in your own words; the decider reads it.
    #[arg(long, value_name = "TEXT")]
    purpose: String,
    /// Class of GPU.
    #[arg(long, value_name = "NAME")]
    class: String,
    /// GPU time in all, in hours, as 100 or 0,5.
    #[arg(long, value_name = "HOURS", value_parser = amount::gpu_hours)]
    gpu_hours: GpuSeconds,
    /// The most GPUs in use at one time.
    #[arg(long, value_name = "COUNT")]
    gpus: u16,
    /// The longest single job, as 2h30m.
    #[arg(long, value_name = "DURATION", value_parser = instant::duration_s)]
    longest_run: i64,
    #[command(flatten)]
    window: Window,
    /// Where data and compute meet.
    #[arg(long)]
    pattern: Pattern,
    /// Name or id of the access mode it is asked by; `mimer access-mode list` shows them.
    #[arg(long, value_name = "MODE")]
    access_mode: Option<Reference>,
    /// Id to give it; repeating the command with the same id changes nothing.
    #[arg(long)]
    id: Option<Uuid>,
}

#[derive(Clone, Copy, clap::ValueEnum, Serialize)]
#[serde(rename_all = "snake_case")]
enum Pattern {
    /// The job goes where the data are.
    ComputeToData,
    /// The permitted data come to the cluster.
    DataToCompute,
    /// Several places compute and exchange models.
    Federated,
}

#[derive(Deserialize)]
struct RequestRow {
    request_id: Uuid,
    project_id: Uuid,
    purpose: String,
    class: String,
    gpu_seconds: GpuSeconds,
    gpus_at_once: i64,
    longest_run_s: i64,
    from: DateTime<Utc>,
    until: DateTime<Utc>,
    pattern: String,
    submitted_at: DateTime<Utc>,
    state: String,
}

impl RequestCommand {
    pub(crate) async fn run(self, session: &Session) -> Result<Ending, Failure> {
        match self {
            Self::Submit(submit) => submit.run(session).await?,
            Self::List => {
                let answer = session.client.get("/v1/requests").await?;
                session.show(&answer, table)?;
            }
        }
        Ok(Ending::Well)
    }
}

impl Submit {
    async fn run(self, session: &Session) -> Result<(), Failure> {
        let project_id = project::find(session, &self.project).await?;
        let access_mode_id = match &self.access_mode {
            Some(mode) => Some(access_mode::find(session, project_id, mode).await?),
            None => None,
        };
        let request_id = self.id.unwrap_or_else(record::id::fresh);
        let body = json!({
            "request_id": request_id,
            "purpose": self.purpose,
            "class": self.class,
            "gpu_seconds": self.gpu_hours,
            "gpus_at_once": self.gpus,
            "longest_run_s": self.longest_run,
            "from": self.window.from,
            "until": self.window.until,
            "pattern": self.pattern,
            "access_mode_id": access_mode_id,
        });
        let path = format!("/v1/projects/{project_id}/requests");
        let answer = session.client.post(&path, &body, &[("--id", request_id)]).await?;
        session.show(&answer, sheet)
    }
}

fn sheet(request: RequestRow) -> String {
    Sheet::default()
        .line("request", request.request_id)
        .line("state", request.state)
        .line("project", request.project_id)
        .line("class", request.class)
        .line("GPU time", amount::show_gpu_time(request.gpu_seconds))
        .line("at once", format!("at most {} GPUs", request.gpus_at_once))
        .line("one job", format!("at most {}", instant::show_duration(request.longest_run_s)))
        .line("wanted", instant::show_window(request.from, request.until))
        .line("pattern", request.pattern)
        .line("purpose", request.purpose)
        .line("sent", instant::show(request.submitted_at))
        .text()
}

fn table(requests: Vec<RequestRow>) -> String {
    let columns = [
        words("request"),
        words("project"),
        words("class"),
        figures("GPU time"),
        figures("GPUs"),
        words("wanted"),
        words("sent"),
        words("purpose"),
    ];
    let rows = requests.into_iter().map(|request| {
        [
            request.request_id.to_string(),
            request.project_id.to_string(),
            request.class,
            amount::show_gpu_time(request.gpu_seconds),
            request.gpus_at_once.to_string(),
            instant::show_window(request.from, request.until),
            instant::show(request.submitted_at),
            request.purpose,
        ]
    });
    list(columns, rows, "no request waits for a decision")
}
