//! What several benches put on an installation, and how they look at it: many small jobs through the
//! API at once, and the database past the broker. Nothing here measures.

use anyhow::{Context, Result};
use serde_json::json;
use sqlx::postgres::PgConnectOptions;
use sqlx::{ConnectOptions, PgConnection};

use crate::site::Site;
use crate::story::{Plan, Story};

/// Submits so many jobs of one GPU, shared out among so many clients, one after the other each.
pub(super) async fn submit(
    site: &Site,
    story: &Story,
    (jobs, clients): (usize, usize),
    script: &str,
) -> Result<()> {
    let mut running = tokio::task::JoinSet::new();
    for client in 0..clients {
        let count = jobs / clients + usize::from(client < jobs % clients);
        let plans: Vec<Plan> = (0..count)
            .map(|_| {
                let plan = story.plan(site).with("script", json!(script));
                plan.with("gpu_count", json!(1)).with("wall_time_s", json!(60))
            })
            .collect();
        let anna = story.people.anna.clone();
        let path = format!("/v1/projects/{}/job-plans", story.granted.project_id);
        running.spawn(async move {
            for plan in plans {
                anna.post(&path, &plan.body).await?;
            }
            anyhow::Ok(())
        });
    }
    while let Some(done) = running.join_next().await {
        done.context("a client")??;
    }
    Ok(())
}

/// The embedded database, as its owner.
pub(super) async fn owner(site: &Site) -> Result<PgConnection> {
    let options = PgConnectOptions::new_without_pgpass()
        .socket(site.postgres_socket_dir())
        .port(5432)
        .username("mimer_owner")
        .database("mimer");
    Ok(options.connect().await?)
}
