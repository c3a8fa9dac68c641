//! Taking the snapshot that the admission decision looks at.
//!
//! Few round trips, however many grants there are: one query for everything of this crate, one for
//! the balances, one for the prices, and one for the permits where any are needed.

use std::collections::{BTreeSet, HashMap};

use accounting::{
    ledger::{self, GrantBalance, LedgerError},
    rate_card::{self, Rate, RateError},
};
use chrono::{DateTime, Utc};
use serde::Deserialize;
use sqlx::{PgConnection, types::Json};
use uuid::Uuid;

use super::{GrantFacts, PoolFacts, ProjectFacts, Snapshot, StagedDataset, Stopped};
use crate::{
    agency::Category,
    limit::{
        policy::{Policy, Standing},
        use_limit::{UseLimit, UseLimitRow},
    },
    permit,
    project::DataClass,
};

/// Why the snapshot could not be taken. Never the asker's fault.
#[derive(Debug, thiserror::Error)]
pub enum SnapshotError {
    /// The ledger does not know a grant, or contradicts itself.
    #[error("reading the balances of the project's grants")]
    Ledger(#[from] LedgerError),
    /// A rate could not be read.
    #[error("reading the price of the project's grants")]
    Rate(#[from] RateError),
    /// The database could not be reached.
    #[error("reading what the admission decision looks at")]
    Database(#[from] sqlx::Error),
}

impl SnapshotError {
    /// The stable code of the API.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Ledger(error) => error.code(),
            Self::Rate(error) => error.code(),
            Self::Database(_) => "quotas_database",
        }
    }
}

/// Reads what [`super::decide`] needs of the database, as it stands in the caller's transaction.
///
/// Prices are those of `now` and of the agency's category. Nothing is locked: the hold is placed
/// under the ledger's own lock. What is in use at once is the caller's to count, under
/// [`crate::limit::use_limit::lock`], where [`Snapshot::needs_count`] says so. Of a project that the
/// person is not a member of nothing more is read.
pub async fn snapshot(
    tx: &mut PgConnection,
    project_id: Uuid,
    person_id: Uuid,
    staged: &[StagedDataset],
    now: DateTime<Utc>,
) -> Result<Snapshot, SnapshotError> {
    let Some(known) = known(&mut *tx, project_id, person_id, now).await? else {
        return Ok(Snapshot::of(None, staged));
    };
    let project = ProjectFacts {
        project_id,
        agency_id: known.agency_id,
        category: known.category,
        data_class: known.data_class,
        is_member: known.is_member,
    };
    if !project.is_member {
        return Ok(Snapshot::of(Some(project), staged));
    }
    let policy = known.policy.map(|Json(policy)| policy).filter(Policy::may_stop_new);
    // What else the agency has counts only where its policy asks.
    let agency_grants = if policy.is_some() { known.agency_grants } else { Vec::new() };
    let grants = known.grants.0;
    let balances = balances(&mut *tx, &grants, &agency_grants).await?;
    let rates = rates(&mut *tx, &grants, project.category, now).await?;
    let stopped = policy.and_then(|policy| {
        let standing = Standing::of(agency_grants.iter().filter_map(|id| balances.get(id)));
        let step = policy.stops_new(standing)?;
        Some(Stopped { limit_policy_id: policy.limit_policy_id, step })
    });
    let needs_permits = project.data_class == DataClass::Confidential || !staged.is_empty();
    let permits =
        if needs_permits { permit::list_for_project(tx, project_id).await? } else { Vec::new() };
    let limits = known.limits.0.into_iter().map(UseLimit::try_from).collect::<Result<_, _>>();
    let grants = grants.into_iter().map(|grant| grant.facts(&balances, &rates));
    Ok(Snapshot {
        grants: grants.collect::<Result<_, _>>()?,
        permits,
        limits: limits.map_err(sqlx::Error::from)?,
        stopped,
        ..Snapshot::of(Some(project), staged)
    })
}

impl Snapshot {
    /// A snapshot in which nothing but the project and what is staged is known.
    fn of(project: Option<ProjectFacts>, staged: &[StagedDataset]) -> Self {
        Self {
            project,
            grants: Vec::new(),
            permits: Vec::new(),
            staged: staged.to_vec(),
            limits: Vec::new(),
            in_use: None,
            stopped: None,
        }
    }
}

/// What one query tells of the project.
struct Known {
    agency_id: Uuid,
    category: Category,
    data_class: DataClass,
    is_member: bool,
    limits: Json<Vec<UseLimitRow>>,
    policy: Option<Json<Policy>>,
    agency_grants: Vec<Uuid>,
    grants: Json<Vec<GrantRow>>,
}

/// A grant as that query tells of it.
#[derive(Deserialize)]
struct GrantRow {
    grant_id: Uuid,
    valid_from: DateTime<Utc>,
    valid_until: DateTime<Utc>,
    superseded_at: Option<DateTime<Utc>>,
    max_wall_time_s: i64,
    max_gpus: i64,
    fund_ends_at: DateTime<Utc>,
    opens_at: Option<DateTime<Utc>>,
    pool: PoolFacts,
}

async fn known(
    tx: &mut PgConnection,
    project_id: Uuid,
    person_id: Uuid,
    now: DateTime<Utc>,
) -> Result<Option<Known>, sqlx::Error> {
    sqlx::query_as!(
        Known,
        r#"select j.agency_id, a.category as "category: Category",
               j.data_class as "data_class: DataClass",
               exists (
                   select from quotas.project_member m
                   where m.project_id = j.project_id and m.person_id = $2 and m.left_at is null
               ) as "is_member!",
               (select coalesce(json_agg(l order by l.version), '[]')
                from quotas.use_limit_now l
                where l.agency_id = j.agency_id or l.project_id = j.project_id
               ) as "limits!: Json<Vec<UseLimitRow>>",
               (select to_json(p) from quotas.limit_policy_now p where p.agency_id = j.agency_id)
                   as "policy: Json<Policy>",
               case when exists (
                   select from quotas.limit_policy_now p
                   where p.agency_id = j.agency_id and not p.dry_run and p.steps <> '[]'
               ) then array(select quotas.open_grants(j.agency_id, $3)) else '{}' end
                   as "agency_grants!: Vec<Uuid>",
               (select coalesce(json_agg(
                    json_build_object(
                        'grant_id', g.grant_id,
                        'valid_from', g.valid_from,
                        'valid_until', case when e.ending = 'expired'
                            then least(g.valid_until, e.ended_at) else g.valid_until end,
                        'superseded_at', case when e.ending = 'superseded' then e.ended_at end,
                        'max_wall_time_s', g.max_wall_time_s,
                        'max_gpus', g.max_gpus,
                        'fund_ends_at', f.valid_until,
                        'opens_at', p.opens_at,
                        'pool', json_build_object(
                            'pool_id', p.pool_id,
                            'fund_id', p.fund_id,
                            'cluster', p.cluster,
                            'partition', p.partition,
                            'class', p.class,
                            'gpu_type', p.gpu_type,
                            'gpus_per_node', p.gpus_per_node,
                            'unit', json_strip_nulls(json_build_object(
                                'unit', p.unit, 'share_ppm', p.unit_share_ppm
                            ))
                        )
                    ) order by g.valid_until, g.grant_id
                ), '[]')
                from quotas.grant g
                    join quotas.pool p using (pool_id)
                    join quotas.fund f using (fund_id)
                    left join quotas.grant_end e using (grant_id)
                where g.project_id = j.project_id
               ) as "grants!: Json<Vec<GrantRow>>"
           from quotas.project j join quotas.agency a using (agency_id)
           where j.project_id = $1"#,
        project_id,
        person_id,
        now,
    )
    .fetch_optional(tx)
    .await
}

/// Where the project's grants and the agency's stand.
async fn balances(
    tx: &mut PgConnection,
    grants: &[GrantRow],
    agency_grants: &[Uuid],
) -> Result<HashMap<Uuid, GrantBalance>, LedgerError> {
    let grant_ids = grants.iter().map(|grant| grant.grant_id).chain(agency_grants.iter().copied());
    let grant_ids: Vec<Uuid> = grant_ids.collect::<BTreeSet<_>>().into_iter().collect();
    if grant_ids.is_empty() {
        return Ok(HashMap::new());
    }
    ledger::balances_of_grants(tx, &grant_ids).await
}

/// The prices where the grants' jobs run; no price is a reason to refuse, not a failure to read.
async fn rates(
    tx: &mut PgConnection,
    grants: &[GrantRow],
    category: Category,
    now: DateTime<Utc>,
) -> Result<Vec<Rate>, RateError> {
    let places: BTreeSet<(&str, &str)> = grants
        .iter()
        .map(|grant| (grant.pool.class.as_str(), grant.pool.partition.as_str()))
        .collect();
    if places.is_empty() {
        return Ok(Vec::new());
    }
    let places: Vec<_> = places.into_iter().collect();
    rate_card::rates_for(tx, &places, word(category), now).await
}

/// The category as rate cards name it.
const fn word(category: Category) -> &'static str {
    match category {
        Category::PublicBody => "public_body",
        Category::Sme => "sme",
        Category::Academia => "academia",
    }
}

impl GrantRow {
    fn facts(
        self,
        balances: &HashMap<Uuid, GrantBalance>,
        rates: &[Rate],
    ) -> Result<GrantFacts, LedgerError> {
        let missing = LedgerError::NoSuchGrant(self.grant_id);
        let balance = balances.get(&self.grant_id).ok_or(missing)?;
        let is_its =
            |rate: &&Rate| rate.class == self.pool.class && rate.partition == self.pool.partition;
        Ok(GrantFacts {
            grant_id: self.grant_id,
            valid_from: self.valid_from,
            valid_until: self.valid_until,
            superseded_at: self.superseded_at,
            max_wall_time_s: self.max_wall_time_s,
            max_gpus: self.max_gpus,
            available: balance.available,
            available_usek: balance.available_usek,
            fund_ends_at: self.fund_ends_at,
            opens_at: self.opens_at,
            rate: rates.iter().find(is_its).cloned(),
            pool: self.pool,
        })
    }
}

#[cfg(test)]
mod tests;
