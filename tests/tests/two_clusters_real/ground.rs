//! Two clusters, one mimerd, and an open project with a grant on each.

use std::time::Duration;

use anyhow::{Context, Result};
use chrono::TimeDelta;
use record::{Clock, id};
use reqwest::Method;
use serde_json::{Value, json};
use sqlx::{Connection, FromRow};
use testbed::poll;
use testbed::site::{ACCOUNT, PROJECT, Second, Site, text, until_some};
use testbed::story::{PRICE_USEK, People};
use testbed::{Cluster, ClusterPlan};
use uuid::Uuid;

/// How long anything may take before the test fails.
pub(crate) const BOUND: Duration = Duration::from_secs(240);
/// The site's own cluster.
pub(crate) const HERE: &str = "berg";
/// The second.
pub(crate) const THERE: &str = "dal";

const GRANTED: i64 = 1_000_000;

/// The installation, its people and its project. Each cluster's GPUs are a class of its name.
pub(crate) struct Ground {
    pub(crate) people: People,
    pub(crate) second: Second,
    pub(crate) site: Site,
    project_id: Uuid,
}

impl Ground {
    /// Lays everything out and waits until both Slurms have it.
    pub(crate) async fn lay() -> Result<Self> {
        let plan = |name: &str| ClusterPlan { name: name.to_owned(), ..ClusterPlan::default() };
        let mut site = Site::shared_on(plan(HERE), 1, &[]).await?;
        let second = Second::beside(&mut site, plan(THERE)).await?;
        let people = People::gather(&site).await?;
        let ground = Self { people, second, site, project_id: id::fresh() };
        ground.lay_out().await?;
        for cluster in [HERE, THERE] {
            let what = format!("Slurm on {cluster} to be as the broker wants it");
            let path = format!("/v1/cluster/diff?cluster={cluster}");
            until_some(&ground.site, &what, BOUND, async || {
                let diff = ground.people.operator.get(&path).await?;
                Ok(diff["lines"].as_array().is_some_and(Vec::is_empty).then_some(()))
            })
            .await?;
        }
        Ok(ground)
    }

    async fn lay_out(&self) -> Result<()> {
        let now = Clock::System.now();
        let (from, until) = (now - TimeDelta::days(1), now + TimeDelta::days(365));
        let fund_id = id::fresh();
        let fund = json!({
            "fund_id": fund_id, "name": "Public sector 2027", "purpose": "public_sector",
            "ceiling_usek": 30_000_000_000_000_i64, "valid_from": from, "valid_until": until,
        });
        self.people.operator.post("/v1/funds", &fund).await?;
        let rates = [HERE, THERE].map(|class| {
            json!({ "rate_id": id::fresh(), "class": class, "partition": "gpu",
                "price_usek_per_gpu_hour": PRICE_USEK, "factor_ppm": 1_000_000 })
        });
        let card = json!({
            "rate_card_id": id::fresh(), "name": "Mimer 2027:1", "valid_from": from,
            "valid_until": null, "rates": rates,
        });
        self.people.finance.post("/v1/rate-cards", &card).await?;
        let project = json!({
            "project_id": self.project_id, "agency_id": self.people.agency_id, "slug": PROJECT,
            "title": "Traffic forecasts", "data_class": "open",
            "controller_login": self.people.controller.login, "slurm_account": ACCOUNT,
        });
        self.people.anna.post("/v1/projects", &project).await?;
        for cluster in [HERE, THERE] {
            let pool_id = id::fresh();
            let pool = json!({
                "pool_id": pool_id, "fund_id": fund_id, "cluster": cluster, "class": cluster,
                "gpu_type": "h200", "gpus_per_node": 8, "partition": "gpu",
                "gpu_seconds": 1_000_000_i64 * 3600, "valid_from": from, "valid_until": until,
            });
            self.people.operator.post("/v1/pools", &pool).await?;
            let path = format!("/v1/pools/{pool_id}/share");
            let share = json!({ "pool_share_id": id::fresh(), "share": { "mode": "none" } });
            self.people.operator.post(&path, &share).await?;
            self.ask_and_grant((cluster, pool_id)).await?;
        }
        Ok(())
    }

    async fn ask_and_grant(&self, (class, pool_id): (&str, Uuid)) -> Result<()> {
        let now = Clock::System.now();
        let request_id = id::fresh();
        let request = json!({
            "request_id": request_id, "purpose": "Forecast traffic", "class": class,
            "gpu_seconds": GRANTED, "gpus_at_once": 8, "longest_run_s": 3600,
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

    /// Plans a short job on the GPUs of one cluster.
    pub(crate) async fn plan(&self, class: &str) -> Result<Uuid> {
        let job_plan_id = id::fresh();
        let plan = json!({
            "job_plan_id": job_plan_id, "name": format!("forecast-{class}"),
            "script": "#!/bin/sh\nsleep 2\n", "gpu_count": 1, "wall_time_s": 120, "class": class,
            "link_ids": [],
        });
        let path = format!("/v1/projects/{}/job-plans", self.project_id);
        self.people.anna.post(&path, &plan).await?;
        Ok(job_plan_id)
    }

    async fn attempt(&self, plan: Uuid) -> Result<Value> {
        let shown = self.people.anna.get(&format!("/v1/job-plans/{plan}")).await?;
        shown["attempts"].get(0).cloned().context("the plan has an attempt")
    }

    /// Where the plan's attempt stands.
    pub(crate) async fn state(&self, plan: Uuid) -> Result<String> {
        Ok(text(&self.attempt(plan).await?, "state")?.to_owned())
    }

    /// Waits until the plan is settled, and returns Slurm's id of its job.
    pub(crate) async fn until_settled(&self, plan: Uuid) -> Result<u32> {
        until_some(&self.site, &format!("plan {plan} to be settled"), BOUND, async || {
            let attempt = self.attempt(plan).await?;
            let settled = text(&attempt, "state")? == "settled";
            let job_id = attempt["slurm_job_id"].as_u64().and_then(|id| u32::try_from(id).ok());
            Ok(job_id.filter(|_| settled))
        })
        .await
    }

    /// Waits until `/healthz` says so of the two gateways.
    pub(crate) async fn until_health(&self, here: bool, there: bool) -> Result<()> {
        let wanted = json!({ "database": true, "slurm": { HERE: here, THERE: there } });
        poll::until(&format!("the health to be {wanted}"), BOUND, async || {
            Ok(self.people.operator.get("/healthz").await? == wanted)
        })
        .await
    }

    /// The refusal of what the operator asks for: status, code and message.
    pub(crate) async fn no(&self, path: &str) -> Result<(u16, String, String)> {
        let answer = self.people.operator.send(Method::GET, path, None).await?;
        let word = |field: &str| answer.body["error"][field].as_str().unwrap_or("").to_owned();
        Ok((answer.status, word("code"), word("message")))
    }

    /// A page as the operator's browser gets it.
    pub(crate) async fn page(&self, path: &str) -> Result<String> {
        let answer = self.people.operator.send(Method::GET, path, None).await?;
        Ok(answer.body.as_str().context("a page is text")?.to_owned())
    }

    /// The cluster of that name, and the other one.
    pub(crate) fn clusters(&self, name: &str) -> Result<(&Cluster, &Cluster)> {
        let (here, there) = (self.site.cluster()?, self.second.cluster());
        Ok(if name == HERE { (here, there) } else { (there, here) })
    }

    /// Rows that a query finds in the broker's database, past the broker.
    pub(crate) async fn rows<T>(&self, query: &'static str) -> Result<Vec<T>>
    where
        T: for<'r> FromRow<'r, sqlx::postgres::PgRow> + Send + Unpin,
    {
        let mut database = self.site.database("mimer_owner").await?;
        let rows = sqlx::query_as(query).fetch_all(&mut database).await?;
        database.close().await?;
        Ok(rows)
    }

    /// Ends everything: mimerd before what it speaks to.
    pub(crate) async fn stop(self) -> Result<()> {
        self.site.stop().await?;
        tokio::task::spawn_blocking(move || drop(self.second)).await.context("ending the second")
    }
}
