//! Asking Slurm, at the pace that the gateway allows, and counting the questions.

use std::time::Duration;

use serde::Serialize;
use slurm_wire::{Answer, Call, JobRecord, JobRow, RefusalCode};
use utoipa::ToSchema;

use super::ReconcileError;
use crate::app::App;
use crate::gateway::GatewayError;

/// slurmdbd is asked for at most this many jobs at once.
const JOBS_PER_QUESTION: usize = 500;

/// How long is waited before a question that came too soon is asked again.
const PAUSE: Duration = Duration::from_millis(500);

/// How often one question is asked again: five minutes.
const TRIES: u32 = 600;

/// How often Slurm was asked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, ToSchema)]
pub struct Questions {
    /// Questions to slurmctld.
    pub slurmctld: u32,
    /// Questions to slurmdbd: one for each day, one for each 500 jobs that go on, one for its sums.
    pub slurmdbd: u32,
    /// How often a question had to wait, because slurmdbd had been asked enough in that minute.
    pub waited: u32,
}

/// The desk where Slurm is asked.
pub(super) struct Desk<'a> {
    app: &'a App,
    pub(super) asked: Questions,
}

impl<'a> Desk<'a> {
    pub(super) fn of(app: &'a App) -> Self {
        Self { app, asked: Questions::default() }
    }

    pub(super) async fn jobs(&mut self, call: Call) -> Result<Vec<JobRow>, ReconcileError> {
        self.asked.slurmctld += 1;
        match self.app.gateway.call(&call).await? {
            Answer::Jobs(jobs) => Ok(jobs),
            _ => Err(GatewayError::OutOfTurn.into()),
        }
    }

    pub(super) async fn records(&mut self, call: Call) -> Result<Vec<JobRecord>, ReconcileError> {
        match self.paced(&call).await? {
            Answer::Records(records) => Ok(records),
            _ => Err(GatewayError::OutOfTurn.into()),
        }
    }

    /// The records of these jobs, every incarnation of each.
    pub(super) async fn records_of(
        &mut self,
        job_ids: &[u32],
    ) -> Result<Vec<JobRecord>, ReconcileError> {
        let mut records = Vec::new();
        for job_ids in job_ids.chunks(JOBS_PER_QUESTION) {
            records.extend(self.records(Call::ReadRecords { job_ids: job_ids.to_vec() }).await?);
        }
        Ok(records)
    }

    /// Asks slurmdbd, and again for as long as it is too soon.
    pub(super) async fn paced(&mut self, call: &Call) -> Result<Answer, ReconcileError> {
        let mut tries = 0;
        loop {
            match self.app.gateway.call(call).await {
                Err(GatewayError::Refused(refusal))
                    if refusal.code == RefusalCode::AskedTooOften && tries < TRIES =>
                {
                    tries += 1;
                    self.asked.waited += u32::from(tries == 1);
                    tokio::time::sleep(PAUSE).await;
                }
                answer => {
                    self.asked.slurmdbd += 1;
                    return Ok(answer?);
                }
            }
        }
    }
}
