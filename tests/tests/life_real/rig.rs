//! An installation with one open project, what its people do with jobs, and what became of each: the
//! broker's word, the ledger's rows and Slurm's.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use record::id;
use serde_json::{Value, json};
use sqlx::PgConnection;
use testbed::site::{Person, Site, number, text, until_some};
use testbed::story::{People, TERMS, Terms, sealed_verdict};
use uuid::Uuid;

use crate::database;

/// How long anything may take before a test fails: slurmctld ends a job half a minute after its limit
/// at the earliest, and the smallest limit is a minute.
pub(crate) const BOUND: Duration = Duration::from_secs(240);

/// A site with a fund, a pool and a project that has a grant of it.
pub(crate) struct Rig {
    pub(crate) site: Site,
    pub(crate) people: People,
    project_id: Uuid,
}

/// A run as the ledger has it.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub(crate) struct Run {
    pub(crate) slurm_job_id: i64,
    pub(crate) db_index: i64,
    pub(crate) state: String,
    pub(crate) gpu_seconds: i64,
    pub(crate) chargeable: bool,
    /// What grants paid of it, and what waits in the overrun.
    pub(crate) posted: i64,
}

impl Rig {
    /// Lays everything out on a site and waits until Slurm has it.
    pub(crate) async fn begin(site: Site, gpu_seconds: i64) -> Result<Self> {
        let people = People::gather(&site).await?;
        let terms = Terms { gpu_seconds, max_gpus: 20, ..TERMS };
        let granted = people.open_ground(&site, &terms).await?;
        people.set_share(granted.pool_id, &json!({ "mode": "none" })).await?;
        people.until_kept(&site, BOUND).await?;
        Ok(Self { site, people, project_id: granted.project_id })
    }

    /// Plans a job of one GPU for a minute; `with` adds to the request or changes it.
    pub(crate) async fn plan(&self, script: &str, with: Value) -> Result<Uuid> {
        let job_plan_id = id::fresh();
        self.people.anna.post(&self.plans(), &body(job_plan_id, script, with)).await?;
        Ok(job_plan_id)
    }

    /// Where plans are sent.
    pub(crate) fn plans(&self) -> String {
        format!("/v1/projects/{}/job-plans", self.project_id)
    }

    /// A wish about a plan.
    pub(crate) async fn wish(
        &self,
        person: &Person,
        (plan, wish): (Uuid, &str),
        body: Value,
    ) -> Result<Value> {
        person.post(&format!("/v1/job-plans/{plan}/{wish}"), &body).await
    }

    /// The plan as its members see it.
    pub(crate) async fn shown(&self, plan: Uuid) -> Result<Value> {
        self.people.anna.get(&format!("/v1/job-plans/{plan}")).await
    }

    /// The plan's newest attempt.
    pub(crate) async fn attempt(&self, plan: Uuid) -> Result<Value> {
        let shown = self.shown(plan).await?;
        let attempts = shown["attempts"].as_array().context("attempts")?;
        attempts.last().cloned().context("an attempt")
    }

    /// Slurm's id of the plan's newest attempt.
    pub(crate) async fn slurm_job_id(&self, plan: Uuid) -> Result<u32> {
        Ok(u32::try_from(number(&self.attempt(plan).await?, "slurm_job_id")?)?)
    }

    /// Waits until the plan's newest attempt is in one of the states, and returns it.
    pub(crate) async fn until(&self, plan: Uuid, states: &[&str]) -> Result<Value> {
        let what = format!("plan {plan} to be {}", states.join(" or "));
        until_some(&self.site, &what, BOUND, async || {
            let attempt = self.attempt(plan).await?;
            Ok(states.contains(&text(&attempt, "state")?).then_some(attempt))
        })
        .await
    }

    /// Waits until something holds of the plan's newest attempt.
    pub(crate) async fn until_it(
        &self,
        plan: Uuid,
        what: &str,
        holds: impl Fn(&Value) -> bool,
    ) -> Result<Value> {
        until_some(&self.site, &format!("plan {plan} {what}"), BOUND, async || {
            let attempt = self.attempt(plan).await?;
            Ok(holds(&attempt).then_some(attempt))
        })
        .await
    }

    /// The runs of every attempt of a plan, as the ledger has them.
    pub(crate) async fn runs(&self, plan: Uuid) -> Result<Vec<Run>> {
        let mut db = self.database().await?;
        let mut runs: Vec<Run> = sqlx::query_as(
            "select r.slurm_job_id, r.db_index, r.state, r.gpu_seconds, r.chargeable,
                 (select coalesce(sum(c.gpu_seconds), 0)::bigint from accounting.charge c
                      where c.run_id = r.run_id)
                 + (select coalesce(sum(e.amount), 0)::bigint from accounting.entry e
                      where e.run_id = r.run_id and e.kind = 'overrun'
                          and e.unit = 'gpu_seconds') as posted
             from accounting.run r join broker.attempt a using (hold_id)
             where a.job_plan_id = $1",
        )
        .bind(plan)
        .fetch_all(&mut db)
        .await?;
        // A key with its first bit set is kept as a negative number.
        runs.sort_by_key(|run| run.db_index.cast_unsigned());
        Ok(runs)
    }

    pub(crate) async fn database(&self) -> Result<PgConnection> {
        database::connect(&self.site, "postgres").await
    }

    /// Every hold is closed, and the record proves itself.
    pub(crate) async fn all_is_settled(&self) -> Result<()> {
        let mut db = self.database().await?;
        let open: i64 =
            sqlx::query_scalar("select count(*) from accounting.hold where state = 'open'")
                .fetch_one(&mut db)
                .await?;
        ensure!(open == 0, "{open} holds are open");
        let verdict = sealed_verdict(&self.site, &self.people.finance).await?;
        ensure!(verdict["whole"] == true, "{verdict}");
        Ok(())
    }
}

/// The body of a plan: one GPU for a minute.
pub(crate) fn body(job_plan_id: Uuid, script: &str, with: Value) -> Value {
    let mut body = json!({
        "job_plan_id": job_plan_id, "name": "forecast", "script": format!("#!/bin/bash\n{script}\n"),
        "gpu_count": 1, "wall_time_s": 60, "class": "h200", "link_ids": [],
    });
    if let (Some(body), Value::Object(with)) = (body.as_object_mut(), with) {
        body.extend(with);
    }
    body
}
