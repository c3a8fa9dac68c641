//! What slurmctld tells: states, start times and which GPU a job holds.
//!
//! Only rows that are news come here. Jobs that wait are taken in all at once, two statements for a
//! thousand of them; a job that starts or ends is taken in by itself, under its attempt's lock.

use std::collections::{BTreeMap, HashMap};

use chrono::{DateTime, Utc};
use record::{Actor, Stamp};
use serde_json::json;
use slurm_wire::{JobRow, JobState};
use sqlx::PgConnection;

use super::follow::{Followed, Standing};
use super::orphan;
use super::raw::{self, Source};
use super::roll::{self, Watched};
use super::start::{self, Start};
use crate::app::App;
use crate::outbox::{self, Effect};
use crate::plan::attempt::{self, AttemptState};
use crate::plan::task;

/// Takes in the rows that are news.
///
/// What cannot be taken in is told in the log and holds up nothing else; then false is returned, and
/// all of it is to be read again.
pub(super) async fn take_in(
    app: &App,
    followed: &mut Followed,
    news: &[JobRow],
) -> anyhow::Result<bool> {
    if news.is_empty() {
        return Ok(true);
    }
    let cluster = &app.cluster.name;
    let mut of_asked: BTreeMap<u32, Vec<&JobRow>> = BTreeMap::new();
    for row in news {
        of_asked.entry(row.asked_id()).or_default().push(row);
    }
    let asked_ids: Vec<u32> = of_asked.keys().copied().collect();
    let watched = roll::by_asked(&mut *app.db.acquire().await?, cluster, &asked_ids).await?;
    let (mut waiting, mut moving, mut strays) = (Vec::new(), Vec::new(), Vec::new());
    for (asked_id, rows) in of_asked {
        let Some(watched) = watched.get(&asked_id) else {
            strays.extend(rows);
            continue;
        };
        if !rows.iter().all(|row| row.admin_comment.as_deref() == Some(&watched.key)) {
            // Somebody else's job under our id: never ours to settle; the operator must look.
            tracing::error!(
                slurm.job_id = asked_id,
                "a job with an id of the broker's range is not the broker's"
            );
            followed.mark_foreign(asked_id, true);
            continue;
        }
        followed.mark_foreign(asked_id, false);
        match rows.as_slice() {
            _ if watched.state.is_over() => still_there(watched, &rows),
            [row] if only_waits(row, watched) => waiting.push((watched, *row)),
            _ => moving.push((watched, rows)),
        }
    }
    orphan::want_cancelled(app, &strays).await?;
    keep_waiting(app, &waiting).await?;
    let mut all_kept = true;
    for (watched, rows) in &moving {
        if let Err(error) = keep_moving(app, followed, watched, rows).await {
            all_kept = false;
            tracing::error!(attempt.id = %watched.attempt_id, slurm.job_id = watched.slurm_job_id,
                error = format!("{error:#}"), "what Slurm tells of a job cannot be taken in");
        }
    }
    app.metrics.rows_taken_in(news.len());
    Ok(all_kept)
}

/// A single job that waits as it did before: nothing but words to show.
fn only_waits(row: &JobRow, watched: &Watched) -> bool {
    row.state == JobState::Pending
        && row.array_task_id.is_none()
        && row.array_job_id.is_none()
        && watched.state < AttemptState::Running
        && !can_never_run(row)
}

/// An attempt that is over has a job that may still run: it is told, and slurmdbd's record of it
/// becomes a late run.
fn still_there(watched: &Watched, rows: &[&JobRow]) {
    if rows.iter().any(|row| matches!(row.state, JobState::Running | JobState::Suspended)) {
        tracing::error!(attempt.id = %watched.attempt_id, slurm.job_id = watched.slurm_job_id,
            "the job of an attempt that is over runs; what it takes is charged as a late run");
    }
}

/// Keeps what is told of jobs that wait: as many as there are in two statements.
async fn keep_waiting(app: &App, waiting: &[(&Watched, &JobRow)]) -> anyhow::Result<()> {
    if waiting.is_empty() {
        return Ok(());
    }
    let cluster = &app.cluster.name;
    let rows: Vec<_> = waiting.iter().map(|(_, row)| (row.asked_id(), json!(row))).collect();
    let attempt_ids: Vec<_> = waiting.iter().map(|(watched, _)| watched.attempt_id).collect();
    let reasons: HashMap<&Option<String>, Vec<uuid::Uuid>> =
        waiting.iter().zip(&attempt_ids).fold(HashMap::new(), |mut by, ((_, row), attempt_id)| {
            by.entry(&row.state_reason).or_insert_with(Vec::new).push(*attempt_id);
            by
        });
    let mut tx = app.db.begin().await?;
    raw::keep_all(&mut tx, (Source::Slurmctld, cluster), &rows, app.clock.now()).await?;
    // Jobs wait for a handful of reasons, so that this is a handful of statements.
    for (reason, attempt_ids) in reasons {
        sqlx::query!(
            "update broker.attempt set slurm_state = 'PENDING', slurm_reason = $2
             where attempt_id = any($1) and state < 'running'
                 and (slurm_state, slurm_reason) is distinct from ('PENDING', $2)",
            &attempt_ids,
            reason.as_deref(),
        )
        .execute(&mut *tx)
        .await?;
    }
    tx.commit().await?;
    Ok(())
}

/// Keeps what is told of one job, or of tasks of one array, and moves the attempt along.
async fn keep_moving(
    app: &App,
    followed: &Followed,
    watched: &Watched,
    rows: &[&JobRow],
) -> anyhow::Result<()> {
    let now = app.clock.now();
    let (actor, trace_id) = (Actor::Program("watcher"), watched.trace_id);
    let stamp = Stamp { actor, now, why: None, trace_id };
    let mut tx = app.db.begin().await?;
    if attempt::lock(&mut tx, watched.attempt_id).await?.is_over() {
        return Ok(());
    }
    let mut wanted = false;
    for row in rows {
        let asked = (watched.asked_id(), &json!(row));
        raw::keep(&mut tx, (Source::Slurmctld, &watched.cluster), asked, now).await?;
        task::observe(&mut tx, watched.attempt_id, row).await?;
        if let Some(started_at) = start_of(row) {
            let start = Start {
                slurm_job_id: i64::from(row.job_id),
                started_at,
                restart_count: row.restart_count,
            };
            if start::keep(&mut tx, watched, start, &stamp).await? {
                app.metrics.second_start();
            }
            assign(&mut tx, watched, row, started_at).await?;
        }
        wanted |= stop_if_it_can_never_run(&mut tx, watched, row, &stamp).await?;
    }
    let shown = followed.state_to_show(watched.asked_id()).unwrap_or(JobState::Unknown);
    show(&mut tx, watched, shown, rows).await?;
    let is_over = matches!(followed.standing(watched.asked_id()), Standing::Over(_));
    let runs = |row: &&JobRow| matches!(row.state, JobState::Running | JobState::Suspended);
    if is_over {
        attempt::advance(&mut tx, watched.attempt_id, AttemptState::Ended).await?;
    } else if rows.iter().any(runs) {
        attempt::advance(&mut tx, watched.attempt_id, AttemptState::Running).await?;
    }
    tx.commit().await?;
    if wanted {
        app.outbox_wake.notify_one();
    }
    Ok(())
}

/// When the row's incarnation started, if it was given anything.
fn start_of(row: &JobRow) -> Option<DateTime<Utc>> {
    let has_started = match row.state {
        JobState::Pending | JobState::Unknown => false,
        JobState::Running | JobState::Suspended => true,
        // A job cancelled before its start carries its end as its start.
        _ => row.ended_at > row.started_at,
    };
    row.started_at
        .filter(|at| has_started && *at > 0)
        .and_then(|at| DateTime::from_timestamp(at, 0))
}

/// Which GPUs it holds from its start, and until when.
async fn assign(
    tx: &mut PgConnection,
    watched: &Watched,
    row: &JobRow,
    started_at: DateTime<Utc>,
) -> anyhow::Result<()> {
    for (node, gpu) in &row.gpus {
        sqlx::query!(
            "insert into broker.assignment (attempt_id, node, gpu_minor, from_at, slurm_job_id)
             values ($1, $2, $3, $4, $5) on conflict do nothing",
            watched.attempt_id,
            node,
            i32::try_from(*gpu)?,
            started_at,
            i64::from(row.job_id),
        )
        .execute(&mut *tx)
        .await?;
    }
    let ended_at = row.ended_at.and_then(|at| DateTime::from_timestamp(at, 0));
    // An earlier start of the same job has ended at the latest when the next began.
    sqlx::query!(
        "update broker.assignment
         set until_at = case when from_at < $3 then $3 else $4::timestamptz end
         where attempt_id = $1 and slurm_job_id = $2 and until_at is null
             and (from_at < $3 or $4::timestamptz is not null)",
        watched.attempt_id,
        i64::from(row.job_id),
        started_at,
        ended_at,
    )
    .execute(tx)
    .await?;
    Ok(())
}

/// What people see of it.
async fn show(
    tx: &mut PgConnection,
    watched: &Watched,
    shown: JobState,
    rows: &[&JobRow],
) -> sqlx::Result<()> {
    let reason =
        rows.iter().find(|row| row.state == shown).and_then(|row| row.state_reason.as_ref());
    let started_at = rows.iter().filter_map(|row| start_of(row)).max();
    let is_array = watched.task_count > 1;
    sqlx::query!(
        "update broker.attempt a set slurm_state = $2, slurm_reason = $3,
             started_at = case when $5 then least(started_at, $4) else coalesce($4, started_at) end,
             start_count = greatest(start_count, coalesce((
                 select max(of_job.starts) from (
                     select count(*)::integer as starts from broker.job_start s
                     where s.attempt_id = a.attempt_id group by s.slurm_job_id) of_job), 0))
         where attempt_id = $1",
        watched.attempt_id,
        shown.word(),
        reason.filter(|_| shown == JobState::Pending),
        started_at,
        is_array,
    )
    .execute(tx)
    .await?;
    Ok(())
}

/// Slurm takes a held job that no node could run, and says so only once it is released: it holds
/// the job again.
fn can_never_run(job: &JobRow) -> bool {
    job.held && job.state_reason.as_deref() == Some("BadConstraints")
}

async fn stop_if_it_can_never_run(
    tx: &mut PgConnection,
    watched: &Watched,
    row: &JobRow,
    stamp: &Stamp<'_>,
) -> anyhow::Result<bool> {
    let reason = "Slurm cannot run it: no node has what it asks for (BadConstraints)";
    let stops = watched.state == AttemptState::Released
        && can_never_run(row)
        && attempt::want_cancelled(&mut *tx, watched.attempt_id, reason).await?;
    if stops {
        let effect = Effect::Cancel { attempt_id: watched.attempt_id };
        outbox::want(tx, &effect, stamp.trace_id, stamp.now).await?;
    }
    Ok(stops)
}
