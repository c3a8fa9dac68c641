//! Slurm's settings, compared with what the broker needs.

use std::sync::atomic::Ordering;

use slurm_wire::{Refusal, SettingFault};

use super::{Desk, mismatch};
use crate::frame::{Product, Task};
use crate::needs::{self, Expectation, Need};
use crate::probe::{self, Doors};
use crate::session;

impl Desk {
    /// For the log at start: an operator sees every fault without asking.
    pub(in crate::gateway) fn log_setting_faults(&self) {
        match self.setting_faults() {
            Ok(faults) if faults.is_empty() => tracing::info!("Slurm's settings are as needed"),
            Ok(faults) => {
                for fault in faults {
                    tracing::error!(
                        fault.setting,
                        fault.expected,
                        fault.actual,
                        fault.feature,
                        "{}",
                        fault.sentence
                    );
                }
            }
            Err(refusal) => {
                tracing::error!(reason = %refusal, "Slurm's settings could not be checked");
            }
        }
    }

    pub(super) fn setting_faults(&self) -> Result<Vec<SettingFault>, Refusal> {
        let settings = match self.run(Task::ReadSettings)? {
            Product::Settings(settings) => settings,
            other => return Err(mismatch(&other)),
        };
        let database = match self.run(Task::ReadDatabaseSettings) {
            Ok(Product::DatabaseSettings(text)) => Ok(text),
            Ok(other) => return Err(mismatch(&other)),
            Err(refusal) => Err(refusal.sentence),
        };
        let expected = Expectation {
            cluster: self.file.slurm.cluster.clone(),
            release: session::release(),
            last_job_id: self.file.bounds.job_id_max,
            explicit_ids: self.explicit_ids,
            needs: self.file.slurm.needs.clone(),
        };
        let mut faults = needs::faults(&settings, &database, &expected);
        if expected.needs.contains(&Need::ClosedDoor) {
            faults.extend(self.holes_in_the_door()?);
        }
        self.metrics.setting_faults.set(i64::try_from(faults.len()).unwrap_or(i64::MAX));
        Ok(faults)
    }

    /// Has somebody without any right try the broker's partitions and accounts.
    fn holes_in_the_door(&self) -> Result<Vec<SettingFault>, Refusal> {
        let bounds = &self.file.bounds;
        let accounts = match self.accounts.tree(&self.dbd) {
            Ok(tree) => tree.names(),
            // While slurmdbd is away the root of them all stands for the others.
            Err(refusal) if refusal.code.retry_helps() => vec![bounds.account_root.clone()],
            Err(refusal) => return Err(refusal),
        };
        let round = self.look_count.fetch_add(1, Ordering::Relaxed);
        let doors = Doors {
            uid: bounds.probe_uid,
            partitions: bounds.partitions.clone(),
            accounts: probe::chosen(&accounts, round),
        };
        match self.run(Task::Probe(doors.clone()))? {
            Product::Probed(proof) => Ok(needs::door::faults(&doors, &proof)),
            other => Err(mismatch(&other)),
        }
    }
}
