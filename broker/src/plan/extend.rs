//! More wall time for a job that waits or runs: the additional hold first, then Slurm.
//!
//! The additional hold is placed in the transaction that wants the effect. If Slurm refuses the longer
//! limit for good, it goes back, and the reason is shown. A shorter limit is not offered: a job that
//! ends early gets the rest of its hold back all the same.

use accounting::hold::{self, Extend};
use chrono::{DateTime, TimeDelta, Utc};
use quotas::admission::{self, ExtensionAsk};
use record::{GpuSeconds, MicroSek, Stamp};
use serde::Serialize;
use serde_json::json;
use sqlx::PgConnection;
use utoipa::ToSchema;
use uuid::Uuid;

use super::attempt::AttemptState;
use super::wish::Newest;
use super::{Ask, admit, again, spec};
use crate::outbox::{self, Effect};

mod answer;
mod error;

pub(crate) use answer::{Wanted, granted, limit_min, refused, wanted};
pub use error::ExtensionError;

/// Longest extension at once; every grant's own bound is far below.
const MOST_S: i64 = 366 * 24 * 3_600;

/// An extension, and how Slurm answered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Extension {
    /// Its id.
    pub extension_id: Uuid,
    /// Added to the wall time limit: whole minutes, as Slurm counts.
    pub extra_s: i64,
    /// Set aside in addition.
    pub gpu_seconds: i64,
    /// Money set aside in addition.
    pub usek: i64,
    /// When it was asked for.
    pub wanted_at: DateTime<Utc>,
    /// When Slurm had the longer limit.
    pub granted_at: Option<DateTime<Utc>>,
    /// When Slurm refused it for good; what was set aside went back.
    pub refused_at: Option<DateTime<Utc>>,
    /// Why it was refused.
    pub refusal: Option<String>,
}

/// Wants more time for an attempt, and sets aside what it costs.
///
/// The same again gets the same answer, whatever has become of it since.
pub async fn extend(
    tx: &mut PgConnection,
    newest: &Newest,
    (extension_id, extra_s): (Uuid, i64),
    stamp: &Stamp<'_>,
) -> Result<Extension, ExtensionError> {
    if !(1..=MOST_S).contains(&extra_s) {
        return Err(ExtensionError::BadLength(extra_s));
    }
    let extra_s = spec::rounded_wall_time_s(extra_s);
    if let Some(earlier) = earlier(&mut *tx, newest, (extension_id, extra_s)).await? {
        return Ok(earlier);
    }
    newest.still_goes_on()?;
    let standing = standing(&mut *tx, newest.attempt_id).await?;
    if standing.on_its_way {
        return Err(ExtensionError::OnItsWay(newest.job_plan_id));
    }
    let decided = decide(&mut *tx, newest, &standing, extra_s, stamp.now).await?;
    let request = Extend {
        extension_id,
        hold_id: newest.hold_id,
        gpu_seconds: decided.gpu_seconds,
        grant_ids: decided.grant_ids,
        // The hold's own end stays: from then on the job could not end before its first grant.
        expires_at: stamp.now + TimeDelta::seconds(1),
    };
    let held = hold::extend(&mut *tx, &request, stamp).await?;
    write(&mut *tx, newest, (extension_id, extra_s), (held.gpu_seconds, held.usek), stamp).await?;
    let effect = Effect::SetTimeLimit { attempt_id: newest.attempt_id, extension_id };
    outbox::want(&mut *tx, &effect, stamp.trace_id, stamp.now).await?;
    let details = json!({ "extension_id": extension_id, "extra_s": extra_s });
    stamp.audit(&mut *tx, "attempt.extend", ("attempt", newest.attempt_id), details).await?;
    by_id(tx, extension_id).await?.ok_or(ExtensionError::Database(sqlx::Error::RowNotFound))
}

/// What an extension is decided on, besides the plan itself.
struct AsItStands {
    started_at: Option<DateTime<Utc>>,
    extended_s: i64,
    on_its_way: bool,
}

async fn standing(tx: &mut PgConnection, attempt_id: Uuid) -> Result<AsItStands, sqlx::Error> {
    sqlx::query_as!(
        AsItStands,
        r#"select a.started_at,
               coalesce(sum(e.extra_s) filter (where e.refused_at is null), 0)::bigint
                   as "extended_s!",
               coalesce(bool_or(e.granted_at is null and e.refused_at is null)
                   filter (where e.extension_id is not null), false) as "on_its_way!"
           from broker.attempt a left join broker.extension e using (attempt_id)
           where a.attempt_id = $1 group by a.attempt_id"#,
        attempt_id,
    )
    .fetch_one(tx)
    .await
}

async fn decide(
    tx: &mut PgConnection,
    newest: &Newest,
    standing: &AsItStands,
    extra_s: i64,
    now: DateTime<Utc>,
) -> Result<admission::Extension, ExtensionError> {
    let ask = again::ask_of(&mut *tx, newest.job_plan_id).await?.ok_or(sqlx::Error::RowNotFound)?;
    let terms = hold::terms(&mut *tx, newest.hold_id).await?.ok_or(sqlx::Error::RowNotFound)?;
    let wall_time_s =
        spec::rounded_wall_time_s(ask.wall_time_s).saturating_add(standing.extended_s) + extra_s;
    let (staged, _) = admit::staged(&mut *tx, &ask).await?;
    let snapshot = admission::snapshot(tx, ask.project_id, ask.person_id, &staged, now)
        .await
        .map_err(ExtensionError::Snapshot)?;
    let asked = ExtensionAsk {
        person_id: ask.person_id,
        gpu_count: ask.gpu_count,
        task_count: ask.task_count,
        ends_at: over_at(&ask, newest, standing, wall_time_s, now),
        class: ask.class,
        wall_time_s,
        more_s: extra_s,
        held_grant_ids: terms.grant_ids,
        price: terms.price,
        now,
    };
    Ok(admission::decide_extension(&asked, &snapshot)?)
}

/// When the job is over at the latest, if what waits of it starts as soon as it may.
fn over_at(
    ask: &Ask,
    newest: &Newest,
    standing: &AsItStands,
    wall_time_s: i64,
    now: DateTime<Utc>,
) -> DateTime<Utc> {
    let all_run = newest.state == AttemptState::Running && ask.task_count == 1;
    let earliest = ask.begin_at.map_or(now, |begin_at| begin_at.max(now));
    let from = standing.started_at.filter(|_| all_run).unwrap_or(earliest);
    let wall_time = TimeDelta::try_seconds(wall_time_s);
    wall_time.and_then(|it| from.checked_add_signed(it)).unwrap_or(DateTime::<Utc>::MAX_UTC)
}

async fn write(
    tx: &mut PgConnection,
    newest: &Newest,
    (extension_id, extra_s): (Uuid, i64),
    (gpu_seconds, usek): (GpuSeconds, MicroSek),
    stamp: &Stamp<'_>,
) -> Result<(), sqlx::Error> {
    let record::Actor::Person(wanted_by) = stamp.actor else {
        return Err(sqlx::Error::Protocol("only a person asks for more time".to_owned()));
    };
    sqlx::query!(
        "insert into broker.extension
             (extension_id, attempt_id, extra_s, gpu_seconds, usek, wanted_by, wanted_at)
         values ($1, $2, $3, $4, $5, $6, $7)",
        extension_id,
        newest.attempt_id,
        extra_s,
        gpu_seconds.get(),
        usek.get(),
        wanted_by,
        stamp.now,
    )
    .execute(tx)
    .await?;
    Ok(())
}

/// The answer given before to an equal request; an unequal one under the same id is refused.
async fn earlier(
    tx: &mut PgConnection,
    newest: &Newest,
    (extension_id, extra_s): (Uuid, i64),
) -> Result<Option<Extension>, ExtensionError> {
    let of_plan = sqlx::query_scalar!(
        r#"select a.job_plan_id = $2 and e.extra_s = $3 as "equal!"
           from broker.extension e join broker.attempt a using (attempt_id)
           where e.extension_id = $1"#,
        extension_id,
        newest.job_plan_id,
        extra_s,
    )
    .fetch_optional(&mut *tx)
    .await?;
    match of_plan {
        None => Ok(None),
        Some(true) => Ok(by_id(tx, extension_id).await?),
        Some(false) => Err(ExtensionError::ExtensionIdReused(extension_id)),
    }
}

async fn by_id(tx: &mut PgConnection, id: Uuid) -> Result<Option<Extension>, sqlx::Error> {
    sqlx::query_as!(
        Extension,
        "select extension_id, extra_s, gpu_seconds, usek, wanted_at, granted_at, refused_at, refusal
         from broker.extension where extension_id = $1",
        id,
    )
    .fetch_optional(tx)
    .await
}

/// The extensions of an attempt, oldest first.
pub async fn of_attempt(
    tx: &mut PgConnection,
    attempt_id: Uuid,
) -> Result<Vec<Extension>, sqlx::Error> {
    sqlx::query_as!(
        Extension,
        "select extension_id, extra_s, gpu_seconds, usek, wanted_at, granted_at, refused_at, refusal
         from broker.extension where attempt_id = $1 order by wanted_at, extension_id",
        attempt_id,
    )
    .fetch_all(tx)
    .await
}
