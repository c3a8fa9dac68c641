//! Whether what mimerd stands on answers: PostgreSQL, and Slurm's gateway.
//!
//! Neither's absence ends mimerd. It serves what it can, says here and in its metrics what is missing,
//! and goes on by itself when it is back.

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

/// What answered when last asked; clones share it. At first both are taken to.
#[derive(Clone, Debug, Default)]
pub struct Health(Arc<Silent>);

#[derive(Debug, Default)]
struct Silent {
    database: AtomicBool,
    slurm: AtomicBool,
}

/// What `/healthz` says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Healthy {
    /// PostgreSQL answers; without it nothing can be asked or changed.
    pub database: bool,
    /// Slurm's gateway answers; without it jobs wait, and everything else goes on.
    pub slurm: bool,
}

impl Health {
    /// What answered when last asked.
    pub fn now(&self) -> Healthy {
        let answers = |silent: &AtomicBool| !silent.load(Ordering::Relaxed);
        Healthy { database: answers(&self.0.database), slurm: answers(&self.0.slurm) }
    }

    /// Remembers what answered, and says what has changed.
    fn learn(&self, now: Healthy) {
        let before = self.now();
        self.0.database.store(!now.database, Ordering::Relaxed);
        self.0.slurm.store(!now.slurm, Ordering::Relaxed);
        match (before.database, now.database) {
            (true, false) => tracing::error!("PostgreSQL does not answer; mimerd waits for it"),
            (false, true) => tracing::info!("PostgreSQL answers again"),
            _ => {}
        }
        match (before.slurm, now.slurm) {
            (true, false) => tracing::warn!("Slurm's gateway does not answer; jobs wait"),
            (false, true) => tracing::info!("Slurm's gateway answers again"),
            _ => {}
        }
    }
}

/// Asks both until `stop` turns true.
pub async fn run(app: App, mut stop: watch::Receiver<bool>) {
    while !*stop.borrow() {
        let (database, slurm) = tokio::join!(
            tokio::time::timeout(BOUND, sqlx::query("select 1").execute(&app.db)),
            tokio::time::timeout(BOUND, app.gateway.call(&Call::Ping)),
        );
        let now =
            Healthy { database: matches!(database, Ok(Ok(_))), slurm: matches!(slurm, Ok(Ok(_))) };
        app.health.learn(now);
        app.metrics.database_answers(now.database);
        app.metrics.gateway_answers(now.slurm);
        tokio::select! {
            () = tokio::time::sleep(LOOK_EVERY) => {}
            _ = stop.changed() => {}
        }
    }
}

/// `GET /healthz`: 200 while requests can be answered, else 503, so that a load balancer goes elsewhere.
pub async fn show(State(app): State<App>) -> (StatusCode, Json<Healthy>) {
    let now = app.health.now();
    let status = if now.database { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, Json(now))
}
