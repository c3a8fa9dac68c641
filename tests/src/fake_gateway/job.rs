//! One simulated job, and how it looks to slurmctld and to slurmdbd.

use std::collections::BTreeMap;

use slurm_wire::{JobRecord, JobRow, JobSpec, JobState};

use super::gpus::Assigned;

/// Where a job stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    /// Waiting for a release.
    Held,
    /// Released; waits for GPUs.
    Waiting,
    /// On its node.
    Running { since: i64, gpus: Assigned },
    /// Over.
    Over { state: JobState, since: Option<i64>, until: i64, gpus: Assigned },
}

/// A job that was submitted.
#[derive(Clone, Debug)]
pub(crate) struct Job {
    pub(crate) spec: JobSpec,
    pub(crate) db_index: u64,
    pub(crate) submitted_at: i64,
    pub(crate) run_seconds: i64,
    pub(crate) phase: Phase,
}

impl Job {
    /// When a job that runs now ends, and how.
    pub(crate) fn end(&self) -> Option<(i64, JobState)> {
        let Phase::Running { since, .. } = self.phase else { return None };
        let limit = i64::from(self.spec.time_limit_min) * 60;
        Some(if self.run_seconds > limit {
            (since + limit, JobState::Timeout)
        } else {
            (since + self.run_seconds, JobState::Completed)
        })
    }

    /// Ends it in `state`, and returns the GPUs it gives back.
    pub(crate) fn finish(&mut self, state: JobState, until: i64) -> Assigned {
        let (since, gpus) = match &self.phase {
            Phase::Held | Phase::Waiting => (None, Assigned::new()),
            Phase::Running { since, gpus } => (Some(*since), gpus.clone()),
            Phase::Over { .. } => return Assigned::new(),
        };
        self.phase = Phase::Over { state, since, until, gpus: gpus.clone() };
        gpus
    }

    pub(crate) fn state(&self) -> JobState {
        match self.phase {
            Phase::Held | Phase::Waiting => JobState::Pending,
            Phase::Running { .. } => JobState::Running,
            Phase::Over { state, .. } => state,
        }
    }

    fn gpus(&self) -> &[(String, u32)] {
        match &self.phase {
            Phase::Held | Phase::Waiting => &[],
            Phase::Running { gpus, .. } | Phase::Over { gpus, .. } => gpus,
        }
    }

    fn times(&self) -> (Option<i64>, Option<i64>) {
        match self.phase {
            Phase::Held | Phase::Waiting => (None, None),
            Phase::Running { since, .. } => (Some(since), None),
            Phase::Over { since, until, .. } => (since, Some(until)),
        }
    }

    fn exit_code(&self) -> Option<i32> {
        (self.state().is_over()).then_some(0)
    }

    /// Allocated TRES with names; empty if it never started.
    fn tres(&self) -> BTreeMap<String, u64> {
        if self.gpus().is_empty() {
            return BTreeMap::new();
        }
        let spec = &self.spec;
        let gpus = u64::from(spec.gpu_count);
        BTreeMap::from([
            ("billing".into(), u64::from(spec.cpu_count)),
            ("cpu".into(), u64::from(spec.cpu_count)),
            ("node".into(), 1),
            ("gres/gpu".into(), gpus),
            (format!("gres/gpu:{}", spec.gpu_type), gpus),
        ])
    }

    /// As slurmctld shows it.
    pub(crate) fn row(&self) -> JobRow {
        let (started_at, ended_at) = self.times();
        let held = self.phase == Phase::Held;
        let reason = match self.phase {
            Phase::Held => Some("JobHeldAdmin"),
            Phase::Waiting => Some("Resources"),
            Phase::Running { .. } | Phase::Over { .. } => None,
        };
        let tres: Vec<String> =
            self.tres().iter().map(|(name, amount)| format!("{name}={amount}")).collect();
        JobRow {
            job_id: self.spec.job_id,
            admin_comment: Some(self.spec.key.clone()),
            state: self.state(),
            state_reason: reason.map(Into::into),
            held,
            completing: false,
            uid: self.spec.uid,
            account: Some(self.spec.account.clone()),
            partition: Some(self.spec.partition.clone()),
            submitted_at: Some(self.submitted_at),
            started_at,
            ended_at,
            restart_count: 0,
            exit_code: self.exit_code(),
            gpus: if ended_at.is_none() { self.gpus().to_vec() } else { Vec::new() },
            tres_alloc: (!tres.is_empty()).then(|| tres.join(",")),
            mcs_label: Some(self.spec.account.clone()),
        }
    }

    /// As slurmdbd has it.
    pub(crate) fn record(&self, cluster: &str) -> JobRecord {
        let (started_at, ended_at) = self.times();
        JobRecord {
            db_index: self.db_index,
            job_id: self.spec.job_id,
            cluster: cluster.into(),
            // Slurm stores it with the first record after the start or the end.
            admin_comment: (started_at.or(ended_at)).map(|_| self.spec.key.clone()),
            account: Some(self.spec.account.clone()),
            partition: Some(self.spec.partition.clone()),
            user: Some(self.spec.uid.to_string()),
            state: self.state(),
            submitted_at: Some(self.submitted_at),
            started_at,
            ended_at,
            suspended_s: 0,
            tres: self.tres(),
            nodes: self.gpus().first().map(|(node, _)| node.clone()),
            exit_code: self.exit_code(),
        }
    }
}

/// How long the job "runs": its environment, else its script's `sleep` lines, else the default.
pub(crate) fn run_seconds(spec: &JobSpec, default: i64) -> i64 {
    let asked = spec.environment.get("MIMER_FAKE_SECONDS").and_then(|text| text.parse().ok());
    let slept: i64 = spec
        .script
        .lines()
        .filter_map(|line| line.trim().strip_prefix("sleep "))
        .filter_map(|seconds| seconds.trim().parse::<i64>().ok())
        .sum();
    asked.unwrap_or(if slept > 0 { slept } else { default })
}
