//! The record cannot be changed unseen: not by mimerd's own database roles, which may not, nor by a
//! superuser of PostgreSQL, who may.

mod database;

use std::path::PathBuf;
use std::process::Output;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use broker::duty::sealed_tables;
use serde_json::Value;
use sqlx::{AssertSqlSafe, PgConnection, Row};
use testbed::poll;
use testbed::site::{Person, Site, program};
use testbed::story::{Outcome, Story, TERMS, sealed_verdict};
use uuid::Uuid;

/// One bit of each kind of sealed row: table, key, column, and the column with a bit turned over.
/// Turned over twice, everything is as it was.
const BITS: [(&str, &str, &str, &str); 8] = [
    ("accounting.entry", "entry_id", "amount", "amount # 1"),
    ("accounting.entry", "entry_id", "trace_id", UUID_BIT),
    ("accounting.run", "run_id", "gpu_seconds", "gpu_seconds # 1"),
    ("accounting.charge", "charge_id", "usek", "usek # 1"),
    ("record.audit", "audit_id", "trace_id", UUID_BIT),
    (
        "record.audit",
        "audit_id",
        "at",
        "case when extract(microseconds from at)::int % 2 = 0 \
        then at + interval '1 microsecond' else at - interval '1 microsecond' end",
    ),
    ("staging.transfer", "transfer_id", "fetched_bytes", "fetched_bytes # 1"),
    ("staging.chunk", "chunk_id", "sha256", "set_byte(sha256, 0, get_byte(sha256, 0) # 1)"),
];

const UUID_BIT: &str = "encode(set_byte(uuid_send(trace_id), 15, \
    get_byte(uuid_send(trace_id), 15) # 1), 'hex')::uuid";

#[tokio::test]
async fn a_changed_row_a_missing_row_and_a_changed_seal_are_named() -> Result<()> {
    let site = Site::fake().await?;
    let story = Story::begin(&site, &TERMS).await?;
    let plan = story.plan(&site);
    plan.submit(&story, &story.people.anna).await?;
    let outcome = Outcome::of(&site, &story, &plan).await?;
    ensure!(outcome.ledger_verified && outcome.unsealed == 0, "{outcome:?}");
    let finance = &story.people.finance;
    let mimer = Mimer::logged_in(&site, finance).await?;
    let mut superuser = database::connect(&site, "postgres").await?;

    for (table, key, column, turned) in BITS {
        let row_id = a_sealed_row(&mut superuser, table).await?;
        let what = format!("{column} of {table} {row_id}");
        let turn = format!("update {table} set {column} = {turned} where {key} = '{row_id}'");
        change_one_row(&mut superuser, &turn).await?;
        names_only(&site, finance, &what, table, row_id, "was changed").await?;
        mimer.finds_fault_with(row_id).await?;
        change_one_row(&mut superuser, &turn).await?;
        is_whole(&site, finance).await.context(what)?;
    }
    mimer.finds_all_well().await?;
    a_row_that_is_gone(&site, finance, &mimer, &mut superuser).await?;
    a_seal_that_is_changed(&site, finance, &mimer, &mut superuser).await?;
    site.stop().await
}

/// The last seal is deleted together with its row: what is left is a whole chain, but mimerd
/// remembers the seal outside the database.
#[tokio::test]
async fn an_end_that_is_cut_off_is_noticed() -> Result<()> {
    let site = Site::fake().await?;
    let finance = site.person("frida", "finance", None).await?;
    is_whole(&site, &finance).await?;
    let mut superuser = database::connect(&site, "postgres").await?;
    let last: i64 = sqlx::query_scalar("select max(seal_no) from record.seal")
        .fetch_one(&mut superuser)
        .await?;
    // mimerd remembers the newest seal outside the database, once a second.
    let witness = site.state_dir().join("seal-witness.json");
    poll::until("the last seal to be remembered", Duration::from_secs(30), async || {
        let Ok(text) = std::fs::read_to_string(&witness) else { return Ok(false) };
        Ok(serde_json::from_str::<Value>(&text)?["seal_no"] == last)
    })
    .await?;
    let row = sqlx::query(
        "delete from record.seal where seal_no = (select max(seal_no) from record.seal)
         returning table_name, row_id",
    )
    .fetch_one(&mut superuser)
    .await?;
    let (table, row_id): (String, Uuid) = (row.try_get(0)?, row.try_get(1)?);
    let key = sealed_tables().into_iter().find(|sealed| sealed.name == table).context(table)?;
    let delete = format!("delete from {} where {} = '{row_id}'", key.name, key.key);
    change_one_row(&mut superuser, &delete).await?;
    let verdict = finance.get("/v1/audit/verdict").await?;
    ensure!(verdict["whole"] == false, "the end of the chain is gone, unseen: {verdict}");
    ensure!(verdict["faults"][0]["table"] == "record.seal", "{verdict}");
    site.stop().await
}

/// A row is deleted, and put back.
async fn a_row_that_is_gone(
    site: &Site,
    finance: &Person,
    mimer: &Mimer,
    superuser: &mut PgConnection,
) -> Result<()> {
    for (table, key) in [("accounting.entry", "entry_id"), ("staging.chunk", "chunk_id")] {
        let row_id = a_sealed_row(superuser, table).await?;
        let delete =
            format!("delete from {table} t where {key} = '{row_id}' returning to_jsonb(t)");
        let row = sqlx::query(AssertSqlSafe(delete)).fetch_one(&mut *superuser).await?;
        let row: Value = row.try_get(0)?;
        names_only(site, finance, table, table, row_id, "is gone").await?;
        mimer.finds_fault_with(row_id).await?;
        let back =
            format!("insert into {table} select * from jsonb_populate_record(null::{table}, $1)");
        sqlx::query(AssertSqlSafe(back)).bind(row).execute(&mut *superuser).await?;
        is_whole(site, finance).await?;
    }
    Ok(())
}

/// A seal in the middle of the chain is changed and put back, and at last deleted.
async fn a_seal_that_is_changed(
    site: &Site,
    finance: &Person,
    mimer: &Mimer,
    superuser: &mut PgConnection,
) -> Result<()> {
    let middle = "(select count(*) / 2 from record.seal)";
    let seal = format!("select row_id from record.seal where seal_no = {middle}");
    let row_id: Uuid = sqlx::query_scalar(AssertSqlSafe(seal)).fetch_one(&mut *superuser).await?;
    for column in ["digest", "row_digest", "previous"] {
        let turn = format!(
            "update record.seal set {column} = set_byte({column}, 31, get_byte({column}, 31) # 1)
             where row_id = '{row_id}'"
        );
        change_one_row(superuser, &turn).await?;
        let verdict = finance.get("/v1/audit/verdict").await?;
        ensure!(verdict["whole"] == false, "a seal's {column} was changed: {verdict}");
        ensure!(verdict["faults"][0]["row_id"] == row_id.to_string(), "{column}: {verdict}");
        mimer.finds_fault_with(row_id).await?;
        change_one_row(superuser, &turn).await?;
        is_whole(site, finance).await.context(column)?;
    }
    let next = format!("select row_id from record.seal where seal_no = {middle} + 1");
    let next: Uuid = sqlx::query_scalar(AssertSqlSafe(next)).fetch_one(&mut *superuser).await?;
    let delete = format!("delete from record.seal where row_id = '{row_id}'");
    change_one_row(superuser, &delete).await?;
    let verdict = finance.get("/v1/audit/verdict").await?;
    ensure!(verdict["faults"][0]["row_id"] == next.to_string(), "{verdict}");
    ensure!(verdict["faults"][0]["what"] == "a seal before this one is missing", "{verdict}");
    mimer.finds_fault_with(next).await
}

/// A row from the middle of what is sealed.
async fn a_sealed_row(superuser: &mut PgConnection, table: &str) -> Result<Uuid> {
    let rows: Vec<Uuid> =
        sqlx::query_scalar("select row_id from record.seal where table_name = $1 order by seal_no")
            .bind(table)
            .fetch_all(superuser)
            .await?;
    rows.get(rows.len() / 2).copied().with_context(|| format!("no row of {table} is sealed"))
}

async fn change_one_row(superuser: &mut PgConnection, change: &str) -> Result<()> {
    let changed = sqlx::query(AssertSqlSafe(change)).execute(superuser).await?;
    ensure!(changed.rows_affected() == 1, "{} rows: {change}", changed.rows_affected());
    Ok(())
}

/// The verdict finds one fault in the chain, and it is this row's.
async fn names_only(
    site: &Site,
    person: &Person,
    what: &str,
    table: &str,
    row_id: Uuid,
    says: &str,
) -> Result<()> {
    let verdict = sealed_verdict(site, person).await?;
    let faults = verdict["faults"].as_array().context("a verdict has faults")?;
    ensure!(verdict["whole"] == false && faults.len() == 1, "{what}: {verdict}");
    let fault = &faults[0];
    ensure!(fault["table"] == table && fault["row_id"] == row_id.to_string(), "{what}: {verdict}");
    ensure!(fault["what"].as_str().is_some_and(|what| what.contains(says)), "{what}: {verdict}");
    Ok(())
}

async fn is_whole(site: &Site, person: &Person) -> Result<()> {
    let verdict = sealed_verdict(site, person).await?;
    ensure!(verdict["whole"] == true, "what was put back is not whole: {verdict}");
    Ok(())
}

/// The command line of somebody who is logged in.
struct Mimer {
    home: PathBuf,
}

impl Mimer {
    async fn logged_in(site: &Site, person: &Person) -> Result<Self> {
        let mimer = Self { home: site.dir().join("home") };
        let key_file = site.dir().join("person.key");
        std::fs::write(&key_file, &person.key)?;
        let path = |path: PathBuf| path.display().to_string();
        let (ca, key) = (path(site.ca_file()), path(key_file));
        let address = site.address();
        let log_in = ["login", "--server", &address, "--ca", &ca, "--key-file", &key];
        let output = mimer.types(&log_in).await?;
        ensure!(output.status.success(), "{output:?}");
        Ok(mimer)
    }

    async fn types(&self, arguments: &[&str]) -> Result<Output> {
        let mut command = tokio::process::Command::new(program("mimer")?);
        command.args(arguments).env("XDG_CONFIG_HOME", &self.home);
        Ok(command.output().await?)
    }

    async fn finds_all_well(&self) -> Result<()> {
        let output = self.types(&["audit", "verify"]).await?;
        ensure!(output.status.success(), "{output:?}");
        Ok(())
    }

    /// `mimer audit verify` prints the row's id and ends with 1.
    async fn finds_fault_with(&self, row_id: Uuid) -> Result<()> {
        let output = self.types(&["audit", "verify"]).await?;
        let said = String::from_utf8_lossy(&output.stdout);
        ensure!(output.status.code() == Some(1), "{output:?}");
        ensure!(said.contains("NOT WHOLE") && said.contains(&row_id.to_string()), "{said}");
        Ok(())
    }
}

/// PostgreSQL's word for "insufficient privilege".
const REFUSED: &str = "42501";

#[tokio::test]
async fn mimerds_own_roles_may_not_change_what_is_recorded() -> Result<()> {
    let site = Site::fake().await?;
    let mut superuser = database::connect(&site, "postgres").await?;
    let mut app = database::connect(&site, "mimer_app").await?;
    let mut sealer = database::connect(&site, "mimer_sealer").await?;

    let kept = sealed_tables().into_iter().map(|table| (table.name, table.key));
    let kept = kept.chain([
        ("record.seal", "row_id"),
        ("broker.observation", "observation_id"),
        ("broker.segment", "stream_id"),
    ]);
    for (table, key) in kept {
        let present = format!("select count(*) from {table}");
        sqlx::query(AssertSqlSafe(present)).fetch_one(&mut app).await?;
        for change in [
            format!("update {table} set {key} = {key}"),
            format!("delete from {table}"),
            format!("truncate {table} cascade"),
            format!("drop table {table} cascade"),
            format!("alter table {table} disable trigger all"),
            format!("create rule hide as on insert to {table} do instead nothing"),
        ] {
            is_refused(&mut app, "mimer_app", &change).await?;
            is_refused(&mut sealer, "mimer_sealer", &change).await?;
        }
    }
    let seal = "insert into record.seal
        select coalesce(max(seal_no), 0) + 1, now(), 'record.audit', gen_random_uuid(), 'x', 'x', 'x'
        from record.seal";
    is_refused(&mut app, "mimer_app", seal).await?;
    let audit = "insert into record.audit (audit_id, at, action, subject_kind, subject_id,
        details, trace_id) values (gen_random_uuid(), now(), '', '', gen_random_uuid(), '{}',
        gen_random_uuid())";
    is_refused(&mut sealer, "mimer_sealer", audit).await?;
    sqlx::raw_sql("begin").execute(&mut sealer).await?;
    sqlx::query(seal).execute(&mut sealer).await.context("the sealer adds a seal")?;
    sqlx::raw_sql("rollback").execute(&mut sealer).await?;

    for way in
        ["set role mimer_owner", "set role postgres", "set session_replication_role = replica"]
    {
        is_refused(&mut app, "mimer_app", way).await?;
        is_refused(&mut sealer, "mimer_sealer", way).await?;
    }
    let owned: i64 = sqlx::query_scalar(
        "select count(*) from pg_class join pg_roles on pg_roles.oid = relowner
         where rolname in ('mimer_app', 'mimer_sealer')",
    )
    .fetch_one(&mut superuser)
    .await?;
    ensure!(owned == 0, "mimerd's roles own {owned} things and could give themselves rights");
    site.stop().await
}

async fn is_refused(role: &mut PgConnection, name: &str, sql: &str) -> Result<()> {
    let outcome = sqlx::query(AssertSqlSafe(sql)).execute(role).await;
    let code = outcome.as_ref().err().and_then(sqlx::Error::as_database_error);
    let code = code.and_then(|error| error.code());
    ensure!(code.as_deref() == Some(REFUSED), "{name} may {sql}: {outcome:?}");
    Ok(())
}

#[tokio::test]
async fn every_column_of_a_sealed_row_is_under_its_seal() -> Result<()> {
    let site = Site::fake().await?;
    let mut superuser = database::connect(&site, "postgres").await?;
    for table in sealed_tables() {
        let columns: Vec<String> = sqlx::query_scalar(
            "select column_name::text from information_schema.columns
             where table_schema || '.' || table_name = $1 order by ordinal_position",
        )
        .bind(table.name)
        .fetch_all(&mut superuser)
        .await?;
        ensure!(
            columns == table.columns,
            "{} has {columns:?} and seals {:?}",
            table.name,
            table.columns
        );
    }
    site.stop().await
}
