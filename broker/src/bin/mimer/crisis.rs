//! `mimer crisis`: projects that go first for a while, activated by two people.

use chrono::{DateTime, Utc};
use record::GpuSeconds;
use serde::Deserialize;
use serde_json::json;
use uuid::Uuid;

use crate::amount;
use crate::failure::Failure;
use crate::instant;
use crate::project;
use crate::reference::Reference;
use crate::session::{Ending, Session};
use crate::table::{Sheet, figures, list, words};

/// Crisis mode: chosen projects go before everybody else until a stated end.
#[derive(clap::Subcommand)]
pub(crate) enum CrisisCommand {
    /// Propose it; another person must confirm before anything happens (operator or decider).
    Propose {
        /// Project that shall go first; repeat for several.
        #[arg(long = "project", value_name = "PROJECT", required = true)]
        projects: Vec<Reference>,
        /// When it ends by itself, as 2027-03-01 or an RFC 3339 instant.
        #[arg(long, value_name = "DATE", value_parser = instant::instant)]
        until: DateTime<Utc>,
        /// What has happened, for the record.
        #[arg(long, value_name = "TEXT")]
        why: String,
        /// Id to give it; repeating the command with the same id changes nothing.
        #[arg(long)]
        id: Option<Uuid>,
    },
    /// Confirm another person's proposal: the projects go first from now on.
    Confirm {
        /// Id of the crisis.
        crisis: Uuid,
    },
    /// End it before its time, or withdraw a proposal.
    End {
        /// Id of the crisis.
        crisis: Uuid,
        /// Why, for the record.
        #[arg(long, value_name = "TEXT")]
        why: String,
    },
    /// List crises, the newest first.
    List,
    /// Show every run that made way and every run that went first.
    Report {
        /// Id of the crisis.
        crisis: Uuid,
    },
}

#[derive(Deserialize)]
struct Crisis {
    crisis_id: Uuid,
    project_ids: Vec<Uuid>,
    ends_at: DateTime<Utc>,
    proposed_by: Uuid,
    confirmed_by: Option<Uuid>,
    confirmed_at: Option<DateTime<Utc>>,
    ended_at: Option<DateTime<Utc>>,
}

#[derive(Deserialize)]
struct Report {
    crisis: Crisis,
    made_way: Vec<Victim>,
    went_first: Vec<serde_json::Value>,
    gpu_seconds_lost: i64,
    complete: bool,
}

#[derive(Deserialize)]
struct Victim {
    slurm_job_id: i64,
    account: String,
    started_at: DateTime<Utc>,
    ended_at: DateTime<Utc>,
    gpu_seconds: i64,
    charged_usek: i64,
}

impl CrisisCommand {
    pub(crate) async fn run(self, session: &Session) -> Result<Ending, Failure> {
        match self {
            Self::Propose { projects, until, why, id } => {
                let mut project_ids = Vec::new();
                for project in &projects {
                    project_ids.push(project::find(session, project).await?);
                }
                let crisis_id = id.unwrap_or_else(record::id::fresh);
                let body = json!({ "crisis_id": crisis_id, "project_ids": project_ids,
                    "ends_at": until, "why": why });
                let ids = [("--id", crisis_id)];
                let answer = session.client.post("/v1/crises", &body, &ids).await?;
                session.show(&answer, sheet)?;
            }
            Self::Confirm { crisis } => {
                let path = format!("/v1/crises/{crisis}/confirmation");
                session.show(&session.client.post_empty(&path).await?, sheet)?;
            }
            Self::End { crisis, why } => {
                let path = format!("/v1/crises/{crisis}/end");
                let answer = session.client.post(&path, &json!({ "why": why }), &[]).await?;
                session.show(&answer, sheet)?;
            }
            Self::List => session.show(&session.client.get("/v1/crises").await?, table)?,
            Self::Report { crisis } => {
                let path = format!("/v1/crises/{crisis}/report");
                session.show(&session.client.get(&path).await?, report)?;
            }
        }
        Ok(Ending::Well)
    }
}

/// Where a crisis stands, in one word.
fn standing(crisis: &Crisis) -> &'static str {
    match (crisis.confirmed_at, crisis.ended_at) {
        (None, None) => "proposed: another person must confirm it",
        (None, Some(_)) => "never confirmed",
        (Some(_), None) => "active",
        (Some(_), Some(_)) => "over",
    }
}

fn sheet(crisis: Crisis) -> String {
    let projects: Vec<String> = crisis.project_ids.iter().map(Uuid::to_string).collect();
    Sheet::default()
        .line("crisis", crisis.crisis_id)
        .line("stands", standing(&crisis))
        .line("goes first", projects.join(", "))
        .line("proposed by", crisis.proposed_by)
        .line_if("confirmed by", crisis.confirmed_by)
        .line_if("active since", crisis.confirmed_at.map(instant::show))
        .line("ends", instant::show(crisis.ends_at))
        .line_if("ended", crisis.ended_at.map(instant::show))
        .text()
}

fn table(crises: Vec<Crisis>) -> String {
    let columns = [words("crisis"), words("stands"), words("active since"), words("ends")];
    let rows = crises.into_iter().map(|crisis| {
        let stands = standing(&crisis).to_owned();
        let since = instant::show_if(crisis.confirmed_at);
        let ends = instant::show(crisis.ended_at.unwrap_or(crisis.ends_at));
        [crisis.crisis_id.to_string(), stands, since, ends]
    });
    list(columns, rows, "there was no crisis")
}

fn report(report: Report) -> String {
    let lost = GpuSeconds::new(report.gpu_seconds_lost).unwrap_or_default();
    let complete = if report.complete { "yes" } else { "no: slurmdbd may have more to tell" };
    let head = Sheet::default()
        .line("crisis", report.crisis.crisis_id)
        .line("stands", standing(&report.crisis))
        .line("went first", report.went_first.len())
        .line("made way", report.made_way.len())
        .line("GPU time lost", amount::show_gpu_time(lost))
        .line("complete", complete)
        .text();
    let columns = [
        figures("job"),
        words("account"),
        words("began"),
        words("made way"),
        figures("GPU time"),
        figures("charged"),
    ];
    let rows = report.made_way.into_iter().map(|victim| {
        [
            victim.slurm_job_id.to_string(),
            victim.account,
            instant::show(victim.started_at),
            instant::show(victim.ended_at),
            amount::show_gpu_time(GpuSeconds::new(victim.gpu_seconds).unwrap_or_default()),
            amount::show_difference(victim.charged_usek),
        ]
    });
    format!("{head}\n\n{}", list(columns, rows, "no run made way"))
}
