//! One simulated job, and how it looks to slurmctld and to slurmdbd.

use std::collections::BTreeMap;

use slurm_wire::{JobRecord, JobRow, JobSpec, JobState};

use super::gpus::{Assigned, Wanted};

/// Where a job stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    /// Waiting for a release.
    Held,
    /// Released; waits, and Slurm's word for what.
    Waiting { reason: &'static str },
    /// On its node.
    Running { since: i64, gpus: Assigned },
    /// Over.
    Over { state: JobState, since: Option<i64>, until: i64, gpus: Assigned },
}

/// One incarnation of a job.
#[derive(Clone, Debug)]
pub(crate) struct Job {
    /// As it was submitted; its QOS is always named, its key is empty if it is not the broker's.
    pub(crate) spec: JobSpec,
    pub(crate) db_index: u64,
    pub(crate) submitted_at: i64,
    pub(crate) run_seconds: i64,
    pub(crate) phase: Phase,
    /// Slurm lets a requeued job wait until then.
    pub(crate) not_before: i64,
    pub(crate) restart_count: u32,
    /// Requeued: slurmctld shows the next incarnation under the same id.
    pub(crate) has_successor: bool,
}

impl Job {
    /// A job that somebody submits now.
    pub(crate) fn new(spec: JobSpec, phase: Phase, now: i64, default_seconds: i64) -> Self {
        Self {
            db_index: 0,
            submitted_at: now,
            run_seconds: run_seconds(&spec, default_seconds),
            phase,
            not_before: now,
            restart_count: 0,
            has_successor: false,
            spec,
        }
    }

    /// True if it carries the broker's mark.
    pub(crate) fn is_ours(&self) -> bool {
        !self.spec.key.is_empty()
    }

    pub(crate) fn is_waiting(&self) -> bool {
        matches!(self.phase, Phase::Waiting { .. })
    }

    pub(crate) fn is_running(&self) -> bool {
        matches!(self.phase, Phase::Running { .. })
    }

    pub(crate) fn qos(&self) -> &str {
        self.spec.qos.as_deref().unwrap_or_default()
    }

    /// Its wall time limit in seconds.
    pub(crate) fn limit_s(&self) -> i64 {
        i64::from(self.spec.time_limit_min) * 60
    }

    pub(crate) fn wanted(&self) -> Wanted {
        Wanted { count: self.spec.gpu_count, whole_node: self.spec.whole_node }
    }

    /// When a job that runs now ends, and how.
    pub(crate) fn end(&self) -> Option<(i64, JobState)> {
        let Phase::Running { since, .. } = self.phase else { return None };
        let limit = self.limit_s();
        Some(if self.run_seconds > limit {
            (since + limit, JobState::Timeout)
        } else {
            (since + self.run_seconds, JobState::Completed)
        })
    }

    /// Ends it in `state`, and returns the GPUs it gives back.
    pub(crate) fn finish(&mut self, state: JobState, until: i64) -> Assigned {
        let (since, gpus) = match &self.phase {
            Phase::Held | Phase::Waiting { .. } => (None, Assigned::new()),
            Phase::Running { since, gpus } => (Some(*since), gpus.clone()),
            Phase::Over { .. } => return Assigned::new(),
        };
        self.phase = Phase::Over { state, since, until, gpus: gpus.clone() };
        gpus
    }

    pub(crate) fn state(&self) -> JobState {
        match self.phase {
            Phase::Held | Phase::Waiting { .. } => JobState::Pending,
            Phase::Running { .. } => JobState::Running,
            Phase::Over { state, .. } => state,
        }
    }

    /// The GPUs it has, or had.
    pub(crate) fn gpus(&self) -> &[(String, u32)] {
        match &self.phase {
            Phase::Held | Phase::Waiting { .. } => &[],
            Phase::Running { gpus, .. } | Phase::Over { gpus, .. } => gpus,
        }
    }

    /// When it started and when it ended.
    pub(crate) fn times(&self) -> (Option<i64>, Option<i64>) {
        match self.phase {
            Phase::Held | Phase::Waiting { .. } => (None, None),
            Phase::Running { since, .. } => (Some(since), None),
            Phase::Over { since, until, .. } => (since, Some(until)),
        }
    }

    fn exit_code(&self) -> Option<i32> {
        (self.state().is_over()).then_some(0)
    }

    /// TRES with names: what it has, or what it asks for while it waits.
    pub(crate) fn tres(&self) -> BTreeMap<String, u64> {
        let spec = &self.spec;
        let gpus = match self.gpus().len() {
            0 => u64::from(spec.gpu_count),
            assigned => assigned as u64,
        };
        BTreeMap::from([
            ("billing".into(), u64::from(spec.cpu_count)),
            ("cpu".into(), u64::from(spec.cpu_count)),
            ("node".into(), 1),
            ("gres/gpu".into(), gpus),
            (format!("gres/gpu:{}", spec.gpu_type), gpus),
        ])
    }

    /// Allocated TRES; empty if it never started.
    fn allocated(&self) -> BTreeMap<String, u64> {
        if self.gpus().is_empty() { BTreeMap::new() } else { self.tres() }
    }

    /// As slurmctld shows it.
    pub(crate) fn row(&self) -> JobRow {
        let (started_at, ended_at) = self.times();
        let reason = match self.phase {
            Phase::Held => Some("JobHeldAdmin"),
            Phase::Waiting { reason } => Some(reason),
            Phase::Running { .. } | Phase::Over { .. } => None,
        };
        let tres: Vec<String> =
            self.allocated().iter().map(|(name, amount)| format!("{name}={amount}")).collect();
        JobRow {
            job_id: self.spec.job_id,
            admin_comment: self.is_ours().then(|| self.spec.key.clone()),
            state: self.state(),
            state_reason: reason.map(Into::into),
            held: self.phase == Phase::Held,
            completing: false,
            uid: self.spec.uid,
            account: Some(self.spec.account.clone()),
            partition: Some(self.spec.partition.clone()),
            submitted_at: Some(self.submitted_at),
            started_at,
            ended_at,
            restart_count: self.restart_count,
            exit_code: self.exit_code(),
            gpus: if ended_at.is_none() { self.gpus().to_vec() } else { Vec::new() },
            tres_alloc: (!tres.is_empty()).then(|| tres.join(",")),
            mcs_label: Some(self.spec.account.clone()),
            time_limit_min: Some(self.spec.time_limit_min),
            array_job_id: None,
            array_task_id: None,
        }
    }

    /// As slurmdbd has it.
    pub(crate) fn record(&self, cluster: &str) -> JobRecord {
        let (started_at, ended_at) = self.times();
        // Slurm stores it with the first record after the start or the end.
        let has_comment = self.is_ours() && started_at.or(ended_at).is_some();
        JobRecord {
            db_index: self.db_index,
            job_id: self.spec.job_id,
            cluster: cluster.into(),
            admin_comment: has_comment.then(|| self.spec.key.clone()),
            account: Some(self.spec.account.clone()),
            partition: Some(self.spec.partition.clone()),
            user: Some(self.spec.uid.to_string()),
            state: self.state(),
            submitted_at: Some(self.submitted_at),
            started_at,
            ended_at,
            suspended_s: 0,
            tres: self.allocated(),
            nodes: self.gpus().first().map(|(node, _)| node.clone()),
            exit_code: self.exit_code(),
            array_job_id: None,
            array_task_id: None,
        }
    }
}

/// How long the job "runs": its environment, else its script's `sleep` lines, else the default.
fn run_seconds(spec: &JobSpec, default: i64) -> i64 {
    let asked = spec.environment.get("MIMER_FAKE_SECONDS").and_then(|text| text.parse().ok());
    let slept: i64 = spec
        .script
        .lines()
        .filter_map(|line| line.trim().strip_prefix("sleep "))
        .filter_map(|seconds| seconds.trim().parse::<i64>().ok())
        .sum();
    asked.unwrap_or(if slept > 0 { slept } else { default })
}
