//! The chain on a real PostgreSQL: what it seals, what it notices, and what two sealers do.

use serde_json::json;
use sqlx::PgPool;

use super::*;
use crate::audit::{Actor, Stamp};
use crate::{MIGRATOR, SEALED_TABLES, id};

fn noon() -> DateTime<Utc> {
    "2027-03-01T12:00:00Z".parse().unwrap()
}

/// Writes `count` audit rows, each in a transaction of its own.
async fn write_rows(db: &PgPool, count: usize) -> Vec<Uuid> {
    let mut subjects = Vec::new();
    for _ in 0..count {
        let subject = id::fresh();
        let stamp = Stamp {
            actor: Actor::Program("test"),
            now: noon(),
            why: Some("because"),
            trace_id: id::fresh(),
        };
        let mut tx = db.begin().await.unwrap();
        stamp.audit(&mut tx, "thing.make", ("thing", subject), json!({ "n": 1 })).await.unwrap();
        tx.commit().await.unwrap();
        subjects.push(subject);
    }
    subjects
}

async fn stage(db: &PgPool, rows: usize) {
    MIGRATOR.run(db).await.unwrap();
    write_rows(db, rows).await;
    seal_new_rows(db, SEALED_TABLES, Reach::Everything, noon()).await.unwrap();
}

#[sqlx::test(migrations = false)]
async fn every_committed_row_is_sealed_once(db: PgPool) {
    stage(&db, 3).await;
    assert_eq!(seal_new_rows(&db, SEALED_TABLES, Reach::Everything, noon()).await.unwrap(), 0);
    let verdict = verify(&db, SEALED_TABLES).await.unwrap();
    assert_eq!(verdict, Verdict { seal_count: 3, unsealed_count: 0, faults: Vec::new() });
}

#[sqlx::test(migrations = false)]
async fn the_unsealed_tail_is_counted_and_is_no_fault(db: PgPool) {
    stage(&db, 1).await;
    write_rows(&db, 2).await;
    let verdict = verify(&db, SEALED_TABLES).await.unwrap();
    assert_eq!((verdict.seal_count, verdict.unsealed_count), (1, 2));
    assert!(verdict.faults.is_empty());
}

/// A row committed late, by a transaction that began first, has an older id than the last seal:
/// "id greater than the last" would never find it.
#[sqlx::test(migrations = false)]
async fn a_row_that_commits_late_is_not_overlooked(db: PgPool) {
    MIGRATOR.run(&db).await.unwrap();
    let stamp =
        Stamp { actor: Actor::Program("test"), now: noon(), why: None, trace_id: id::fresh() };
    let mut slow = db.begin().await.unwrap();
    stamp.audit(&mut slow, "thing.make", ("thing", id::fresh()), json!({})).await.unwrap();
    write_rows(&db, 1).await;
    assert_eq!(seal_new_rows(&db, SEALED_TABLES, Reach::Everything, noon()).await.unwrap(), 1);
    slow.commit().await.unwrap();
    assert_eq!(seal_new_rows(&db, SEALED_TABLES, Reach::Everything, noon()).await.unwrap(), 1);
}

/// A row whose id is older than any transaction lasts: only a look at everything finds it, and where
/// keys do not tell the age every look is one.
#[sqlx::test(migrations = false)]
async fn a_look_at_what_is_recent_passes_over_old_ids_and_one_at_everything_finds_them(db: PgPool) {
    MIGRATOR.run(&db).await.unwrap();
    let [fresh] = SEALED_TABLES else { panic!("the audit is the one table here") };
    let given = SealedTable { keys: Keys::Given, ..*fresh };
    let seal = async |table, reach| seal_new_rows(&db, &[table], reach, noon()).await.unwrap();
    for (table, reach) in [(*fresh, Reach::Everything), (given, Reach::Recent)] {
        write_rows(&db, 1).await;
        let make_old = "update record.audit set audit_id = $1 where not exists
             (select from record.seal where row_id = audit_id)";
        let old = id::least_of_the_last(RECENT * 2);
        sqlx::query(make_old).bind(old).execute(&db).await.unwrap();
        write_rows(&db, 1).await;
        assert_eq!(seal(*fresh, Reach::Recent).await, 1);
        assert_eq!(seal(table, reach).await, 1);
    }
}

#[sqlx::test(migrations = false)]
async fn a_changed_row_is_named(db: PgPool) {
    stage(&db, 3).await;
    let row: Uuid = sqlx::query_scalar("select audit_id from record.audit order by 1 offset 1")
        .fetch_one(&db)
        .await
        .unwrap();
    sqlx::query("update record.audit set details = '{\"n\": 2}' where audit_id = $1")
        .bind(row)
        .execute(&db)
        .await
        .unwrap();
    let faults = verify(&db, SEALED_TABLES).await.unwrap().faults;
    let what = "a sealed row was changed";
    assert_eq!(faults, [Fault { table: "record.audit".to_owned(), row_id: row, what }]);
}

#[sqlx::test(migrations = false)]
async fn a_row_that_is_gone_is_named(db: PgPool) {
    stage(&db, 2).await;
    let row: Uuid = sqlx::query_scalar(
        "delete from record.audit where audit_id = (select min(audit_id::text)::uuid
             from record.audit) returning audit_id",
    )
    .fetch_one(&db)
    .await
    .unwrap();
    let faults = verify(&db, SEALED_TABLES).await.unwrap().faults;
    let what = "a sealed row is gone";
    assert_eq!(faults, [Fault { table: "record.audit".to_owned(), row_id: row, what }]);
}

/// Someone who changes a row and its seal together still breaks the chain after it.
#[sqlx::test(migrations = false)]
async fn a_seal_that_was_changed_or_removed_is_noticed(db: PgPool) {
    stage(&db, 3).await;
    sqlx::query("update record.seal set row_digest = '\\x00' where seal_no = 2")
        .execute(&db)
        .await
        .unwrap();
    let faults = verify(&db, SEALED_TABLES).await.unwrap().faults;
    assert!(faults.iter().any(|fault| fault.what == "the seal itself was changed"), "{faults:?}");

    sqlx::query("delete from record.seal where seal_no = 2").execute(&db).await.unwrap();
    let faults = verify(&db, SEALED_TABLES).await.unwrap().faults;
    assert!(
        faults.iter().any(|fault| fault.what == "a seal before this one is missing"),
        "{faults:?}"
    );
}

/// The chain alone cannot show that its end was cut off; a tip kept elsewhere can.
#[sqlx::test(migrations = false)]
async fn a_chain_cut_off_at_its_end_no_longer_holds_the_remembered_tip(db: PgPool) {
    stage(&db, 3).await;
    let mut connection = db.acquire().await.unwrap();
    let remembered = tip(&mut connection).await.unwrap().unwrap();
    assert_eq!(remembered.seal_no, 3);
    write_rows(&db, 1).await;
    seal_new_rows(&db, SEALED_TABLES, Reach::Everything, noon()).await.unwrap();
    assert!(still_holds(&mut connection, &remembered).await.unwrap());

    sqlx::query("delete from record.audit where audit_id in (select row_id from record.seal where seal_no >= 3)")
        .execute(&db)
        .await
        .unwrap();
    sqlx::query("delete from record.seal where seal_no >= 3").execute(&db).await.unwrap();
    assert!(verify(&db, SEALED_TABLES).await.unwrap().faults.is_empty());
    assert!(!still_holds(&mut connection, &remembered).await.unwrap());
}

#[sqlx::test(migrations = false)]
async fn racing_sealers_make_one_chain(db: PgPool) {
    MIGRATOR.run(&db).await.unwrap();
    write_rows(&db, 20).await;
    let mut sealers = Vec::new();
    for _ in 0..4 {
        let db = db.clone();
        sealers.push(tokio::spawn(async move {
            seal_new_rows(&db, SEALED_TABLES, Reach::Everything, noon()).await.unwrap()
        }));
    }
    let mut sealed = 0;
    for sealer in sealers {
        sealed += sealer.await.unwrap();
    }
    assert_eq!(sealed, 20);
    assert!(verify(&db, SEALED_TABLES).await.unwrap().faults.is_empty());
}

/// Each role can do its part and no more; the database says so, not the code.
#[sqlx::test(migrations = false)]
async fn neither_the_app_nor_the_sealer_can_change_the_past(db: PgPool) {
    stage(&db, 1).await;
    for (role, statement) in [
        ("mimer_app", "update record.audit set action = 'x'"),
        ("mimer_app", "delete from record.audit"),
        ("mimer_app", "truncate record.audit"),
        ("mimer_app", "insert into record.seal select * from record.seal"),
        ("mimer_app", "delete from record.seal"),
        ("mimer_sealer", "update record.seal set digest = '\\x00'"),
        ("mimer_sealer", "delete from record.seal"),
        ("mimer_sealer", "update record.audit set action = 'x'"),
    ] {
        let mut tx = db.begin().await.unwrap();
        sqlx::query(AssertSqlSafe(format!("set local role {role}")))
            .execute(&mut *tx)
            .await
            .unwrap();
        let refused = sqlx::query(statement).execute(&mut *tx).await.unwrap_err();
        let code = refused.as_database_error().and_then(|error| error.code().map(String::from));
        assert_eq!(code.as_deref(), Some("42501"), "{role}: {statement}");
    }
}

/// Erasing a person, and the words they typed, leaves the chain whole.
#[sqlx::test(migrations = false)]
async fn people_can_be_forgotten_and_the_chain_stays_whole(db: PgPool) {
    stage(&db, 2).await;
    sqlx::query("update record.free_text set body = null, erased_at = now()")
        .execute(&db)
        .await
        .unwrap();
    assert!(verify(&db, SEALED_TABLES).await.unwrap().faults.is_empty());
}
