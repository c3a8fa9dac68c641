//! Comparing each attempt with what slurmctld and slurmdbd have of its job.

use slurm_wire::{JobRecord, JobRow};

use super::difference::{Cause, Difference};
use super::picture::Picture;
use super::roll::Line;
use super::run_time::{RunTime, is_final};
use crate::plan::attempt::AttemptState;
use crate::run_key::RunKey;

/// What is different about the attempts that stood still.
pub(super) fn differences(picture: &Picture) -> Vec<Difference> {
    let mut lines: Vec<&Line> =
        picture.attempts.keys().filter_map(|asked_id| picture.still(*asked_id)).collect();
    lines.sort_by_key(|line| line.slurm_job_id);
    let mut differences = Vec::new();
    for line in lines {
        let rows = picture.jobs.get(&line.asked_id()).map_or(&[][..], Vec::as_slice);
        let (rows, foreign): (Vec<&JobRow>, Vec<_>) =
            rows.iter().partition(|row| carries(row.admin_comment.as_deref(), line));
        let (records, other): (Vec<&JobRecord>, Vec<_>) = picture
            .records_of(line.asked_id())
            .partition(|record| carries(record.admin_comment.as_deref(), line));
        if !foreign.is_empty() || !other.is_empty() {
            differences.push(wrong_key(line, foreign.is_empty()));
        }
        let runaways: Vec<_> =
            records.iter().filter(|record| is_runaway(record, &rows)).copied().collect();
        differences.extend(runaways.iter().map(|record| runaway(line, record)));
        differences.extend(match line.state {
            AttemptState::Settled | AttemptState::Cancelled | AttemptState::Refused => {
                still_there(line, &rows)
            }
            AttemptState::Admitted => None, // Slurm has not told yet that it took it.
            AttemptState::Submitted
            | AttemptState::Released
            | AttemptState::Running
            | AttemptState::Ended => going_on(line, &rows, &records, !runaways.is_empty()),
        });
    }
    differences.extend(picture.second_starts.iter().map(|start| {
        let what = format!(
            "job {} was started a second time by slurmctld itself (exception {})",
            start.slurm_job_id, start.exception_id
        );
        let told = Cause::SecondStart.told(&what);
        Difference { attempt_id: start.attempt_id, slurm_job_id: Some(start.slurm_job_id), ..told }
    }));
    differences
}

/// The mark reaches slurmdbd only when the job starts or ends: none is no other's.
pub(super) fn carries(mark: Option<&str>, line: &Line) -> bool {
    mark.is_none_or(|mark| mark.is_empty() || mark == line.key)
}

fn wrong_key(line: &Line, in_slurmdbd: bool) -> Difference {
    let place = if in_slurmdbd { "slurmdbd" } else { "slurmctld" };
    let what = format!("{place} has a job {} with a mark that is not ours", line.slurm_job_id);
    Cause::WrongKey.told(&what).of(line)
}

/// slurmdbd has no end of it, and slurmctld has no job that it could be the record of.
fn is_runaway(record: &JobRecord, rows: &[&JobRow]) -> bool {
    let is_its = |row: &&JobRow| {
        row.job_id == record.job_id
            && (row.submitted_at.is_none()
                || record.submitted_at.is_none()
                || row.submitted_at == record.submitted_at)
    };
    let has_no_end = !record.state.is_over() || record.ended_at.is_none_or(|at| at == 0);
    has_no_end && !rows.iter().any(is_its)
}

fn runaway(line: &Line, record: &JobRecord) -> Difference {
    let what = format!(
        "slurmdbd has record {} of job {} as {} without an end, and slurmctld has no such job",
        record.db_index,
        record.job_id,
        record.state.word()
    );
    let db_index = RunKey(record.db_index.cast_signed());
    Difference { db_index: Some(db_index), ..Cause::RunawayRecord.told(&what).of(line) }
}

/// An attempt that is over, and a job that is not.
fn still_there(line: &Line, rows: &[&JobRow]) -> Option<Difference> {
    let row = rows.iter().find(|row| !row.state.is_over())?;
    let what = format!(
        "slurmctld has job {} as {}, and its attempt is over",
        line.slurm_job_id,
        row.state.word()
    );
    Some(Cause::StillInSlurm.told(&what).of(line))
}

/// An attempt that goes on, and what Slurm has of it.
fn going_on(
    line: &Line,
    rows: &[&JobRow],
    records: &[&JobRecord],
    has_runaway: bool,
) -> Option<Difference> {
    let job_id = line.slurm_job_id;
    if rows.is_empty() && records.is_empty() {
        let has_run = matches!(line.state, AttemptState::Running | AttemptState::Ended);
        let cause =
            if has_run { Cause::UnknownToSlurmctldAndSlurmdbd } else { Cause::MissingInSlurm };
        let what = match has_run {
            true => format!("neither slurmctld nor slurmdbd knows job {job_id}, which was running"),
            false => format!("neither slurmctld nor slurmdbd knows job {job_id}, which waits"),
        };
        return Some(cause.told(&what).of(line));
    }
    if rows.iter().any(|row| !row.state.is_over() || row.completing) {
        return None;
    }
    let whole = !records.is_empty() && records.iter().all(|record| is_final(record));
    if whole {
        let gpu_seconds = records
            .iter()
            .filter_map(|record| RunTime::of(record))
            .fold(0_i64, |sum, run| sum.saturating_add(run.gpu_seconds()));
        let what = format!("slurmdbd has the whole record of job {job_id}, which is not settled");
        let told = Cause::NotSettledYet.told(&what).of(line);
        return Some(Difference { gpu_seconds: Some(gpu_seconds), ..told });
    }
    if has_runaway {
        return None; // Told already: its record is what keeps it.
    }
    let what = format!("job {job_id} is over in slurmctld, and slurmdbd has no whole record of it");
    Some(Cause::SlurmdbdBehind.told(&what).of(line))
}
