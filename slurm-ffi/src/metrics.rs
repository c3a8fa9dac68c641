//! Every metric of the gateway, and the page that shows them.

use std::io::{self, BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use prometheus::{
    Encoder, HistogramOpts, HistogramVec, IntCounterVec, IntGauge, IntGaugeVec, Opts, Registry,
    TextEncoder,
};

const PAGE_TIMEOUT: Duration = Duration::from_secs(5);

/// The gateway's own registry.
pub struct Metrics {
    registry: Registry,
    /// Calls answered, by call and answer (a refusal shows its code).
    pub calls: IntCounterVec,
    /// Seconds from a call's arrival to its answer.
    pub call_seconds: HistogramVec,
    /// Worker processes started.
    pub worker_starts: IntCounterVec,
    /// Worker processes killed for passing their deadline.
    pub worker_kills: IntCounterVec,
    /// Worker processes that ended, by the reason.
    pub worker_deaths: IntCounterVec,
    /// Lines that workers wrote on standard error, by how grave they are.
    pub worker_lines: IntCounterVec,
    /// Calls refused at once because Slurm is silent or the worker cannot start.
    pub calls_failed_fast: IntCounterVec,
    /// 1 while slurmctld (ctl) or slurmdbd (dbd) is known to be silent.
    pub slurm_silent: IntGaugeVec,
    /// Calls that wait for a free thread of a worker.
    pub calls_waiting: IntGaugeVec,
    /// Open connections of callers.
    pub connections: IntGauge,
    /// Callers turned away by who they are: their uid, their certificate, or none.
    pub callers_refused: prometheus::IntCounter,
    /// 1 if the last ping of slurmctld was answered.
    pub controller_up: IntGauge,
    /// Faults found by the last check of Slurm's settings.
    pub setting_faults: IntGauge,
}

impl Metrics {
    /// Makes and registers them all.
    pub fn new() -> Result<Self, prometheus::Error> {
        let registry = Registry::new();
        let counters = |name: &str, help: &str, labels: &[&str]| {
            IntCounterVec::new(Opts::new(name, help), labels)
        };
        let gauge = |name: &str, help: &str| IntGauge::new(name, help);
        let metrics = Self {
            calls: counters(
                "mimer_gateway_calls_total",
                "Calls answered, by call and answer.",
                &["call", "answer"],
            )?,
            call_seconds: HistogramVec::new(
                HistogramOpts::new(
                    "mimer_gateway_call_seconds",
                    "Seconds from a call's arrival to its answer.",
                )
                .buckets(vec![0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0, 60.0]),
                &["call"],
            )?,
            worker_starts: counters(
                "mimer_gateway_worker_starts_total",
                "Worker processes started.",
                &["worker"],
            )?,
            worker_kills: counters(
                "mimer_gateway_worker_kills_total",
                "Worker processes killed for passing their deadline.",
                &["worker"],
            )?,
            worker_deaths: counters(
                "mimer_gateway_worker_deaths_total",
                "Worker processes that ended: deadline, start, symbol_lookup, signal, exit, garbled.",
                &["worker", "reason"],
            )?,
            worker_lines: counters(
                "mimer_gateway_worker_lines_total",
                "Lines that workers wrote on standard error: fatal, error, plain, debug.",
                &["worker", "gravity"],
            )?,
            calls_failed_fast: counters(
                "mimer_gateway_calls_failed_fast_total",
                "Calls refused at once because Slurm is silent or the worker cannot start.",
                &["worker"],
            )?,
            slurm_silent: IntGaugeVec::new(
                Opts::new(
                    "mimer_gateway_slurm_silent",
                    "1 while slurmctld (ctl) or slurmdbd (dbd) is known to be silent.",
                ),
                &["worker"],
            )?,
            calls_waiting: IntGaugeVec::new(
                Opts::new(
                    "mimer_gateway_calls_waiting",
                    "Calls that wait for a free thread of a worker.",
                ),
                &["worker"],
            )?,
            connections: gauge("mimer_gateway_connections", "Open connections of callers.")?,
            callers_refused: prometheus::IntCounter::new(
                "mimer_gateway_callers_refused_total",
                "Callers turned away by who they are: their uid, their certificate, or none.",
            )?,
            controller_up: gauge(
                "mimer_gateway_controller_up",
                "1 if the last ping of slurmctld was answered.",
            )?,
            setting_faults: gauge(
                "mimer_gateway_setting_faults",
                "Faults found by the last check of Slurm's settings.",
            )?,
            registry,
        };
        metrics.register()?;
        Ok(metrics)
    }

    fn register(&self) -> Result<(), prometheus::Error> {
        let registry = &self.registry;
        registry.register(Box::new(self.calls.clone()))?;
        registry.register(Box::new(self.call_seconds.clone()))?;
        registry.register(Box::new(self.worker_starts.clone()))?;
        registry.register(Box::new(self.worker_kills.clone()))?;
        registry.register(Box::new(self.worker_deaths.clone()))?;
        registry.register(Box::new(self.worker_lines.clone()))?;
        registry.register(Box::new(self.calls_failed_fast.clone()))?;
        registry.register(Box::new(self.slurm_silent.clone()))?;
        registry.register(Box::new(self.calls_waiting.clone()))?;
        registry.register(Box::new(self.connections.clone()))?;
        registry.register(Box::new(self.callers_refused.clone()))?;
        registry.register(Box::new(self.controller_up.clone()))?;
        registry.register(Box::new(self.setting_faults.clone()))
    }

    fn page(&self) -> Vec<u8> {
        let mut page = Vec::new();
        if let Err(error) = TextEncoder::new().encode(&self.registry.gather(), &mut page) {
            tracing::error!(error = %error, "the metrics could not be written");
        }
        page
    }
}

/// Answers `GET /metrics` on `address`, one request at a time, on a thread of its own.
pub fn serve(metrics: Arc<Metrics>, address: SocketAddr) -> io::Result<SocketAddr> {
    let listener = TcpListener::bind(address)?;
    let bound = listener.local_addr()?;
    thread::Builder::new().name("metrics".to_owned()).spawn(move || {
        for stream in listener.incoming().flatten() {
            // A scraper that hangs up early is its own problem.
            let _ = answer(&metrics, stream);
        }
    })?;
    Ok(bound)
}

fn answer(metrics: &Metrics, stream: TcpStream) -> io::Result<()> {
    stream.set_read_timeout(Some(PAGE_TIMEOUT))?;
    stream.set_write_timeout(Some(PAGE_TIMEOUT))?;
    let mut reader = BufReader::new(io::Read::take(&stream, 8192));
    let mut request = String::new();
    reader.read_line(&mut request)?;
    let mut header = String::new();
    while reader.read_line(&mut header)? > 0 && !header.trim().is_empty() {
        header.clear();
    }
    let (status, body) = if request.starts_with("GET /metrics ") {
        ("200 OK", metrics.page())
    } else {
        ("404 Not Found", b"only GET /metrics\n".to_vec())
    };
    let head = format!(
        "HTTP/1.1 {status}\r\nContent-Type: text/plain; version=0.0.4\r\nContent-Length: {}\r\n\
         Connection: close\r\n\r\n",
        body.len()
    );
    (&stream).write_all(head.as_bytes())?;
    (&stream).write_all(&body)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read;

    #[test]
    fn the_page_shows_what_was_counted() {
        let metrics = Arc::new(Metrics::new().unwrap());
        metrics.calls.with_label_values(&["ping", "pong"]).inc();
        let address = serve(Arc::clone(&metrics), ([127, 0, 0, 1], 0).into()).unwrap();
        let mut stream = TcpStream::connect(address).unwrap();
        stream.write_all(b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
        let mut page = String::new();
        stream.read_to_string(&mut page).unwrap();
        assert!(page.starts_with("HTTP/1.1 200 OK"), "{page}");
        assert!(
            page.contains(r#"mimer_gateway_calls_total{answer="pong",call="ping"} 1"#),
            "{page}"
        );
    }
}
