//! Taking the snapshot that the admission decision looks at.

use accounting::{
    ledger::{self, LedgerError},
    rate_card::{self, Rate, RateError},
};
use chrono::{DateTime, Utc};
use sqlx::PgConnection;
use uuid::Uuid;

use super::{GrantFacts, PoolFacts, ProjectFacts, Snapshot, StagedDataset};
use crate::{permit, project};

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

/// Reads everything [`super::decide`] needs, as it stands in the caller's transaction.
///
/// Prices are those of `now`. Nothing is locked: the hold is placed under the ledger's own lock.
pub async fn snapshot(
    tx: &mut PgConnection,
    project_id: Uuid,
    person_id: Uuid,
    staged: &[StagedDataset],
    now: DateTime<Utc>,
) -> Result<Snapshot, SnapshotError> {
    let project = match project::by_id(&mut *tx, project_id).await? {
        None => None,
        Some(project) => Some(ProjectFacts {
            project_id,
            data_class: project.data_class,
            is_member: project::is_member(&mut *tx, project_id, person_id).await?,
        }),
    };
    Ok(Snapshot {
        project,
        grants: grants(&mut *tx, project_id, now).await?,
        permits: permit::list_for_project(tx, project_id).await?,
        staged: staged.to_vec(),
    })
}

async fn grants(
    tx: &mut PgConnection,
    project_id: Uuid,
    now: DateTime<Utc>,
) -> Result<Vec<GrantFacts>, SnapshotError> {
    let rows = sqlx::query!(
        "select g.grant_id, g.valid_from, g.valid_until, g.max_wall_time_s, g.max_gpus,
             f.valid_until as fund_ends_at, p.opens_at, p.pool_id, p.fund_id, p.cluster,
             p.partition, p.class, p.gpu_type, p.gpus_per_node
         from quotas.grant g
             join quotas.pool p using (pool_id)
             join quotas.fund f using (fund_id)
         where g.project_id = $1
         order by g.valid_until, g.grant_id",
        project_id,
    )
    .fetch_all(&mut *tx)
    .await?;
    let mut facts = Vec::with_capacity(rows.len());
    for row in rows {
        let balance = ledger::balance_of_grant(&mut *tx, row.grant_id).await?;
        let rate = price_at(&mut *tx, &row.class, &row.partition, now).await?;
        facts.push(GrantFacts {
            grant_id: row.grant_id,
            valid_from: row.valid_from,
            valid_until: row.valid_until,
            max_wall_time_s: row.max_wall_time_s,
            max_gpus: row.max_gpus,
            available: balance.available,
            available_usek: balance.available_usek,
            fund_ends_at: row.fund_ends_at,
            opens_at: row.opens_at,
            pool: PoolFacts {
                pool_id: row.pool_id,
                fund_id: row.fund_id,
                cluster: row.cluster,
                partition: row.partition,
                class: row.class,
                gpu_type: row.gpu_type,
                gpus_per_node: row.gpus_per_node,
            },
            rate,
        });
    }
    Ok(facts)
}

/// The price on that day; no price is a reason to refuse, not a failure to read.
async fn price_at(
    tx: &mut PgConnection,
    class: &str,
    partition: &str,
    now: DateTime<Utc>,
) -> Result<Option<Rate>, SnapshotError> {
    match rate_card::rate_for(tx, class, partition, rate_card::ANY_CATEGORY, now).await {
        Ok(rate) => Ok(Some(rate)),
        Err(RateError::NoRate { .. }) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

#[cfg(test)]
mod tests {
    use accounting::{
        hold::{self, Payer, Place},
        rate_card::{NewRate, NewRateCard},
    };
    use record::{GpuSeconds, MicroSek, id};
    use sqlx::PgPool;

    use super::*;
    use crate::{
        admission::{Ask, Reason, decide},
        agency::Category,
        decision::{self, Approve},
        fixture::{Site, by, day, now},
        request::{self, NewRequest},
    };

    /// A site with a grant, a permit for its member, and a price.
    async fn granted(db: &PgPool) -> (Site, StagedDataset) {
        let site = Site::lay_out(db, Category::PublicBody).await;
        let mut tx = db.begin().await.unwrap();
        // What follows is done with the rights that the programs have.
        sqlx::query("set local role mimer_app").execute(&mut *tx).await.unwrap();
        decision::approve(&mut tx, &site.approval(), &by(site.decider)).await.unwrap();
        let permit = site.new_permit();
        permit::record(&mut tx, &permit, &by(site.controller)).await.unwrap();
        let card = NewRateCard {
            rate_card_id: id::fresh(),
            name: "2027".to_owned(),
            valid_from: day(1, 1),
            valid_until: None,
            charges_node_failure: false,
            rates: vec![NewRate {
                rate_id: id::fresh(),
                class: "h200".to_owned(),
                partition: "confidential".to_owned(),
                category: "any".to_owned(),
                price_usek_per_gpu_hour: 25_000_000,
                factor_ppm: 1_000_000,
            }],
        };
        rate_card::publish(&mut tx, &card, &by(site.operator)).await.unwrap();
        tx.commit().await.unwrap();
        let staged = StagedDataset {
            permit_id: permit.permit_id,
            dataset: "stroke-register".to_owned(),
            environment: Some("MONA".to_owned()),
        };
        (site, staged)
    }

    fn ask(person_id: Uuid) -> Ask {
        let class = "h200".to_owned();
        Ask { person_id, gpu_count: 2, wall_time_s: 3_600, class, now: now() }
    }

    #[sqlx::test(migrations = false)]
    async fn what_the_database_knows_is_enough_to_admit(db: PgPool) {
        let (site, staged) = granted(&db).await;
        let mut tx = db.begin().await.unwrap();
        sqlx::query("set local role mimer_app").execute(&mut *tx).await.unwrap();
        let taken =
            snapshot(&mut tx, site.project_id, site.member, &[staged], now()).await.unwrap();
        let admitted = decide(&ask(site.member), &taken).unwrap();
        assert_eq!(admitted.gpu_seconds.get(), 2 * 3_660);
        assert_eq!(admitted.usek.get(), 50_833_333); // 7 320 s × 25 SEK / 3 600, half up.
        assert_eq!(admitted.pool.pool_id, site.pool_id);
        assert_eq!(admitted.deadline, day(9, 30));
    }

    /// The decision and the ledger must cut the same hold the same way.
    #[sqlx::test(migrations = false)]
    async fn the_ledger_places_just_what_was_admitted(db: PgPool) {
        let (site, staged) = granted(&db).await;
        let mut tx = db.begin().await.unwrap();
        let second = NewRequest { request_id: id::fresh(), ..site.new_request() };
        request::submit(&mut tx, &second, &by(site.requester)).await.unwrap();
        let mut small = Approve { request_id: second.request_id, ..site.approval() };
        small.grant.gpu_seconds = GpuSeconds::new(1_001).unwrap();
        small.grant.usek = MicroSek::new(5_000_001).unwrap();
        small.grant.valid_until = day(8, 1);
        decision::approve(&mut tx, &small, &by(site.decider)).await.unwrap();

        let taken =
            snapshot(&mut tx, site.project_id, site.member, &[staged], now()).await.unwrap();
        let admitted = decide(&ask(site.member), &taken).unwrap();
        assert_eq!(admitted.grant_ids.len(), 2);
        assert_eq!(admitted.grant_ids[0], small.grant.grant_id, "the oldest expiry burns first");
        let place = Place {
            hold_id: id::fresh(),
            attempt_id: id::fresh(),
            payer: Payer { agency_id: site.agency_id, project_id: site.project_id },
            grant_ids: admitted.grant_ids.clone(),
            gpu_seconds: admitted.gpu_seconds,
            rate_id: admitted.rate_id,
            expires_at: admitted.deadline,
        };
        let placed = hold::place(&mut tx, &place, &by(site.member)).await.unwrap();
        assert_eq!(placed.usek, admitted.usek);
        let parts: Vec<Uuid> = placed.parts.iter().map(|part| part.grant_id).collect();
        assert_eq!(parts, admitted.grant_ids);
    }

    #[sqlx::test(migrations = false)]
    async fn a_revocation_shows_in_the_next_snapshot(db: PgPool) {
        let (site, staged) = granted(&db).await;
        let mut tx = db.begin().await.unwrap();
        permit::revoke(&mut tx, staged.permit_id, &by(site.controller)).await.unwrap();
        let taken =
            snapshot(&mut tx, site.project_id, site.member, &[staged], now()).await.unwrap();
        let refusal = decide(&ask(site.member), &taken).unwrap_err();
        assert!(matches!(refusal.reasons[..], [Reason::PermitRevoked { .. }]));
    }

    #[sqlx::test(migrations = false)]
    async fn strangers_and_unknown_projects_are_told_apart(db: PgPool) {
        let (site, _) = granted(&db).await;
        let mut tx = db.begin().await.unwrap();
        let stranger = id::fresh();
        let taken = snapshot(&mut tx, site.project_id, stranger, &[], now()).await.unwrap();
        let refusal = decide(&ask(stranger), &taken).unwrap_err();
        assert_eq!(refusal.reasons, [Reason::NotAMember]);
        let taken = snapshot(&mut tx, Uuid::nil(), stranger, &[], now()).await.unwrap();
        let refusal = decide(&ask(stranger), &taken).unwrap_err();
        assert_eq!(refusal.reasons, [Reason::UnknownProject]);
    }

    #[sqlx::test(migrations = false)]
    async fn a_day_without_a_rate_card_is_a_reason_not_a_failure(db: PgPool) {
        let (site, staged) = granted(&db).await;
        let mut tx = db.begin().await.unwrap();
        let before = "2026-12-31T12:00:00Z".parse().unwrap();
        let taken =
            snapshot(&mut tx, site.project_id, site.member, &[staged], before).await.unwrap();
        let refusal = decide(&ask(site.member), &taken).unwrap_err();
        assert!(matches!(refusal.reasons[..], [Reason::NoPrice { .. }]));
    }

    #[sqlx::test(migrations = false)]
    async fn the_application_cannot_change_what_was_decided(db: PgPool) {
        let (_, _) = granted(&db).await;
        let changes = [
            "update quotas.grant set max_gpus = 8",
            "delete from quotas.grant",
            "update quotas.fund set valid_until = valid_until + interval '1 year'",
            "update quotas.decision set decided_by = gen_random_uuid()",
            "delete from quotas.permit_revocation",
            "update quotas.permit set person_ids = '{}'",
            "update quotas.project_member set person_id = gen_random_uuid()",
        ];
        for change in changes {
            let mut tx = db.begin().await.unwrap();
            sqlx::query("set local role mimer_app").execute(&mut *tx).await.unwrap();
            let refused = sqlx::query(change).execute(&mut *tx).await.unwrap_err();
            let code = refused.as_database_error().and_then(|error| error.code());
            assert_eq!(code.as_deref(), Some("42501"), "{change}"); // insufficient_privilege
        }
    }
}
