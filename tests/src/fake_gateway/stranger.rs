//! Jobs that nobody sent through the broker: research's, and those of people who go around it.

use slurm_wire::{JobSpec, JobState, Refusal, RefusalCode};

use super::bounds::refusal;
use super::job::{Job, Phase};
use super::machine::Machine;
use super::policy::NORMAL;

/// The ordinary users' first job id.
pub(crate) const FIRST_JOB_ID: u32 = 10_000_000;

/// A job that somebody submits past the broker, as with `sbatch`.
#[derive(Clone, Debug)]
pub struct Stranger {
    /// User it runs as.
    pub uid: u32,
    /// Slurm account.
    pub account: String,
    /// Partition.
    pub partition: String,
    /// QOS.
    pub qos: String,
    /// GPUs on one node.
    pub gpu_count: u32,
    /// Wall time limit; it runs as long.
    pub time_limit_min: u32,
}

impl Default for Stranger {
    /// A researcher's job on a whole node for a day, which makes way if it must.
    fn default() -> Self {
        Self {
            uid: 61_099,
            account: "research".into(),
            partition: "research".into(),
            qos: NORMAL.into(),
            gpu_count: 8,
            time_limit_min: 24 * 60,
        }
    }
}

impl Machine {
    /// Takes it in under the next ordinary job id; no bounds stand before Slurm itself.
    pub(crate) fn submit_past_the_broker(&mut self, stranger: &Stranger) -> u32 {
        let job_id = self.next_job_id;
        self.next_job_id += 1;
        let spec = JobSpec {
            job_id,
            key: String::new(),
            uid: stranger.uid,
            gid: stranger.uid,
            account: stranger.account.clone(),
            partition: stranger.partition.clone(),
            qos: Some(stranger.qos.clone()),
            name: "stranger".into(),
            time_limit_min: stranger.time_limit_min,
            gpu_count: stranger.gpu_count,
            gpu_type: self.plan.gpu_type.clone(),
            cpu_count: 1,
            memory_mib: None,
            work_dir: "/tmp".into(),
            script: "#!/bin/sh\n".into(),
            environment: std::collections::BTreeMap::new(),
            deadline: None,
            reservation: None,
            whole_node: false,
            begin_at: None,
            array: None,
        };
        let run_seconds = i64::from(stranger.time_limit_min) * 60;
        let phase = Phase::Waiting { reason: "Priority" };
        let job = Job::new(spec, phase, self.now, run_seconds);
        self.take_in(Job { may_requeue: true, ..job });
        self.look();
        job_id
    }

    /// Cancels a job that the broker did not send, where it has a say.
    pub(crate) fn cancel_stranger(&mut self, job_id: u32) -> Result<(), Refusal> {
        let rows = self.known(job_id)?;
        if rows.iter().any(|at| !self.is_stranger(&self.jobs[*at])) {
            let sentence = format!("job {job_id} is the broker's own, or elsewhere");
            return Err(refusal(RefusalCode::NotAStranger, &sentence));
        }
        for at in rows {
            if !self.jobs[at].is_over() {
                self.end(at, JobState::Cancelled);
            }
        }
        self.look();
        Ok(())
    }
}
