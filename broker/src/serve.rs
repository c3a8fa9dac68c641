//! Starting and stopping `mimerd`: database, TLS, routes, workers, and an orderly end.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::Context;
use axum::http::header;
use axum::response::IntoResponse;
use axum::routing::get;
use axum::{Router, middleware};
use record::Clock;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::app::App;
use crate::auth::authorize;
use crate::config::Config;
use crate::database::{Databases, Stay};
use crate::leader::{Duty, lead};
use crate::{api, duty, health, outbox, pages, settings, tls};

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

    let mut databases = Databases::open(&config, Stay::Serve).await?;
    databases.fit_job_ids(&config).await?;
    databases.place_nodes(&config).await?;
    let app = App::new(config, databases.app.clone(), Clock::System)?;
    let (stop, stopping) = watch::channel(false);
    let mut duties = JoinSet::new();
    everywhere(&mut duties, &app, &stopping);
    by_one_for_all(&mut duties, &app, &stopping);

    let handle = axum_server::Handle::new();
    let (mut https, mut metrics) = (JoinSet::new(), JoinSet::new());
    https.spawn(serve_https(app.clone(), handle.clone()));
    if let Some(address) = app.config.listen.metrics_address {
        metrics.spawn(serve_metrics(app.clone(), address));
    }
    // The sealer ends last, so that what the other duties wrote at the end is sealed too; and the
    // witness after it.
    let (seal, sealing) = watch::channel(false);
    let pool = databases.sealer.clone();
    let sealer = tokio::spawn(lead(app.clone(), Duty::Seal, sealing, move |app, stop| {
        duty::run_sealer(app, pool.clone(), stop)
    }));
    let (remember, remembering) = watch::channel(false);
    let witness =
        tokio::spawn(duty::run_witness(app.clone(), databases.sealer.clone(), remembering));

    let outcome = loop {
        tokio::select! {
            _ = terminate.recv() => break Ok(()),
            _ = interrupt.recv() => break Ok(()),
            Some(ended) = https.join_next() => break ended.context("the HTTPS task").flatten(),
            Some(ended) = metrics.join_next() => break ended.context("the metrics task").flatten(),
            // A duty ends by itself only if it panicked. Without it mimerd would look alive and not be.
            Some(_) = duties.join_next() => {
                break Err(anyhow::anyhow!("a background duty broke off; its reason is logged above"));
            }
            status = databases.embedded_ended() => {
                tracing::error!(%status, "the embedded PostgreSQL ended; it is started again");
                if let Err(error) = databases.start_embedded_again().await {
                    break Err(error);
                }
            }
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
    let _ = remember.send(true);
    witness.await.context("the witness task")?;
    https.shutdown().await;
    metrics.shutdown().await;
    databases.close().await?;
    outcome
}

/// What every mimerd does, however many there are.
fn everywhere(duties: &mut JoinSet<()>, app: &App, stop: &watch::Receiver<bool>) {
    duties.spawn(outbox::run_workers(app.clone(), stop.clone()));
    duties.spawn(outbox::run_measure(app.clone(), stop.clone()));
    duties.spawn(health::run(app.clone(), stop.clone()));
    for here in app.each() {
        duties.spawn(settings::run(here.clone(), stop.clone()));
        duties.spawn(health::run_slurm(here, stop.clone()));
    }
}

/// What one mimerd does for all: whoever leads the duty. The sealer, which ends last, is one too.
fn by_one_for_all(duties: &mut JoinSet<()>, app: &App, stop: &watch::Receiver<bool>) {
    let stop = || stop.clone();
    for here in app.each() {
        let here = || here.clone();
        duties.spawn(lead(here(), Duty::Watch, stop(), crate::watch::run));
        duties.spawn(lead(here(), Duty::Rounds, stop(), crate::watch::run_rounds));
        duties.spawn(lead(here(), Duty::Keep, stop(), crate::cluster::keeper::run));
        duties.spawn(lead(here(), Duty::Crisis, stop(), crate::crisis::duty::run));
    }
    let app = || app.clone();
    duties.spawn(lead(app(), Duty::Limits, stop(), crate::limit::run));
    duties.spawn(lead(app(), Duty::GrantEnds, stop(), duty::run_grant_ends));
    duties.spawn(lead(app(), Duty::Permits, stop(), duty::run_permit_watch));
    duties.spawn(lead(app(), Duty::Outbox, stop(), outbox::run_keeper));
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
