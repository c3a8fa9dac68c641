//! Every metric of the agent, with its unit and help text. Scrapes read memory, never NVML.
//!
//! GPU series are labelled by UUID and minor number and stay the same whoever uses the GPU. A
//! reading that is missing has no series: its reason is in `mimer_gpu_reading_missing`.

use agent_wire::Reading;
use prometheus::{
    CounterVec, Encoder, GaugeVec, Histogram, HistogramOpts, IntCounter, IntCounterVec, IntGauge,
    IntGaugeVec, Opts, Registry, TextEncoder,
};

use crate::gpu::{Gpu, Sample};
use crate::integrate::Step;
use crate::spool::{Dropped, Recovery, Spool};

const GPU_LABELS: [&str; 2] = ["uuid", "minor"];

/// What became of a delivery.
#[derive(Clone, Copy, Debug)]
pub enum Delivery {
    /// Acknowledged.
    Taken,
    /// No answer.
    Unreachable,
    /// An answer that was not an acknowledgement.
    Refused,
}

/// Why segments never reached the broker.
#[derive(Clone, Copy, Debug)]
pub enum Loss {
    /// The disk did not take them.
    Disk,
    /// The disk was so slow that they piled up in memory.
    Queue,
}

/// The registry of this program and everything in it.
pub struct Metrics {
    registry: Registry,
    utilization: GaugeVec,
    memory: GaugeVec,
    power: GaugeVec,
    processes: GaugeVec,
    energy: CounterVec,
    energy_resets: IntCounterVec,
    missing: IntGaugeVec,
    gpu_info: IntGaugeVec,
    gpus_unreadable: IntGauge,
    samples_taken: IntCounter,
    samples_missed: IntCounter,
    tick: Histogram,
    segments: IntCounter,
    dropped: IntCounterVec,
    torn_bytes: IntCounter,
    damage: IntCounter,
    spool_bytes: IntGauge,
    spool_waiting: IntGauge,
    last_seq: IntGauge,
    acknowledged_seq: IntGauge,
    deliveries: IntCounterVec,
}

impl Metrics {
    /// Registers everything.
    pub fn new() -> Result<Self, prometheus::Error> {
        let registry = Registry::new();
        let on = &registry;
        Ok(Self {
            utilization: gpu_gauge(
                on,
                "utilization_percent",
                "Time with a kernel running, percent",
            )?,
            memory: gpu_gauge(on, "memory_used_mebibytes", "Memory in use, MiB")?,
            power: gpu_gauge(on, "power_watts", "Board power, watts, averaged by the driver")?,
            processes: gpu_gauge(on, "processes", "Compute processes at the last look")?,
            energy: {
                let name = "mimer_gpu_energy_joules_total";
                let help = "GPU board energy since the agent started, joules; not wall power";
                let counter = CounterVec::new(Opts::new(name, help), &GPU_LABELS)?;
                on.register(Box::new(counter.clone()))?;
                counter
            },
            energy_resets: counters(
                on,
                "mimer_gpu_energy_resets_total",
                "Times the energy counter began anew",
                &GPU_LABELS,
            )?,
            missing: gauges(
                on,
                "mimer_gpu_reading_missing",
                "1 where a reading is missing now, with the reason",
                &["uuid", "minor", "reading", "reason"],
            )?,
            gpu_info: gauges(
                on,
                "mimer_gpu_info",
                "1 per GPU, with the driver's name for it and whether it is simulated",
                &["uuid", "minor", "name", "simulated"],
            )?,
            gpus_unreadable: gauge(
                on,
                "mimer_agent_gpus_unreadable",
                "GPUs that NVML counts and that cannot be metered",
            )?,
            samples_taken: counter(on, "mimer_agent_samples_total", "Samples of one GPU taken")?,
            samples_missed: counter(
                on,
                "mimer_agent_samples_missed_total",
                "Samples of one GPU that should have been taken and were not",
            )?,
            tick: {
                let name = "mimer_agent_tick_seconds";
                let buckets = vec![0.000_01, 0.000_1, 0.001, 0.005, 0.02, 0.1, 0.5, 1.0, 5.0];
                let help = "Time to sample every GPU once, seconds";
                let tick = Histogram::with_opts(HistogramOpts::new(name, help).buckets(buckets))?;
                on.register(Box::new(tick.clone()))?;
                tick
            },
            segments: counter(on, "mimer_agent_segments_total", "Segments measured")?,
            dropped: counters(
                on,
                "mimer_agent_segments_dropped_total",
                "Segments lost before the broker had them, by cause",
                &["cause"],
            )?,
            torn_bytes: counter(
                on,
                "mimer_agent_spool_torn_bytes_total",
                "Bytes of half-written segments cut off at start",
            )?,
            damage: counter(
                on,
                "mimer_agent_spool_damage_total",
                "Damaged stretches found inside spool files",
            )?,
            spool_bytes: gauge(on, "mimer_agent_spool_bytes", "Bytes in the spool")?,
            spool_waiting: gauge(
                on,
                "mimer_agent_spool_segments",
                "Segments in the spool that the broker has not acknowledged",
            )?,
            last_seq: gauge(on, "mimer_agent_last_seq", "Number of the newest segment")?,
            acknowledged_seq: gauge(
                on,
                "mimer_agent_acknowledged_seq",
                "Number up to which the broker has acknowledged; 0 until it has spoken",
            )?,
            deliveries: counters(
                on,
                "mimer_agent_deliveries_total",
                "Batches sent, by outcome",
                &["outcome"],
            )?,
            registry,
        })
    }

    /// The text that Prometheus scrapes.
    pub fn text(&self) -> Result<String, prometheus::Error> {
        let mut text = Vec::new();
        TextEncoder::new().encode(&self.registry.gather(), &mut text)?;
        String::from_utf8(text).map_err(|error| prometheus::Error::Msg(error.to_string()))
    }

    /// One GPU was found.
    pub fn found(&self, gpu: &Gpu) {
        let simulated = if gpu.is_simulated() { "true" } else { "false" };
        self.gpu_info.with_label_values(&[&gpu.uuid, &minor(gpu), &gpu.name, simulated]).set(1);
    }

    /// So many GPUs cannot be metered.
    pub fn unreadable(&self, count: usize) {
        self.gpus_unreadable.set(whole(count as u64));
    }

    /// One GPU was sampled.
    pub fn sampled(&self, gpu: &Gpu, sample: &Sample, step: &Step) {
        self.show(&self.utilization, gpu, "utilization", sample.utilization_pct, 1.0);
        self.show(&self.memory, gpu, "memory", sample.memory_mib, 1.0);
        self.show(&self.power, gpu, "power", sample.power_mw, 1_000.0);
        self.show_missing(gpu, "energy", sample.energy_mj);
        if let Some(count) = sample.process_count {
            self.show(&self.processes, gpu, "processes", count, 1.0);
        }
        let labels = [gpu.uuid.as_str(), &minor(gpu)];
        if let Some(energy_mj) = step.energy_mj {
            self.energy.with_label_values(&labels).inc_by(energy_mj as f64 / 1_000.0);
        }
        if step.counter_was_reset {
            self.energy_resets.with_label_values(&labels).inc();
        }
        self.samples_taken.inc_by(u64::from(sample.answered()));
        self.samples_missed.inc_by(u64::from(step.missed) + u64::from(!sample.answered()));
        self.segments.inc_by(step.closed.len() as u64);
    }

    /// A round over all GPUs took this long.
    pub fn ticked(&self, took: std::time::Duration) {
        self.tick.observe(took.as_secs_f64());
    }

    /// Segments were lost before they were in the spool.
    pub fn lost(&self, loss: Loss, count: u64) {
        let cause = match loss {
            Loss::Disk => "disk",
            Loss::Queue => "queue",
        };
        self.dropped.with_label_values(&[cause]).inc_by(count);
    }

    /// The spool's bounds took segments.
    pub fn dropped(&self, dropped: Dropped) {
        self.dropped.with_label_values(&["full"]).inc_by(dropped.full);
        self.dropped.with_label_values(&["aged"]).inc_by(dropped.aged);
    }

    /// What opening the spool found.
    pub fn recovered(&self, recovery: Recovery) {
        self.torn_bytes.inc_by(recovery.torn_bytes);
        self.damage.inc_by(recovery.damage_count);
    }

    /// The spool as it is now.
    pub fn spool(&self, spool: &Spool) {
        self.spool_bytes.set(whole(spool.bytes()));
        self.spool_waiting.set(whole(spool.waiting()));
        self.last_seq.set(whole(spool.next_seq() - 1));
    }

    /// The broker has everything up to here.
    pub fn acknowledged(&self, seq: u64) {
        self.acknowledged_seq.set(whole(seq));
    }

    /// A batch was sent.
    pub fn delivery(&self, outcome: Delivery) {
        let outcome = match outcome {
            Delivery::Taken => "taken",
            Delivery::Unreachable => "unreachable",
            Delivery::Refused => "refused",
        };
        self.deliveries.with_label_values(&[outcome]).inc();
    }

    /// Shows a value divided by `divisor`, or takes the series away.
    fn show(&self, gauge: &GaugeVec, gpu: &Gpu, name: &str, reading: Reading, divisor: f64) {
        let labels = [gpu.uuid.as_str(), &minor(gpu)];
        match reading.value() {
            Some(value) => gauge.with_label_values(&labels).set(value as f64 / divisor),
            // An error here says that there was no such series, which is what is wanted.
            None => gauge.remove_label_values(&labels).unwrap_or_default(),
        }
        self.show_missing(gpu, name, reading);
    }

    fn show_missing(&self, gpu: &Gpu, name: &str, reading: Reading) {
        let minor = minor(gpu);
        let reason = reason_text(reading);
        for other in ["unsupported", "no_permission", "gpu_lost", "stale"] {
            let labels = [gpu.uuid.as_str(), &minor, name, other];
            if Some(other) == reason {
                self.missing.with_label_values(&labels).set(1);
            } else {
                self.missing.remove_label_values(&labels).unwrap_or_default();
            }
        }
    }
}

/// The label value of a reason, or `None` for a value.
pub fn reason_text(reading: Reading) -> Option<&'static str> {
    match reading {
        Reading::Value(_) => None,
        Reading::Unsupported => Some("unsupported"),
        Reading::NoPermission => Some("no_permission"),
        Reading::GpuLost => Some("gpu_lost"),
        Reading::Stale => Some("stale"),
    }
}

fn minor(gpu: &Gpu) -> String {
    gpu.minor.to_string()
}

fn whole(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

fn gpu_gauge(on: &Registry, name: &str, help: &str) -> Result<GaugeVec, prometheus::Error> {
    let gauge = GaugeVec::new(Opts::new(format!("mimer_gpu_{name}"), help), &GPU_LABELS)?;
    on.register(Box::new(gauge.clone()))?;
    Ok(gauge)
}

fn gauges(
    on: &Registry,
    name: &str,
    help: &str,
    labels: &[&str],
) -> Result<IntGaugeVec, prometheus::Error> {
    let gauges = IntGaugeVec::new(Opts::new(name, help), labels)?;
    on.register(Box::new(gauges.clone()))?;
    Ok(gauges)
}

fn counters(
    on: &Registry,
    name: &str,
    help: &str,
    labels: &[&str],
) -> Result<IntCounterVec, prometheus::Error> {
    let counters = IntCounterVec::new(Opts::new(name, help), labels)?;
    on.register(Box::new(counters.clone()))?;
    Ok(counters)
}

fn gauge(on: &Registry, name: &str, help: &str) -> Result<IntGauge, prometheus::Error> {
    let gauge = IntGauge::new(name, help)?;
    on.register(Box::new(gauge.clone()))?;
    Ok(gauge)
}

fn counter(on: &Registry, name: &str, help: &str) -> Result<IntCounter, prometheus::Error> {
    let counter = IntCounter::new(name, help)?;
    on.register(Box::new(counter.clone()))?;
    Ok(counter)
}
