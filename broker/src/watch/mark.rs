//! How far slurmctld and slurmdbd have been read, kept over the life of a process.

use chrono::{DateTime, TimeDelta, Utc};
use sqlx::PgConnection;

/// How far one cluster has been read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Mark {
    /// What had ended before was read from slurmdbd.
    pub(super) read_until: DateTime<Utc>,
    /// Where the slow second reading stands.
    pub(super) again_from: DateTime<Utc>,
    /// When slurmctld last answered.
    pub(super) watched_at: DateTime<Utc>,
    /// End of the last break in which a job could have run and been forgotten by slurmctld, unseen.
    pub(super) blind_until: Option<DateTime<Utc>>,
}

/// Reads the mark; the first time it is made, and begins now.
pub(super) async fn read(
    tx: &mut PgConnection,
    cluster: &str,
    now: DateTime<Utc>,
) -> Result<Mark, sqlx::Error> {
    let kept = sqlx::query_as!(
        Mark,
        "select read_until, again_from, watched_at, blind_until
         from broker.records_mark where cluster = $1",
        cluster,
    )
    .fetch_optional(&mut *tx)
    .await?;
    if let Some(mark) = kept {
        return Ok(mark);
    }
    let mark = Mark { read_until: now, again_from: now, watched_at: now, blind_until: Some(now) };
    // What was given to Slurm before the mark was made may have run unseen.
    sqlx::query!(
        "insert into broker.records_mark (cluster, read_until, again_from, watched_at, blind_until)
         values ($1, $2, $2, $2, $2) on conflict do nothing",
        cluster,
        now,
    )
    .execute(tx)
    .await?;
    Ok(mark)
}

/// slurmctld answered now. A break since it last did that was long enough for a job to run, end and
/// be forgotten is noted.
pub(super) async fn watched(
    tx: &mut PgConnection,
    cluster: &str,
    forgets_after: TimeDelta,
    now: DateTime<Utc>,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "update broker.records_mark
         set blind_until = case when watched_at < $3 then $2 else blind_until end,
             watched_at = greatest(watched_at, $2)
         where cluster = $1",
        cluster,
        now,
        now - forgets_after,
    )
    .execute(tx)
    .await?;
    Ok(())
}

/// Everything that had ended before `read_until` was read.
pub(super) async fn read_on(
    tx: &mut PgConnection,
    cluster: &str,
    read_until: DateTime<Utc>,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "update broker.records_mark set read_until = greatest(read_until, $2) where cluster = $1",
        cluster,
        read_until,
    )
    .execute(tx)
    .await?;
    Ok(())
}

/// The slow second reading stands here now.
pub(super) async fn read_again(
    tx: &mut PgConnection,
    cluster: &str,
    again_from: DateTime<Utc>,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "update broker.records_mark set again_from = $2 where cluster = $1",
        cluster,
        again_from,
    )
    .execute(tx)
    .await?;
    Ok(())
}
