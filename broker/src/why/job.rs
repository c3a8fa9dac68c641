//! Where the plan's newest attempt stands, and what it waits for.

use uuid::Uuid;

use super::{Finding, Station, Verdict, Walker, text};
use crate::app::App;
use crate::plan::attempt::AttemptState;
use crate::plan::need::{self, Needs};

pub(super) async fn finding(
    app: &App,
    walker: &Walker,
    job_plan_id: Uuid,
) -> anyhow::Result<Finding> {
    let row = sqlx::query!(
        r#"select a.state as "state: AttemptState", a.slurm_state, a.slurm_reason,
               coalesce(a.refusal, a.cancel_reason) as reason, a.kept_by is not null as "kept!",
               a.kept_by_operator
           from broker.attempt a where a.job_plan_id = $1 order by a.created_at desc limit 1"#,
        job_plan_id,
    )
    .fetch_optional(&app.db)
    .await?;
    let blank = Finding::of(Station::Job, walker.language);
    let Some(row) = row else { return Ok(blank.not_known(text::PLAN_SOMETHING)) };
    let slurm_state = match (row.slurm_state, row.slurm_reason) {
        (Some(state), Some(reason)) => format!("{state} ({reason})"),
        (Some(state), None) => state,
        (None, _) => "–".to_owned(),
    };
    let language = walker.language;
    let needs = need::all_met(&mut *app.db.acquire().await?, job_plan_id).await?;
    let waits_for_jobs = needs != Needs::Met;
    Ok(match (row.state, row.reason) {
        (AttemptState::Refused | AttemptState::Cancelled, reason) => {
            let reason = reason.unwrap_or_else(|| slurm_state.clone());
            blank.told("job_over", &reason, text::OVER.say(language))
        }
        (_, Some(reason)) => blank.told("job_stopped", &reason, text::OVER.say(language)),
        (AttemptState::Admitted, None) => Finding {
            fix: Some(text::ON_ITS_WAY.say(language).to_owned()),
            ..blank.fill(Verdict::Good, slurm_state)
        },
        (AttemptState::Submitted, None) if row.kept && row.kept_by_operator => {
            blank.in_the_way("held_by_operator", &slurm_state, text::HELD_BY_OPERATOR)
        }
        (AttemptState::Submitted, None) if row.kept => {
            blank.in_the_way("held_by_member", &slurm_state, text::HELD_BY_MEMBER)
        }
        (AttemptState::Submitted, None) if waits_for_jobs => {
            blank.in_the_way("waits_for_jobs", &slurm_state, text::WAITS_FOR_JOBS)
        }
        (AttemptState::Submitted, None) => {
            blank.in_the_way("links_not_verified", &slurm_state, text::WAITS_FOR_LINKS)
        }
        (AttemptState::Released, None) => {
            blank.in_the_way("waits_in_slurm", &slurm_state, text::WAITS_IN_SLURM)
        }
        (AttemptState::Running | AttemptState::Ended | AttemptState::Settled, None) => {
            blank.good(&slurm_state)
        }
    })
}
