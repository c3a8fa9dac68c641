//! `mimer decision`: approve a request, which becomes a grant, or reject it.

use std::str::FromStr;

use clap::ValueEnum;
use record::{GpuSeconds, MicroSek};
use serde::{Deserialize, Serialize};
use serde_json::json;
use uuid::Uuid;

use crate::amount;
use crate::failure::Failure;
use crate::grant;
use crate::instant;
use crate::session::{Ending, Session};
use crate::table::Sheet;
use crate::window::Window;

/// Decisions on requests; never by the one who asked, never by an operator.
#[derive(clap::Subcommand)]
pub(crate) enum DecisionCommand {
    /// Approve a request: it becomes a grant (decider).
    Approve(Approve),
    /// Reject a request (decider).
    Reject(Reject),
}

#[derive(clap::Args)]
pub(crate) struct Approve {
    /// Id of the request.
    request: Uuid,
    /// Points by a criterion, 0 to 5; at least societal-benefit and security must be scored.
    #[arg(long = "score", value_name = "CRITERION=POINTS", required = true)]
    scores: Vec<Score>,
    /// The reason, which the applicant reads.
    #[arg(long, value_name = "TEXT")]
    motivation: String,
    /// Id of the pool the GPU time comes from; its fund gives the money.
    #[arg(long, value_name = "ID")]
    pool: Uuid,
    /// GPU time granted, in hours, as 100 or 0,5.
    #[arg(long, value_name = "HOURS", value_parser = amount::gpu_hours)]
    gpu_hours: GpuSeconds,
    /// The most it may cost, in kronor, as 50000 or 12,50.
    #[arg(long, value_name = "AMOUNT", value_parser = amount::kronor)]
    kronor: MicroSek,
    #[command(flatten)]
    window: Window,
    /// The longest single job, as 2h30m.
    #[arg(long, value_name = "DURATION", value_parser = instant::duration_s)]
    longest_run: i64,
    /// The most GPUs of one job.
    #[arg(long, value_name = "COUNT")]
    gpus: u16,
    /// Id to give the decision; repeating it with the same ids changes nothing.
    #[arg(long)]
    id: Option<Uuid>,
    /// Id to give the grant.
    #[arg(long, value_name = "ID")]
    grant_id: Option<Uuid>,
}

#[derive(clap::Args)]
pub(crate) struct Reject {
    /// Id of the request.
    request: Uuid,
    /// The reason, which the applicant reads.
    #[arg(long, value_name = "TEXT")]
    motivation: String,
    /// Points by a criterion, 0 to 5.
    #[arg(long = "score", value_name = "CRITERION=POINTS")]
    scores: Vec<Score>,
    /// Id to give the decision; repeating it with the same id changes nothing.
    #[arg(long)]
    id: Option<Uuid>,
}

/// Points by one criterion.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
struct Score {
    criterion: Criterion,
    points: u8,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, Serialize)]
#[serde(rename_all = "snake_case")]
enum Criterion {
    SocietalBenefit,
    Security,
    Need,
    Feasibility,
}

/// The text is not points by a criterion.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is not a score; write societal-benefit, security, need or feasibility, `=` and 0 to 5"
)]
struct NotAScore(String);

impl FromStr for Score {
    type Err = NotAScore;

    fn from_str(text: &str) -> Result<Self, NotAScore> {
        let read = || {
            let (criterion, points) = text.split_once('=')?;
            let criterion = Criterion::from_str(&criterion.replace('_', "-"), false).ok()?;
            let points = points.parse().ok().filter(|points| *points <= 5)?;
            Some(Self { criterion, points })
        };
        read().ok_or_else(|| NotAScore(text.to_owned()))
    }
}

#[derive(Deserialize)]
struct Decision {
    decision_id: Uuid,
    request_id: Uuid,
    outcome: String,
}

impl DecisionCommand {
    pub(crate) async fn run(self, session: &Session) -> Result<Ending, Failure> {
        match self {
            Self::Approve(approve) => approve.run(session).await?,
            Self::Reject(reject) => reject.run(session).await?,
        }
        Ok(Ending::Well)
    }
}

impl Approve {
    async fn run(self, session: &Session) -> Result<(), Failure> {
        let decision_id = self.id.unwrap_or_else(record::id::fresh);
        let grant_id = self.grant_id.unwrap_or_else(record::id::fresh);
        let body = json!({
            "decision_id": decision_id,
            "scores": self.scores,
            "motivation": self.motivation,
            "grant": {
                "grant_id": grant_id,
                "pool_id": self.pool,
                "gpu_seconds": self.gpu_hours,
                "usek": self.kronor,
                "valid_from": self.window.from,
                "valid_until": self.window.until,
                "max_wall_time_s": self.longest_run,
                "max_gpus": self.gpus,
            },
        });
        let path = format!("/v1/requests/{}/approval", self.request);
        let ids = [("--id", decision_id), ("--grant-id", grant_id)];
        let answer = session.client.post(&path, &body, &ids).await?;
        session.show(&answer, grant::sheet)
    }
}

impl Reject {
    async fn run(self, session: &Session) -> Result<(), Failure> {
        let decision_id = self.id.unwrap_or_else(record::id::fresh);
        let body = json!({
            "decision_id": decision_id,
            "scores": self.scores,
            "motivation": self.motivation,
        });
        let path = format!("/v1/requests/{}/rejection", self.request);
        let answer = session.client.post(&path, &body, &[("--id", decision_id)]).await?;
        session.show(&answer, |decision: Decision| {
            Sheet::default()
                .line("decision", decision.decision_id)
                .line("request", decision.request_id)
                .line("outcome", decision.outcome)
                .text()
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_score_is_a_criterion_and_its_points() {
        let score = Score { criterion: Criterion::SocietalBenefit, points: 4 };
        assert_eq!("societal-benefit=4".parse(), Ok(score));
        assert_eq!("societal_benefit=4".parse(), Ok(score));
        assert_eq!(json!(score), json!({ "criterion": "societal_benefit", "points": 4 }));
    }

    #[test]
    fn what_is_no_score_is_refused() {
        for text in ["", "security", "security=6", "security=-1", "beauty=3", "security=4=5"] {
            assert_eq!(text.parse::<Score>(), Err(NotAScore(text.to_owned())), "{text}");
        }
    }
}
