//! Two mimerd on one PostgreSQL and one real Slurm, with an open project that has a grant.

use std::time::Duration;

use anyhow::{Result, ensure};
use chrono::TimeDelta;
use record::{Clock, id};
use serde_json::json;
use sqlx::{Connection, FromRow, PgConnection};
use testbed::site::{ACCOUNT, PROJECT, Person, Site, number};
use testbed::story::{PRICE_USEK, People};
use uuid::Uuid;

/// How long anything may take before a test fails.
pub(crate) const BOUND: Duration = Duration::from_secs(240);
/// Room for every job, many times over.
const GRANTED: i64 = 2_000_000;
const NODES: usize = 2;

/// The duties that one does for all.
pub(crate) const DUTIES: [&str; 9] =
    ["seal", "watch", "rounds", "keep", "crisis", "limits", "grant_ends", "permits", "outbox"];

/// The installation, its people and its project.
pub(crate) struct Ground {
    pub(crate) site: Site,
    pub(crate) people: People,
    project_id: Uuid,
}

impl Ground {
    /// Lays everything out and waits until Slurm has it.
    pub(crate) async fn lay() -> Result<Self> {
        let site = Site::shared(NODES, 2).await?;
        let people = People::gather(&site).await?;
        let ground = Self { site, people, project_id: id::fresh() };
        let pool_id = ground.lay_out().await?;
        ground.ask_and_grant(pool_id).await?;
        ground.people.until_kept(&ground.site, BOUND).await?;
        Ok(ground)
    }

    async fn lay_out(&self) -> Result<Uuid> {
        let now = Clock::System.now();
        let (from, until) = (now - TimeDelta::days(1), now + TimeDelta::days(365));
        let (fund_id, pool_id) = (id::fresh(), id::fresh());
        let fund = json!({
            "fund_id": fund_id, "name": "Public sector 2027", "purpose": "public_sector",
            "ceiling_usek": 30_000_000_000_000_i64, "valid_from": from, "valid_until": until,
        });
        self.people.operator.post("/v1/funds", &fund).await?;
        let pool = json!({
            "pool_id": pool_id, "fund_id": fund_id, "cluster": self.site.cluster_name(),
            "class": "h200", "gpu_type": "h200", "gpus_per_node": 8, "partition": "gpu",
            "gpu_seconds": 1_000_000_i64 * 3600, "valid_from": from, "valid_until": until,
        });
        self.people.operator.post("/v1/pools", &pool).await?;
        let card = json!({
            "rate_card_id": id::fresh(), "name": "Mimer 2027:1", "valid_from": from,
            "valid_until": null,
            "rates": [{ "rate_id": id::fresh(), "class": "h200", "partition": "gpu",
                "price_usek_per_gpu_hour": PRICE_USEK, "factor_ppm": 1_000_000 }],
        });
        self.people.finance.post("/v1/rate-cards", &card).await?;
        let project = json!({
            "project_id": self.project_id, "agency_id": self.people.agency_id, "slug": PROJECT,
            "title": "Traffic forecasts", "data_class": "open",
            "controller_login": self.people.controller.login, "slurm_account": ACCOUNT,
        });
        self.people.anna.post("/v1/projects", &project).await?;
        Ok(pool_id)
    }

    async fn ask_and_grant(&self, pool_id: Uuid) -> Result<()> {
        let now = Clock::System.now();
        let request_id = id::fresh();
        let request = json!({
            "request_id": request_id, "purpose": "Forecast traffic", "class": "h200",
            "gpu_seconds": GRANTED, "gpus_at_once": 16, "longest_run_s": 3600,
            "from": now, "until": now + TimeDelta::days(30), "pattern": "compute_to_data",
        });
        let path = format!("/v1/projects/{}/requests", self.project_id);
        self.people.anna.post(&path, &request).await?;
        let scores = ["societal_benefit", "security", "need", "feasibility"]
            .map(|criterion| json!({ "criterion": criterion, "points": 4 }));
        let approval = json!({
            "decision_id": id::fresh(), "scores": scores,
            "motivation": "It serves everybody who travels.",
            "grant": {
                "grant_id": id::fresh(), "pool_id": pool_id, "gpu_seconds": GRANTED,
                "usek": 500_000_000_000_i64, "valid_from": now - TimeDelta::minutes(1),
                "valid_until": now + TimeDelta::days(30), "max_wall_time_s": 3600, "max_gpus": 8,
            },
        });
        let path = format!("/v1/requests/{request_id}/approval");
        self.people.decider.post(&path, &approval).await?;
        Ok(())
    }

    /// The one who plans, at each mimerd.
    pub(crate) fn doors(&self) -> Result<[Person; 2]> {
        let anna = &self.people.anna;
        Ok([self.site.through(anna, 0)?, self.site.through(anna, 1)?])
    }

    /// Where plans are sent.
    pub(crate) fn plans(&self) -> String {
        format!("/v1/projects/{}/job-plans", self.project_id)
    }

    /// The duties that one mimerd leads, as its metrics say.
    pub(crate) async fn led_by(&self, mimerd: usize) -> Result<Vec<&'static str>> {
        let metrics = self.site.metrics_of(mimerd).await?;
        let leads = |duty: &&str| {
            let of_duty = |line: &str| line.contains(&format!("duty=\"{duty}\""));
            let lines = metrics.lines().filter(|line| line.starts_with("mimerd_leads{"));
            lines.filter(|line| of_duty(line)).any(|line| line.ends_with(" 1"))
        };
        Ok(DUTIES.into_iter().filter(leads).collect())
    }

    /// The grant's balance, asked of one mimerd: held, settled and overrun GPU-seconds.
    pub(crate) async fn balance(&self, door: &Person) -> Result<[i64; 3]> {
        let shown = door.get(&format!("/v1/projects/{}", self.project_id)).await?;
        let balance = &shown["grants"][0]["balance"];
        Ok([number(balance, "held")?, number(balance, "settled")?, number(balance, "overrun")?])
    }

    /// Rows that a query finds in the broker's database, past the broker.
    pub(crate) async fn rows<T>(&self, query: &'static str) -> Result<Vec<T>>
    where
        T: for<'r> FromRow<'r, sqlx::postgres::PgRow> + Send + Unpin,
    {
        let mut database: PgConnection = self.site.database("mimer_owner").await?;
        let rows = sqlx::query_as(query).fetch_all(&mut database).await?;
        database.close().await?;
        Ok(rows)
    }

    /// Nothing of one kind may have been told twice of one thing.
    pub(crate) async fn nothing_is_told_twice(&self) -> Result<()> {
        let twice: Vec<(String, String, i64)> = self
            .rows(
                "select action, subject_kind || ' ' || subject_id, count(*) from record.audit
                 where subject_kind in ('attempt', 'hold', 'job_plan')
                 group by 1, 2 having count(*) > 1",
            )
            .await?;
        ensure!(twice.is_empty(), "told twice: {twice:?}");
        let written: Vec<(String, String, i64)> = self
            .rows(
                "select subject_kind || ' ' || subject_id, details::text, count(*)
                 from record.audit where action in ('cluster.apply', 'cluster.found_applied')
                 group by 1, 2 having count(*) > 1",
            )
            .await?;
        ensure!(written.is_empty(), "written to Slurm twice: {written:?}");
        Ok(())
    }
}
