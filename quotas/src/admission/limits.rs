//! Whether the limits of agency and project let one more job in.
//!
//! Limits bound what waits and runs at once; the agency's own policy may stop new jobs altogether.
//! Use that should have been counted and was not is never taken for none.

use super::{Ask, InUse, Reason, Snapshot};
use crate::limit::use_limit::{Scope, UseLimit};

/// Everything the limits say against the job, each reason once.
pub(super) fn faults(ask: &Ask, snapshot: &Snapshot) -> Vec<Reason> {
    let mut reasons = Vec::from_iter(stopped(snapshot));
    let Some(in_use) = &snapshot.in_use else {
        if snapshot.needs_count(&ask.class) {
            reasons.push(Reason::UseNotCounted);
        }
        return reasons;
    };
    for limit in snapshot.limits.iter().filter(|limit| limit.bounds(&ask.class)) {
        for reason in reached(ask, limit, in_use) {
            if !reasons.contains(&reason) {
                reasons.push(reason);
            }
        }
    }
    reasons
}

/// That the agency has used so much that nothing new starts.
pub(super) fn stopped(snapshot: &Snapshot) -> Option<Reason> {
    snapshot.stopped.map(|stopped| Reason::NewJobsStopped {
        percent: stopped.step.at_percent,
        policy: stopped.limit_policy_id,
    })
}

/// What of one limit the job would break.
fn reached(ask: &Ask, limit: &UseLimit, in_use: &[InUse]) -> Vec<Reason> {
    let scope = limit.scope;
    let counted = in_use.iter().filter(|used| {
        let is_theirs = match scope {
            Scope::Agency(_) => true, // All that is counted is the agency's.
            Scope::Project(project_id) => used.project_id == project_id,
        };
        is_theirs && limit.bounds(&used.class)
    });
    let (gpus, jobs) = counted.fold((0_i64, 0_i64), |(gpus, jobs), used| {
        (gpus.saturating_add(used.gpus), jobs.saturating_add(used.jobs))
    });
    // An array takes its place with all that may run of it at once.
    let (asked, tasks) = (ask.gpus_at_once(), ask.at_once());
    let of_gpus = limit
        .gpus_at_once
        .filter(|most| gpus.saturating_add(asked) > *most)
        .map(|most| Reason::GpusAtOnceReached { scope, asked, in_use: gpus, limit: most });
    let of_jobs = limit.jobs_at_once.filter(|most| jobs.saturating_add(tasks) > *most).map(
        |most| match tasks {
            1 => Reason::JobsAtOnceReached { scope, in_use: jobs, limit: most },
            asked => Reason::TasksAtOnceReached { scope, asked, in_use: jobs, limit: most },
        },
    );
    of_gpus.into_iter().chain(of_jobs).collect()
}
