//! The agent, put together: meter, keeper, courier and the metrics page, from start to end.

use std::sync::mpsc::Sender;
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use anyhow::Context;
use axum::Router;
use axum::http::StatusCode;
use axum::routing::get;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::{Notify, oneshot};

use crate::clock;
use crate::config::Config;
use crate::courier::Courier;
use crate::integrate::Rules;
use crate::keeper::{Handover, Keeper};
use crate::library::{Library, LibraryError};
use crate::meter::Meter;
use crate::metrics::Metrics;
use crate::spool::{Recovery, Spool};
use crate::starts::{self, Kept, Teller};

/// One sample of every GPU per second.
const PERIOD_MS: u64 = 1_000;

/// How long the last delivery may take; what it does not deliver waits on disk.
const LAST_DELIVERY: Duration = Duration::from_secs(5);

/// Runs the agent until SIGTERM or SIGINT, or until it cannot go on.
pub async fn run(config: Config) -> anyhow::Result<()> {
    let metrics = Arc::new(Metrics::new().context("registering metrics")?);
    let library = open_library(&config)?;
    let spool = Arc::new(Mutex::new(open_spool(&config, &metrics)?));
    let mut courier = Courier::new(&config, Arc::clone(&spool), Arc::clone(&metrics))?;

    let listener = TcpListener::bind(config.listen)
        .await
        .with_context(|| format!("listening on {} for Prometheus", config.listen))?;
    tracing::info!(address = %listener.local_addr()?, "metrics are served at /metrics");
    let page =
        tokio::spawn(axum::serve(listener, metrics_page(Arc::clone(&metrics))).into_future());

    let starts = start_telling(&config)?;
    let arrived = Arc::new(Notify::new());
    let keeper = Keeper {
        spool,
        arrived: Arc::clone(&arrived),
        boot_id: clock::boot_id().context("reading the kernel's boot id")?,
        metrics: Arc::clone(&metrics),
    };
    let (handover, keeper) = keeper.start().context("starting the keeper thread")?;
    let mut meter = start_meter(&config, library, handover, metrics)?;

    let mut terminate = signal(SignalKind::terminate()).context("waiting for SIGTERM")?;
    let mut interrupt = signal(SignalKind::interrupt()).context("waiting for SIGINT")?;
    let early_end = tokio::select! {
        () = courier.run(&arrived) => None,
        _ = terminate.recv() => None,
        _ = interrupt.recv() => None,
        end = &mut meter.end => Some(end),
    };

    // In the order the segments travel: the meter cuts them, the keeper keeps them, the courier
    // delivers what it can.
    drop(meter.stop);
    let end = match early_end {
        Some(end) => end,
        None => meter.end.await,
    };
    join(keeper).await?;
    deliver_last(&mut courier).await;
    page.abort();
    starts.abort();
    end.context("the NVML thread panicked")?.context("metering")
}

/// Loads NVML and takes a first inventory, so that a node without GPUs is told at once.
fn open_library(config: &Config) -> Result<Library, LibraryError> {
    let library = Library::open(&config.nvml_library)?;
    library.inventory(config.simulated)?;
    tracing::info!(
        driver = library.driver_version(),
        simulated = config.simulated,
        node = config.node,
        "NVML is loaded"
    );
    Ok(library)
}

fn open_spool(config: &Config, metrics: &Metrics) -> anyhow::Result<Spool> {
    let (spool, recovery) =
        Spool::open(&config.spool_dir, &config.node, config.spool_limits(), clock::fresh_id())?;
    metrics.recovered(recovery);
    metrics.spool(&spool);
    if recovery != Recovery::default() {
        tracing::warn!(?recovery, "the spool was damaged; what could be saved is kept");
    }
    Ok(spool)
}

/// Watches slurmd's spool and tells the broker of the starts in it, for as long as the agent runs.
fn start_telling(config: &Config) -> anyhow::Result<tokio::task::JoinHandle<()>> {
    let (file, arrived) = (config.spool_dir.join("starts.jsonl"), Arc::new(Notify::new()));
    let kept = Kept::open(&file).with_context(|| format!("reading `{}`", file.display()))?;
    let kept = Arc::new(Mutex::new(kept));
    let teller = Teller::new(config, Arc::clone(&kept))?;
    starts::look::start(&config.slurmd_spool_dir, kept, Arc::clone(&arrived))
        .context("starting the thread that watches slurmd")?;
    Ok(tokio::spawn(async move { teller.run(&arrived).await }))
}

/// The running NVML thread.
struct RunningMeter {
    /// Dropping it stops the thread.
    stop: Sender<()>,
    end: oneshot::Receiver<Result<(), LibraryError>>,
}

fn start_meter(
    config: &Config,
    library: Library,
    handover: Handover,
    metrics: Arc<Metrics>,
) -> anyhow::Result<RunningMeter> {
    let rules =
        Rules { segment_s: config.segment_s, period_ms: PERIOD_MS, simulated: config.simulated };
    let meter = Meter {
        library_path: config.nvml_library.clone(),
        rules,
        look_every_ms: u64::from(config.process_look_s) * 1_000,
        handover,
        metrics,
    };
    let (stop, stopped) = std::sync::mpsc::channel();
    let (ended, end) = oneshot::channel();
    let thread = std::thread::Builder::new().name("nvml".to_owned());
    thread
        .spawn(move || {
            let end = meter.run(library, &stopped);
            // The handover goes first: the keeper ends when the last one is gone.
            drop(meter);
            ended.send(end)
        })
        .context("starting the NVML thread")?;
    Ok(RunningMeter { stop, end })
}

async fn join(keeper: JoinHandle<()>) -> anyhow::Result<()> {
    let joined = tokio::task::spawn_blocking(move || keeper.join()).await?;
    joined.map_err(|_| anyhow::anyhow!("the keeper thread panicked"))
}

async fn deliver_last(courier: &mut Courier) {
    match tokio::time::timeout(LAST_DELIVERY, courier.drain()).await {
        Ok(Ok(())) => tracing::info!("all segments are delivered"),
        Ok(Err(error)) => {
            let error = format!("{:#}", anyhow::Error::new(error));
            tracing::warn!(error, "segments wait in the spool for the next start");
        }
        Err(_) => tracing::warn!("the broker is slow; segments wait in the spool"),
    }
}

fn metrics_page(metrics: Arc<Metrics>) -> Router {
    let text = move || {
        let text = metrics.text().map_err(|error| {
            tracing::error!(%error, "the metrics do not encode");
            StatusCode::INTERNAL_SERVER_ERROR
        });
        std::future::ready(text)
    };
    Router::new().route("/metrics", get(text))
}
