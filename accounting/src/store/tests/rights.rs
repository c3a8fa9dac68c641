//! What the application's own role may not do, and what the sealer sees.

use record::seal;
use sqlx::{Connection, PgConnection, PgPool};

use super::{Desk, noon, run_of, stamp};
use crate::{
    SEALED_TABLES,
    hold::{self, Extend, ReleaseReason, Settle},
    ledger, rate_card,
};

/// A connection that may do what the application may do, and no more.
async fn as_app(db: &PgPool) -> PgConnection {
    let mut app = db.acquire().await.unwrap().detach();
    sqlx::query("set role mimer_app").execute(&mut app).await.unwrap();
    app
}

#[sqlx::test(migrations = false)]
async fn the_application_can_do_its_work_with_its_own_rights(db: PgPool) {
    let desk = Desk::open(db).await;
    let grant_id = desk.grant(1_000, 1_000_000).await;
    let mut app = as_app(&desk.db).await;
    let (used, unused) = (desk.request(&[grant_id], 100), desk.request(&[grant_id], 100));

    hold::place(&mut app, &used, &stamp()).await.unwrap();
    hold::place(&mut app, &unused, &stamp()).await.unwrap();
    let more = Extend {
        extension_id: record::id::fresh(),
        hold_id: used.hold_id,
        gpu_seconds: super::seconds(10),
        grant_ids: vec![grant_id],
        expires_at: used.expires_at,
    };
    hold::extend(&mut app, &more, &stamp()).await.unwrap();
    let less = Extend { extension_id: record::id::fresh(), ..more };
    hold::extend(&mut app, &less, &stamp()).await.unwrap();
    hold::shorten(&mut app, less.extension_id, &stamp()).await.unwrap();
    let request = Settle { hold_id: used.hold_id, runs: vec![run_of(60)] };
    hold::settle(&mut app, &request, &stamp()).await.unwrap();
    hold::release(&mut app, unused.hold_id, ReleaseReason::Refused, &stamp()).await.unwrap();
    let own = super::OpenGrant {
        grant_id: record::id::fresh(),
        pool_id: desk.pool_id,
        fund_id: desk.fund_id,
        gpu_seconds: super::seconds(1),
        usek: super::usek(1),
    };
    ledger::open_grant(&mut app, &own, &stamp()).await.unwrap();
    let next_year = super::card(noon() + chrono::TimeDelta::days(365), 1);
    rate_card::publish(&mut app, &next_year, &stamp()).await.unwrap();

    app.close().await.unwrap();
    desk.balances().await;
}

#[sqlx::test(migrations = false)]
async fn the_application_cannot_change_or_delete_what_happened(db: PgPool) {
    let desk = Desk::open(db).await;
    let grant_id = desk.grant(1_000, 1_000_000).await;
    let hold_id = desk.hold(&[grant_id], 100).await;
    desk.settle(hold_id, &[run_of(60)]).await.unwrap();
    let mut app = as_app(&desk.db).await;
    for forbidden in [
        "update accounting.entry set amount = 1",
        "delete from accounting.entry",
        "truncate accounting.entry",
        "update accounting.run set gpu_seconds = 1",
        "delete from accounting.run",
        "update accounting.charge set usek = 0",
        "delete from accounting.charge",
        "update accounting.rate set price_usek_per_gpu_hour = 0",
        "delete from accounting.rate_card",
        "update accounting.account set owner_id = account_id",
        "delete from accounting.balance",
        "update accounting.balance set kind = 'free'",
        "update accounting.grant_opening set gpu_seconds = 0",
        "update accounting.pool_fund set fund_id = pool_id",
        "update accounting.hold set gpu_seconds = 1",
        "delete from accounting.hold",
        "update accounting.hold_part set usek = 0",
        "update accounting.extension set usek = 0",
        "update accounting.extension_part set usek = 0",
        "delete from accounting.extension_end",
        "update accounting.grant_move set usek = 0",
        "delete from accounting.over_allocation",
        "update accounting.clearing set proposed_by = clearing_id",
        "delete from accounting.clearing_end",
        "update accounting.cleared_charge set usek = 0",
    ] {
        let refused = sqlx::query(forbidden).execute(&mut app).await.unwrap_err();
        let code = refused.as_database_error().and_then(|error| error.code());
        // insufficient_privilege, PostgreSQL's appendix A.
        assert_eq!(code.as_deref(), Some("42501"), "{forbidden}: {refused}");
    }
    app.close().await.unwrap();
}

#[sqlx::test(migrations = false)]
async fn an_entry_changed_by_the_owner_is_named_by_the_seal(db: PgPool) {
    let desk = Desk::open(db).await;
    let grant_id = desk.grant(1_000, 1_000_000).await;
    let hold_id = desk.hold(&[grant_id], 100).await;
    desk.settle(hold_id, &[run_of(60)]).await.unwrap();
    let rows = desk.count("entry").await + desk.count("run").await + desk.count("charge").await;

    let sealed = seal::seal_new_rows(&desk.db, SEALED_TABLES, seal::Reach::Everything, noon())
        .await
        .unwrap();
    assert_eq!(i64::try_from(sealed).unwrap(), rows);
    assert_eq!(seal::verify(&desk.db, SEALED_TABLES).await.unwrap().faults, []);

    let entry_id: uuid::Uuid = sqlx::query_scalar(
        "update accounting.entry set amount = amount + 1
         where kind = 'settled' and unit = 'micro_sek' returning entry_id",
    )
    .fetch_one(&desk.db)
    .await
    .unwrap();
    let verdict = seal::verify(&desk.db, SEALED_TABLES).await.unwrap();
    let [fault] = &verdict.faults[..] else { panic!("{verdict:?}") };
    assert_eq!((fault.table.as_str(), fault.row_id), ("accounting.entry", entry_id));
}

/// A column that is added to a sealed table and not to its list would be a figure nobody seals.
#[sqlx::test(migrations = false)]
async fn every_column_of_a_sealed_table_is_under_the_seal(db: PgPool) {
    super::migrate(&db).await;
    for table in SEALED_TABLES {
        let columns: Vec<String> = sqlx::query_scalar(
            "select attname::text from pg_attribute
             where attrelid = $1::regclass and attnum > 0 and not attisdropped order by attnum",
        )
        .bind(table.name)
        .fetch_all(&db)
        .await
        .unwrap();
        assert_eq!(columns, table.columns, "{}", table.name);
    }
}
