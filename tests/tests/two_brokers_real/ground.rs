//! Two mimerd on one PostgreSQL and one real Slurm, with an open project that has a grant.

use std::time::Duration;

use anyhow::{Result, ensure};
use sqlx::{Connection, FromRow, PgConnection};
use testbed::site::{Person, Site, number};
use testbed::story::{People, WIDE_TERMS};
use uuid::Uuid;

/// How long anything may take before a test fails.
pub(crate) const BOUND: Duration = Duration::from_secs(240);
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
        let project_id = people.open_ground(&site, &WIDE_TERMS).await?.project_id;
        people.until_kept(&site, BOUND).await?;
        Ok(Self { site, people, project_id })
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
