//! A project of open data on the partition `gpu`: it needs no link and no permit. What the tests of
//! jobs, quotas and outages stand on.

use anyhow::Result;
use record::{Clock, id};
use serde_json::{Value, json};
use uuid::Uuid;

use super::capacity::Gpus;
use super::request::{self, Granted, NewProject, Terms};
use super::{People, TERMS};
use crate::site::{ACCOUNT, PROJECT, Site};

impl People {
    /// A fund, a pool, its price, a project and a grant on these terms, on the site's own cluster.
    pub async fn open_ground(&self, site: &Site, terms: &Terms) -> Result<Granted> {
        let cluster = site.cluster_name();
        let gpus = Gpus { cluster: &cluster, class: "h200", partition: "gpu" };
        let fund_id = self.open_fund().await?;
        let pool_id = self.open_pool(fund_id, gpus).await?;
        self.price(&[gpus]).await?;
        let project_id = self.open_project().await?;
        self.grant_open((project_id, fund_id, pool_id), gpus.class, terms).await
    }

    /// Anna's project.
    pub async fn open_project(&self) -> Result<Uuid> {
        let project_id = id::fresh();
        let new = NewProject {
            slug: PROJECT,
            title: "Traffic forecasts",
            data_class: "open",
            slurm_account: ACCOUNT,
        };
        request::create_project(self, project_id, &new).await?;
        Ok(project_id)
    }

    /// Anna asks for GPUs of a class in the project, and the decider grants them from the pool.
    pub async fn grant_open(
        &self,
        (project_id, fund_id, pool_id): (Uuid, Uuid, Uuid),
        class: &str,
        terms: &Terms,
    ) -> Result<Granted> {
        let (now, request_id, grant_id) = (Clock::System.now(), id::fresh(), id::fresh());
        let granted = Granted { project_id, fund_id, pool_id, request_id, grant_id };
        let mut asked: Value = request::request(&granted, terms, now);
        asked["purpose"] = json!("Forecast traffic");
        asked["class"] = json!(class);
        asked["pattern"] = json!("compute_to_data");
        self.anna.post(&format!("/v1/projects/{project_id}/requests"), &asked).await?;
        let approval = request::approval(&granted, terms, now);
        self.decider.post(&format!("/v1/requests/{request_id}/approval"), &approval).await?;
        Ok(granted)
    }
}

/// Room for everything that a test does with short jobs, many times over.
pub const WIDE_TERMS: Terms =
    Terms { gpu_seconds: 10_000_000, usek: 500_000_000_000, max_wall_time_s: 3_600, ..TERMS };
