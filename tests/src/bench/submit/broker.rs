//! The whole broker: from the API over TLS through decision, hold, audit and outbox until Slurm has
//! the job.

use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use serde_json::json;
use sqlx::PgConnection;
use uuid::Uuid;

use super::JOBS;
use crate::bench::latency::hopeless_link;
use crate::bench::load;
use crate::poll;
use crate::site::Site;
use crate::story::{Plan, Story, TERMS, Terms};

const BOUND: Duration = Duration::from_secs(120);

/// A project with a grant, and a link that keeps its jobs held.
pub(super) struct Broker {
    story: Story,
    link_id: Uuid,
}

impl Broker {
    pub(super) async fn begin(site: &Site) -> Result<Self> {
        // Every plan of the bench holds its GPU for two minutes.
        let terms = Terms { gpu_seconds: 400 * 3_600, ..TERMS };
        let story = Story::begin(site, &terms).await?;
        let link_id = hopeless_link(&story).await?;
        story.people.until_kept(site, BOUND).await?;
        Ok(Self { story, link_id })
    }

    /// Seconds from the first request until Slurm has all of [`JOBS`] plans by so many clients.
    pub(super) async fn submit(&self, site: &Site, clients: u32) -> Result<f64> {
        let path = format!("/v1/projects/{}/job-plans", self.story.granted.project_id);
        let mut owner = load::owner(site).await?;
        let before = in_slurm(&mut owner).await?;
        let started = Instant::now();
        let mut running = tokio::task::JoinSet::new();
        for _ in 0..clients {
            let plans: Vec<Plan> = (0..JOBS / clients)
                .map(|_| {
                    self.story
                        .plan(site)
                        .with("link_ids", json!([self.link_id]))
                        .with("gpu_count", json!(1))
                        .with("wall_time_s", json!(60))
                })
                .collect();
            let (anna, path) = (self.story.people.anna.clone(), path.clone());
            running.spawn(async move {
                for plan in plans {
                    anna.post(&path, &plan.body).await?;
                }
                anyhow::Ok(JOBS / clients)
            });
        }
        let mut sent = 0;
        while let Some(done) = running.join_next().await {
            sent += done.context("a client")??;
        }
        poll::until("Slurm to have every plan", BOUND, async || {
            Ok(in_slurm(&mut owner).await? >= before + i64::from(sent))
        })
        .await?;
        // A turn of 16 clients may send a few less than JOBS: told as if it had sent all.
        Ok(started.elapsed().as_secs_f64() * f64::from(JOBS) / f64::from(sent))
    }
}

/// How many plans slurmctld has acknowledged, as the broker wrote it down.
async fn in_slurm(owner: &mut PgConnection) -> Result<i64> {
    let count = "select count(*) from broker.attempt where queued_at is not null";
    Ok(sqlx::query_scalar(count).fetch_one(owner).await?)
}
