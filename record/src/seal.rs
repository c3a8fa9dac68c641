//! The chain: a seal for every committed row of the sealed tables.
//!
//! PostgreSQL has no commit order, so the sealer looks for rows without a seal (an anti-join, never
//! "id greater than the last") and chains them in the order it finds them, one sealer at a time.
//! Writers never wait for it. The rows it has not reached yet are the *unsealed tail*, which
//! [`verify`] counts and shows.
//!
//! Looking at every row of the record each second would cost more each day. A look at what is recent
//! ([`Reach::Recent`]) passes over rows whose ids were made long ago; a look at everything, now and
//! then, misses nothing, whatever ids say.

use aws_lc_rs::digest::{Context, SHA256};
use chrono::{DateTime, TimeDelta, Utc};
use sqlx::{AssertSqlSafe, PgConnection, PgPool, Row};
use uuid::Uuid;

use crate::id;

/// Where the keys of a sealed table come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keys {
    /// [`crate::id::fresh`] makes them with their rows: an old key is an old row.
    Fresh,
    /// Clients choose them, or they are another row's: they say nothing of a row's age.
    Given,
}

/// How far back a look for rows without a seal goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// All there are: the time it takes grows with the record.
    Everything,
    /// Those of the last [`RECENT`], where keys tell the age; else all.
    Recent,
}

/// How old a row's id may be that a look at what is recent still finds: much longer than any
/// transaction lasts, and than clocks differ.
pub const RECENT: TimeDelta = TimeDelta::minutes(10);

/// A table whose rows are insert-only and sealed.
#[derive(Clone, Copy, Debug)]
pub struct SealedTable {
    /// Schema-qualified name.
    pub name: &'static str,
    /// The UUID key column.
    pub key: &'static str,
    /// Where its keys come from.
    pub keys: Keys,
    /// The columns under the seal, in order. A column added later gets a new sealed table entry.
    pub columns: &'static [&'static str],
}

/// What [`verify`] found.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Verdict {
    /// Seals in the chain.
    pub seal_count: i64,
    /// Committed rows that no seal covers yet.
    pub unsealed_count: i64,
    /// Everything that does not fit; empty when the chain is whole.
    pub faults: Vec<Fault>,
}

/// One row or seal that does not fit.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Fault {
    /// Schema-qualified table.
    pub table: String,
    /// Key of the row.
    pub row_id: Uuid,
    /// What is wrong with it.
    pub what: &'static str,
}

/// The newest seal, to be remembered outside the database.
///
/// Whoever controls the database can cut the chain's end off, or make a whole new chain; a tip kept
/// elsewhere shows both.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Tip {
    /// Number of the seal.
    pub seal_no: i64,
    /// Its digest, in hexadecimal.
    pub digest: String,
}

/// The digest the first seal points back to.
const GENESIS: [u8; 32] = [0; 32];

/// Only one sealer works at a time; the number is arbitrary and fixed.
const SEALER_LOCK: i64 = 0x6d69_6d65_7201;

/// Seals every committed row within reach that has no seal yet and returns how many it sealed.
pub async fn seal_new_rows(
    pool: &PgPool,
    tables: &[SealedTable],
    reach: Reach,
    now: DateTime<Utc>,
) -> Result<u64, sqlx::Error> {
    let mut tx = pool.begin().await?;
    sqlx::query("select pg_advisory_xact_lock($1)").bind(SEALER_LOCK).execute(&mut *tx).await?;
    sqlx::query("set local timezone to 'UTC'").execute(&mut *tx).await?;
    let tip = sqlx::query!("select seal_no, digest from record.seal order by seal_no desc limit 1")
        .fetch_optional(&mut *tx)
        .await?;
    let (mut seal_no, mut previous) =
        tip.map_or((0, GENESIS.to_vec()), |tip| (tip.seal_no, tip.digest));
    let mut sealed = 0;
    for table in tables {
        for (row_id, text) in unsealed(&mut tx, table, reach).await? {
            seal_no += 1;
            let row_digest = sha256(&[text.as_bytes()]);
            let digest = link(seal_no, table.name, row_id, &row_digest, &previous);
            sqlx::query!(
                "insert into record.seal
                     (seal_no, sealed_at, table_name, row_id, row_digest, previous, digest)
                 values ($1, $2, $3, $4, $5, $6, $7)",
                seal_no,
                now,
                table.name,
                row_id,
                row_digest,
                previous,
                digest,
            )
            .execute(&mut *tx)
            .await?;
            previous = digest;
            sealed += 1;
        }
    }
    tx.commit().await?;
    Ok(sealed)
}

/// Walks the whole chain and recomputes every sealed row.
pub async fn verify(pool: &PgPool, tables: &[SealedTable]) -> Result<Verdict, sqlx::Error> {
    let mut tx = pool.begin().await?;
    // One snapshot for the chain and the rows, or a row sealed meanwhile would look like a fault.
    sqlx::query("set transaction isolation level repeatable read, read only")
        .execute(&mut *tx)
        .await?;
    sqlx::query("set local timezone to 'UTC'").execute(&mut *tx).await?;

    let mut verdict = Verdict { seal_count: 0, unsealed_count: 0, faults: Vec::new() };
    check_chain(&mut tx, &mut verdict).await?;
    for table in tables {
        check_rows(&mut tx, table, &mut verdict).await?;
        verdict.unsealed_count +=
            i64::try_from(unsealed(&mut tx, table, Reach::Everything).await?.len()).unwrap_or(0);
    }
    Ok(verdict)
}

/// The chain's newest seal; `None` while nothing is sealed.
pub async fn tip(tx: &mut PgConnection) -> Result<Option<Tip>, sqlx::Error> {
    let newest =
        sqlx::query!("select seal_no, digest from record.seal order by seal_no desc limit 1")
            .fetch_optional(tx)
            .await?;
    Ok(newest.map(|seal| Tip { seal_no: seal.seal_no, digest: hex::encode(seal.digest) }))
}

/// Whether the chain still holds a tip that was remembered earlier.
pub async fn still_holds(tx: &mut PgConnection, remembered: &Tip) -> Result<bool, sqlx::Error> {
    let digest = sqlx::query_scalar!(
        "select digest from record.seal where seal_no = $1",
        remembered.seal_no
    )
    .fetch_optional(tx)
    .await?;
    Ok(digest.is_some_and(|digest| hex::encode(digest) == remembered.digest))
}

/// Each seal must follow from the one before it.
async fn check_chain(tx: &mut PgConnection, verdict: &mut Verdict) -> Result<(), sqlx::Error> {
    let seals = sqlx::query!(
        "select seal_no, table_name, row_id, row_digest, previous, digest
         from record.seal order by seal_no"
    )
    .fetch_all(tx)
    .await?;
    let mut previous = GENESIS.to_vec();
    for (expected_no, seal) in (1_i64..).zip(seals) {
        let digest =
            link(seal.seal_no, &seal.table_name, seal.row_id, &seal.row_digest, &seal.previous);
        let what = if seal.seal_no != expected_no {
            Some("a seal before this one is missing")
        } else if seal.previous != previous {
            Some("the seal does not follow from the one before it")
        } else if seal.digest != digest {
            Some("the seal itself was changed")
        } else {
            None
        };
        if let Some(what) = what {
            verdict.faults.push(Fault { table: seal.table_name, row_id: seal.row_id, what });
        }
        previous = seal.digest;
        verdict.seal_count += 1;
    }
    Ok(())
}

/// Each sealed row must still be there and still have its digest.
async fn check_rows(
    tx: &mut PgConnection,
    table: &SealedTable,
    verdict: &mut Verdict,
) -> Result<(), sqlx::Error> {
    let sql = format!(
        "select s.row_id, s.row_digest, case when t.{key} is null then null else {row} end as body
         from record.seal s left join {name} t on t.{key} = s.row_id
         where s.table_name = $1 order by s.seal_no",
        key = table.key,
        name = table.name,
        row = row_text(table),
    );
    let rows = sqlx::query(AssertSqlSafe(sql)).bind(table.name).fetch_all(tx).await?;
    for row in rows {
        let row_id: Uuid = row.try_get("row_id")?;
        let sealed: Vec<u8> = row.try_get("row_digest")?;
        let what = match row.try_get::<Option<String>, _>("body")? {
            None => Some("a sealed row is gone"),
            Some(body) if sha256(&[body.as_bytes()]) != sealed => Some("a sealed row was changed"),
            Some(_) => None,
        };
        if let Some(what) = what {
            verdict.faults.push(Fault { table: table.name.to_owned(), row_id, what });
        }
    }
    Ok(())
}

/// The committed rows of `table` within reach that no seal covers, with the text that gets sealed.
async fn unsealed(
    tx: &mut PgConnection,
    table: &SealedTable,
    reach: Reach,
) -> Result<Vec<(Uuid, String)>, sqlx::Error> {
    // Two statements, so that each is planned for what it reads.
    let (least, within) = match (reach, table.keys) {
        (Reach::Recent, Keys::Fresh) => {
            (id::least_of_the_last(RECENT), format!("t.{} >= $2", table.key))
        }
        _ => (Uuid::nil(), "$2::uuid is not null".to_owned()),
    };
    let sql = format!(
        "select t.{key} as row_id, {row} as body from {name} t
         where {within} and not exists
             (select from record.seal s where s.table_name = $1 and s.row_id = t.{key})
         order by t.{key}",
        key = table.key,
        name = table.name,
        row = row_text(table),
    );
    let rows = sqlx::query(AssertSqlSafe(sql)).bind(table.name).bind(least).fetch_all(tx).await?;
    rows.iter().map(|row| Ok((row.try_get("row_id")?, row.try_get("body")?))).collect()
}

/// SQL for the text under the seal: the columns in their fixed order, as a JSON array.
///
/// `json_build_array` writes times in the session's zone, which the callers set to UTC.
fn row_text(table: &SealedTable) -> String {
    let columns: Vec<String> = table.columns.iter().map(|column| format!("t.{column}")).collect();
    format!("json_build_array({})::text", columns.join(", "))
}

/// The digest of one link: everything the seal says, and the seal before it.
fn link(seal_no: i64, table: &str, row_id: Uuid, row_digest: &[u8], previous: &[u8]) -> Vec<u8> {
    sha256(&[&seal_no.to_be_bytes(), table.as_bytes(), row_id.as_bytes(), row_digest, previous])
}

fn sha256(parts: &[&[u8]]) -> Vec<u8> {
    let mut context = Context::new(&SHA256);
    for part in parts {
        context.update(part);
    }
    context.finish().as_ref().to_vec()
}

#[cfg(test)]
mod tests;
