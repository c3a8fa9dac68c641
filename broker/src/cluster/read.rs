//! Reading what Slurm is computed from: a few queries, however many grants there are.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use accounting::ledger::{self, LedgerError};
use chrono::{DateTime, Utc};
use quotas::limit::policy::PolicyError;
use quotas::limit::use_limit::{self, Scope};
use quotas::tree::{self, ProjectOnCluster};
use record::GpuSeconds;
use sqlx::PgConnection;
use uuid::Uuid;

use super::facts::{Facts, FundFact, LimitFact, PoolFact, ProjectFact};
use crate::accounts::{self, AccountError};
use crate::config::{Cluster, Config};
use crate::{crisis, limit};

/// Why what Slurm should have cannot be computed.
#[derive(Debug, thiserror::Error)]
pub enum FactsError {
    /// The list of POSIX accounts. Without it nobody would be a user, so nothing is concluded.
    #[error(transparent)]
    Accounts(#[from] AccountError),
    /// The ledger.
    #[error("reading what grants have been used for")]
    Ledger(#[from] LedgerError),
    /// What agencies have decided to do at a limit.
    #[error("reading what agencies do at a limit")]
    Policy(#[from] PolicyError),
    /// The database.
    #[error("reading funds, pools, projects and limits")]
    Database(#[from] sqlx::Error),
}

/// Reads everything for one cluster as it is at `now`.
pub async fn facts(
    tx: &mut PgConnection,
    (config, cluster): (&Config, &Cluster),
    now: DateTime<Utc>,
) -> Result<Facts, FactsError> {
    let name = &cluster.name;
    let pools = tree::pools_on_cluster(tx, name).await?;
    let funds = tree::funds_on_cluster(tx, name).await?;
    let projects = tree::on_cluster(tx, name).await?;
    let limits = limits(use_limit::list(tx).await?);
    let crisis_projects = crisis::active_projects(tx, now).await?;
    let lowered_agencies = limit::lowered_agencies(tx, now).await?;

    let grant_ids: Vec<Uuid> =
        projects.iter().flat_map(|it| &it.grant_ids).map(|(grant_id, _)| *grant_id).collect();
    let uses = ledger::use_of_grants(tx, &grant_ids).await?;
    let people: BTreeSet<Uuid> =
        projects.iter().flat_map(|it| &it.member_person_ids).copied().collect();
    let people: Vec<Uuid> = people.into_iter().collect();
    let logins = record::person::logins(tx, &people).await?;
    let posix = posix_users(config)?;

    let funds_by_id: HashMap<Uuid, &quotas::fund::Fund> =
        funds.iter().map(|fund| (fund.fund_id, fund)).collect();
    let pools = pools
        .into_iter()
        .map(|(pool, share)| PoolFact {
            usable_from: funds_by_id
                .get(&pool.fund_id)
                .map_or(pool.valid_from, |fund| pool.usable_from(fund)),
            pool_id: pool.pool_id,
            fund_id: pool.fund_id,
            class: pool.class,
            gpu_type: pool.gpu_type,
            gpus_per_node: pool.gpus_per_node,
            partition: pool.partition,
            valid_until: pool.valid_until,
            share,
        })
        .collect();
    let projects = projects
        .into_iter()
        .map(|here| {
            let ceilings = ceilings(&here, &uses);
            let users = here
                .member_person_ids
                .iter()
                .filter_map(|person_id| {
                    let login = logins.get(person_id)?.clone();
                    let user = posix.get(&(login, here.slug.clone()))?;
                    Some((user.clone(), *person_id))
                })
                .collect();
            project(here, ceilings, users)
        })
        .collect();
    let funds =
        funds.into_iter().map(|fund| FundFact { fund_id: fund.fund_id, name: fund.name }).collect();
    Ok(Facts {
        now,
        account_root: cluster.account_root.clone(),
        research_qos: cluster.research_qos.iter().cloned().collect(),
        funds,
        pools,
        projects,
        limits,
        crisis_projects,
        lowered_agencies,
        normal_priority: cluster.qos_priority,
    })
}

fn project(
    here: ProjectOnCluster,
    ceilings: BTreeMap<Uuid, GpuSeconds>,
    users: BTreeMap<String, Uuid>,
) -> ProjectFact {
    ProjectFact {
        project_id: here.project_id,
        slug: here.slug,
        slurm_account: here.slurm_account.to_string(),
        agency_id: here.agency_id,
        fund_id: here.fund_id,
        first_fund: here.is_first_fund,
        ceilings,
        users,
    }
}

/// Per pool: what was granted net of what went back, and what was used beside the grants.
fn ceilings(
    here: &ProjectOnCluster,
    uses: &HashMap<Uuid, ledger::GrantUse>,
) -> BTreeMap<Uuid, GpuSeconds> {
    let mut ceilings: BTreeMap<Uuid, i64> = BTreeMap::new();
    for (grant_id, pool_id) in &here.grant_ids {
        let Some(used) = uses.get(grant_id) else { continue };
        let sum = ceilings.entry(*pool_id).or_default();
        for part in [used.granted, used.overrun, used.not_charged] {
            *sum = sum.saturating_add(part.get());
        }
    }
    let bounded = |seconds: i64| GpuSeconds::new(seconds).unwrap_or_default();
    ceilings.into_iter().map(|(pool_id, seconds)| (pool_id, bounded(seconds))).collect()
}

fn limits(rows: Vec<use_limit::UseLimit>) -> HashMap<Uuid, Vec<LimitFact>> {
    let mut limits: HashMap<Uuid, Vec<LimitFact>> = HashMap::new();
    for row in rows {
        let (Scope::Agency(id) | Scope::Project(id)) = row.scope;
        let (gpus_at_once, jobs_at_once) = (row.gpus_at_once, row.jobs_at_once);
        limits.entry(id).or_default().push(LimitFact {
            class: row.class,
            gpus_at_once,
            jobs_at_once,
        });
    }
    limits
}

/// The POSIX user of each (login, project).
fn posix_users(config: &Config) -> Result<HashMap<(String, String), String>, AccountError> {
    let accounts = accounts::all(&config.accounts.file)?;
    Ok(accounts.into_iter().map(|it| ((it.login, it.project), it.user)).collect())
}
