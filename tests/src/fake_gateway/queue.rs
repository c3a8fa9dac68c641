//! The simulated scheduler: who starts, who makes way, who ends, and when something happens next.

use slurm_wire::JobState;

use super::gpus::Assigned;
use super::job::{Job, Phase};
use super::machine::Machine;

/// How long after a limit was raised the scheduler looks again by itself.
const LIMITS_NOTICED_S: i64 = 30;

/// How long a requeued job waits.
const REQUEUED_FOR_S: i64 = 120;

impl Machine {
    /// Lets jobs end and start in the order of time, up to `now`.
    pub(crate) fn advance_to(&mut self, now: i64) {
        while let Some(at) = self.next_event().filter(|at| *at <= now) {
            self.now = self.now.max(at);
            while let Some((at, state)) = self.due() {
                self.end(at, state);
            }
            self.look();
        }
        self.now = self.now.max(now);
    }

    /// A changed limit is noticed by itself, but late.
    pub(crate) fn notice_later(&mut self) {
        self.notice_at.get_or_insert(self.now + LIMITS_NOTICED_S);
    }

    fn next_event(&self) -> Option<i64> {
        let ends = self.jobs.iter().filter_map(|job| job.end().map(|(until, _)| until));
        let waiting = self.jobs.iter().filter(|job| job.is_waiting());
        let begins = waiting.clone().map(|job| job.not_before);
        let hopeless = waiting.filter_map(|job| Some(job.spec.deadline? - job.limit_s() + 1));
        let reservations =
            self.kept.reservations.values().flat_map(|row| [row.starts_at, row.ends_at]);
        let later = begins.chain(hopeless).chain(reservations).filter(|at| *at > self.now);
        ends.chain(later).chain(self.notice_at).min()
    }

    /// A job that runs to its end by now.
    fn due(&self) -> Option<(usize, JobState)> {
        let ends = self.jobs.iter().enumerate();
        ends.filter_map(|(at, job)| job.end().map(|(until, state)| (until, at, state)))
            .filter(|(until, ..)| *until <= self.now)
            .min_by_key(|(until, at, _)| (*until, *at))
            .map(|(_, at, state)| (at, state))
    }

    /// Ends a job and looks who may start now.
    pub(crate) fn finish(&mut self, at: usize, state: JobState) {
        self.end(at, state);
        self.look();
    }

    pub(crate) fn end(&mut self, at: usize, state: JobState) {
        let given_back = self.jobs[at].finish(state, self.now);
        self.gpus.give_back(&given_back);
    }

    /// Starts whoever may, the highest priority first, then the oldest; who may not is passed by.
    pub(crate) fn look(&mut self) {
        self.notice_at = self.notice_at.filter(|at| *at > self.now);
        let mut waiting: Vec<usize> =
            (0..self.jobs.len()).filter(|at| self.jobs[*at].is_waiting()).collect();
        waiting.sort_by_key(|at| (std::cmp::Reverse(self.priority(*at)), *at));
        for at in waiting {
            let job = &self.jobs[at];
            if job.spec.deadline.is_some_and(|deadline| self.now + job.limit_s() > deadline) {
                self.end(at, JobState::Deadline);
                continue;
            }
            // Of an array one task after the other, until one has to wait.
            while self.jobs[at].is_waiting() {
                match self.start(at) {
                    Ok(gpus) => self.run(at, gpus),
                    Err(reason) => {
                        self.jobs[at].phase = Phase::Waiting { reason };
                        break;
                    }
                }
            }
        }
    }

    /// Puts a job on its node; of an array its next task, which gets a row of its own.
    fn run(&mut self, at: usize, gpus: Assigned) {
        let running = Phase::Running { since: self.now, gpus };
        match self.jobs[at].split_off(self.next_job_id) {
            Some(task) => {
                self.next_job_id += 1;
                self.take_in(Job { phase: running, ..task });
            }
            None => self.jobs[at].phase = running,
        }
    }

    fn priority(&self, at: usize) -> u32 {
        self.kept.qos.get(self.jobs[at].qos()).map_or(0, |qos| qos.priority)
    }

    /// Finds its GPUs, or says in Slurm's word what it waits for.
    fn start(&mut self, at: usize) -> Result<Assigned, &'static str> {
        let job = self.jobs[at].clone();
        if job.not_before > self.now {
            return Err("BeginTime");
        }
        let of_array = |other: &&Job| other.spec.job_id == job.spec.job_id && other.is_running();
        let running = u32::try_from(self.jobs.iter().filter(of_array).count()).unwrap_or(u32::MAX);
        if job.most_at_once().is_some_and(|most| running >= most) {
            return Err("JobArrayTaskLimit");
        }
        for (owner, usage, limits, _) in self.limits_on(&job) {
            if let Some(barrier) = usage.barrier(&limits, &job) {
                return Err(barrier.reason(owner));
            }
        }
        let usable: Vec<String> =
            self.gpus.names().into_iter().filter(|node| self.may_run_on(&job, node)).collect();
        if usable.is_empty() {
            return Err("Reservation");
        }
        let may_use = |node: &str| usable.iter().any(|name| name == node);
        if let Some(gpus) = self.gpus.take(job.wanted(), may_use) {
            return Ok(gpus);
        }
        self.make_room(&job, &usable);
        self.gpus.take(job.wanted(), may_use).ok_or("Resources")
    }

    /// A job runs inside its own reservation, and overlaps no other one in time.
    fn may_run_on(&self, job: &Job, node: &str) -> bool {
        let until = self.now + job.limit_s();
        let mut on_node = self.kept.reservations.values().filter(|row| row.nodes.contains(node));
        match &job.spec.reservation {
            Some(own) => on_node
                .any(|row| row.name == *own && row.starts_at <= self.now && self.now < row.ends_at),
            None => on_node.all(|row| until <= row.starts_at || row.ends_at <= self.now),
        }
    }

    /// Lets jobs that make way for this one end, if that gives it a node: as few as possible.
    fn make_room(&mut self, job: &Job, usable: &[String]) {
        let Some(preempts) = self.kept.qos.get(job.qos()).map(|qos| qos.preempts.clone()) else {
            return;
        };
        let plans = usable.iter().filter_map(|node| {
            let (mut victims, mut given_back) = (Vec::new(), 0);
            // The youngest makes way first.
            for (at, other) in self.jobs.iter().enumerate().rev() {
                if self.gpus.would_fit(node, job.wanted(), given_back) {
                    break;
                }
                let there = other.gpus().iter().filter(|(name, _)| name == node).count();
                if other.is_running() && there > 0 && preempts.contains(other.qos()) {
                    victims.push(at);
                    given_back += there;
                }
            }
            self.gpus.would_fit(node, job.wanted(), given_back).then_some(victims)
        });
        let fewest = plans.min_by_key(Vec::len).unwrap_or_default();
        fewest.into_iter().for_each(|at| self.preempt(at));
    }

    /// PreemptMode=REQUEUE: a job that may be requeued waits again, any other one is ended.
    fn preempt(&mut self, at: usize) {
        if self.jobs[at].may_requeue {
            self.begin_again(at, JobState::Preempted);
        } else {
            self.end(at, JobState::Preempted);
        }
    }

    /// Ends this incarnation; the next one waits under the same id.
    pub(crate) fn begin_again(&mut self, at: usize, state: JobState) {
        self.end(at, state);
        let next = self.jobs[at].successor(self.now, REQUEUED_FOR_S);
        self.jobs[at].has_successor = true;
        self.take_in(next);
    }
}
