//! Every metric of `mimerd`, with its unit and help text. Labels come from closed lists: what is about
//! Slurm names one of the configuration's clusters.

use chrono::TimeDelta;
use prometheus::{
    Encoder, Histogram, HistogramOpts, IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Opts,
    Registry, TextEncoder,
};

use crate::leader::Duty;
use crate::outbox::Waiting;

/// mimerd's own registry.
pub struct Metrics {
    registry: Registry,
    effects: IntCounterVec,
    outbox_oldest_due: IntGauge,
    outbox_undone: IntGauge,
    outbox_dead_letters: IntGauge,
    leads: IntGaugeVec,
    database_answers: IntGauge,
    gateway_answers: IntGaugeVec,
    slurm_answers: IntGaugeVec,
    setting_faults: IntGaugeVec,
    attempts_open: IntGaugeVec,
    attempts_unsettled: IntGaugeVec,
    rows_sealed: IntCounter,
    segments: IntCounter,
    admissions: IntCounterVec,
    exceptions_open: IntGauge,
    cluster_pending: IntGaugeVec,
    cluster_drift: IntGaugeVec,
    cluster_drift_age: IntGaugeVec,
    cluster_writes: IntCounterVec,
    settlement_lag: Histogram,
    slurmdbd_questions: IntCounterVec,
    records_behind: IntGaugeVec,
    rows_taken_in: IntCounter,
    second_starts: IntCounter,
}

impl Metrics {
    /// Registers everything.
    pub fn new() -> Result<Self, prometheus::Error> {
        let registry = Registry::new();
        let effects = IntCounterVec::new(
            Opts::new("mimerd_outbox_effects_total", "Effects carried out, by kind and outcome"),
            &["effect", "outcome"],
        )?;
        let outbox_oldest_due = IntGauge::new(
            "mimerd_outbox_oldest_due_seconds",
            "Seconds since the effect that waits longest for a worker was due; 0 without one",
        )?;
        let outbox_undone =
            IntGauge::new("mimerd_outbox_undone", "Effects that are wanted and not done")?;
        let outbox_dead_letters = IntGauge::new(
            "mimerd_outbox_dead_letters",
            "Effects that were given up and wait for an operator",
        )?;
        let leads = IntGaugeVec::new(
            Opts::new("mimerd_leads", "1 if this mimerd does the duty that one does for all"),
            &["duty", "cluster"],
        )?;
        let database_answers = IntGauge::new(
            "mimerd_database_answers",
            "1 if PostgreSQL answered the last question after its health, else 0",
        )?;
        let gateway_answers = of_cluster(
            "mimerd_gateway_answers",
            "1 if Slurm's gateway answered the last question after its health, else 0",
        )?;
        registry.register(Box::new(gateway_answers.clone()))?;
        registry.register(Box::new(outbox_oldest_due.clone()))?;
        registry.register(Box::new(outbox_undone.clone()))?;
        registry.register(Box::new(outbox_dead_letters.clone()))?;
        registry.register(Box::new(leads.clone()))?;
        registry.register(Box::new(database_answers.clone()))?;
        let slurm_answers = of_cluster(
            "mimerd_slurm_answers",
            "1 if the last look at Slurm through the gateway succeeded, else 0",
        )?;
        let setting_faults = of_cluster(
            "mimerd_slurm_setting_faults",
            "Settings of Slurm that are not as the broker needs them, at the last look",
        )?;
        let attempts_open = of_cluster(
            "mimerd_attempts_open",
            "Attempts that Slurm has and that are not over, at the last look",
        )?;
        let attempts_unsettled = of_cluster(
            "mimerd_attempts_unsettled",
            "Attempts over in slurmctld that could not be settled yet, at the last look",
        )?;
        let rows_sealed = IntCounter::new(
            "mimerd_rows_sealed_total",
            "Rows of the record chained by the sealer",
        )?;
        let segments =
            IntCounter::new("mimerd_segments_total", "Segments of metered GPU use taken in")?;
        let admissions = IntCounterVec::new(
            Opts::new("mimerd_admissions_total", "Job plans decided, by answer"),
            &["answer"],
        )?;
        let exceptions_open = IntGauge::new(
            "mimerd_exceptions_open",
            "Exceptions, such as jobs that nobody planned, that wait for a person",
        )?;
        let cluster_pending = of_cluster(
            "mimerd_cluster_pending_lines",
            "Differences between what Slurm should have and what it has that are on their way",
        )?;
        let cluster_drift = of_cluster(
            "mimerd_cluster_drift_lines",
            "Differences made in Slurm by hand, which wait for a person",
        )?;
        let cluster_drift_age = of_cluster(
            "mimerd_cluster_drift_age_seconds",
            "Seconds since this mimerd first saw the oldest of them; 0 without one",
        )?;
        let cluster_writes = IntCounterVec::new(
            Opts::new("mimerd_cluster_writes_total", "Objects of Slurm written, by outcome"),
            &["cluster", "outcome"],
        )?;
        let settlement_lag = Histogram::with_opts(
            HistogramOpts::new(
                "mimerd_settlement_lag_seconds",
                "Seconds from the end of a job in Slurm until its hold is settled",
            )
            .buckets(vec![
                1.0, 2.0, 5.0, 10.0, 20.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1_800.0, 3_600.0,
                86_400.0,
            ]),
        )?;
        let slurmdbd_questions = IntCounterVec::new(
            Opts::new(
                "mimerd_slurmdbd_questions_total",
                "Questions of the watcher to slurmdbd, by kind; at most 30 in any minute",
            ),
            &["question"],
        )?;
        let records_behind = of_cluster(
            "mimerd_records_behind_seconds",
            "How far behind the present the reading of slurmdbd is, at the last answer",
        )?;
        let rows_taken_in = IntCounter::new(
            "mimerd_slurmctld_rows_total",
            "Rows of slurmctld that had changed and were taken in",
        )?;
        let second_starts = IntCounter::new(
            "mimerd_second_starts_total",
            "Scripts that Slurm was found to have started again by itself",
        )?;
        registry.register(Box::new(settlement_lag.clone()))?;
        registry.register(Box::new(slurmdbd_questions.clone()))?;
        registry.register(Box::new(records_behind.clone()))?;
        registry.register(Box::new(rows_taken_in.clone()))?;
        registry.register(Box::new(second_starts.clone()))?;
        registry.register(Box::new(exceptions_open.clone()))?;
        registry.register(Box::new(cluster_pending.clone()))?;
        registry.register(Box::new(cluster_drift.clone()))?;
        registry.register(Box::new(cluster_drift_age.clone()))?;
        registry.register(Box::new(cluster_writes.clone()))?;
        registry.register(Box::new(effects.clone()))?;
        registry.register(Box::new(slurm_answers.clone()))?;
        registry.register(Box::new(setting_faults.clone()))?;
        registry.register(Box::new(attempts_open.clone()))?;
        registry.register(Box::new(attempts_unsettled.clone()))?;
        registry.register(Box::new(rows_sealed.clone()))?;
        registry.register(Box::new(segments.clone()))?;
        registry.register(Box::new(admissions.clone()))?;
        Ok(Self {
            registry,
            effects,
            outbox_oldest_due,
            outbox_undone,
            outbox_dead_letters,
            leads,
            database_answers,
            gateway_answers,
            slurm_answers,
            setting_faults,
            attempts_open,
            attempts_unsettled,
            rows_sealed,
            segments,
            admissions,
            exceptions_open,
            cluster_pending,
            cluster_drift,
            cluster_drift_age,
            cluster_writes,
            settlement_lag,
            slurmdbd_questions,
            records_behind,
            rows_taken_in,
            second_starts,
        })
    }

    /// An effect ended as `outcome`.
    pub fn effect(&self, effect: &'static str, outcome: &'static str) {
        self.effects.with_label_values(&[effect, outcome]).inc();
    }

    /// What waits in the outbox.
    pub fn outbox_waits(&self, waiting: Waiting) {
        self.outbox_oldest_due.set(waiting.oldest_due_s);
        self.outbox_undone.set(waiting.undone);
        self.outbox_dead_letters.set(waiting.dead_letters);
    }

    /// Whether this mimerd does a duty that one does for all.
    pub fn leads(&self, duty: Duty, cluster: &str, yes: bool) {
        self.leads.with_label_values(&[duty.name(), cluster]).set(i64::from(yes));
    }

    /// Whether PostgreSQL answers.
    pub fn database_answers(&self, yes: bool) {
        self.database_answers.set(i64::from(yes));
    }

    /// Whether Slurm's gateway answers.
    pub fn gateway_answers(&self, cluster: &str, yes: bool) {
        self.gateway_answers.with_label_values(&[cluster]).set(i64::from(yes));
    }

    /// Whether Slurm answered the watcher.
    pub fn slurm_answers(&self, cluster: &str, yes: bool) {
        self.slurm_answers.with_label_values(&[cluster]).set(i64::from(yes));
    }

    /// How many of Slurm's settings are wrong.
    pub fn setting_faults(&self, cluster: &str, count: usize) {
        self.setting_faults
            .with_label_values(&[cluster])
            .set(i64::try_from(count).unwrap_or(i64::MAX));
    }

    /// How many attempts Slurm may still change.
    pub fn attempts_open(&self, cluster: &str, count: usize) {
        self.attempts_open
            .with_label_values(&[cluster])
            .set(i64::try_from(count).unwrap_or(i64::MAX));
    }

    /// How many attempts are over and wait for what slurmdbd has to tell.
    pub fn attempts_unsettled(&self, cluster: &str, count: i64) {
        self.attempts_unsettled.with_label_values(&[cluster]).set(count);
    }

    /// A hold was settled so long after its job's end.
    pub fn settled_after(&self, lag: TimeDelta) {
        let milliseconds = i32::try_from(lag.num_milliseconds().max(0)).unwrap_or(i32::MAX);
        self.settlement_lag.observe(f64::from(milliseconds) / 1_000.0);
    }

    /// The watcher asked slurmdbd.
    pub fn asked_slurmdbd(&self, question: &'static str) {
        self.slurmdbd_questions.with_label_values(&[question]).inc();
    }

    /// How far behind the present the reading of slurmdbd is.
    pub fn records_behind(&self, cluster: &str, behind: TimeDelta) {
        self.records_behind.with_label_values(&[cluster]).set(behind.num_seconds());
    }

    /// So many rows of slurmctld had changed.
    pub fn rows_taken_in(&self, count: usize) {
        self.rows_taken_in.inc_by(u64::try_from(count).unwrap_or(u64::MAX));
    }

    /// Slurm started a script again by itself.
    pub fn second_start(&self) {
        self.second_starts.inc();
    }

    /// The sealer chained `count` rows.
    pub fn sealed(&self, count: u64) {
        self.rows_sealed.inc_by(count);
    }

    /// An agent delivered `count` new segments.
    pub fn segments(&self, count: u64) {
        self.segments.inc_by(count);
    }

    /// What the keeper found: differences on their way, those made by hand, and how many seconds
    /// the oldest of those is known.
    pub fn cluster_differs(&self, cluster: &str, pending: usize, drift: usize, oldest_s: i64) {
        self.cluster_pending
            .with_label_values(&[cluster])
            .set(i64::try_from(pending).unwrap_or(i64::MAX));
        self.cluster_drift
            .with_label_values(&[cluster])
            .set(i64::try_from(drift).unwrap_or(i64::MAX));
        self.cluster_drift_age.with_label_values(&[cluster]).set(oldest_s);
    }

    /// An object of Slurm was written, or was not.
    pub fn cluster_write(&self, cluster: &str, outcome: &'static str) {
        self.cluster_writes.with_label_values(&[cluster, outcome]).inc();
    }

    /// How many exceptions wait for a person.
    pub fn exceptions_open(&self, count: i64) {
        self.exceptions_open.set(count);
    }

    /// A plan was admitted or refused.
    pub fn admission(&self, answer: &'static str) {
        self.admissions.with_label_values(&[answer]).inc();
    }

    /// The text Prometheus reads.
    pub fn text(&self) -> Result<String, prometheus::Error> {
        let mut text = Vec::new();
        TextEncoder::new().encode(&self.registry.gather(), &mut text)?;
        Ok(String::from_utf8_lossy(&text).into_owned())
    }
}

/// A figure of each cluster.
fn of_cluster(name: &str, help: &str) -> Result<IntGaugeVec, prometheus::Error> {
    IntGaugeVec::new(Opts::new(name, help), &["cluster"])
}
