//! Comparing slurmdbd's records with the runs of the ledger, one by one and in all.

use std::collections::{HashMap, HashSet};

use accounting::run::RunPosted;
use chrono::{DateTime, Utc};
use serde::Serialize;
use slurm_wire::JobRecord;
use utoipa::ToSchema;
use uuid::Uuid;

use super::attempt::carries;
use super::difference::{Cause, Difference};
use super::picture::Picture;
use super::roll::Line;
use super::run_time::{RunTime, is_final};

/// What the runs that ended in the stretch took, without those of attempts that moved meanwhile.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, ToSchema)]
pub struct Totals {
    /// By slurmdbd's records of the broker's jobs.
    pub gpu_seconds_slurmdbd: i64,
    /// Charged to grants.
    pub gpu_seconds_settled: i64,
    /// Above every grant's room, and not cleared.
    pub gpu_seconds_overrun: i64,
    /// Charged to nobody: the machine's own fault, or written off.
    pub gpu_seconds_not_charged: i64,
    /// Whether the last three add up to the first.
    pub equal: bool,
    /// By slurmdbd's records of jobs that nobody planned.
    pub gpu_seconds_strangers: i64,
    /// How many runs slurmdbd has.
    pub run_count: usize,
}

/// The totals, and what is different about runs.
pub(super) fn compare(picture: &Picture) -> (Totals, Vec<Difference>) {
    let mut totals = Totals::default();
    let mut differences = Vec::new();
    let posted: HashMap<i64, &RunPosted> =
        picture.runs.iter().map(|run| (run.db_index, run)).collect();
    for record in picture.records.values() {
        let Some(run) = RunTime::of(record).filter(|_| is_final(record)) else { continue };
        let Some(line) = picture.still(record.asked_id()) else {
            if !picture.moved(record.asked_id()) && ended_inside(picture, run) {
                totals.gpu_seconds_strangers += run.gpu_seconds();
            }
            continue;
        };
        if !carries(record.admin_comment.as_deref(), line) {
            continue; // Told as a wrong key.
        }
        if ended_inside(picture, run) {
            totals.gpu_seconds_slurmdbd += run.gpu_seconds();
            totals.run_count += 1;
        }
        let db_index = key_of(record);
        match posted.get(&db_index) {
            Some(posted) => differences.extend(differs(line, record, run, posted)),
            None => differences.extend(not_posted(picture, line, record, run)),
        }
    }
    let holders: HashMap<Uuid, &Line> =
        picture.attempts.values().map(|line| (line.hold_id, line)).collect();
    for run in &picture.runs {
        let line = holders.get(&run.hold_id).copied();
        if line.is_some_and(|line| picture.in_motion.contains(&line.attempt_id)) {
            continue;
        }
        if picture.stretch.has(run.ended_at) {
            totals.gpu_seconds_settled += run.settled.get();
            totals.gpu_seconds_overrun += run.overrun.get();
            totals.gpu_seconds_not_charged += run.not_charged.get();
        }
        differences.extend(of_ledger(picture, run, line));
    }
    let posted =
        totals.gpu_seconds_settled + totals.gpu_seconds_overrun + totals.gpu_seconds_not_charged;
    totals.equal = totals.gpu_seconds_slurmdbd == posted;
    (totals, differences)
}

fn ended_inside(picture: &Picture, run: RunTime) -> bool {
    run.ended_at.is_some_and(|ended_at| picture.stretch.has(ended_at))
}

/// The ledger keeps the same 64 bits as a signed number.
fn key_of(record: &JobRecord) -> i64 {
    record.db_index.cast_signed()
}

/// A record that the ledger does not have.
fn not_posted(
    picture: &Picture,
    line: &Line,
    record: &JobRecord,
    run: RunTime,
) -> Option<Difference> {
    let (job_id, key, db_index) = (record.job_id, record.db_index, key_of(record));
    if line.state.is_over() {
        let what = format!("slurmdbd has run {key} of job {job_id}, and the ledger has not");
        let told = Cause::RunNotRecorded.told(&what).of(line);
        return Some(told.of_record(db_index, run.gpu_seconds()));
    }
    // A run that ended before its job did: it is charged with the others when the job is over.
    let rows = picture.jobs.get(&line.asked_id()).map_or(&[][..], Vec::as_slice);
    let goes_on = rows.iter().any(|row| !row.state.is_over() || row.completing);
    goes_on.then(|| {
        let what = format!("run {key} of job {job_id} is over, and its job goes on");
        let told = Cause::NotSettledYet.told(&what).of(line);
        told.of_record(db_index, run.gpu_seconds())
    })
}

/// A record that the ledger has with other figures.
fn differs(
    line: &Line,
    record: &JobRecord,
    run: RunTime,
    posted: &RunPosted,
) -> Option<Difference> {
    let told = Figures {
        started_at: run.started_at,
        ended_at: run.ended_at.unwrap_or(run.started_at),
        gpu_count: run.gpu_count,
        gpu_seconds: run.gpu_seconds(),
        state: record.state.word(),
    };
    let charged = Figures {
        started_at: posted.started_at,
        ended_at: posted.ended_at,
        gpu_count: posted.gpu_count,
        gpu_seconds: posted.gpu_seconds.get(),
        state: &posted.state,
    };
    if told == charged {
        return None;
    }
    let what = format!(
        "slurmdbd says of run {} of job {}: {}, and the ledger: {}",
        record.db_index,
        record.job_id,
        told.text(),
        charged.text()
    );
    let off = told.gpu_seconds.saturating_sub(charged.gpu_seconds);
    Some(Cause::RunDiffers.told(&what).of(line).of_record(key_of(record), off))
}

/// What is said of one run.
#[derive(PartialEq, Eq)]
struct Figures<'a> {
    started_at: DateTime<Utc>,
    ended_at: DateTime<Utc>,
    gpu_count: i64,
    gpu_seconds: i64,
    state: &'a str,
}

impl Figures<'_> {
    fn text(&self) -> String {
        let Self { started_at, ended_at, gpu_count, gpu_seconds, state } = self;
        let time = |at: &DateTime<Utc>| at.format("%Y-%m-%dT%H:%M:%SZ").to_string();
        let (from, until) = (time(started_at), time(ended_at));
        format!("{gpu_count} GPUs from {from} until {until}, {gpu_seconds} GPU-seconds, {state}")
    }
}

/// A run that slurmdbd does not have, or that the ledger did not post whole.
fn of_ledger(picture: &Picture, run: &RunPosted, line: Option<&Line>) -> Vec<Difference> {
    let about = |told: Difference| {
        let told = line.map_or(told.clone(), |line| told.of(line));
        Difference {
            hold_id: Some(run.hold_id),
            slurm_job_id: Some(run.slurm_job_id),
            ..told.of_record(run.db_index, run.gpu_seconds.get())
        }
    };
    let mut differences = Vec::new();
    let key = run.db_index.cast_unsigned();
    if !picture.records.contains_key(&key) {
        let what =
            format!("the ledger has run {key} of job {}, and slurmdbd has not", run.slurm_job_id);
        differences.push(about(Cause::RunUnknownToSlurmdbd.told(&what)));
    }
    if !run.adds_up() {
        let what = format!(
            "run {key} took {}, of which {} are settled, {} overrun and {} not charged",
            run.gpu_seconds, run.settled, run.overrun, run.not_charged
        );
        differences.push(about(Cause::RunNotPosted.told(&what)));
    }
    differences
}

/// Holds without an attempt that goes on, and attempts that go on without a hold.
pub(super) fn of_holds(picture: &Picture) -> Vec<Difference> {
    let mut differences = Vec::new();
    for hold in &picture.open_holds {
        let holder = picture.holders.get(&hold.hold_id);
        let what = match holder {
            Some(state) if !state.is_over() => continue,
            Some(_) => format!("hold {} is open, and its attempt is over", hold.hold_id),
            None => format!("hold {} is open, and there is no attempt that has it", hold.hold_id),
        };
        let told = Cause::HoldWithoutAttempt.told(&what);
        let attempt_id = Some(hold.attempt_id);
        differences.push(Difference { hold_id: Some(hold.hold_id), attempt_id, ..told });
    }
    let open: HashSet<Uuid> = picture.open_holds.iter().map(|hold| hold.hold_id).collect();
    let goes_on = |line: &&Line| !line.state.is_over() && !open.contains(&line.hold_id);
    let without = picture.attempts.values().filter(goes_on);
    differences.extend(without.map(|line| {
        let what =
            format!("the attempt of job {} goes on, and its hold is closed", line.slurm_job_id);
        Cause::AttemptWithoutHold.told(&what).of(line)
    }));
    differences
}
