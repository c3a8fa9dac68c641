//! Whether what mimerd stands on answers: PostgreSQL, and each cluster's gateway.
//!
//! Neither's absence ends mimerd. It serves what it can, says here and in its metrics what is missing,
//! and goes on by itself when it is back.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::Serialize;
use slurm_wire::Call;
use tokio::sync::watch;

use crate::app::App;

/// Between two looks.
const LOOK_EVERY: Duration = Duration::from_secs(2);
/// How long an answer may take.
const BOUND: Duration = Duration::from_secs(2);

/// Whether something answered when last asked; clones share it. At first it is taken to.
#[derive(Clone, Debug, Default)]
pub struct Health(Arc<AtomicBool>);

/// What `/healthz` says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Healthy {
    /// PostgreSQL answers; without it nothing can be asked or changed.
    pub database: bool,
    /// By cluster, whether its gateway answers; without it its jobs wait, and everything else goes on.
    pub slurm: BTreeMap<String, bool>,
}

impl Health {
    /// Whether it answered when last asked.
    pub fn answers(&self) -> bool {
        !self.0.load(Ordering::Relaxed)
    }

    /// Remembers whether it answers; true if that has changed.
    fn learn(&self, answers: bool) -> bool {
        self.0.swap(!answers, Ordering::Relaxed) == answers
    }
}

/// Asks PostgreSQL until `stop` turns true.
pub async fn run(app: App, mut stop: watch::Receiver<bool>) {
    while !*stop.borrow() {
        let asked = tokio::time::timeout(BOUND, sqlx::query("select 1").execute(&app.db)).await;
        let answers = matches!(asked, Ok(Ok(_)));
        match (app.health.learn(answers), answers) {
            (true, false) => tracing::error!("PostgreSQL does not answer; mimerd waits for it"),
            (true, true) => tracing::info!("PostgreSQL answers again"),
            (false, _) => {}
        }
        app.metrics.database_answers(answers);
        pause(&mut stop).await;
    }
}

/// Asks the gateway of the cluster that the App stands at until `stop` turns true.
pub async fn run_slurm(app: App, mut stop: watch::Receiver<bool>) {
    let cluster = app.cluster.name.as_str();
    let Some(one) = app.clusters.named(cluster) else { return };
    while !*stop.borrow() {
        let asked = tokio::time::timeout(BOUND, app.gateway.call(&Call::Ping)).await;
        let answers = matches!(asked, Ok(Ok(_)));
        match (one.health.learn(answers), answers) {
            (true, false) => {
                tracing::warn!(cluster, "Slurm's gateway does not answer; jobs wait");
            }
            (true, true) => tracing::info!(cluster, "Slurm's gateway answers again"),
            (false, _) => {}
        }
        app.metrics.gateway_answers(cluster, answers);
        pause(&mut stop).await;
    }
}

async fn pause(stop: &mut watch::Receiver<bool>) {
    tokio::select! {
        () = tokio::time::sleep(LOOK_EVERY) => {}
        _ = stop.changed() => {}
    }
}

/// `GET /healthz`: 200 while requests can be answered, else 503, so that a load balancer goes elsewhere.
pub async fn show(State(app): State<App>) -> (StatusCode, Json<Healthy>) {
    let database = app.health.answers();
    let slurm = app.clusters.iter();
    let slurm = slurm.map(|one| (one.cluster.name.clone(), one.health.answers())).collect();
    let status = if database { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, Json(Healthy { database, slurm }))
}
