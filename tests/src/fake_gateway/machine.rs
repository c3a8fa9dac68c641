//! The simulated slurmctld and slurmdbd: jobs and policies in memory, moved from event to event.

use slurm_wire::{Answer, Call, JobState, Refusal, RefusalCode, SettingFault};

use super::bounds::refusal;
use super::follow::Followed;
use super::gpus::Gpus;
use super::job::Job;
use super::policy::Kept;
use super::{FakeFault, FakePlan, stranger};

/// The whole simulated cluster.
#[derive(Debug)]
pub(crate) struct Machine {
    pub(super) plan: FakePlan,
    pub(super) now: i64,
    /// Every incarnation of every job, oldest first; what slurmdbd has.
    pub(super) jobs: Vec<Job>,
    pub(super) last_db_index: u64,
    pub(super) next_job_id: u32,
    pub(super) gpus: Gpus,
    /// When the scheduler looks by itself after a change of limits.
    pub(super) notice_at: Option<i64>,
    pub(crate) kept: Kept,
    pub(crate) followed: Followed,
    pub(crate) faults: Vec<FakeFault>,
    pub(crate) setting_faults: Vec<SettingFault>,
    /// Calls carried out that write accounts, users, QOS or reservations.
    pub(crate) policy_writes: u64,
}

impl Machine {
    pub(crate) fn new(plan: FakePlan, now: i64) -> Self {
        Self {
            now,
            jobs: Vec::new(),
            last_db_index: 0,
            next_job_id: stranger::FIRST_JOB_ID,
            gpus: Gpus::new(plan.nodes, plan.gpus_per_node),
            notice_at: None,
            kept: Kept::new(&plan.cluster, &plan.bounds),
            followed: Followed::default(),
            faults: Vec::new(),
            setting_faults: Vec::new(),
            policy_writes: 0,
            plan,
        }
    }

    pub(crate) fn cluster(&self) -> &str {
        &self.plan.cluster
    }

    /// Nodes, and GPUs of each.
    pub(crate) fn size(&self) -> (usize, u32) {
        (self.plan.nodes, self.plan.gpus_per_node)
    }

    /// Carries out one call; `None` means that the answer is lost on the way.
    pub(crate) fn answer(&mut self, call: Call) -> Option<Answer> {
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
                FakeFault::AccountingDown if needs_slurmdbd(&call) => {
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
            Call::CheckSettings => Answer::Settings(self.setting_faults.clone()),
            Call::Submit(spec) => Answer::Submitted(self.submit(*spec)?),
            Call::Release(job) => self.release(&job)?,
            Call::Cancel(job) => self.cancel(&job)?,
            Call::Hold(job) => self.hold(&job)?,
            Call::Nudge(job) => {
                self.ours(&job)?;
                self.look();
                Answer::Done
            }
            Call::ChangeQos { job, qos } => self.change_qos(&job, &qos)?,
            Call::Suspend(job) => self.suspend(&job)?,
            Call::Resume(job) => self.resume(&job)?,
            Call::Requeue(job) => self.requeue(&job)?,
            Call::SetTimeLimit { job, time_limit_min } => {
                self.set_time_limit(&job, time_limit_min)?
            }
            Call::ReadJobs { job_ids } => Answer::Jobs(self.read_jobs(&job_ids)?),
            Call::WatchJobs { since } => self.watch_jobs(since),
            Call::ReadEnded { from, until } => self.read_ended(from, until)?,
            Call::ReadUsage { from, until } => self.read_usage(from, until)?,
            Call::ReadRecords { job_ids } => self.read_records(&job_ids)?,
            Call::ReadPreempted { from, until } => self.read_preempted(from, until)?,
            Call::ReadStrangers => Answer::Jobs(self.read_strangers()),
            Call::CancelStranger { job_id } => {
                self.cancel_stranger(job_id)?;
                Answer::Done
            }
            Call::ReadAccounts => Answer::Accounts(self.kept.ours(&self.plan.bounds).accounts),
            Call::ReadAssociations => {
                Answer::Associations(self.kept.ours(&self.plan.bounds).associations)
            }
            Call::ReadPolicy => Answer::Policy(Box::new(self.kept.ours(&self.plan.bounds))),
            Call::ReadWholeCluster if self.plan.bounds.import => {
                Answer::Policy(Box::new(self.kept.whole()))
            }
            Call::ReadWholeCluster => {
                let sentence = "the bounds do not let the broker read the whole cluster";
                return Err(refusal(RefusalCode::ImportNotAllowed, sentence));
            }
            write => {
                self.write_policy(write)?;
                self.policy_writes += 1;
                self.notice_later();
                Answer::Done
            }
        })
    }

    fn write_policy(&mut self, call: Call) -> Result<(), Refusal> {
        if let Call::RemoveUser { account, user } = &call {
            self.check_no_jobs_of(account, user)?;
        }
        let Self { plan: FakePlan { bounds, cluster, .. }, kept, now, .. } = self;
        match call {
            Call::PutAccount(new) => kept.put_account(cluster, bounds, &new),
            Call::PutAccountLimits(new) => kept.put_account_limits(bounds, new),
            Call::PutUser(new) => kept.put_user(cluster, bounds, &new),
            Call::RemoveUser { account, user } => kept.remove_user(bounds, &account, &user),
            Call::PutQos(qos) => kept.put_qos(bounds, qos),
            Call::PutReservation(new) => {
                kept.put_reservation(bounds, new, &self.gpus.names(), *now)
            }
            Call::RemoveReservation { name } => {
                bounds.check_reservation_name(&name)?;
                kept.reservations.remove(&name);
                Ok(())
            }
            other => {
                let sentence = format!("{other:?} writes nothing");
                Err(refusal(RefusalCode::MalformedCall, &sentence))
            }
        }
    }

    /// Slurm takes nobody away who has jobs there.
    fn check_no_jobs_of(&self, account: &str, user: &str) -> Result<(), Refusal> {
        let uid = self.plan.bounds.uid_of(user);
        let theirs =
            |job: &&Job| job.spec.account == account && uid == Ok(job.spec.uid) && !job.is_over();
        if self.jobs.iter().any(|job| theirs(&job)) {
            let sentence = format!("jobs of {user:?} still wait or run under {account:?}");
            return Err(refusal(RefusalCode::JobsStillThere, &sentence));
        }
        Ok(())
    }

    /// Ends one running job, or one task, by Slurm's own id.
    pub(crate) fn end_running(&mut self, own_id: u32, state: JobState) {
        let running = |job: &Job| job.own_id == own_id && job.is_running();
        if let Some(at) = self.jobs.iter().position(running) {
            self.finish(at, state);
        }
    }

    /// What somebody with `scontrol` does to a job that runs: `requeue=1`, then `requeue`.
    pub(crate) fn requeue_by_hand(&mut self, own_id: u32) {
        let running = |job: &Job| job.own_id == own_id && job.is_running();
        if let Some(at) = self.jobs.iter().position(running) {
            self.jobs[at].may_requeue = true;
            self.begin_again(at, JobState::Cancelled);
            self.look();
        }
    }

    pub(crate) fn forget(&mut self, job_id: u32) {
        let mut at = 0;
        while at < self.jobs.len() {
            if self.jobs[at].spec.job_id == job_id && self.remembers(&self.jobs[at]) {
                let mut job = self.jobs.remove(at);
                let given_back = job.finish(JobState::Cancelled, self.now);
                self.gpus.give_back(&given_back);
            } else {
                at += 1;
            }
        }
        self.look();
    }
}

/// True for what the real gateway asks slurmdbd.
fn needs_slurmdbd(call: &Call) -> bool {
    matches!(
        call,
        Call::ReadRecords { .. }
            | Call::ReadPreempted { .. }
            | Call::ReadEnded { .. }
            | Call::ReadUsage { .. }
            | Call::ReadPolicy
            | Call::ReadWholeCluster
            | Call::PutAccount(_)
            | Call::PutAccountLimits(_)
            | Call::PutUser(_)
            | Call::RemoveUser { .. }
            | Call::PutQos(_)
    )
}

fn down(code: RefusalCode) -> Answer {
    Answer::Refused(refusal(code, "the simulated daemon is down because the test asked for it"))
}
