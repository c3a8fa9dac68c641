//! How many of the starts that nodes saw Slurm accounts for, and which are the others.
//!
//! Slurm counts restarts, and a restart excuses a second start on a node. But slurmctld 22.05 also
//! counts one whose run never reached a node: where it could not send the script (munged was away), it
//! ends that run as NODE_FAIL and puts the job back, whether that may be requeued or not. Such a run
//! excuses nothing. So each start of Slurm's is matched with the first that a node saw in its time.

use std::ops::Range;

use chrono::{DateTime, TimeDelta, Utc};
use slurm_wire::JobRecord;

use crate::watch::made_way;

/// A node's clock and slurmctld's agree within this: Slurm wants them held together (NTP).
const CLOCKS_AGREE_WITHIN: TimeDelta = TimeDelta::seconds(1);
/// A start that a node sees so long after slurmdbd's end of a run is not that run's: a node that failed
/// was last heard of before it failed, and what Slurm puts back waits longer than this.
const ENDS_WITHIN: TimeDelta = TimeDelta::seconds(30);

/// One job's starts, by each who tells.
pub(super) struct Told<'a> {
    /// In order.
    pub(super) by_nodes: &'a [DateTime<Utc>],
    pub(super) by_slurmctld: &'a [DateTime<Utc>],
    /// Restarts that slurmctld counts.
    pub(super) restart_count: usize,
    /// Of this job alone.
    pub(super) records: Vec<&'a JobRecord>,
}

impl Told<'_> {
    /// How many starts on nodes Slurm accounts for, and the order in which the others are told: those of
    /// no run first, then the last.
    ///
    /// Slurm accounts for one start and one more for each restart that it counts, however many times it
    /// tells: slurmctld and slurmdbd may each know another start of the same run. Where it counts more
    /// restarts than it tells starts, the watcher did not see every run.
    pub(super) fn accounts_for(&self) -> (usize, Vec<DateTime<Utc>>) {
        let times = self.times_of_runs();
        let made_way = self.records.iter().filter(|run| made_way(run) && self.was_followed(run));
        let most = 1 + self.restart_count.max(made_way.count());
        let not_seen = most.saturating_sub(times.len());
        let first_of =
            |time: &Range<DateTime<Utc>>| self.by_nodes.iter().find(|at| time.contains(at));
        let known: Vec<&DateTime<Utc>> = times.iter().filter_map(first_of).collect();
        let accounted = most.min(known.len() + not_seen);
        let (of_runs, mut of_none): (Vec<_>, Vec<_>) =
            self.by_nodes.iter().partition(|at| known.contains(at));
        // The first of them are those that Slurm may have told of unseen.
        let unseen = not_seen.min(of_none.len());
        of_none.rotate_left(unseen);
        (accounted, of_none.into_iter().chain(of_runs.into_iter().rev()).copied().collect())
    }

    fn was_followed(&self, run: &JobRecord) -> bool {
        let started_at = run.started_at.and_then(|at| DateTime::from_timestamp(at, 0));
        self.records.iter().any(|other| other.started_at > run.started_at)
            || self.by_slurmctld.iter().any(|at| Some(*at) > started_at)
    }

    /// For each start that Slurm tells, when a node may have seen it: until the next, or soon after its
    /// end.
    fn times_of_runs(&self) -> Vec<Range<DateTime<Utc>>> {
        let moment = |at: Option<i64>| DateTime::from_timestamp(at.filter(|at| *at > 0)?, 0);
        let mut runs: Vec<(DateTime<Utc>, Option<DateTime<Utc>>)> = self
            .records
            .iter()
            .filter_map(|run| Some((moment(run.started_at)?, moment(run.ended_at))))
            .collect();
        let recorded: Vec<DateTime<Utc>> = runs.iter().map(|(started_at, _)| *started_at).collect();
        let by_slurmctld = self.by_slurmctld.iter().filter(|at| !recorded.contains(at));
        runs.extend(by_slurmctld.map(|at| (*at, None)));
        runs.sort_unstable();
        runs.dedup_by_key(|(started_at, _)| *started_at);
        let nexts = runs.iter().skip(1).map(|(next, _)| *next - CLOCKS_AGREE_WITHIN);
        let nexts = nexts.chain([DateTime::<Utc>::MAX_UTC]);
        runs.iter()
            .zip(nexts)
            .map(|((started_at, ended_at), next)| {
                let end = ended_at.map_or(next, |at| next.min(at + ENDS_WITHIN));
                *started_at - CLOCKS_AGREE_WITHIN..end
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use slurm_wire::JobState;

    use super::*;
    use crate::stage::run_record;

    fn at(second: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(second, 450_000_000).unwrap()
    }

    fn run(state: JobState, from: i64, until: i64) -> JobRecord {
        run_record(from.cast_unsigned(), state, (from, Some(until)))
    }

    const NONE: [i64; 0] = [];

    /// The seconds of the starts that Slurm does not tell of.
    fn unknown(
        by_nodes: &[i64],
        (by_slurmctld, restart_count): (&[i64], usize),
        records: &[JobRecord],
    ) -> Vec<i64> {
        let by_nodes: Vec<_> = by_nodes.iter().copied().map(at).collect();
        let moment = |second: &i64| DateTime::from_timestamp(*second, 0).unwrap();
        let by_slurmctld: Vec<_> = by_slurmctld.iter().map(moment).collect();
        let told = Told {
            by_nodes: &by_nodes,
            by_slurmctld: &by_slurmctld,
            restart_count,
            records: records.iter().collect(),
        };
        let (accounted, order) = told.accounts_for();
        let others = by_nodes.len().saturating_sub(accounted);
        order.iter().take(others).map(DateTime::timestamp).collect()
    }

    #[test]
    fn a_restart_accounts_for_a_start_whoever_tells_of_it() {
        let runs = [run(JobState::NodeFail, 100, 200), run(JobState::Completed, 300, 310)];
        assert_eq!(unknown(&[100, 300], (&[], 0), &[]), [300]);
        assert_eq!(unknown(&[100, 300], (&[], 1), &[]), NONE);
        assert_eq!(unknown(&[100, 300], (&[300], 1), &[]), NONE, "the first was not followed");
        assert_eq!(unknown(&[100, 300], (&[], 0), &runs), NONE);
        assert_eq!(unknown(&[100, 300], (&[300], 0), &runs[..1]), NONE, "the last still runs");
        assert_eq!(unknown(&[100, 110, 300], (&[], 1), &runs), [110]);
    }

    #[test]
    fn a_run_that_never_reached_a_node_accounts_for_none() {
        // Measured: forgotten at 28, told to have started at 38 and sent nowhere, put back at 52.
        let runs = [run(JobState::NodeFail, 38, 52), run(JobState::Completed, 800, 810)];
        assert_eq!(unknown(&[28, 800], (&[], 1), &runs), [28]);
        assert_eq!(unknown(&[28, 800], (&[38, 800], 1), &[]), [28]);
        assert_eq!(unknown(&[790, 800], (&[], 1), &runs), [790], "forgotten after it");
        assert_eq!(unknown(&[38, 800], (&[], 1), &runs), NONE);
        assert_eq!(unknown(&[37, 800], (&[], 1), &runs), NONE, "clocks differ by a little");
        assert_eq!(unknown(&[45, 800], (&[], 1), &runs), NONE, "a prolog takes its time");
        assert_eq!(unknown(&[10, 28, 38, 800], (&[], 1), &runs), [10, 28]);
    }

    #[test]
    fn a_node_that_failed_was_heard_of_last_before_it_did() {
        let runs = [run(JobState::NodeFail, 100, 100), run(JobState::Completed, 300, 310)];
        assert_eq!(unknown(&[104, 300], (&[], 1), &runs), NONE);
    }

    #[test]
    fn two_starts_of_one_run_account_for_one() {
        // Measured: slurmctld was seen to have made the second alone, slurmdbd kept the first.
        let runs = [run(JobState::Completed, 10, 23)];
        assert_eq!(unknown(&[10, 21], (&[21], 0), &runs), [21]);
        assert_eq!(unknown(&[10, 21], (&[10, 21], 0), &[]), [21]);
        assert_eq!(unknown(&[10, 21], (&[], 0), &runs), [21]);
    }
}
