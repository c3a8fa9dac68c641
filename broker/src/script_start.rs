//! Starts of scripts as the nodes saw them, and those that Slurm knows nothing of.
//!
//! slurmctld may die after it has started a script and before it has saved that; it then starts the
//! script again, and nobody but the node knows of the first. More starts on the nodes than Slurm
//! made there are second starts: each is an exception. What is owed is still what slurmdbd has.

mod told;

use agent_wire::Starts;
use anyhow::Context;
use chrono::{DateTime, TimeDelta, Utc};
use record::{Actor, Stamp};
use serde_json::json;
use slurm_wire::JobRecord;
use sqlx::{Connection, PgConnection};
use told::Told;
use uuid::Uuid;

use crate::app::App;
use crate::exception::{self, ExceptionKind, Found};

/// How long Slurm is given to tell of a restart of its own making.
const SLURM_TELLS_WITHIN: TimeDelta = TimeDelta::seconds(30);
/// Starts that were told longer ago have been looked at.
const LOOKED_AT_FOR: TimeDelta = TimeDelta::days(1);

/// Why starts were not taken in.
#[derive(Debug, thiserror::Error)]
pub enum StartsError {
    /// The token belongs to another node.
    #[error("this token is node {token_node}'s, but the starts are of {starts_node}")]
    OtherNode {
        /// Node of the token.
        token_node: String,
        /// Node in the body.
        starts_node: String,
    },
    /// Too many at once.
    #[error("at most {} starts may be told at once, not {count}", Starts::MOST)]
    TooMany {
        /// How many there were.
        count: usize,
    },
    /// The database failed.
    #[error("storing starts")]
    Database(#[from] sqlx::Error),
}

impl StartsError {
    /// The stable code of the API.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::OtherNode { .. } => "starts_of_other_node",
            Self::TooMany { .. } => "too_many_starts",
            Self::Database(_) => "starts_database",
        }
    }
}

/// Keeps what a node tells; telling it again changes nothing.
pub async fn take_in(
    tx: &mut PgConnection,
    (cluster, node): (&str, &str),
    told: &Starts,
    now: DateTime<Utc>,
) -> Result<(), StartsError> {
    if told.node != node {
        let (token_node, starts_node) = (node.to_owned(), told.node.clone());
        return Err(StartsError::OtherNode { token_node, starts_node });
    }
    if told.starts.len() > Starts::MOST {
        return Err(StartsError::TooMany { count: told.starts.len() });
    }
    for start in &told.starts {
        sqlx::query!(
            "insert into broker.script_start (cluster, node, slurm_job_id, started_at, told_at)
             values ($1, $2, $3, $4, $5) on conflict do nothing",
            cluster,
            node,
            i64::from(start.slurm_job_id),
            start.started_at,
            now,
        )
        .execute(&mut *tx)
        .await?;
    }
    Ok(())
}

/// A job that nodes saw start more than once.
struct Repeated {
    attempt_id: Uuid,
    created_at: DateTime<Utc>,
    trace_id: Uuid,
    /// The array's for a task of one, else the job's own.
    asked_id: i64,
    slurm_job_id: i64,
    /// As the nodes saw them, in order.
    started_at: Vec<DateTime<Utc>>,
    /// As slurmctld told them.
    told_at: Vec<DateTime<Utc>>,
    /// Restarts that slurmctld counts.
    restart_count: i32,
    /// Exceptions that there are.
    shown: i64,
}

impl Repeated {
    /// How many starts Slurm does not account for and are not shown yet, and which may be meant.
    fn unknown(&self, records: &[JobRecord]) -> (usize, Vec<DateTime<Utc>>) {
        let of_this = |record: &&JobRecord| i64::from(record.job_id) == self.slurm_job_id;
        let told = Told {
            by_nodes: &self.started_at,
            by_slurmctld: &self.told_at,
            restart_count: usize::try_from(self.restart_count).unwrap_or_default(),
            records: records.iter().filter(of_this).collect(),
        };
        let (accounted, order) = told.accounts_for();
        let known = accounted + usize::try_from(self.shown).unwrap_or_default();
        (self.started_at.len().saturating_sub(known), order)
    }
}

/// Raises the exceptions of what the nodes told and Slurm did not.
pub async fn look(app: &App) -> anyhow::Result<()> {
    let (cluster, now) = (app.cluster.name.as_str(), app.clock.now());
    let mut connection = app.db.acquire().await?;
    let repeated = repeated(&mut connection, cluster, now).await?;
    let asked_ids = repeated.iter().map(|it| u32::try_from(it.asked_id));
    let asked_ids: Vec<u32> =
        asked_ids.collect::<Result<_, _>>().context("Slurm's ids have 32 bits")?;
    let records = crate::watch::records_of(&mut connection, cluster, &asked_ids).await?;
    let records: Vec<JobRecord> = records.into_iter().map(|kept| kept.record).collect();
    for repeated in repeated {
        let unknown = repeated.unknown(&records);
        if unknown.0 == 0 {
            continue;
        }
        let (actor, trace_id) = (Actor::Program("watcher"), repeated.trace_id);
        let stamp = Stamp { actor, now, why: None, trace_id };
        let mut tx = connection.begin().await?;
        let news = raise(&mut tx, cluster, (&repeated, unknown), &stamp).await?;
        tx.commit().await?;
        (0..news).for_each(|_| app.metrics.second_start());
    }
    Ok(())
}

/// Jobs of which nodes told more than one start lately, once slurmctld has been followed for long enough
/// after the last to have told of it.
async fn repeated(
    tx: &mut PgConnection,
    cluster: &str,
    now: DateTime<Utc>,
) -> Result<Vec<Repeated>, sqlx::Error> {
    sqlx::query_as!(
        Repeated,
        r#"with recent as (
             select distinct slurm_job_id from broker.script_start
             where cluster = $1 and told_at > $2
         ), job as (
             select a.attempt_id, a.job_plan_id, a.created_at, a.slurm_job_id as asked_id,
                 a.slurm_job_id
             from broker.attempt a join recent using (slurm_job_id) where a.cluster = $1
             union
             select a.attempt_id, a.job_plan_id, a.created_at, a.slurm_job_id, t.slurm_job_id
             from broker.task t join recent using (slurm_job_id)
                 join broker.attempt a using (attempt_id)
             where a.cluster = $1
         ), seen as (
             -- A node's clock differs from ours by less than the hour.
             select j.*, (select array_agg(s.started_at order by s.started_at)
                 from broker.script_start s
                 where s.cluster = $1 and s.slurm_job_id = j.slurm_job_id
                   and s.started_at > j.created_at - interval '1 hour') as started_at
             from job j
         )
         select s.attempt_id as "attempt_id!", s.created_at as "created_at!",
             s.asked_id as "asked_id!", s.slurm_job_id as "slurm_job_id!",
             s.started_at as "started_at!", p.trace_id,
             array(select b.started_at from broker.job_start b
                 where b.attempt_id = s.attempt_id and b.slurm_job_id = s.slurm_job_id)
                 as "told_at!",
             coalesce((select max(b.restart_count) from broker.job_start b
                 where b.attempt_id = s.attempt_id and b.slurm_job_id = s.slurm_job_id), 0)
                 as "restart_count!",
             (select count(*) from broker.exception e
                 where e.attempt_id = s.attempt_id and e.kind = 'second_start'
                   and e.slurm_job_id = s.slurm_job_id) as "shown!"
         from seen s join broker.job_plan p using (job_plan_id)
         where cardinality(s.started_at) > 1
           and s.started_at[cardinality(s.started_at)] + $3::interval < (
               select m.watched_at from broker.records_mark m where m.cluster = $1)"#,
        cluster,
        now - LOOKED_AT_FOR,
        SLURM_TELLS_WITHIN as _,
    )
    .fetch_all(tx)
    .await
}

/// One exception for each start that Slurm does not account for. Returns how many are new.
async fn raise(
    tx: &mut PgConnection,
    cluster: &str,
    (repeated, (count, order)): (&Repeated, (usize, Vec<DateTime<Utc>>)),
    stamp: &Stamp<'_>,
) -> Result<usize, sqlx::Error> {
    let (first, mut news) = (repeated.started_at.first(), 0);
    for at in order {
        if news == count {
            break;
        }
        let found = Found {
            kind: ExceptionKind::SecondStart,
            cluster,
            slurm_job_id: repeated.slurm_job_id,
            submitted_at: repeated.created_at,
            distinction: &format!("node {}", at.timestamp_micros()),
            attempt_id: Some(repeated.attempt_id),
            facts: json!({
                "first_started_at": first,
                "started_again_at": repeated.started_at.last(),
                "seen_at": at,
                "sentence": "nodes saw more starts than Slurm counts: slurmctld had forgotten one, \
                             and started the script again; what slurmdbd has is charged",
            }),
        };
        if exception::keep(&mut *tx, &found, stamp).await?.is_some() {
            news += 1;
            tracing::error!(attempt.id = %repeated.attempt_id,
                slurm.job_id = repeated.slurm_job_id, seen = %at,
                "Slurm started a script a second time: nodes saw more starts than it counts");
        }
    }
    sqlx::query!(
        "update broker.attempt set start_count = greatest(start_count, $2) where attempt_id = $1",
        repeated.attempt_id,
        i32::try_from(repeated.started_at.len()).unwrap_or(i32::MAX),
    )
    .execute(tx)
    .await?;
    Ok(news)
}

#[cfg(test)]
mod tests;
