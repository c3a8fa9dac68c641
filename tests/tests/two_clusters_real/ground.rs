//! Two clusters, one mimerd, and an open project with a grant on each.

use std::time::Duration;

use anyhow::{Context, Result};
use record::id;
use reqwest::Method;
use serde_json::{Value, json};
use sqlx::{Connection, FromRow};
use testbed::poll;
use testbed::site::{Second, Site, text, until_some};
use testbed::story::{Gpus, People, WIDE_TERMS};
use testbed::{Cluster, ClusterPlan};
use uuid::Uuid;

/// How long anything may take before the test fails.
pub(crate) const BOUND: Duration = Duration::from_secs(240);
/// The site's own cluster.
pub(crate) const HERE: &str = "berg";
/// The second.
pub(crate) const THERE: &str = "dal";

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
        let project_id = Self::lay_out(&people).await?;
        let ground = Self { people, second, site, project_id };
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

    async fn lay_out(people: &People) -> Result<Uuid> {
        let gpus = [HERE, THERE].map(|name| Gpus { cluster: name, class: name, partition: "gpu" });
        let fund_id = people.open_fund().await?;
        people.price(&gpus).await?;
        let project_id = people.open_project().await?;
        for gpus in gpus {
            let pool_id = people.open_pool(fund_id, gpus).await?;
            people.set_share(pool_id, &json!({ "mode": "none" })).await?;
            people.grant_open((project_id, fund_id, pool_id), gpus.class, &WIDE_TERMS).await?;
        }
        Ok(project_id)
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
