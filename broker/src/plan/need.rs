//! What a plan waits for: other plans of its project that must have ended as asked.
//!
//! The wait is the broker's, not Slurm's: the job lies held in Slurm until all it needs is so. Slurm
//! forgets ended jobs, 22.05 takes a dependency on a job that never was, and a plan that is tried
//! again has another job id there.

use serde::{Deserialize, Serialize};
use sqlx::PgConnection;
use utoipa::ToSchema;
use uuid::Uuid;

use super::attempt::AttemptState;
use super::{Ask, PlanError};

/// Most plans that one plan may wait for.
pub(super) const MOST_NEEDS: usize = 100;

/// How another plan must have ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, sqlx::Type, ToSchema)]
#[serde(rename_all = "snake_case")]
#[sqlx(type_name = "broker.need_condition", rename_all = "snake_case")]
pub enum Condition {
    /// Over, however.
    Ended,
    /// Completed with exit code 0; of an array, every task.
    Succeeded,
    /// Over in any other way, before it ran as well.
    Failed,
}

/// Another plan that must have ended first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Need {
    /// The plan that is waited for.
    pub job_plan_id: Uuid,
    /// How it must have ended.
    pub condition: Condition,
}

/// Whether a plan may go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Needs {
    /// All that it needs has ended as asked, or it needs nothing.
    Met,
    /// Something it needs is not over yet.
    Waiting,
    /// Something has ended otherwise, and what.
    Never(String),
}

/// How the last attempt of a needed plan stands.
struct Standing {
    job_plan_id: Uuid,
    name: String,
    condition: Condition,
    state: AttemptState,
    slurm_state: Option<String>,
    exit_code: Option<i32>,
}

impl Standing {
    /// Judged by what slurmdbd had in the end, not by what slurmctld said first.
    fn needs(&self) -> Needs {
        if !self.state.is_over() {
            return Needs::Waiting;
        }
        let completed = self.state == AttemptState::Settled
            && self.slurm_state.as_deref() == Some("COMPLETED")
            && self.exit_code.is_none_or(|code| code == 0);
        let as_asked = match self.condition {
            Condition::Ended => true,
            Condition::Succeeded => completed,
            Condition::Failed => !completed,
        };
        if as_asked {
            return Needs::Met;
        }
        let Self { job_plan_id, name, .. } = self;
        let how = match (self.state, &self.slurm_state) {
            (AttemptState::Refused, _) => "refused by Slurm",
            (AttemptState::Settled, Some(state)) => state.as_str(),
            _ => "over before it ran",
        };
        let asked = match self.condition {
            Condition::Succeeded => "succeed",
            Condition::Failed | Condition::Ended => "fail",
        };
        Needs::Never(format!("job plan {job_plan_id} ({name}) had to {asked} first and is {how}"))
    }
}

/// Says whether everything a plan needs has ended as asked.
///
/// A needed plan counts by its newest attempt: one that is tried again is waited for again.
pub async fn all_met(tx: &mut PgConnection, job_plan_id: Uuid) -> Result<Needs, sqlx::Error> {
    let standings = sqlx::query_as!(
        Standing,
        r#"select p.job_plan_id, p.name, n.condition as "condition: Condition",
               a.state as "state: AttemptState", a.slurm_state, a.exit_code
           from broker.job_plan_need n
               join broker.job_plan p on p.job_plan_id = n.needs_plan_id
               join lateral (
                   select state, slurm_state, exit_code from broker.attempt
                   where job_plan_id = n.needs_plan_id
                   order by created_at desc, attempt_id desc limit 1
               ) a on true
           where n.job_plan_id = $1"#,
        job_plan_id,
    )
    .fetch_all(tx)
    .await?;
    Ok(standings.iter().map(Standing::needs).fold(Needs::Met, worse))
}

/// What can never be met outweighs what is waited for.
fn worse(one: Needs, other: Needs) -> Needs {
    match (one, other) {
        (Needs::Never(why), _) | (_, Needs::Never(why)) => Needs::Never(why),
        (Needs::Waiting, _) | (_, Needs::Waiting) => Needs::Waiting,
        (Needs::Met, Needs::Met) => Needs::Met,
    }
}

/// The plans that a plan waits for, by id.
pub async fn of_plan(tx: &mut PgConnection, job_plan_id: Uuid) -> Result<Vec<Need>, sqlx::Error> {
    sqlx::query_as!(
        Need,
        r#"select needs_plan_id as job_plan_id, condition as "condition: Condition"
           from broker.job_plan_need where job_plan_id = $1 order by needs_plan_id"#,
        job_plan_id,
    )
    .fetch_all(tx)
    .await
}

/// Checks that a new plan waits only for plans of its project that can still end as asked.
pub(super) async fn check(tx: &mut PgConnection, ask: &Ask) -> Result<(), PlanError> {
    let mut ids: Vec<Uuid> = ask.after.iter().map(|need| need.job_plan_id).collect();
    ids.sort_unstable();
    ids.dedup();
    if ids.len() != ask.after.len() || ids.len() > MOST_NEEDS {
        return Err(PlanError::BadNeeds);
    }
    for need in &ask.after {
        let standing = sqlx::query_as!(
            Standing,
            r#"select p.job_plan_id, p.name, $3 as "condition!: Condition",
                   a.state as "state: AttemptState", a.slurm_state, a.exit_code
               from broker.job_plan p join broker.attempt a using (job_plan_id)
               where p.job_plan_id = $1 and p.project_id = $2
               order by a.created_at desc, a.attempt_id desc limit 1"#,
            need.job_plan_id,
            ask.project_id,
            need.condition as Condition,
        )
        .fetch_optional(&mut *tx)
        .await?
        .ok_or(PlanError::NoSuchNeed(need.job_plan_id))?;
        if let Needs::Never(why) = standing.needs() {
            return Err(PlanError::NeverMet(why));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn standing(condition: Condition, state: AttemptState, slurm_state: &str) -> Standing {
        Standing {
            job_plan_id: Uuid::nil(),
            name: "prepare".to_owned(),
            condition,
            state,
            slurm_state: Some(slurm_state.to_owned()),
            exit_code: Some(0),
        }
    }

    #[test]
    fn only_what_is_over_decides() {
        use AttemptState::{Admitted, Ended, Released, Running, Submitted};
        for state in [Admitted, Submitted, Released, Running, Ended] {
            for condition in [Condition::Ended, Condition::Succeeded, Condition::Failed] {
                assert_eq!(standing(condition, state, "COMPLETED").needs(), Needs::Waiting);
            }
        }
    }

    #[test]
    fn each_way_to_end_meets_its_condition_and_no_other() {
        use AttemptState::{Cancelled, Refused, Settled};
        for (state, slurm_state, succeeded) in [
            (Settled, "COMPLETED", true),
            (Settled, "FAILED", false),
            (Settled, "TIMEOUT", false),
            (Settled, "NODE_FAIL", false),
            (Cancelled, "CANCELLED", false),
            (Refused, "PENDING", false),
        ] {
            assert_eq!(standing(Condition::Ended, state, slurm_state).needs(), Needs::Met);
            let met = standing(Condition::Succeeded, state, slurm_state).needs() == Needs::Met;
            assert_eq!(met, succeeded, "{slurm_state}");
            let met = standing(Condition::Failed, state, slurm_state).needs() == Needs::Met;
            assert_eq!(met, !succeeded, "{slurm_state}");
        }
        let ended_badly =
            Standing { exit_code: Some(2), ..standing(Condition::Succeeded, Settled, "COMPLETED") };
        assert!(matches!(ended_badly.needs(), Needs::Never(why) if why.contains("prepare")));
    }

    #[test]
    fn what_can_never_be_outweighs_what_is_waited_for() {
        let never = || Needs::Never("no".to_owned());
        assert_eq!(worse(Needs::Waiting, never()), never());
        assert_eq!(worse(never(), Needs::Met), never());
        assert_eq!(worse(Needs::Met, Needs::Waiting), Needs::Waiting);
    }
}
