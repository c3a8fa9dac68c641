//! Every cause by name, on a Slurm that says what it is told to say.

mod causes;
mod sums;
mod whole;

use accounting::hold::{self, NewRun, Settle};
use chrono::{DateTime, TimeDelta, Utc};
use record::{GpuSeconds, id};
use slurm_wire::{JobRecord, JobState};
use sqlx::PgPool;

use super::*;
use crate::plan::attempt::{Attempt, AttemptState};
use crate::stage::{Stage, by, job_row, record_of};

const ACCOUNT: &str = "public_stroke";

/// What a job of the stage takes: 60 seconds on two GPUs.
const TAKES: i64 = 120;

impl Stage {
    /// Compares the last 35 days.
    async fn compared(&self) -> Reconciliation {
        let stretch = Stretch::of(None, None, self.app.clock.now()).unwrap();
        reconcile(&self.app, stretch).await.unwrap()
    }

    /// The causes that are told, each with the attempt's job id.
    async fn causes(&self) -> Vec<Cause> {
        let found = self.compared().await;
        for difference in &found.differences {
            let sentence = &difference.sentence;
            assert!(sentence.contains("; ") && sentence.ends_with('.'), "{sentence}");
        }
        found.differences.into_iter().map(|difference| difference.cause).collect()
    }

    /// An attempt that was charged for this record.
    async fn charged(&self, charged: impl FnOnce(&mut NewRun)) -> (Attempt, JobRecord) {
        let attempt = self.attempt_at(AttemptState::Running).await;
        let record = record_of(&attempt, JobState::Completed);
        let mut run = NewRun {
            run_id: id::fresh(),
            cluster: record.cluster.clone(),
            slurm_job_id: i64::from(record.job_id),
            db_index: i64::try_from(record.db_index).unwrap(),
            started_at: at(record.started_at),
            ended_at: at(record.ended_at),
            gpu_count: 2,
            gpu_seconds: GpuSeconds::new(TAKES).unwrap(),
            state: "COMPLETED".to_owned(),
            chargeable: true,
            observation_id: id::fresh(),
        };
        charged(&mut run);
        let mut tx = self.app.db.begin().await.unwrap();
        let stamp = by(self.person_id, self.app.clock.now());
        let request = Settle { hold_id: attempt.hold_id, runs: vec![run] };
        hold::settle(&mut tx, &request, &stamp).await.unwrap();
        tx.commit().await.unwrap();
        self.stands_at(&attempt, "settled").await;
        (attempt, record)
    }

    /// Puts an attempt into a state by hand, and nothing else.
    async fn stands_at(&self, attempt: &Attempt, state: &str) {
        sqlx::query(
            "update broker.attempt set state = $2::broker.attempt_state where attempt_id = $1",
        )
        .bind(attempt.attempt_id)
        .bind(state)
        .execute(&self.app.db)
        .await
        .unwrap();
    }
}

fn at(seconds: Option<i64>) -> DateTime<Utc> {
    DateTime::from_timestamp(seconds.unwrap(), 0).unwrap()
}
