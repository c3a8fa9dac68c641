//! A record of slurmdbd as a run: what the ledger charges.

use accounting::hold::NewRun;
use anyhow::Context;
use chrono::{DateTime, Utc};
use record::GpuSeconds;
use slurm_wire::{JobRecord, JobState};
use sqlx::PgConnection;
use uuid::Uuid;

use crate::crisis;

/// Over, with an end, and complete. slurmdbd lags slurmctld by seconds, and on a busy cluster it
/// shows a job that has ended before it has taken in how that job started.
pub(super) fn is_final(record: &JobRecord) -> bool {
    let complete = !has_started(record)
        || is_empty(record)
        || (record.partition.as_deref().is_some_and(|name| !name.is_empty())
            && gpus_of(record) > 0);
    record.state.is_over() && record.ended_at.is_some() && complete
}

/// Whether Slurm gave it anything.
pub(super) fn has_started(record: &JobRecord) -> bool {
    record.started_at.is_some_and(|at| at > 0)
}

/// A start and an end at the same second, and nothing given: what is left of a job of which slurmdbd
/// heard a step and no more, once an operator gave it an end (measured on 22.05).
fn is_empty(record: &JobRecord) -> bool {
    record.started_at == record.ended_at && gpus_of(record) == 0
}

/// The run of one record; `None` if it never started, or nothing is known of it.
///
/// Suspended seconds are not charged, as `sacct` leaves them out of its elapsed time.
pub(super) async fn of(
    tx: &mut PgConnection,
    record: &JobRecord,
    observation_id: Uuid,
) -> anyhow::Result<Option<NewRun>> {
    let Some(mut run) = run_of(record, observation_id)? else { return Ok(None) };
    // Who makes way in a crisis does not pay for what they could not finish.
    run.chargeable =
        record.state != JobState::Preempted || !crisis::was_active(tx, run.ended_at).await?;
    Ok(Some(run))
}

fn run_of(record: &JobRecord, observation_id: Uuid) -> anyhow::Result<Option<NewRun>> {
    let (Some(started), Some(ended)) = (record.started_at, record.ended_at) else {
        return Ok(None);
    };
    if started == 0 || is_empty(record) {
        return Ok(None);
    }
    let gpu_count = gpus_of(record);
    let seconds = (ended - started - i64::try_from(record.suspended_s)?).max(0);
    let gpu_seconds =
        gpu_count.checked_mul(seconds).and_then(GpuSeconds::new).context("GPU-seconds overflow")?;
    Ok(Some(NewRun {
        run_id: record::id::fresh(),
        cluster: record.cluster.clone(),
        slurm_job_id: i64::from(record.job_id),
        // The same 64 bits: from 24.11 on, half of all clusters have keys with the first bit set.
        db_index: record.db_index.cast_signed(),
        started_at: instant(started)?,
        ended_at: instant(ended)?,
        gpu_count,
        gpu_seconds,
        state: record.state.word().to_owned(),
        // Who bears a fault of the machine, the hold's rate card says as it is settled.
        chargeable: true,
        observation_id,
    }))
}

/// GPUs of a run: the untyped count if Slurm kept one, else the sum of the typed; never both.
pub(crate) fn gpus_of(record: &JobRecord) -> i64 {
    let untyped = record.tres.get("gres/gpu").copied();
    let typed = || {
        record.tres.iter().filter(|(name, _)| name.starts_with("gres/gpu:")).map(|(_, n)| *n).sum()
    };
    i64::try_from(untyped.unwrap_or_else(typed)).unwrap_or(i64::MAX)
}

fn instant(seconds: i64) -> anyhow::Result<DateTime<Utc>> {
    DateTime::from_timestamp(seconds, 0).context("a time outside the calendar")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record_with(tres: &[(&str, u64)]) -> JobRecord {
        JobRecord {
            db_index: 1,
            job_id: 7,
            cluster: "c".into(),
            admin_comment: None,
            account: None,
            partition: None,
            user: None,
            state: JobState::Completed,
            submitted_at: Some(90),
            started_at: Some(100),
            ended_at: Some(160),
            suspended_s: 10,
            tres: tres.iter().map(|(name, n)| ((*name).to_owned(), *n)).collect(),
            nodes: None,
            exit_code: Some(0),
            array_job_id: None,
            array_task_id: None,
        }
    }

    #[test]
    fn typed_and_untyped_gpus_are_never_added_up() {
        assert_eq!(gpus_of(&record_with(&[("gres/gpu", 2), ("gres/gpu:h200", 2)])), 2);
        assert_eq!(gpus_of(&record_with(&[("gres/gpu:h200", 3), ("gres/gpumem", 9)])), 3);
    }

    #[test]
    fn a_record_without_its_partition_or_gpus_is_not_settled_yet() {
        let whole =
            JobRecord { partition: Some("confidential".into()), ..record_with(&[("gres/gpu", 2)]) };
        assert!(is_final(&whole));
        assert!(!is_final(&JobRecord { partition: Some(String::new()), ..whole.clone() }));
        assert!(!is_final(&JobRecord { tres: [].into(), ..whole.clone() }));
        assert!(!is_final(&JobRecord { ended_at: None, ..whole }));
    }

    #[test]
    fn suspended_time_is_not_charged() {
        let run = run_of(&record_with(&[("gres/gpu", 2)]), Uuid::nil()).unwrap().unwrap();
        assert_eq!(run.gpu_seconds.get(), 100);
    }

    /// 24.11 puts a random number of the cluster into the first twelve bits of its keys.
    #[test]
    fn a_key_of_slurmdbds_with_its_first_bit_set_is_a_key() {
        let record = JobRecord { db_index: 0xc12_u64 << 52 | 7, ..record_with(&[("gres/gpu", 2)]) };
        let run = run_of(&record, Uuid::nil()).unwrap().unwrap();
        assert_eq!(run.db_index.cast_unsigned(), record.db_index);
    }

    #[test]
    fn a_job_cancelled_before_its_start_has_no_run() {
        let record = JobRecord { started_at: None, ..record_with(&[]) };
        assert!(run_of(&record, Uuid::nil()).unwrap().is_none());
    }

    /// Both nights of Stockholm's change of hour: the clock shows one hour more or less, and what is
    /// charged is what went by.
    #[test]
    fn a_run_over_the_change_of_hour_is_charged_by_its_seconds() {
        let at = |text: &str| text.parse::<DateTime<Utc>>().unwrap().timestamp();
        for (from, until) in [
            // 2027-03-28 01:30 CET to 03:30 CEST, and 2027-10-31 02:30 CEST to 02:30 CET.
            ("2027-03-28T00:30:00Z", "2027-03-28T01:30:00Z"),
            ("2027-10-31T00:30:00Z", "2027-10-31T01:30:00Z"),
        ] {
            let record = JobRecord {
                started_at: Some(at(from)),
                ended_at: Some(at(until)),
                suspended_s: 0,
                ..record_with(&[("gres/gpu", 2)])
            };
            let run = run_of(&record, Uuid::nil()).unwrap().unwrap();
            assert_eq!(run.gpu_seconds.get(), 2 * 3_600);
        }
    }
}
