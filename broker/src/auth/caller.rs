//! The caller of one request.

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use chrono::{DateTime, Utc};
use record::{Actor, Stamp};
use sqlx::PgConnection;
use uuid::Uuid;

use super::{Role, RoleHeld, digest};
use crate::api::ApiError;

/// A person who showed a good key or session.
#[derive(Clone, Debug)]
pub struct Caller {
    /// Opaque id.
    pub person_id: Uuid,
    /// What they are.
    pub roles: Vec<RoleHeld>,
    /// This request's trace id; it goes into every audit row the request makes.
    pub trace_id: Uuid,
}

impl Caller {
    /// Finds the person behind an access key, with their roles.
    pub async fn by_access_key(
        tx: &mut PgConnection,
        key: &str,
        now: DateTime<Utc>,
    ) -> Result<Option<Self>, sqlx::Error> {
        let rows = sqlx::query_as!(
            RoleRow,
            r#"select person_id, r.role as "role?: Role", r.agency_id as "agency_id?"
               from broker.access_key k left join broker.person_role r using (person_id)
               where k.digest = $1 and k.expires_at > $2 order by r.role"#,
            digest(key),
            now,
        )
        .fetch_all(tx)
        .await?;
        Ok(Self::of(rows))
    }

    /// Finds the person behind a session cookie, with their roles.
    pub async fn by_session(
        tx: &mut PgConnection,
        token: &str,
        now: DateTime<Utc>,
    ) -> Result<Option<Self>, sqlx::Error> {
        let rows = sqlx::query_as!(
            RoleRow,
            r#"select person_id, r.role as "role?: Role", r.agency_id as "agency_id?"
               from broker.session s left join broker.person_role r using (person_id)
               where s.digest = $1 and s.expires_at > $2 order by r.role"#,
            digest(token),
            now,
        )
        .fetch_all(tx)
        .await?;
        Ok(Self::of(rows))
    }

    /// One row per role; a person without roles has one row that names none.
    fn of(rows: Vec<RoleRow>) -> Option<Self> {
        let person_id = rows.first()?.person_id;
        let held = |row: RoleRow| Some(RoleHeld { role: row.role?, agency_id: row.agency_id });
        let roles = rows.into_iter().filter_map(held).collect();
        Some(Self { person_id, roles, trace_id: record::id::fresh() })
    }

    /// True if the person holds the role, for whatever agency.
    pub fn is(&self, role: Role) -> bool {
        self.roles.iter().any(|held| held.role == role)
    }

    /// True if the person is a member of that agency.
    pub fn is_member_of(&self, agency_id: Uuid) -> bool {
        self.roles
            .iter()
            .any(|held| held.role == Role::AgencyMember && held.agency_id == Some(agency_id))
    }

    /// The stamp of a change this person makes now.
    pub fn stamp<'a>(&self, now: DateTime<Utc>, why: Option<&'a str>) -> Stamp<'a> {
        Stamp { actor: Actor::Person(self.person_id), now, why, trace_id: self.trace_id }
    }
}

struct RoleRow {
    person_id: Uuid,
    role: Option<Role>,
    agency_id: Option<Uuid>,
}

impl<S: Send + Sync> FromRequestParts<S> for Caller {
    type Rejection = ApiError;

    /// The gate put the caller there; a route without one must not ask for it.
    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ApiError> {
        parts.extensions.get::<Self>().cloned().ok_or_else(ApiError::not_logged_in)
    }
}
