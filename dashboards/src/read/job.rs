//! What the job page shows: every attempt with its walk through Slurm, hold, charges and metered use.
//!
//! Output is data: nothing a job wrote is in the view, for any class of data.

use chrono::{DateTime, Utc};
use record::{GpuSeconds, MicroSek};
use sqlx::PgConnection;
use uuid::Uuid;

mod life;

pub use life::{ExtensionLine, Kept, Life, NeedLine, TaskLine};

use super::{
    PersonRef, ProjectRef, Reader, gpu_seconds,
    metering::{self, Metered},
    project::{self, LinkLine},
    usek,
};

/// The page of one job plan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JobView {
    /// The job plan's id.
    pub job_plan_id: Uuid,
    /// The name the person gave it; `None` for a [`Reader::Outsider`].
    pub name: Option<String>,
    /// The project it runs for.
    pub project: ProjectRef,
    /// Who planned it.
    pub person: PersonRef,
    /// When it was planned.
    pub planned_at: DateTime<Utc>,
    /// The class of GPU.
    pub class: String,
    /// The partition it runs on.
    pub partition: String,
    /// GPUs asked for, of each task.
    pub gpu_count: i64,
    /// The longest it may run, in seconds, without extensions.
    pub wall_time_s: i64,
    /// Its tasks; above 1 it is an array.
    pub task_count: i64,
    /// Most tasks that run at once, where that was bounded.
    pub tasks_at_once: Option<i64>,
    /// Slurm does not start it before.
    pub begin_at: Option<DateTime<Utc>>,
    /// Other jobs that must have ended first.
    pub needs: Vec<NeedLine>,
    /// The script; `None` for a [`Reader::Outsider`].
    pub script: Option<String>,
    /// The staging links it needs.
    pub links: Vec<LinkLine>,
    /// Its attempts, newest first.
    pub attempts: Vec<AttemptView>,
}

/// One attempt to run the plan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AttemptView {
    /// Its id.
    pub attempt_id: Uuid,
    /// The cluster it was sent to.
    pub cluster: String,
    /// The id it has in Slurm.
    pub slurm_job_id: i64,
    /// Its state, as the database names it.
    pub state: String,
    /// The last state Slurm told.
    pub slurm_state: Option<String>,
    /// Why Slurm keeps it waiting, in its own word.
    pub slurm_reason: Option<String>,
    /// True while the agency's own limit policy keeps it from starting.
    pub held_back: bool,
    /// Why it was refused or cancelled, in English.
    pub refusal: Option<String>,
    /// When it was admitted and its hold placed.
    pub admitted_at: DateTime<Utc>,
    /// When Slurm accepted it.
    pub queued_at: Option<DateTime<Utc>>,
    /// When it started.
    pub started_at: Option<DateTime<Utc>>,
    /// When it ended.
    pub ended_at: Option<DateTime<Utc>>,
    /// When it was settled.
    pub settled_at: Option<DateTime<Utc>>,
    /// The script's exit code.
    pub exit_code: Option<i32>,
    /// How often Slurm started the script.
    pub start_count: i32,
    /// How often Slurm started the script again by itself, after slurmctld had died.
    pub second_start_count: i64,
    /// Who keeps it from going on, more time for it, and its tasks.
    pub life: Life,
    /// What was set aside for it.
    pub hold: Option<HoldLine>,
    /// The runs Slurm recorded and what each cost.
    pub runs: Vec<RunLine>,
    /// What was measured on its GPUs.
    pub metered: Metered,
}

/// The hold of an attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HoldLine {
    /// Its state, as the database names it.
    pub state: String,
    /// Time set aside.
    pub gpu_seconds: GpuSeconds,
    /// Money set aside.
    pub usek: MicroSek,
    /// When it lapses if it is still open.
    pub expires_at: DateTime<Utc>,
    /// The name of the rate card it keeps.
    pub rate_card_name: String,
    /// Price per GPU-hour.
    pub price_usek_per_gpu_hour: MicroSek,
    /// Factor on the price, in parts per million.
    pub factor_ppm: i64,
}

/// One run: one incarnation of the job in slurmdbd.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunLine {
    /// Its id.
    pub run_id: Uuid,
    /// Slurm's key of the record.
    pub db_index: i64,
    /// The task of the array that ran.
    pub task_no: Option<i32>,
    /// When it started.
    pub started_at: DateTime<Utc>,
    /// When it ended.
    pub ended_at: DateTime<Utc>,
    /// GPUs Slurm allocated.
    pub gpu_count: i64,
    /// State in which Slurm ended it.
    pub state: String,
    /// GPU time it had.
    pub gpu_seconds: GpuSeconds,
    /// False if the machine's own fault ended it.
    pub chargeable: bool,
    /// Time that grants paid for.
    pub charged: GpuSeconds,
    /// Money that grants paid.
    pub charged_usek: MicroSek,
    /// Time above the hold that two people let a grant pay afterwards.
    pub cleared: GpuSeconds,
    /// What the grant paid for it.
    pub cleared_usek: MicroSek,
    /// Time above the hold that no grant had room for, as far as it is not cleared.
    pub overrun: GpuSeconds,
}

impl JobView {
    /// What all attempts together were charged.
    pub fn charged(&self) -> (GpuSeconds, MicroSek) {
        let runs = self.attempts.iter().flat_map(|attempt| &attempt.runs);
        runs.fold((GpuSeconds::ZERO, MicroSek::ZERO), |(time, money), run| {
            // Sums of ledger rows: the ledger's own totals are bigints, so these fit.
            let of_run = (run.charged.checked_add(run.cleared))
                .zip(run.charged_usek.checked_add(run.cleared_usek));
            of_run.map_or((time, money), |(more_time, more_money)| {
                (
                    time.checked_add(more_time).unwrap_or(time),
                    money.checked_add(more_money).unwrap_or(money),
                )
            })
        })
    }
}

/// Reads the page of a job plan, or `None` if there is no such plan.
///
/// For a [`Reader::Outsider`] the script never leaves the database.
pub async fn read(
    tx: &mut PgConnection,
    job_plan_id: Uuid,
    reader: Reader,
    now: DateTime<Utc>,
) -> Result<Option<JobView>, sqlx::Error> {
    let plan = sqlx::query!(
        r#"
        select case when $2 then p.name end as name, case when $2 then p.script end as script,
            p.project_id, j.slug, j.title, j.data_class = 'confidential' as "confidential!",
            p.person_id, n.name as "person_name?", p.planned_at, p.class, p.partition, p.gpu_count,
            p.wall_time_s, p.task_count, p.tasks_at_once, p.begin_at, p.link_ids
        from broker.job_plan p
            join quotas.project j using (project_id)
            left join record.person n using (person_id)
        where p.job_plan_id = $1
        "#,
        job_plan_id,
        reader == Reader::Member,
    )
    .fetch_optional(&mut *tx)
    .await?;
    let Some(plan) = plan else { return Ok(None) };
    Ok(Some(JobView {
        job_plan_id,
        name: plan.name,
        project: ProjectRef {
            project_id: plan.project_id,
            slug: plan.slug,
            title: plan.title,
            confidential: plan.confidential,
        },
        person: PersonRef { person_id: plan.person_id, name: plan.person_name },
        planned_at: plan.planned_at,
        class: plan.class,
        partition: plan.partition,
        gpu_count: i64::from(plan.gpu_count),
        wall_time_s: plan.wall_time_s,
        task_count: i64::from(plan.task_count),
        tasks_at_once: plan.tasks_at_once.map(i64::from),
        begin_at: plan.begin_at,
        needs: life::needs(&mut *tx, job_plan_id, reader).await?,
        script: plan.script,
        links: project::links(&mut *tx, &plan.link_ids).await?,
        attempts: attempts(tx, job_plan_id, reader, now).await?,
    }))
}

async fn attempts(
    tx: &mut PgConnection,
    job_plan_id: Uuid,
    reader: Reader,
    now: DateTime<Utc>,
) -> Result<Vec<AttemptView>, sqlx::Error> {
    let rows = sqlx::query!(
        r#"
        select attempt_id, hold_id, cluster, slurm_job_id, state::text as "state!", slurm_state,
            slurm_reason, held_back_by is not null as "held_back!",
            coalesce(refusal, cancel_reason) as refusal, created_at, queued_at, started_at,
            ended_at, settled_at, exit_code, start_count,
            (select count(*) from broker.exception e
             where e.attempt_id = attempt.attempt_id and e.kind = 'second_start')
                as "second_start_count!"
        from broker.attempt
        where job_plan_id = $1
        order by created_at desc, attempt_id desc
        "#,
        job_plan_id,
    )
    .fetch_all(&mut *tx)
    .await?;
    let attempt_ids: Vec<Uuid> = rows.iter().map(|row| row.attempt_id).collect();
    let mut metered = metering::of_attempts(&mut *tx, &attempt_ids, now).await?;
    let mut attempts = Vec::with_capacity(rows.len());
    for row in rows {
        attempts.push(AttemptView {
            attempt_id: row.attempt_id,
            cluster: row.cluster,
            slurm_job_id: row.slurm_job_id,
            state: row.state,
            slurm_state: row.slurm_state,
            slurm_reason: row.slurm_reason,
            held_back: row.held_back,
            refusal: row.refusal,
            admitted_at: row.created_at,
            queued_at: row.queued_at,
            started_at: row.started_at,
            ended_at: row.ended_at,
            settled_at: row.settled_at,
            exit_code: row.exit_code,
            start_count: row.start_count,
            second_start_count: row.second_start_count,
            life: life::of_attempt(&mut *tx, row.attempt_id, reader).await?,
            hold: hold(&mut *tx, row.hold_id).await?,
            runs: runs(&mut *tx, row.hold_id).await?,
            metered: metered.remove(&row.attempt_id).unwrap_or_default(),
        });
    }
    Ok(attempts)
}

async fn hold(tx: &mut PgConnection, hold_id: Uuid) -> Result<Option<HoldLine>, sqlx::Error> {
    let row = sqlx::query!(
        r#"
        select h.state::text as "state!",
            h.gpu_seconds + h.extended_gpu_seconds as "gpu_seconds!",
            h.usek + h.extended_usek as "usek!",
            greatest(h.expires_at, h.extended_until) as "expires_at!", c.name as rate_card_name, r.price_usek_per_gpu_hour, r.factor_ppm
        from accounting.hold h
            join accounting.rate r using (rate_id)
            join accounting.rate_card c using (rate_card_id)
        where h.hold_id = $1
        "#,
        hold_id,
    )
    .fetch_optional(tx)
    .await?;
    row.map(|row| {
        Ok(HoldLine {
            state: row.state,
            gpu_seconds: gpu_seconds(row.gpu_seconds)?,
            usek: usek(row.usek)?,
            expires_at: row.expires_at,
            rate_card_name: row.rate_card_name,
            price_usek_per_gpu_hour: usek(row.price_usek_per_gpu_hour)?,
            factor_ppm: row.factor_ppm,
        })
    })
    .transpose()
}

async fn runs(tx: &mut PgConnection, hold_id: Uuid) -> Result<Vec<RunLine>, sqlx::Error> {
    let rows = sqlx::query!(
        r#"
        select r.run_id, r.db_index, t.task_no as "task_no?", r.started_at, r.ended_at, r.gpu_count, r.state, r.gpu_seconds,
            r.chargeable, c.gpu_seconds as "charged!", c.usek as "charged_usek!",
            l.gpu_seconds as "cleared!", l.usek as "cleared_usek!", o.gpu_seconds as "overrun!"
        from accounting.run r
            left join broker.attempt a on a.hold_id = r.hold_id
            left join broker.task t
                on t.attempt_id = a.attempt_id and t.slurm_job_id = r.slurm_job_id
            cross join lateral (
                select coalesce(sum(paid.gpu_seconds), 0)::bigint as gpu_seconds,
                    coalesce(sum(paid.usek), 0)::bigint as usek
                from accounting.charge paid where paid.run_id = r.run_id
            ) c
            cross join lateral (
                select coalesce(sum(paid.gpu_seconds), 0)::bigint as gpu_seconds,
                    coalesce(sum(paid.usek), 0)::bigint as usek
                from accounting.cleared_charge paid where paid.run_id = r.run_id
            ) l
            cross join lateral (
                select coalesce(
                    sum(case e.kind when 'overrun' then e.amount else -e.amount end), 0
                )::bigint as gpu_seconds
                from accounting.entry e
                where e.hold_id = r.hold_id and e.run_id = r.run_id and e.unit = 'gpu_seconds'
                    and e.kind in ('overrun', 'cleared', 'written_off')
            ) o
        where r.hold_id = $1
        order by r.started_at, r.run_id
        "#,
        hold_id,
    )
    .fetch_all(tx)
    .await?;
    rows.into_iter()
        .map(|row| {
            Ok(RunLine {
                run_id: row.run_id,
                db_index: row.db_index,
                task_no: row.task_no,
                started_at: row.started_at,
                ended_at: row.ended_at,
                gpu_count: row.gpu_count,
                state: row.state,
                gpu_seconds: gpu_seconds(row.gpu_seconds)?,
                chargeable: row.chargeable,
                charged: gpu_seconds(row.charged)?,
                charged_usek: usek(row.charged_usek)?,
                cleared: gpu_seconds(row.cleared)?,
                cleared_usek: usek(row.cleared_usek)?,
                overrun: gpu_seconds(row.overrun)?,
            })
        })
        .collect()
}
