//! Starting and stopping `mimerd`: database, TLS, routes, workers, and an orderly end.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use axum::http::header;
use axum::response::IntoResponse;
use axum::routing::get;
use axum::{Router, middleware};
use record::Clock;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::{Notify, watch};
use tokio::task::JoinSet;

use crate::app::App;
use crate::auth::authorize;
use crate::config::Config;
use crate::database::{Databases, Stay};
use crate::gateway::Gateway;
use crate::metrics::Metrics;
use crate::settings::{self, KnownSettings};
use crate::{api, duty, outbox, pages, tls};

/// How long open requests may take to finish at the end.
const GRACE: Duration = Duration::from_secs(10);

/// Every route of mimerd behind the gate.
pub fn router(app: App) -> Router {
    api::routes()
        .merge(pages::routes())
        .route_layer(middleware::from_fn_with_state(app.clone(), authorize))
        .fallback(async || api::ApiError::no_such_route())
        .with_state(app)
}

/// Runs mimerd until SIGTERM or SIGINT.
pub async fn serve(config: Config) -> anyhow::Result<()> {
    tls::install_provider();
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;

    let databases = Databases::open(&config, Stay::Serve).await?;
    databases.fit_job_ids(&config).await?;
    let app = app(config, &databases)?;
    let (stop, stopping) = watch::channel(false);
    let mut duties = JoinSet::new();
    duties.spawn(outbox::run_workers(app.clone(), stopping.clone()));
    duties.spawn(crate::watch::run(app.clone(), stopping.clone()));
    duties.spawn(crate::watch::run_rounds(app.clone(), stopping.clone()));
    duties.spawn(crate::crisis::duty::run(app.clone(), stopping.clone()));
    duties.spawn(crate::limit::run(app.clone(), stopping.clone()));
    duties.spawn(duty::run_grant_ends(app.clone(), stopping.clone()));
    duties.spawn(crate::cluster::keeper::run(app.clone(), stopping.clone()));
    duties.spawn(settings::run(app.clone(), stopping.clone()));
    duties.spawn(duty::run_permit_watch(app.clone(), stopping));

    let handle = axum_server::Handle::new();
    let (mut https, mut metrics) = (JoinSet::new(), JoinSet::new());
    https.spawn(serve_https(app.clone(), handle.clone()));
    if let Some(address) = app.config.listen.metrics_address {
        metrics.spawn(serve_metrics(app.clone(), address));
    }
    // The sealer ends last, so that what the other duties wrote at the end is sealed too.
    let (seal, sealing) = watch::channel(false);
    let sealer = tokio::spawn(duty::run_sealer(app.clone(), databases.sealer.clone(), sealing));

    let outcome = tokio::select! {
        _ = terminate.recv() => Ok(()),
        _ = interrupt.recv() => Ok(()),
        Some(ended) = https.join_next() => ended.context("the HTTPS task").flatten(),
        Some(ended) = metrics.join_next() => ended.context("the metrics task").flatten(),
        // A duty ends by itself only if it panicked. Without it mimerd would look alive and not be.
        Some(_) = duties.join_next() => {
            Err(anyhow::anyhow!("a background duty broke off; its reason is logged above"))
        }
    };
    tracing::info!("stopping");
    handle.graceful_shutdown(Some(GRACE));
    let _ = stop.send(true);
    // A transfer may have hours to go. It is broken off like by a crash, and taken up again by the
    // next mimerd once its lease has run out.
    if tokio::time::timeout(GRACE, async { while duties.join_next().await.is_some() {} })
        .await
        .is_err()
    {
        tracing::info!("effects still at work are left to the next mimerd");
        duties.shutdown().await;
    }
    // Requests that are open now end in their own time, and are sealed too.
    let _ = tokio::time::timeout(GRACE, async { while https.join_next().await.is_some() {} }).await;
    let _ = seal.send(true);
    sealer.await.context("the sealer task")?;
    https.shutdown().await;
    metrics.shutdown().await;
    databases.close().await?;
    outcome
}

fn app(config: Config, databases: &Databases) -> anyhow::Result<App> {
    let gateway = Gateway::of(&config.cluster).context("the way to the Slurm gateway")?;
    Ok(App {
        config: Arc::new(config),
        db: databases.app.clone(),
        clock: Clock::System,
        gateway,
        settings: KnownSettings::default(),
        metrics: Arc::new(Metrics::new()?),
        outbox_wake: Arc::new(Notify::new()),
        cluster_wake: Arc::new(Notify::new()),
    })
}

async fn serve_https(app: App, handle: axum_server::Handle<SocketAddr>) -> anyhow::Result<()> {
    let listener = std::net::TcpListener::bind(app.config.listen.address)
        .with_context(|| format!("listening on {}", app.config.listen.address))?;
    listener.set_nonblocking(true)?;
    let address = listener.local_addr()?;
    let files = tls::files(&app.config.listen, &app.config.state_dir)?;
    let tls = tls::server_config(&files).await?;
    tracing::info!(%address, "mimerd serves https://{address}/");
    if let Some(authority) = &files.development_ca {
        tracing::info!(ca_file = %authority.display(), "development certificate; clients trust this file");
    }
    axum_server::from_tcp_rustls(listener, tls)?
        .handle(handle)
        .serve(router(app).into_make_service())
        .await
        .context("serving HTTPS")
}

/// `/metrics` in plain HTTP, on loopback only (the configuration sees to that).
async fn serve_metrics(app: App, address: SocketAddr) -> anyhow::Result<()> {
    let listener = tokio::net::TcpListener::bind(address)
        .await
        .with_context(|| format!("listening on {address} for /metrics"))?;
    let routes = Router::new().route(
        "/metrics",
        get(move || async move {
            match app.metrics.text() {
                Ok(text) => {
                    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4")], text).into_response()
                }
                Err(error) => api::ApiError::internal(&error).into_response(),
            }
        }),
    );
    axum::serve(listener, routes).await.context("serving /metrics")
}
