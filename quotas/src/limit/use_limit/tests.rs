//! Limits of use at once, against a database.

use record::id;
use sqlx::PgPool;

use super::*;
use crate::{
    agency::Category,
    fixture::{Site, by, constraint, trail},
};

fn of(scope: Scope, class: Option<&str>, gpus: Option<i64>, jobs: Option<i64>) -> NewUseLimit {
    NewUseLimit {
        use_limit_id: id::fresh(),
        scope,
        class: class.map(str::to_owned),
        gpus_at_once: gpus,
        jobs_at_once: jobs,
    }
}

#[sqlx::test(migrations = false)]
async fn a_limit_is_set_once_under_its_id(db: PgPool) {
    let site = Site::lay_out(&db, Category::PublicBody).await;
    let mut tx = db.begin().await.unwrap();
    sqlx::query("set local role mimer_app").execute(&mut *tx).await.unwrap();
    let stamp = by(site.operator);
    let new = of(Scope::Agency(site.agency_id), None, Some(16), Some(10));
    let first = set(&mut tx, &new, &stamp).await.unwrap();
    assert_eq!(set(&mut tx, &new, &stamp).await.unwrap(), first);
    assert_eq!(first.set_by, Some(site.operator));
    assert_eq!(trail(&mut tx, new.use_limit_id).await, ["use_limit.set"]);

    let other = NewUseLimit { gpus_at_once: None, ..new };
    let refused = set(&mut tx, &other, &stamp).await;
    assert!(matches!(refused, Err(UseLimitError::UseLimitIdReused(_))));
}

#[sqlx::test(migrations = false)]
async fn the_newest_limit_of_a_holder_and_class_counts(db: PgPool) {
    let site = Site::lay_out(&db, Category::PublicBody).await;
    let mut tx = db.begin().await.unwrap();
    let stamp = by(site.operator);
    let (agency, project) = (Scope::Agency(site.agency_id), Scope::Project(site.project_id));
    for new in [
        of(agency, None, Some(16), None),
        of(agency, Some("a100"), Some(2), None),
        of(project, Some("h200"), None, Some(3)),
        of(agency, None, Some(8), None),
        of(project, Some("h200"), None, None), // Lifted.
    ] {
        set(&mut tx, &new, &stamp).await.unwrap();
    }
    let mine = (site.agency_id, site.project_id);
    let in_force = current_for(&mut tx, mine.0, mine.1, "h200").await.unwrap();
    let figures: Vec<_> = in_force.iter().map(|limit| (limit.scope, limit.gpus_at_once)).collect();
    assert_eq!(figures, [(agency, Some(8))]);
    assert_eq!(current_for(&mut tx, mine.0, mine.1, "a100").await.unwrap().len(), 2);
    assert_eq!(current_for(&mut tx, id::fresh(), id::fresh(), "h200").await.unwrap(), []);
    assert_eq!(list(&mut tx).await.unwrap().len(), 2);
    let history = history(&mut tx, project).await.unwrap();
    assert_eq!(history.iter().map(|limit| limit.jobs_at_once).collect::<Vec<_>>(), [None, Some(3)]);
}

#[sqlx::test(migrations = false)]
async fn a_limit_that_means_nothing_is_refused_by_name(db: PgPool) {
    let site = Site::lay_out(&db, Category::PublicBody).await;
    let mut tx = db.begin().await.unwrap();
    let stamp = by(site.operator);
    let agency = Scope::Agency(site.agency_id);
    let refused = set(&mut tx, &of(agency, None, Some(0), None), &stamp).await;
    let field = "gpus_at_once";
    assert!(
        matches!(refused, Err(UseLimitError::UseLimitNotValid { field: of, figure: 0, .. }) if of == field)
    );
    let refused = set(&mut tx, &of(agency, Some(" "), Some(1), None), &stamp).await;
    assert!(matches!(refused, Err(UseLimitError::UseLimitClassMissing(_))));
    let refused = set(&mut tx, &of(Scope::Agency(Uuid::nil()), None, None, None), &stamp).await;
    assert!(matches!(refused, Err(UseLimitError::NoSuchAgency(_))));
    let refused = set(&mut tx, &of(Scope::Project(Uuid::nil()), None, None, None), &stamp).await;
    assert!(matches!(refused, Err(UseLimitError::NoSuchProject(_))));
}

/// The second defence: the database refuses what the code would never write.
#[sqlx::test(migrations = false)]
async fn the_table_refuses_a_limit_of_two_holders_or_of_nothing(db: PgPool) {
    let site = Site::lay_out(&db, Category::PublicBody).await;
    for (agency_id, project_id, gpus, name) in [
        (Some(site.agency_id), Some(site.project_id), 1_i64, "use_limit_has_one_holder"),
        (None, None, 1, "use_limit_has_one_holder"),
        (Some(site.agency_id), None, 0, "use_limit_allows_something"),
    ] {
        let refused = sqlx::query(
            "insert into quotas.use_limit
                 (use_limit_id, agency_id, project_id, gpus_at_once, set_at)
             values (gen_random_uuid(), $1, $2, $3, now())",
        )
        .bind(agency_id)
        .bind(project_id)
        .bind(gpus)
        .execute(&db)
        .await
        .unwrap_err();
        assert_eq!(constraint(&refused), Some(name));
    }
}

/// Two submissions that count under one limit queue: the second sees what the first wrote.
#[sqlx::test(migrations = false)]
async fn who_counts_waits_for_who_counted_before(db: PgPool) {
    let site = Site::lay_out(&db, Category::PublicBody).await;
    let mut first = db.begin().await.unwrap();
    lock(&mut first, site.agency_id).await.unwrap();
    let mut second = db.begin().await.unwrap();
    sqlx::query("set local lock_timeout = '50ms'").execute(&mut *second).await.unwrap();
    let refused = lock(&mut second, site.agency_id).await.unwrap_err();
    let code = refused.as_database_error().and_then(|error| error.code());
    assert_eq!(code.as_deref(), Some("55P03")); // lock_not_available
    first.rollback().await.unwrap();

    let mut third = db.begin().await.unwrap();
    lock(&mut third, site.agency_id).await.unwrap();
}
