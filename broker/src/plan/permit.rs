//! Permits of attempts: looked at before release and while a job waits or runs.

use std::collections::HashSet;

use chrono::{DateTime, Utc};
use quotas::permit;
use quotas::project::{self, DataClass};
use record::{Actor, Stamp};
use serde_json::json;
use sqlx::{Connection, PgConnection};

use super::attempt::{self, Attempt, AttemptState};
use crate::app::App;
use crate::outbox::{self, Effect};

/// Checks that an attempt may still go on: every link's permit holds, and in a confidential project
/// at least one permit names the person. The inner error says what is missing.
pub async fn check(
    tx: &mut PgConnection,
    attempt: &Attempt,
    now: DateTime<Utc>,
) -> Result<Result<(), String>, sqlx::Error> {
    for &link_id in &attempt.link_ids {
        let Some(link) = staging::link::by_id(tx, link_id).await? else {
            return Ok(Err(format!("link {link_id} is gone")));
        };
        let Some(permit) = permit::by_id(tx, link.permit_id).await? else {
            return Ok(Err(format!("permit {} is gone", link.permit_id)));
        };
        let ask = permit::Ask {
            person_id: attempt.person_id,
            dataset: Some(&link.dataset),
            environment: Some(&link.environment_name),
            now,
        };
        if let Err(refused) = permit::check(&permit, &ask) {
            return Ok(Err(refused.to_string()));
        }
    }
    any_permit(tx, attempt, now).await
}

/// In a confidential project nobody runs anything without a permit that names them.
async fn any_permit(
    tx: &mut PgConnection,
    attempt: &Attempt,
    now: DateTime<Utc>,
) -> Result<Result<(), String>, sqlx::Error> {
    let project = project::by_id(tx, attempt.project_id).await?;
    if project.is_none_or(|project| project.data_class != DataClass::Confidential) {
        return Ok(Ok(()));
    }
    let ask = permit::Ask { person_id: attempt.person_id, dataset: None, environment: None, now };
    let permits = permit::list_for_project(tx, attempt.project_id).await?;
    if permits.iter().any(|permit| permit::check(permit, &ask).is_ok()) {
        return Ok(Ok(()));
    }
    Ok(Err("no permit of the project is valid for this person any more".to_owned()))
}

/// Wants every job cancelled that waits or runs without a permit that holds.
pub async fn stop_unpermitted(app: &App) -> anyhow::Result<()> {
    let now = app.clock.now();
    let mut connection = app.db.acquire().await?;
    // Thousands may wait on the same permits: what holds is looked at once a round.
    let mut holds = HashSet::new();
    for attempt in attempt::open(&mut connection).await? {
        if attempt.cancel_wanted || attempt.state == AttemptState::Ended {
            continue;
        }
        let rests_on = (attempt.project_id, attempt.person_id, attempt.link_ids.clone());
        if holds.contains(&rests_on) {
            continue;
        }
        let Err(refused) = check(&mut connection, &attempt, now).await? else {
            holds.insert(rests_on);
            continue;
        };
        let stamp = Stamp {
            actor: Actor::Program("permit_watch"),
            now,
            why: None,
            trace_id: attempt.trace_id,
        };
        let mut tx = connection.begin().await?;
        if !attempt::want_cancelled(&mut tx, attempt.attempt_id, &refused).await? {
            continue; // It ended, or another mimerd was quicker.
        }
        let effect = Effect::Cancel { attempt_id: attempt.attempt_id };
        outbox::want(&mut tx, &effect, attempt.trace_id, now).await?;
        let details = json!({ "reason": refused });
        stamp
            .audit(&mut tx, "attempt.stopped_for_permit", ("attempt", attempt.attempt_id), details)
            .await?;
        tx.commit().await?;
        app.outbox_wake.notify_one();
        tracing::warn!(attempt.id = %attempt.attempt_id, refused, "a job lost its permit");
    }
    Ok(())
}
