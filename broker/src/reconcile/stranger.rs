//! Jobs that nobody planned: in slurmctld now, and in slurmdbd's records of the stretch.

use std::collections::BTreeMap;

use slurm_wire::{JobRecord, JobRow};

use super::difference::{Cause, Difference};
use super::picture::Picture;
use super::run_time::RunTime;

/// What is known of one stranger.
#[derive(Default)]
struct Known {
    state: &'static str,
    account: Option<String>,
    gpu_seconds: i64,
}

/// Every job that no attempt asked for and that no person has looked at and closed.
pub(super) fn differences(picture: &Picture) -> Vec<Difference> {
    let mut strangers: BTreeMap<u32, Known> = BTreeMap::new();
    let of_no_attempt = |asked_id: u32| !picture.attempts.contains_key(&asked_id);
    let records = picture.records.values().filter(|record| of_no_attempt(record.asked_id()));
    for record in records {
        take_in(&mut strangers, record);
    }
    let in_range = picture.jobs.values().flatten().filter(|row| of_no_attempt(row.asked_id()));
    for row in picture.strangers.iter().chain(in_range) {
        see(&mut strangers, row);
    }
    let told = strangers.into_iter().filter_map(|(job_id, known)| {
        let job_id = i64::from(job_id);
        let what = match picture.unplanned.get(&job_id) {
            Some(true) => return None,
            Some(false) => format!("job {job_id} ({}) was planned by nobody", known.state),
            None => {
                format!("job {job_id} ({}) was planned by nobody and found by nobody", known.state)
            }
        };
        Some(Difference {
            slurm_job_id: Some(job_id),
            account: known.account,
            gpu_seconds: Some(known.gpu_seconds),
            ..Cause::Stranger.told(&what)
        })
    });
    told.collect()
}

fn take_in(strangers: &mut BTreeMap<u32, Known>, record: &JobRecord) {
    let known = strangers.entry(record.asked_id()).or_default();
    known.state = record.state.word();
    known.account.clone_from(&record.account);
    known.gpu_seconds += RunTime::of(record).map_or(0, |run| run.gpu_seconds());
}

fn see(strangers: &mut BTreeMap<u32, Known>, row: &JobRow) {
    let known = strangers.entry(row.asked_id()).or_default();
    known.state = row.state.word();
    known.account.clone_from(&row.account);
}
