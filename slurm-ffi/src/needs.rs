//! What the broker needs of Slurm's settings, one sentence per fault.
//!
//! Pure: settings in, faults out. A fault names the feature that does not work without the setting,
//! so that only that feature is switched off.

use serde::{Deserialize, Serialize};
use slurm_wire::SettingFault;

use crate::settings::ControllerSettings;

pub mod door;
mod rules;

pub use rules::faults;

/// One thing the broker needs; the bounds file may leave some out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Need {
    /// slurmctld is of the series that the gateway was built for.
    SameRelease,
    /// The controller is the one the bounds file names.
    SameCluster,
    /// The gateway may submit for others.
    Privilege,
    /// Limits and accounts are enforced.
    EnforcedLimits,
    /// GPUs are counted.
    CountedGpus,
    /// Partition limits refuse at once.
    PartitionLimits,
    /// People do not see each other's jobs.
    PrivateData,
    /// Jobs carry the project's label.
    ProjectLabels,
    /// Nobody submits around the broker.
    ClosedDoor,
    /// The broker's job ids are its own.
    OwnJobIds,
    /// The node's prolog runs before the job.
    EarlyProlog,
    /// GPUs are counted by type.
    CountedTypes,
    /// Jobs make way for jobs of another QOS.
    Preemption,
    /// A QOS has its say in the order of the queue.
    QosPriority,
}

impl Need {
    /// All of them: what a production site wants.
    pub const ALL: [Self; 14] = [
        Self::SameRelease,
        Self::SameCluster,
        Self::Privilege,
        Self::EnforcedLimits,
        Self::CountedGpus,
        Self::PartitionLimits,
        Self::PrivateData,
        Self::ProjectLabels,
        Self::ClosedDoor,
        Self::OwnJobIds,
        Self::EarlyProlog,
        Self::CountedTypes,
        Self::Preemption,
        Self::QosPriority,
    ];
}

/// What the bounds file expects of the controller.
#[derive(Clone, Debug)]
pub struct Expectation {
    /// Cluster's name.
    pub cluster: String,
    /// Release of the headers, as `22.05.8`.
    pub release: String,
    /// Last job id of the broker's range.
    pub last_job_id: u32,
    /// True where the broker chooses the ids of its jobs.
    pub explicit_ids: bool,
    /// What is checked at all.
    pub needs: Vec<Need>,
}

/// slurmdbd's settings, or why they could not be read.
pub type DatabaseSettings = Result<String, String>;

/// A fault, with the fields in the order an operator reads them.
fn fault(
    setting: &str,
    expected: &str,
    actual: impl Into<String>,
    feature: &str,
    sentence: impl Into<String>,
) -> SettingFault {
    SettingFault {
        setting: setting.to_owned(),
        expected: expected.to_owned(),
        actual: actual.into(),
        feature: feature.to_owned(),
        sentence: sentence.into(),
    }
}
