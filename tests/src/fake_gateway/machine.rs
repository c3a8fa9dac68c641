//! The simulated slurmctld and slurmdbd: jobs in memory, moved from event to event.

use slurm_wire::{
    AccountRow, Answer, AssociationRow, Call, JobRow, JobSpec, JobState, Refusal, RefusalCode,
    Submitted,
};

use super::bounds::refusal;
use super::gpus::Gpus;
use super::job::{self, Job, Phase};
use super::{FakeFault, FakePlan};

/// Slurm's default MinJobAge: how long slurmctld remembers an ended job.
const REMEMBERED_S: i64 = 300;

/// Most job ids in one question for records.
const MOST_RECORDS: usize = 1_000;

/// The whole simulated cluster.
#[derive(Debug)]
pub(crate) struct Machine {
    plan: FakePlan,
    now: i64,
    /// Every submission ever accepted, oldest first; what slurmdbd has.
    jobs: Vec<Job>,
    gpus: Gpus,
    pub(crate) accounts: Vec<AccountRow>,
    pub(crate) associations: Vec<AssociationRow>,
    pub(crate) faults: Vec<FakeFault>,
}

impl Machine {
    pub(crate) fn new(plan: FakePlan, now: i64) -> Self {
        let root = AccountRow { name: "public".into(), parent: Some("root".into()) };
        Self {
            now,
            jobs: Vec::new(),
            gpus: Gpus::new(plan.nodes, plan.gpus_per_node),
            accounts: std::iter::once(root).chain(plan.accounts.clone()).collect(),
            associations: plan.associations.clone(),
            faults: Vec::new(),
            plan,
        }
    }

    pub(crate) fn cluster(&self) -> &str {
        &self.plan.cluster
    }

    /// Lets jobs end and start in the order of time, up to `now`.
    pub(crate) fn advance_to(&mut self, now: i64) {
        self.start_waiting();
        while let Some((until, state, at)) = self.next_end().filter(|(until, ..)| *until <= now) {
            self.now = until;
            self.finish(at, state);
        }
        self.now = self.now.max(now);
    }

    fn next_end(&self) -> Option<(i64, JobState, usize)> {
        let ends = self.jobs.iter().enumerate();
        ends.filter_map(|(at, job)| job.end().map(|(until, state)| (until, state, at)))
            .min_by_key(|(until, ..)| *until)
    }

    /// Starts whoever fits, oldest first; a job that does not fit is passed by.
    fn start_waiting(&mut self) {
        for job in self.jobs.iter_mut().filter(|job| job.phase == Phase::Waiting) {
            if let Some(gpus) = self.gpus.take(job.spec.gpu_count) {
                job.phase = Phase::Running { since: self.now, gpus };
            }
        }
    }

    fn finish(&mut self, at: usize, state: JobState) {
        let given_back = self.jobs[at].finish(state, self.now);
        self.gpus.give_back(&given_back);
        self.start_waiting();
    }

    /// Carries out one call; `None` means that the answer is lost on the way.
    pub(crate) fn answer(&mut self, call: Call) -> Option<Answer> {
        let reads_records = matches!(call, Call::ReadRecords { .. });
        let mut lose = false;
        if let Some(fault) = self.faults.first().copied() {
            match fault {
                FakeFault::Refuse(code) => {
                    self.faults.remove(0);
                    return Some(Answer::Refused(refusal(code, "a fault that the test asked for")));
                }
                FakeFault::LoseAnswer => {
                    self.faults.remove(0);
                    lose = true;
                }
                FakeFault::ControllerDown => return Some(down(RefusalCode::ControllerUnavailable)),
                FakeFault::AccountingDown if reads_records => {
                    return Some(down(RefusalCode::AccountingUnavailable));
                }
                FakeFault::AccountingDown => {}
            }
        }
        let answer = self.carry_out(call).unwrap_or_else(Answer::Refused);
        (!lose).then_some(answer)
    }

    fn carry_out(&mut self, call: Call) -> Result<Answer, Refusal> {
        Ok(match call {
            Call::Ping => Answer::Pong,
            Call::CheckSettings => Answer::Settings(Vec::new()),
            Call::Submit(spec) => Answer::Submitted(self.submit(*spec)?),
            Call::Release { job_id } => self.release(job_id)?,
            Call::Cancel { job_id } => self.cancel(job_id)?,
            Call::ReadJobs { job_ids } => Answer::Jobs(self.read_jobs(&job_ids)),
            Call::ReadRecords { job_ids } => self.read_records(&job_ids)?,
            Call::ReadAccounts => Answer::Accounts(self.accounts.clone()),
            Call::ReadAssociations => Answer::Associations(self.associations.clone()),
        })
    }

    fn submit(&mut self, spec: JobSpec) -> Result<Submitted, Refusal> {
        self.plan.bounds.check(&spec)?;
        let job_id = spec.job_id;
        if let Some(at) = self.remembered(job_id) {
            if self.jobs[at].spec.key != spec.key {
                let sentence = format!("job id {job_id} is taken by a job with another key");
                return Err(refusal(RefusalCode::JobIdTaken, &sentence));
            }
            return Ok(Submitted { job_id, adopted: true });
        }
        if spec.gpu_type != self.plan.gpu_type || spec.gpu_count > self.plan.gpus_per_node {
            return Err(Refusal {
                code: RefusalCode::SlurmRefused,
                sentence: "Requested node configuration is not available".into(),
                slurm_errno: Some(2014),
            });
        }
        self.jobs.push(Job {
            db_index: self.jobs.len() as u64 + 1,
            submitted_at: self.now,
            run_seconds: job::run_seconds(&spec, self.plan.run_seconds),
            phase: Phase::Held,
            spec,
        });
        Ok(Submitted { job_id, adopted: false })
    }

    fn release(&mut self, job_id: u32) -> Result<Answer, Refusal> {
        let at = self.known(job_id)?;
        if self.jobs[at].phase == Phase::Held {
            self.jobs[at].phase = Phase::Waiting;
            self.start_waiting();
        }
        Ok(Answer::Done)
    }

    fn cancel(&mut self, job_id: u32) -> Result<Answer, Refusal> {
        let at = self.known(job_id)?;
        if !self.jobs[at].state().is_over() {
            self.finish(at, JobState::Cancelled);
        }
        Ok(Answer::Done)
    }

    fn read_jobs(&self, job_ids: &[u32]) -> Vec<JobRow> {
        let asked = |job: &&Job| job_ids.is_empty() || job_ids.contains(&job.spec.job_id);
        let jobs = self.jobs.iter().filter(asked).filter(|job| self.remembers(job));
        jobs.map(Job::row).collect()
    }

    fn read_records(&self, job_ids: &[u32]) -> Result<Answer, Refusal> {
        if job_ids.len() > MOST_RECORDS {
            let sentence = format!("ask for at most {MOST_RECORDS} jobs at once");
            return Err(refusal(RefusalCode::MalformedCall, &sentence));
        }
        let jobs = self.jobs.iter().filter(|job| job_ids.contains(&job.spec.job_id));
        Ok(Answer::Records(jobs.map(|job| job.record(&self.plan.cluster)).collect()))
    }

    fn known(&self, job_id: u32) -> Result<usize, Refusal> {
        self.remembered(job_id).ok_or_else(|| Refusal {
            code: RefusalCode::UnknownJob,
            sentence: format!("slurmctld does not know job {job_id}"),
            slurm_errno: Some(2017),
        })
    }

    fn remembered(&self, job_id: u32) -> Option<usize> {
        self.jobs.iter().rposition(|job| job.spec.job_id == job_id && self.remembers(job))
    }

    fn remembers(&self, job: &Job) -> bool {
        !matches!(job.phase, Phase::Over { until, .. } if until + REMEMBERED_S < self.now)
    }

    pub(crate) fn all_jobs(&self) -> Vec<JobRow> {
        self.jobs.iter().map(Job::row).collect()
    }

    pub(crate) fn fail_node_under(&mut self, job_id: u32) {
        let running = |job: &Job| job.spec.job_id == job_id && job.state() == JobState::Running;
        if let Some(at) = self.jobs.iter().position(running) {
            self.finish(at, JobState::NodeFail);
        }
    }

    pub(crate) fn forget(&mut self, job_id: u32) {
        if let Some(at) = self.remembered(job_id) {
            let mut job = self.jobs.remove(at);
            let given_back = job.finish(JobState::Cancelled, self.now);
            self.gpus.give_back(&given_back);
        }
    }
}

fn down(code: RefusalCode) -> Answer {
    Answer::Refused(refusal(code, "the simulated daemon is down because the test asked for it"))
}
