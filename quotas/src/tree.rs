//! The quota tree of one cluster, read whole: what Slurm should know of funds, pools and projects.
//!
//! A few queries for everything, however many grants there are. Nothing is left out because it is
//! over: usage in Slurm is never reset, so a limit counts what was granted before as well.

use chrono::{DateTime, Utc};
use serde::Serialize;
use uuid::Uuid;

use crate::{fund::FundPurpose, name::SlurmAccount, pool::AllocationUnit};

mod place;
mod store;
#[cfg(test)]
mod tests;

pub use place::{ProjectPlace, place_of};
pub use store::{funds_on_cluster, on_cluster, pools_on_cluster};

/// A project and one fund that pays for it, on one cluster.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ProjectOnCluster {
    /// Which project.
    pub project_id: Uuid,
    /// Its short name.
    pub slug: String,
    /// The account Slurm knows the project by, the same for each of its funds.
    pub slurm_account: SlurmAccount,
    /// Who asks and pays.
    pub agency_id: Uuid,
    /// The fund.
    pub fund_id: Uuid,
    /// What people call it.
    pub fund_name: String,
    /// What its money is for.
    pub fund_purpose: FundPurpose,
    /// Whether it was the first, on any cluster, to pay for the project.
    pub is_first_fund: bool,
    /// The fund's pools on the cluster that the project has, or had, grants from.
    pub pools: Vec<PoolOnCluster>,
    /// Every grant and its pool, those that have ended too.
    pub grant_ids: Vec<(Uuid, Uuid)>,
    /// When the last of its grants that nobody has ended is over; `None`: all have ended.
    pub open_until: Option<DateTime<Utc>>,
    /// Who works in the project now.
    pub member_person_ids: Vec<Uuid>,
}

/// A pool as Slurm meets it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PoolOnCluster {
    /// Which.
    pub pool_id: Uuid,
    /// The class of GPU capacity.
    pub class: String,
    /// The GPU type that Slurm knows the class by.
    pub gpu_type: String,
    /// The Slurm partition.
    pub partition: String,
    /// What one unit of the class is.
    pub unit: AllocationUnit,
}

impl ProjectOnCluster {
    /// The account of this project under this fund: the project's own for its first fund, and with
    /// the end of the fund's id for each later one.
    pub fn account(&self) -> String {
        if self.is_first_fund {
            return self.slurm_account.to_string();
        }
        let fund = self.fund_id.simple().to_string();
        let tail = fund.get(fund.len() - 4..).unwrap_or_default();
        format!("{}_{tail}", self.slurm_account)
    }
}
