//! How many of the starts that nodes saw are accounted for by what Slurm tells.
//!
//! Slurm counts restarts, and a restart excuses a second start on a node. But slurmctld 22.05 also
//! counts one whose run never reached a node: where it could not send the script (munged was away), it
//! ends that run as NODE_FAIL and puts the job back, whether that may be requeued or not. Such a run
//! excuses nothing.

use chrono::{DateTime, TimeDelta, Utc};
use slurm_wire::JobRecord;

use crate::watch::made_way;

/// A node's clock and slurmctld's agree within this: Slurm wants them held together (NTP).
const CLOCKS_AGREE_WITHIN: TimeDelta = TimeDelta::seconds(1);

/// One job's starts, by each who tells.
pub(super) struct Told<'a> {
    /// In order.
    pub(super) by_nodes: &'a [DateTime<Utc>],
    pub(super) by_slurmctld: &'a [DateTime<Utc>],
    /// Restarts that slurmctld counts.
    pub(super) restart_count: usize,
    /// Of this job alone.
    pub(super) records: Vec<JobRecord>,
}

impl Told<'_> {
    /// Starts on nodes that Slurm knows it made: one, and one more for each restart of a run that
    /// reached its node.
    pub(super) fn starts(&self) -> usize {
        let made_way = self.records.iter().filter(|run| made_way(run) && self.was_followed(run));
        let restarts = self.restart_count.max(made_way.count());
        (1 + restarts).saturating_sub(self.never_reached_a_node()).max(1)
    }

    fn was_followed(&self, run: &JobRecord) -> bool {
        self.records.iter().any(|other| other.started_at > run.started_at)
    }

    /// Starts that Slurm tells, but for the last, after each of which no node saw any before the next.
    fn never_reached_a_node(&self) -> usize {
        let recorded = self.records.iter().filter_map(|run| run.started_at.filter(|at| *at > 0));
        let mut starts: Vec<DateTime<Utc>> =
            recorded.filter_map(|at| DateTime::from_timestamp(at, 0)).collect();
        starts.extend(self.by_slurmctld);
        starts.sort_unstable();
        starts.dedup();
        let from = |at: &DateTime<Utc>| *at - CLOCKS_AGREE_WITHIN;
        let between = starts.windows(2).map(|pair| from(&pair[0])..from(&pair[1]));
        between.filter(|time| !self.by_nodes.iter().any(|at| time.contains(at))).count()
    }
}

#[cfg(test)]
mod tests {
    use slurm_wire::JobState;

    use super::*;

    fn at(second: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(second, 450_000_000).unwrap()
    }

    fn run(state: JobState, from: i64, until: i64) -> JobRecord {
        JobRecord {
            db_index: from.cast_unsigned(),
            job_id: 7,
            cluster: "c".to_owned(),
            admin_comment: None,
            account: None,
            partition: None,
            user: None,
            state,
            submitted_at: Some(from),
            started_at: Some(from),
            ended_at: Some(until),
            suspended_s: 0,
            tres: [].into(),
            nodes: None,
            exit_code: None,
            array_job_id: None,
            array_task_id: None,
        }
    }

    fn starts(by_nodes: &[i64], restart_count: usize, records: Vec<JobRecord>) -> usize {
        let by_nodes: Vec<_> = by_nodes.iter().copied().map(at).collect();
        Told { by_nodes: &by_nodes, by_slurmctld: &[], restart_count, records }.starts()
    }

    #[test]
    fn a_restart_accounts_for_a_start_whoever_tells_of_it() {
        let runs = || vec![run(JobState::NodeFail, 100, 200), run(JobState::Completed, 300, 310)];
        assert_eq!(starts(&[100, 300], 0, vec![]), 1);
        assert_eq!(starts(&[100, 300], 1, vec![]), 2);
        assert_eq!(starts(&[100, 300], 0, runs()), 2);
        assert_eq!(starts(&[100, 300], 1, runs()), 2);
        assert_eq!(starts(&[100, 110, 300], 1, runs()), 2, "one of them is one too many");
    }

    #[test]
    fn a_run_that_never_reached_a_node_accounts_for_none() {
        // Measured: forgotten at 28, told to have started at 38 and sent nowhere, put back at 52.
        let runs = || vec![run(JobState::NodeFail, 38, 52), run(JobState::Completed, 800, 810)];
        assert_eq!(starts(&[28, 800], 1, runs()), 1);
        assert_eq!(starts(&[38, 800], 1, runs()), 2);
        assert_eq!(starts(&[37, 800], 1, runs()), 2, "clocks differ by a little");
        assert_eq!(starts(&[45, 800], 1, runs()), 2, "a prolog takes its time");
        assert_eq!(starts(&[28, 38, 800], 1, runs()), 2, "the first is one too many");
    }

    #[test]
    fn what_slurmctld_told_counts_as_what_slurmdbd_has_does() {
        let told = [at(38), at(800)];
        let by_nodes = [at(28), at(800)];
        let (by_slurmctld, restart_count) = (told.as_slice(), 1);
        let told = Told { by_nodes: &by_nodes, by_slurmctld, restart_count, records: vec![] };
        assert_eq!(told.starts(), 1);
    }

    #[test]
    fn a_run_that_ended_by_itself_is_no_restart() {
        let runs = vec![run(JobState::Completed, 100, 200), run(JobState::Completed, 300, 310)];
        assert_eq!(starts(&[100, 300], 0, runs), 1);
    }
}
