//! What the wanted state of Slurm follows from: plain data, read in one go.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use chrono::{DateTime, Utc};
use quotas::pool::share::ShareMode;
use record::GpuSeconds;
use uuid::Uuid;

/// Everything that Slurm is computed from.
#[derive(Clone, Debug)]
pub struct Facts {
    /// The time it is computed for.
    pub now: DateTime<Utc>,
    /// The account under which everything lies.
    pub account_root: String,
    /// QOS whose jobs may be made to give way.
    pub research_qos: BTreeSet<String>,
    /// Funds that have a pool on the cluster.
    pub funds: Vec<FundFact>,
    /// Pools on the cluster.
    pub pools: Vec<PoolFact>,
    /// Projects on the cluster, once per fund that they have a grant of.
    pub projects: Vec<ProjectFact>,
    /// Limits on use at once, by the id of the agency or project they are for.
    pub limits: HashMap<Uuid, Vec<LimitFact>>,
    /// Projects that go before all others now.
    pub crisis_projects: BTreeSet<Uuid>,
    /// Agencies whose jobs come after everybody else's now, by their own decision at a limit.
    pub lowered_agencies: BTreeSet<Uuid>,
    /// Priority of a project's QOS when nothing is out of the ordinary.
    pub normal_priority: u32,
}

/// A fund.
#[derive(Clone, Debug)]
pub struct FundFact {
    /// Its id.
    pub fund_id: Uuid,
    /// What people call it.
    pub name: String,
}

/// A pool on the cluster.
#[derive(Clone, Debug)]
pub struct PoolFact {
    /// Its id.
    pub pool_id: Uuid,
    /// Whose capacity it is.
    pub fund_id: Uuid,
    /// Class of GPU, as requests name it.
    pub class: String,
    /// Slurm's GPU type, as in `gres/gpu:TYPE`.
    pub gpu_type: String,
    /// GPUs in one node.
    pub gpus_per_node: i64,
    /// Slurm's partition.
    pub partition: String,
    /// The first instant it can be used.
    pub usable_from: DateTime<Utc>,
    /// The end of its period.
    pub valid_until: DateTime<Utc>,
    /// How Slurm keeps its share.
    pub share: ShareMode,
}

/// A project under one of its funds.
#[derive(Clone, Debug)]
pub struct ProjectFact {
    /// Its id.
    pub project_id: Uuid,
    /// Its short name.
    pub slug: String,
    /// The account it chose.
    pub slurm_account: String,
    /// Who asks and pays.
    pub agency_id: Uuid,
    /// The fund.
    pub fund_id: Uuid,
    /// True for the fund of its earliest grant.
    pub first_fund: bool,
    /// What its jobs may use in all of each pool: granted net of what went back, and what was used
    /// beside that (overrun, and runs that are not charged). Slurm's count never starts anew.
    pub ceilings: BTreeMap<Uuid, GpuSeconds>,
    /// Its members who have a POSIX account in it: user name and person.
    pub users: BTreeMap<String, Uuid>,
}

/// A limit on use at once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LimitFact {
    /// Class of GPU; `None` for all together.
    pub class: Option<String>,
    /// GPUs in use at once.
    pub gpus_at_once: Option<i64>,
    /// Jobs waiting or running at once.
    pub jobs_at_once: Option<i64>,
}

impl PoolFact {
    /// True from the pool's first usable instant to its end.
    pub fn is_open(&self, now: DateTime<Utc>) -> bool {
        self.usable_from <= now && now < self.valid_until
    }
}
