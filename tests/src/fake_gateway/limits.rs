//! Limits of Slurm's associations and QOS: what stands in a job's way.
//!
//! As with `AccountingStorageEnforce=safe`: a job starts only if what was used, what the running
//! jobs may still use and what it asks for together fit below a limit in minutes.

use std::collections::BTreeMap;

use slurm_wire::Limits;

use super::job::{Job, Phase};

/// What the jobs of one association or one QOS have used and may still use.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Usage {
    at_once: BTreeMap<String, u64>,
    /// TRES-seconds: used, and set aside for running jobs up to their limits.
    seconds: BTreeMap<String, u64>,
    running_jobs: u32,
    submitted_jobs: u32,
}

/// The limit that a job would break.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Barrier {
    /// A limit of GPUs at once.
    GpusAtOnce,
    /// A limit of GPU-minutes.
    GpuMinutes,
    /// A limit of another TRES.
    OtherTres,
    /// Jobs that run.
    RunningJobs,
}

/// Whose limit it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Owner {
    /// An account's association.
    Association,
    /// A QOS.
    Qos,
}

impl Barrier {
    /// Slurm's word for it.
    pub(crate) const fn reason(self, owner: Owner) -> &'static str {
        match (self, owner) {
            (Self::GpusAtOnce, Owner::Association) => "AssocGrpGRES",
            (Self::GpuMinutes, Owner::Association) => "AssocGrpGRESMinutes",
            (Self::OtherTres, Owner::Association) => "AssocGrpUnknown",
            (Self::RunningJobs, Owner::Association) => "AssocGrpJobsLimit",
            (Self::GpusAtOnce, Owner::Qos) => "QOSGrpGRES",
            (Self::GpuMinutes, Owner::Qos) => "QOSGrpGRESMinutes",
            (Self::OtherTres, Owner::Qos) => "QOSGrpUnknown",
            (Self::RunningJobs, Owner::Qos) => "QOSGrpJobsLimit",
        }
    }
}

impl Usage {
    /// The use of these jobs, ended ones too.
    pub(crate) fn of<'a>(jobs: impl Iterator<Item = &'a Job>) -> Self {
        let mut usage = Self::default();
        for job in jobs {
            usage.add(job);
        }
        usage
    }

    fn add(&mut self, job: &Job) {
        let seconds = match job.phase {
            Phase::Held | Phase::Waiting { .. } => {
                self.submitted_jobs += 1;
                return;
            }
            Phase::Running { .. } => {
                self.submitted_jobs += 1;
                self.running_jobs += 1;
                job.limit_s()
            }
            Phase::Over { since, until, .. } => {
                since.map_or(0, |since| until - since - job.suspended_s)
            }
        };
        for (name, amount) in job.tres() {
            if job.is_running() {
                *self.at_once.entry(name.clone()).or_default() += amount;
            }
            *self.seconds.entry(name).or_default() += amount * seconds.unsigned_abs();
        }
    }

    /// The first limit that stops `job` from starting now.
    pub(crate) fn barrier(&self, limits: &Limits, job: &Job) -> Option<Barrier> {
        if limits.running_jobs.is_some_and(|most| self.running_jobs >= most) {
            return Some(Barrier::RunningJobs);
        }
        let asked = job.tres();
        let above = |name: &str, most: u64, used: &BTreeMap<String, u64>, times: u64| {
            let asked = asked.get(name).copied().unwrap_or(0) * times;
            asked > 0 && used.get(name).copied().unwrap_or(0) + asked > most
        };
        let at_once =
            limits.at_once.iter().find(|(name, most)| above(name, **most, &self.at_once, 1));
        if let Some((name, _)) = at_once {
            return Some(of(name, Barrier::GpusAtOnce));
        }
        let limit_s = job.limit_s().unsigned_abs();
        let minutes = limits
            .minutes
            .iter()
            .find(|(name, most)| above(name, **most * 60, &self.seconds, limit_s));
        minutes.map(|(name, _)| of(name, Barrier::GpuMinutes))
    }

    /// True if one more job may be submitted.
    pub(crate) fn takes_one_more(&self, limits: &Limits) -> bool {
        limits.submitted_jobs.is_none_or(|most| self.submitted_jobs < most)
    }
}

fn of(tres: &str, barrier: Barrier) -> Barrier {
    if tres.starts_with("gres/gpu") { barrier } else { Barrier::OtherTres }
}
