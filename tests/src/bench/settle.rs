//! Settlement lag: from the end of a job in Slurm until its hold is settled, over some hundreds of
//! short jobs through the whole broker on a real cluster.
//!
//! Slurm tells ends in whole seconds, so each lag is up to a second too long.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use sqlx::PgConnection;

use super::{load, percentile, rounded};
use crate::poll;
use crate::site::Site;
use crate::story::{Story, TERMS};

/// Jobs of about a second.
const JOBS: usize = 300;
/// Clients that submit them.
const CLIENTS: usize = 4;
const BOUND: Duration = Duration::from_secs(900);

/// Measures; `is_small` only tries the bench itself.
pub async fn settle(is_small: bool) -> Result<Value> {
    let jobs = if is_small { 16 } else { JOBS };
    let site = Site::real(1).await?;
    let story = Story::begin(&site, &TERMS).await?;
    let begun = Instant::now();
    load::submit(&site, &story, (jobs, CLIENTS), "#!/bin/sh\nsleep 1\n").await?;
    let mut owner = load::owner(&site).await?;
    let all = i64::try_from(jobs)?;
    poll::until("every job to be settled", BOUND, async || Ok(settled(&mut owner).await? >= all))
        .await
        .with_context(|| site.mimerd_log())?;
    let took_s = begun.elapsed().as_secs_f64();
    let mut lags: Vec<f64> = sqlx::query_scalar(
        "select extract(epoch from settled_at - ended_at)::float8 from broker.attempt
         where state = 'settled'",
    )
    .fetch_all(&mut owner)
    .await?;
    ensure!(lags.len() == jobs, "{} of {jobs} jobs were settled", lags.len());
    let metrics = site.metrics_of(0).await?;
    let questions: f64 = metrics
        .lines()
        .filter(|line| line.starts_with("mimerd_slurmdbd_questions_total"))
        .filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok())
        .sum();
    site.stop().await?;
    Ok(json!({
        "bench": "settle",
        "jobs": jobs,
        "lag_p50_s": rounded(percentile(&mut lags, 50), 1),
        "lag_p90_s": rounded(percentile(&mut lags, 90), 1),
        "lag_p99_s": rounded(percentile(&mut lags, 99), 1),
        "lag_most_s": rounded(percentile(&mut lags, 100), 1),
        "seconds": rounded(took_s, 0),
        "slurmdbd_questions_per_minute": rounded(questions / took_s * 60.0, 1),
    }))
}

async fn settled(owner: &mut PgConnection) -> Result<i64> {
    let count = "select count(*) from broker.attempt where state = 'settled'";
    Ok(sqlx::query_scalar(count).fetch_one(owner).await?)
}
