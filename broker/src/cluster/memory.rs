//! What the broker remembers of what it set in Slurm: `broker.cluster_applied`.
//!
//! What is about to be set is written down before Slurm is called. If mimerd dies in between, the
//! next look finds Slurm with what was intended, and knows it for its own.

use chrono::{DateTime, Utc};
use serde_json::Value;
use sqlx::PgConnection;

use super::diff::{Known, Memory};
use super::object::{Body, Key, Kind};

/// Reads the memory of a cluster.
pub async fn read(tx: &mut PgConnection, cluster: &str) -> Result<Memory, sqlx::Error> {
    let rows = sqlx::query!(
        "select kind, name, applied, intended from broker.cluster_applied where cluster = $1",
        cluster
    )
    .fetch_all(tx)
    .await?;
    let mut memory = Memory::new();
    for row in rows {
        let kind = Kind::ALL.into_iter().find(|kind| kind.word() == row.kind);
        let kind = kind.ok_or_else(|| sqlx::Error::Decode("a kind that nobody knows".into()))?;
        let known = Known { applied: body(row.applied)?, intended: body(row.intended)? };
        memory.insert(Key { kind, name: row.name }, known);
    }
    Ok(memory)
}

fn body(value: Option<Value>) -> Result<Option<Body>, sqlx::Error> {
    let read = value.map(serde_json::from_value).transpose();
    read.map_err(|error| sqlx::Error::Decode(Box::new(error)))
}

/// Writes down what calls are about to set, all at once.
pub async fn intend(
    tx: &mut PgConnection,
    cluster: &str,
    bodies: &[(&Key, &Body)],
    now: DateTime<Utc>,
) -> Result<(), sqlx::Error> {
    let (kinds, names, values) = columns(bodies);
    sqlx::query!(
        "insert into broker.cluster_applied (cluster, kind, name, intended, changed_at)
         select $1, kind, name, body, $5
         from unnest($2::text[], $3::text[], $4::jsonb[]) as t (kind, name, body)
         on conflict (cluster, kind, name)
         do update set intended = excluded.intended, changed_at = excluded.changed_at",
        cluster,
        &kinds,
        &names,
        &values,
        now,
    )
    .execute(tx)
    .await?;
    Ok(())
}

/// Writes down that these are about to be removed: from now on both are the broker's own doing,
/// that Slurm has them still and that it has them no more.
pub async fn let_go(
    tx: &mut PgConnection,
    cluster: &str,
    keys: &[&Key],
) -> Result<(), sqlx::Error> {
    let (kinds, names) = names(keys);
    sqlx::query!(
        "update broker.cluster_applied c set intended = coalesce(applied, intended), applied = null
         from unnest($2::text[], $3::text[]) as t (kind, name)
         where c.cluster = $1 and c.kind = t.kind and c.name = t.name",
        cluster,
        &kinds,
        &names,
    )
    .execute(tx)
    .await?;
    Ok(())
}

/// Remembers what Slurm has, all at once; no call is open for it any more.
pub async fn remember(
    tx: &mut PgConnection,
    cluster: &str,
    bodies: &[(&Key, &Body)],
    now: DateTime<Utc>,
) -> Result<(), sqlx::Error> {
    let (kinds, names, values) = columns(bodies);
    sqlx::query!(
        "insert into broker.cluster_applied (cluster, kind, name, applied, changed_at)
         select $1, kind, name, body, $5
         from unnest($2::text[], $3::text[], $4::jsonb[]) as t (kind, name, body)
         on conflict (cluster, kind, name)
         do update set applied = excluded.applied, intended = null,
             changed_at = excluded.changed_at",
        cluster,
        &kinds,
        &names,
        &values,
        now,
    )
    .execute(tx)
    .await?;
    Ok(())
}

/// Forgets what Slurm no longer has.
pub async fn forget(
    tx: &mut PgConnection,
    cluster: &str,
    keys: &[&Key],
) -> Result<(), sqlx::Error> {
    let (kinds, names) = names(keys);
    sqlx::query!(
        "delete from broker.cluster_applied c using unnest($2::text[], $3::text[]) as t (kind, name)
         where c.cluster = $1 and c.kind = t.kind and c.name = t.name",
        cluster,
        &kinds,
        &names,
    )
    .execute(tx)
    .await?;
    Ok(())
}

/// True if Slurm is known to have an object that the broker made.
pub async fn has(tx: &mut PgConnection, cluster: &str, key: &Key) -> Result<bool, sqlx::Error> {
    sqlx::query_scalar!(
        r#"select exists (select from broker.cluster_applied
               where cluster = $1 and kind = $2 and name = $3 and applied is not null) as "has!""#,
        cluster,
        key.kind.word(),
        key.name,
    )
    .fetch_one(tx)
    .await
}

fn names(keys: &[&Key]) -> (Vec<String>, Vec<String>) {
    keys.iter().map(|key| (key.kind.word().to_owned(), key.name.clone())).unzip()
}

fn columns(bodies: &[(&Key, &Body)]) -> (Vec<String>, Vec<String>, Vec<Value>) {
    let keys: Vec<&Key> = bodies.iter().map(|(key, _)| *key).collect();
    let (kinds, names) = names(&keys);
    let values = bodies.iter().map(|(_, body)| serde_json::json!(body)).collect();
    (kinds, names, values)
}
