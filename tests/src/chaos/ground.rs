//! What the chaos breaks: an installation with two mimerd on one PostgreSQL, a relay between them and
//! the gateway, a durable MariaDB, and an open project with a grant that covers every job.

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;

use anyhow::{Context, Result};
use serde_json::Value;
use sqlx::Connection;
use uuid::Uuid;

use super::evidence::{self, Evidence};
use crate::ClusterPlan;
use crate::proxy::Proxy;
use crate::site::{Person, Site, number};
use crate::story::{People, WIDE_TERMS};

/// How long Slurm may take to be as the grant says.
const BOUND: std::time::Duration = std::time::Duration::from_secs(120);

const NODES: usize = 2;
const MIMERDS: usize = 2;
/// Short, so that jobs are forgotten in the middle of it, and what slurmctld alone holds open in
/// slurmdbd (`operator`) is open to an operator before everybody's patience ends.
const MIN_JOB_AGE_S: i64 = 60;
/// Slurm's default. slurmctld dies every half minute here and cannot hear its nodes meanwhile: with a
/// shorter one it sets down nodes that are up.
const SLURMD_TIMEOUT_S: u32 = 300;
/// slurmdbd is never away for longer than ten seconds here, and hears what it missed some ten seconds
/// after that: what it does not know after a minute, it will never hear of.
const AFTER_A_BREAK_S: i64 = 60;

/// The ground; fields are in the order they end.
pub(super) struct Ground {
    pub(super) proxy: Proxy,
    pub(super) site: Site,
    pub(super) people: People,
    project_id: Uuid,
}

impl Ground {
    pub(super) async fn lay(resubmit_after_s: Option<i64>) -> Result<Self> {
        let plan = ClusterPlan {
            min_job_age_s: u32::try_from(MIN_JOB_AGE_S)?,
            slurmd_timeout_s: SLURMD_TIMEOUT_S,
            ..ClusterPlan::with_nodes(NODES)
        };
        let duties =
            [("min_job_age_s", MIN_JOB_AGE_S), ("resubmit_after_break_s", AFTER_A_BREAK_S)];
        let duties: Vec<_> =
            duties.into_iter().chain(resubmit_after_s.map(|s| ("resubmit_after_s", s))).collect();
        let mut site = Site::shared_on(plan, MIMERDS, &duties).await?;
        site.start_agents().await?;
        let proxy = Proxy::start(&site.wire_socket(), &site.gateway_socket())?;
        let gathered = People::gather(&site).await;
        let people = gathered.with_context(|| format!("mimerd says:\n{}", site.mimerd_log()))?;
        let project_id = people.open_ground(&site, &WIDE_TERMS).await?.project_id;
        people.until_kept(&site, BOUND).await?;
        Ok(Self { proxy, site, people, project_id })
    }

    /// Ends everything.
    pub(super) async fn leave(self) -> Result<()> {
        drop(self.proxy);
        self.site.stop().await
    }

    /// Where plans are sent.
    pub(super) fn plans(&self) -> String {
        format!("/v1/projects/{}/job-plans", self.project_id)
    }

    /// The one who plans, at each mimerd.
    pub(super) fn doors(&self) -> Result<Vec<Person>> {
        (0..MIMERDS).map(|number| self.site.through(&self.people.anna, number)).collect()
    }

    /// What the jobs themselves have said so far.
    pub(super) fn evidence(&self) -> Result<Evidence> {
        evidence::read(&self.site.area())
    }

    /// Copies every log of the installation and of its cluster.
    pub(super) fn keep_logs(&self, to: &Path) -> Result<()> {
        std::fs::create_dir_all(to).with_context(|| format!("making {}", to.display()))?;
        for dir in [self.site.dir().to_owned(), self.site.cluster()?.dir().join("log")] {
            for file in std::fs::read_dir(dir)?.flatten() {
                let name = file.file_name();
                if [".log", ".out"].iter().any(|end| name.to_string_lossy().ends_with(end)) {
                    std::fs::copy(file.path(), to.join(name))?;
                }
            }
        }
        let evidence = self.site.area().join("work/evidence");
        std::fs::copy(evidence, to.join("evidence")).context("copying the jobs' own lines")?;
        Ok(())
    }

    /// The grant's balance as the project shows it.
    pub(super) async fn balance(&self) -> Result<Balance> {
        let shown = self.people.anna.get(&format!("/v1/projects/{}", self.project_id)).await?;
        let grant = shown["grants"].as_array().and_then(|grants| grants.first());
        let balance: &Value = &grant.with_context(|| format!("a grant in {shown}"))?["balance"];
        Ok(Balance {
            held: number(balance, "held")?,
            settled: number(balance, "settled")?,
            overrun: number(balance, "overrun")?,
        })
    }

    /// One number from the broker's database, read past the broker.
    pub(super) async fn number(&self, query: &'static str) -> Result<i64> {
        let mut database = self.site.database("mimer_owner").await?;
        let found: i64 = sqlx::query_scalar(query).fetch_one(&mut database).await?;
        database.close().await?;
        Ok(found)
    }

    /// The ledger's runs, by slurmdbd's key.
    pub(super) async fn ledger(&self) -> Result<BTreeMap<String, Posted>> {
        let mut database = self.site.database("mimer_owner").await?;
        let runs: Vec<(i64, i64, String)> = sqlx::query_as(
            "select db_index, gpu_seconds, format('job %s, %s, from %s until %s, posted at %s',
                 slurm_job_id, state, started_at, ended_at, recorded_at) from accounting.run",
        )
        .fetch_all(&mut database)
        .await?;
        database.close().await?;
        let posted = runs.into_iter().map(|(db_index, gpu_seconds, words)| {
            (db_index.cast_unsigned().to_string(), Posted { gpu_seconds, words })
        });
        Ok(posted.collect())
    }
}

/// One run in the ledger.
#[derive(Clone, Debug)]
pub(super) struct Posted {
    pub(super) gpu_seconds: i64,
    /// Which run it is.
    pub(super) words: String,
}

impl fmt::Display for Posted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} GPU-seconds ({})", self.gpu_seconds, self.words)
    }
}

/// GPU-seconds of the one grant.
#[derive(Clone, Copy, Debug)]
pub(super) struct Balance {
    pub(super) held: i64,
    pub(super) settled: i64,
    pub(super) overrun: i64,
}
