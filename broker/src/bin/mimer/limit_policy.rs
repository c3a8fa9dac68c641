//! `mimer limit-policy`: what happens when an agency comes near its grants, and what did.

use std::str::FromStr;

use chrono::{DateTime, Utc};
use clap::ValueEnum;
use record::GpuSeconds;
use serde::{Deserialize, Serialize};
use serde_json::json;
use uuid::Uuid;

use crate::agency::AgencyRow;
use crate::amount;
use crate::failure::Failure;
use crate::instant;
use crate::reference::{self, Reference};
use crate::session::{Ending, Session};
use crate::table::{Sheet, figures, list, words};

/// Limit policies: what happens when an agency comes near what it was granted.
#[derive(clap::Subcommand)]
pub(crate) enum LimitPolicyCommand {
    /// Decide it for an agency; the newest decision counts (decider).
    Decide(Decide),
    /// Show what was decided for an agency.
    Show {
        /// The agency: name, organisation number or id.
        agency: Reference,
    },
    /// List what was done at an agency's limits, or would have been in a dry run.
    Actions {
        /// The agency: name, organisation number or id.
        agency: Reference,
    },
}

#[derive(clap::Args)]
pub(crate) struct Decide {
    /// The agency: name, organisation number or id.
    agency: Reference,
    /// What happens at a part of what was granted, as 80=warn or 120=cancel-running.
    #[arg(long = "step", value_name = "PERCENT=ACTION", required_unless_present = "nothing")]
    steps: Vec<Step>,
    /// Nothing happens at any limit from now on.
    #[arg(long, conflicts_with = "steps")]
    nothing: bool,
    /// Only record what would be done; steps must have been tried so before they act.
    #[arg(long)]
    dry_run: bool,
    /// The reason, which the agency reads.
    #[arg(long, value_name = "TEXT")]
    motivation: String,
    /// Id to give it; repeating the command with the same id changes nothing.
    #[arg(long)]
    id: Option<Uuid>,
}

/// What happens at which part.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
struct Step {
    at_percent: u16,
    action: Action,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, Serialize)]
#[serde(rename_all = "snake_case")]
enum Action {
    Warn,
    StopNew,
    LowerQos,
    HoldPending,
    CancelRunning,
}

/// The text is not a step.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is not a step; write the percent, `=` and warn, stop-new, lower-qos, hold-pending or \
     cancel-running, as 80=warn"
)]
struct NotAStep(String);

impl FromStr for Step {
    type Err = NotAStep;

    fn from_str(text: &str) -> Result<Self, NotAStep> {
        let read = || {
            let (percent, action) = text.split_once('=')?;
            let at_percent = percent.parse().ok().filter(|percent| *percent > 0)?;
            let action = Action::from_str(&action.replace('_', "-"), false).ok()?;
            Some(Self { at_percent, action })
        };
        read().ok_or_else(|| NotAStep(text.to_owned()))
    }
}

#[derive(Deserialize)]
struct Policy {
    agency_id: Uuid,
    steps: Vec<StepShown>,
    dry_run: bool,
    decided_by: Uuid,
    decided_at: DateTime<Utc>,
}

#[derive(Deserialize, PartialEq)]
struct StepShown {
    at_percent: i64,
    action: String,
}

#[derive(Deserialize)]
struct PolicyShown {
    policy: Option<Policy>,
    standing: Standing,
    reached: Vec<StepShown>,
}

#[derive(Deserialize)]
struct Standing {
    used: GpuSeconds,
    granted: GpuSeconds,
}

#[derive(Deserialize)]
struct LimitAction {
    step: StepShown,
    attempt_id: Option<Uuid>,
    standing: Standing,
    dry_run: bool,
    taken_at: DateTime<Utc>,
}

impl LimitPolicyCommand {
    pub(crate) async fn run(self, session: &Session) -> Result<Ending, Failure> {
        match self {
            Self::Decide(decide) => decide.run(session).await?,
            Self::Show { agency } => {
                let path = path(session, &agency, "limit-policy").await?;
                let answer = session.client.get(&path).await?;
                session.show(&answer, PolicyShown::text)?;
            }
            Self::Actions { agency } => {
                let path = path(session, &agency, "limit-actions").await?;
                let answer = session.client.get(&path).await?;
                session.show(&answer, table)?;
            }
        }
        Ok(Ending::Well)
    }
}

async fn path(session: &Session, agency: &Reference, what: &str) -> Result<String, Failure> {
    let agency_id = reference::find::<AgencyRow>(session, agency).await?;
    Ok(format!("/v1/agencies/{agency_id}/{what}"))
}

impl Decide {
    async fn run(self, session: &Session) -> Result<(), Failure> {
        let limit_policy_id = self.id.unwrap_or_else(record::id::fresh);
        let body = json!({
            "limit_policy_id": limit_policy_id,
            "steps": self.steps,
            "dry_run": self.dry_run,
            "motivation": self.motivation,
        });
        let path = path(session, &self.agency, "limit-policies").await?;
        let answer = session.client.post(&path, &body, &[("--id", limit_policy_id)]).await?;
        session.show(&answer, Policy::text)
    }
}

impl Policy {
    fn text(self) -> String {
        self.with_reached(&[])
    }

    fn with_reached(self, reached: &[StepShown]) -> String {
        let head = Sheet::default()
            .line("agency", self.agency_id)
            .line("acts", if self.dry_run { "no: what it would do is recorded" } else { "yes" })
            .line("decided by", self.decided_by)
            .line("decided", instant::show(self.decided_at));
        let columns = [figures("at percent"), words("action"), words("reached")];
        let rows = self.steps.into_iter().map(|step| {
            let is_reached = if reached.contains(&step) { "yes" } else { "" };
            [step.at_percent.to_string(), step.action, is_reached.to_owned()]
        });
        format!("{}\n\n{}", head.text(), list(columns, rows, "nothing happens at any limit"))
    }
}

impl Standing {
    fn text(&self) -> String {
        let (used, granted) = (self.used, self.granted);
        format!("{} of {}", amount::show_gpu_time(used), amount::show_gpu_time(granted))
    }
}

impl PolicyShown {
    fn text(self) -> String {
        let standing = Sheet::default().line("used", self.standing.text()).text();
        match self.policy {
            Some(policy) => format!("{}\n\n{standing}", policy.with_reached(&self.reached)),
            None => format!("{standing}\n\nnothing was decided: jobs stop when a grant is used up"),
        }
    }
}

fn table(actions: Vec<LimitAction>) -> String {
    let columns = [
        words("when"),
        figures("at percent"),
        words("action"),
        words("done"),
        words("attempt"),
        figures("used"),
    ];
    let rows = actions.into_iter().map(|taken| {
        [
            instant::show(taken.taken_at),
            taken.step.at_percent.to_string(),
            taken.step.action,
            if taken.dry_run { "dry run" } else { "done" }.to_owned(),
            taken.attempt_id.map_or_else(|| "-".to_owned(), |id| id.to_string()),
            taken.standing.text(),
        ]
    });
    list(columns, rows, "nothing was done: no limit was reached")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_is_a_percent_and_an_action() {
        let step = Step { at_percent: 80, action: Action::StopNew };
        assert_eq!("80=stop-new".parse(), Ok(step));
        assert_eq!("80=stop_new".parse(), Ok(step));
        assert_eq!(json!(step), json!({ "at_percent": 80, "action": "stop_new" }));
    }

    #[test]
    fn what_is_no_step_is_refused() {
        for text in ["", "80", "80=", "=warn", "0=warn", "80%=warn", "-1=warn", "80=explode"] {
            assert_eq!(text.parse::<Step>(), Err(NotAStep(text.to_owned())), "{text}");
        }
    }
}
