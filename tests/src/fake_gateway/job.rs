//! One simulated job: where it stands, and what moves it.

use std::collections::{BTreeMap, VecDeque};

use slurm_wire::{JobSpec, JobState};

use super::gpus::{Assigned, Wanted};

mod shown;

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

/// What a job is of an array.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// Not of an array.
    Alone,
    /// All tasks that are not split off, under the array's own id.
    Rest(VecDeque<u32>),
    /// One task. The last one of an array keeps the array's id.
    Task(u32),
}

/// One incarnation of a job.
#[derive(Clone, Debug)]
pub(crate) struct Job {
    /// As it was submitted; its QOS is always named, its key is empty if it is not the broker's.
    pub(crate) spec: JobSpec,
    /// Slurm's own id; of an array's task another than the one that was asked for.
    pub(crate) own_id: u32,
    pub(crate) place: Place,
    pub(crate) db_index: u64,
    pub(crate) submitted_at: i64,
    pub(crate) run_seconds: i64,
    pub(crate) phase: Phase,
    /// Slurm does not start it before: a begin time, or a pause after it was requeued.
    pub(crate) not_before: i64,
    pub(crate) restart_count: u32,
    /// Slurm may put it back into the queue; the broker submits without.
    pub(crate) may_requeue: bool,
    /// Requeued: slurmctld shows the next incarnation under the same id.
    pub(crate) has_successor: bool,
    pub(crate) suspended_since: Option<i64>,
    /// Seconds that it was suspended and went on after.
    pub(crate) suspended_s: i64,
}

impl Job {
    /// A job that somebody submits now.
    pub(crate) fn new(spec: JobSpec, phase: Phase, now: i64, default_seconds: i64) -> Self {
        let place = match spec.array {
            None => Place::Alone,
            Some(array) if array.task_count == 1 => Place::Task(0),
            Some(array) => Place::Rest((0..array.task_count).collect()),
        };
        Self {
            own_id: spec.job_id,
            place,
            db_index: 0,
            submitted_at: now,
            run_seconds: run_seconds(&spec, default_seconds),
            phase,
            not_before: spec.begin_at.unwrap_or(now),
            restart_count: 0,
            may_requeue: false,
            has_successor: false,
            suspended_since: None,
            suspended_s: 0,
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

    /// On its node, suspended or not.
    pub(crate) fn is_running(&self) -> bool {
        matches!(self.phase, Phase::Running { .. })
    }

    pub(crate) fn is_over(&self) -> bool {
        matches!(self.phase, Phase::Over { .. })
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

    /// Most tasks of its array that run at once.
    pub(crate) fn most_at_once(&self) -> Option<u32> {
        self.spec.array.and_then(|array| array.at_once)
    }

    /// When a job that runs now ends, and how. Time stands still for one that is suspended.
    pub(crate) fn end(&self) -> Option<(i64, JobState)> {
        let Phase::Running { since, .. } = self.phase else { return None };
        if self.suspended_since.is_some() {
            return None;
        }
        let (limit, since) = (self.limit_s(), since + self.suspended_s);
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
        self.go_on(until);
        self.phase = Phase::Over { state, since, until, gpus: gpus.clone() };
        gpus
    }

    /// Counts what it was suspended for until now.
    pub(crate) fn go_on(&mut self, now: i64) {
        if let Some(since) = self.suspended_since.take() {
            self.suspended_s += now - since;
        }
    }

    /// Takes the first task out of the rest of an array, as the job that now starts; `None` where
    /// nothing is to be split off. The last task is left: it keeps the array's row.
    pub(crate) fn split_off(&mut self, own_id: u32) -> Option<Self> {
        let Place::Rest(tasks) = &mut self.place else { return None };
        let task = tasks.pop_front()?;
        if tasks.is_empty() {
            self.place = Place::Task(task);
            return None;
        }
        Some(Self { own_id, place: Place::Task(task), ..self.clone() })
    }

    /// The next incarnation, once this one is over and is to begin again.
    pub(crate) fn successor(&self, now: i64, pause_s: i64) -> Self {
        Self {
            phase: Phase::Waiting { reason: "BeginTime" },
            submitted_at: now,
            not_before: now + pause_s,
            restart_count: self.restart_count + 1,
            suspended_since: None,
            suspended_s: 0,
            ..self.clone()
        }
    }

    pub(crate) fn state(&self) -> JobState {
        match self.phase {
            Phase::Held | Phase::Waiting { .. } => JobState::Pending,
            Phase::Running { .. } if self.suspended_since.is_some() => JobState::Suspended,
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

    /// Seconds that it ran within these, without those in which it was suspended and went on after.
    pub(crate) fn ran_s(&self, from: i64, until: i64, now: i64) -> i64 {
        let (Some(since), ended_at) = self.times() else { return 0 };
        let end = ended_at.unwrap_or(now).min(until);
        (end - since.max(from) - self.suspended_s).max(0)
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
