//! Rows written past the code: the database refuses them under the rule's own name.

use super::*;

#[sqlx::test(migrations = false)]
async fn the_database_keeps_deciders_apart_by_itself(db: PgPool) {
    let (site, _tx) = site(&db).await;
    let insert = "insert into quotas.decision values ($1, $2, $3, 'approved', $4)";
    for person in [site.requester, site.member] {
        let refused = sqlx::query(insert)
            .bind(id::fresh())
            .bind(site.request_id)
            .bind(person)
            .bind(now())
            .execute(&db)
            .await
            .unwrap_err();
        assert_eq!(constraint(&refused), Some("decider_kept_apart"));
    }
    let refused = sqlx::query("insert into quotas.project_member values ($1, $2, $3, $4)")
        .bind(id::fresh())
        .bind(site.project_id)
        .bind(site.controller)
        .bind(now())
        .execute(&db)
        .await
        .unwrap_err();
    assert_eq!(constraint(&refused), Some("member_kept_apart"));
}

#[sqlx::test(migrations = false)]
async fn the_database_keeps_funds_apart_by_itself(db: PgPool) {
    let (site, mut tx) = site(&db).await;
    let research =
        NewFund { fund_id: id::fresh(), purpose: FundPurpose::Research, ..site.new_fund() };
    let foreign = NewPool { pool_id: id::fresh(), fund_id: research.fund_id, ..site.new_pool() };
    fund::create(&mut tx, &research, &by(site.operator)).await.unwrap();
    pool::create(&mut tx, &foreign, &by(site.operator)).await.unwrap();

    let tries = [
        (site.decider, foreign.pool_id, day(9, 30), "funds_never_mix"),
        (site.decider, site.pool_id, day(12, 1), "grant_within_pool_and_fund"),
        (site.operator, site.pool_id, day(9, 30), "operator_kept_apart"),
    ];
    for (decided_by, pool_id, valid_until, rule) in tries {
        let (mut inner, decision_id) = (sqlx::Acquire::begin(&mut *tx).await.unwrap(), id::fresh());
        sqlx::query("insert into quotas.decision values ($1, $2, $3, 'approved', $4)")
            .bind(decision_id)
            .bind(site.request_id)
            .bind(decided_by)
            .bind(now())
            .execute(&mut *inner)
            .await
            .unwrap();
        let refused =
            sqlx::query("insert into quotas.grant values ($1, $2, $3, $4, 1, 1, $5, $6, 1, 1, $5)")
                .bind(id::fresh())
                .bind(decision_id)
                .bind(site.project_id)
                .bind(pool_id)
                .bind(now())
                .bind(valid_until)
                .execute(&mut *inner)
                .await
                .unwrap_err();
        assert_eq!(constraint(&refused), Some(rule));
        inner.rollback().await.unwrap();
    }
}
