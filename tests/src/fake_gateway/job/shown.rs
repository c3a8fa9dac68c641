//! How a simulated job looks to slurmctld and to slurmdbd.

use std::collections::BTreeMap;

use slurm_wire::{JobRecord, JobRow};

use super::{Job, Phase, Place};

impl Job {
    /// Allocated TRES; empty if it never started.
    fn allocated(&self) -> BTreeMap<String, u64> {
        if self.gpus().is_empty() { BTreeMap::new() } else { self.tres() }
    }

    fn exit_code(&self) -> Option<i32> {
        self.is_over().then_some(0)
    }

    /// The array's id and the number in it.
    fn in_array(&self) -> (Option<u32>, Option<u32>) {
        match self.place {
            Place::Alone => (None, None),
            Place::Rest(_) => (Some(self.spec.job_id), None),
            Place::Task(task) => (Some(self.spec.job_id), Some(task)),
        }
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
        let (array_job_id, array_task_id) = self.in_array();
        JobRow {
            job_id: self.own_id,
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
            array_job_id,
            array_task_id,
        }
    }

    /// As slurmdbd has it.
    pub(crate) fn record(&self, cluster: &str) -> JobRecord {
        let (started_at, ended_at) = self.times();
        // Slurm stores it with the first record after the start or the end.
        let has_comment = self.is_ours() && started_at.or(ended_at).is_some();
        let (array_job_id, array_task_id) = self.in_array();
        JobRecord {
            db_index: self.db_index,
            job_id: self.own_id,
            cluster: cluster.into(),
            admin_comment: has_comment.then(|| self.spec.key.clone()),
            account: Some(self.spec.account.clone()),
            partition: Some(self.spec.partition.clone()),
            user: Some(self.spec.uid.to_string()),
            state: self.state(),
            submitted_at: Some(self.submitted_at),
            started_at,
            ended_at,
            suspended_s: self.suspended_s.unsigned_abs(),
            tres: self.allocated(),
            nodes: self.gpus().first().map(|(node, _)| node.clone()),
            exit_code: self.exit_code(),
            array_job_id,
            array_task_id,
        }
    }
}
