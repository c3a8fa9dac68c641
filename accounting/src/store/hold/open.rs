//! Listing open holds: those whose time has passed, and those of a project.

use chrono::{DateTime, Utc};
use sqlx::PgConnection;
use uuid::Uuid;

/// A hold that counts against its grants.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
pub struct OpenHold {
    /// The hold.
    pub hold_id: Uuid,
    /// The attempt it pays for.
    pub attempt_id: Uuid,
    /// The project that runs.
    pub project_id: Uuid,
    /// When it may be released if nothing came of it; an extension moves it on.
    pub expires_at: DateTime<Utc>,
}

/// At most `limit` open holds whose time has passed at `now`, the longest past first; with `after`,
/// those that come after that one.
///
/// Only lists them: whether something came of one after all is for the caller to find out.
pub async fn expired(
    tx: &mut PgConnection,
    now: DateTime<Utc>,
    after: Option<&OpenHold>,
    limit: i64,
) -> Result<Vec<OpenHold>, sqlx::Error> {
    sqlx::query_as!(
        OpenHold,
        r#"select hold_id, attempt_id, project_id,
             greatest(expires_at, extended_until) as "expires_at!"
         from accounting.hold
         where state = 'open' and expires_at <= $1
             and (extended_until is null or extended_until <= $1)
             and ($3::timestamptz is null
                 or (greatest(expires_at, extended_until), hold_id) > ($3, $4))
         order by 4, hold_id
         limit $2"#,
        now,
        limit,
        after.map(|it| it.expires_at),
        after.map(|it| it.hold_id),
    )
    .fetch_all(tx)
    .await
}

/// Every open hold, the oldest first.
pub async fn all_open(tx: &mut PgConnection) -> Result<Vec<OpenHold>, sqlx::Error> {
    sqlx::query_as!(
        OpenHold,
        r#"select hold_id, attempt_id, project_id,
             greatest(expires_at, extended_until) as "expires_at!"
         from accounting.hold where state = 'open'
         order by placed_at, hold_id"#,
    )
    .fetch_all(tx)
    .await
}

/// The open holds of a project, the oldest first.
pub async fn open_of(
    tx: &mut PgConnection,
    project_id: Uuid,
) -> Result<Vec<OpenHold>, sqlx::Error> {
    sqlx::query_as!(
        OpenHold,
        r#"select hold_id, attempt_id, project_id,
             greatest(expires_at, extended_until) as "expires_at!"
         from accounting.hold where state = 'open' and project_id = $1
         order by placed_at, hold_id"#,
        project_id,
    )
    .fetch_all(tx)
    .await
}
