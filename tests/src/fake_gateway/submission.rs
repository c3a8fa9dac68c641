//! Submitting a job to the simulated slurmctld: the bounds, then what Slurm itself refuses.

use slurm_wire::{JobSpec, Limits, Refusal, RefusalCode, Submitted};

use super::bounds::{numbered, refusal};
use super::job::{Job, Phase};
use super::limits::{Owner, Usage};
use super::machine::Machine;
use super::policy::NORMAL;

/// Slurm's numbers for what it refuses.
const NODE_CONFIG_UNAVAILABLE: i32 = 2014;
const INVALID_ACCOUNT: i32 = 2045;
const ACCOUNTING_POLICY: i32 = 2050;
const RESERVATION_ACCESS: i32 = 2052;
const RESERVATION_INVALID: i32 = 2053;
const INVALID_TIME_VALUE: i32 = 2054;
const INVALID_QOS: i32 = 2066;

impl Machine {
    /// Takes a job in, held; an equal one that is there already is adopted.
    pub(crate) fn submit(&mut self, spec: JobSpec) -> Result<Submitted, Refusal> {
        self.plan.bounds.check(&spec)?;
        if !self.plan.explicit_ids {
            return self.submit_keyed(spec);
        }
        self.plan.bounds.check_job_id(spec.job_id)?;
        let job_id = spec.job_id;
        if let Some(&at) = self.remembered(job_id).first() {
            if self.jobs[at].spec.key != spec.key {
                let sentence = format!("job id {job_id} is taken by a job with another key");
                return Err(refusal(RefusalCode::JobIdTaken, &sentence));
            }
            return Ok(Submitted { job_id, adopted: true });
        }
        self.accept(spec)
    }

    /// Without the right to choose ids: Slurm chooses one, and a job with the mark is adopted.
    fn submit_keyed(&mut self, mut spec: JobSpec) -> Result<Submitted, Refusal> {
        let marked = |job: &&Job| job.spec.key == spec.key && self.remembers(job);
        if let Some(job) = self.jobs.iter().find(marked) {
            return Ok(Submitted { job_id: job.spec.job_id, adopted: true });
        }
        spec.job_id = self.next_job_id;
        let submitted = self.accept(spec)?;
        self.next_job_id += 1;
        Ok(submitted)
    }

    fn accept(&mut self, mut spec: JobSpec) -> Result<Submitted, Refusal> {
        let job_id = spec.job_id;
        spec.qos = Some(self.qos_for(&spec)?);
        self.check_place(&spec)?;
        let job = Job::new(spec, Phase::Held, self.now, self.plan.run_seconds);
        self.check_limits_for(&job)?;
        self.take_in(job);
        Ok(Submitted { job_id, adopted: false })
    }

    /// Appends an incarnation with the next index of slurmdbd.
    pub(crate) fn take_in(&mut self, mut job: Job) {
        self.last_db_index += 1;
        job.db_index = self.last_db_index;
        self.jobs.push(job);
    }

    /// The QOS it will have: the one it asks for, or its association's default.
    fn qos_for(&self, spec: &JobSpec) -> Result<String, Refusal> {
        let unknown = |errno, what: String| {
            numbered(RefusalCode::NotKnownToSlurmYet, errno, &format!("Slurm does not know {what}"))
        };
        let named = spec.qos.clone();
        if let Some(qos) = named.as_ref().filter(|qos| !self.kept.qos.contains_key(*qos)) {
            return Err(unknown(INVALID_QOS, format!("the QOS {qos:?}")));
        }
        let is_there = self.kept.accounts.contains_key(&spec.account);
        if is_there {
            self.kept.check_account(&self.plan.bounds, &spec.account)?;
        }
        if !self.plan.enforce_associations {
            return Ok(named.unwrap_or_else(|| NORMAL.into()));
        }
        if !is_there {
            return Err(unknown(INVALID_ACCOUNT, format!("the account {:?}", spec.account)));
        }
        let is_theirs = |user: &str| self.plan.bounds.uid_of(user) == Ok(spec.uid);
        let association =
            self.kept.associations.values().find(|row| {
                row.account == spec.account && row.user.as_deref().is_some_and(is_theirs)
            });
        let association = association.ok_or_else(|| {
            unknown(INVALID_ACCOUNT, format!("uid {} under {:?}", spec.uid, spec.account))
        })?;
        let normal = || NORMAL.to_owned();
        let qos = named.or(association.default_qos.clone()).unwrap_or_else(normal);
        // An empty list means what the site gives everybody: `normal`.
        let may = association.qos.contains(&qos) || (association.qos.is_empty() && qos == NORMAL);
        if !may {
            return Err(unknown(INVALID_QOS, format!("the QOS {qos:?} for uid {}", spec.uid)));
        }
        Ok(qos)
    }

    /// Nodes, reservation and times that cannot be had.
    fn check_place(&self, spec: &JobSpec) -> Result<(), Refusal> {
        let refused =
            |errno, sentence: &str| Err(numbered(RefusalCode::SlurmRefused, errno, sentence));
        if spec.gpu_type != self.plan.gpu_type || spec.gpu_count > self.plan.gpus_per_node {
            let sentence = "Requested node configuration is not available";
            return refused(NODE_CONFIG_UNAVAILABLE, sentence);
        }
        let limit_s = i64::from(spec.time_limit_min) * 60;
        if spec.deadline.is_some_and(|deadline| self.now + limit_s > deadline) {
            return refused(INVALID_TIME_VALUE, "Requested time value is invalid");
        }
        let Some(name) = &spec.reservation else { return Ok(()) };
        let Some(reservation) = self.kept.reservations.get(name) else {
            let sentence = format!("Slurm has no reservation {name:?}");
            let code = RefusalCode::NotKnownToSlurmYet;
            return Err(numbered(code, RESERVATION_INVALID, &sentence));
        };
        let is_let_in = reservation
            .accounts
            .iter()
            .any(|account| spec.account == *account || self.kept.is_under(account, &spec.account));
        if !is_let_in {
            return refused(RESERVATION_ACCESS, "Access denied to requested reservation");
        }
        Ok(())
    }

    /// Limits that Slurm holds against a submission, not only against a start.
    fn check_limits_for(&self, job: &Job) -> Result<(), Refusal> {
        for (_, usage, limits, denies) in self.limits_on(job) {
            let never = denies && usage.barrier(&limits, job).is_some();
            if never || !usage.takes_one_more(&limits) {
                let sentence = "Job violates accounting/QOS policy";
                return Err(numbered(RefusalCode::SlurmRefused, ACCOUNTING_POLICY, sentence));
            }
        }
        Ok(())
    }

    /// Every limit that counts for a job: its QOS's and those of its accounts, with the use so far.
    pub(crate) fn limits_on(&self, job: &Job) -> Vec<(Owner, Usage, Limits, bool)> {
        let mut found = Vec::new();
        if let Some(qos) = self.kept.qos.get(job.qos()).filter(|it| it.limits != Limits::default())
        {
            let usage = Usage::of(self.jobs.iter().filter(|other| other.qos() == job.qos()));
            found.push((Owner::Qos, usage, qos.limits.clone(), qos.deny_on_limit));
        }
        for name in self.kept.line(&job.spec.account) {
            let limits = &self.kept.accounts[name].limits;
            if *limits != Limits::default() {
                let inside = |other: &&Job| self.kept.is_under(name, &other.spec.account);
                let usage = Usage::of(self.jobs.iter().filter(inside));
                found.push((Owner::Association, usage, limits.clone(), false));
            }
        }
        found
    }
}
