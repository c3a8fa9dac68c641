//! The caller of one request.

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use chrono::{DateTime, Utc};
use record::{Actor, Stamp};
use sqlx::PgConnection;
use uuid::Uuid;

use super::{Role, RoleHeld, digest, roles_of};
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
    /// Finds the person behind an access key.
    pub async fn by_access_key(
        tx: &mut PgConnection,
        key: &str,
        now: DateTime<Utc>,
    ) -> Result<Option<Self>, sqlx::Error> {
        let person_id = sqlx::query_scalar!(
            "select person_id from broker.access_key where digest = $1 and expires_at > $2",
            digest(key),
            now,
        )
        .fetch_optional(&mut *tx)
        .await?;
        Self::of(tx, person_id).await
    }

    /// Finds the person behind a session cookie.
    pub async fn by_session(
        tx: &mut PgConnection,
        token: &str,
        now: DateTime<Utc>,
    ) -> Result<Option<Self>, sqlx::Error> {
        let person_id = sqlx::query_scalar!(
            "select person_id from broker.session where digest = $1 and expires_at > $2",
            digest(token),
            now,
        )
        .fetch_optional(&mut *tx)
        .await?;
        Self::of(tx, person_id).await
    }

    async fn of(
        tx: &mut PgConnection,
        person_id: Option<Uuid>,
    ) -> Result<Option<Self>, sqlx::Error> {
        let Some(person_id) = person_id else { return Ok(None) };
        let roles = roles_of(tx, person_id).await?;
        Ok(Some(Self { person_id, roles, trace_id: record::id::fresh() }))
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

impl<S: Send + Sync> FromRequestParts<S> for Caller {
    type Rejection = ApiError;

    /// The gate put the caller there; a route without one must not ask for it.
    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ApiError> {
        parts.extensions.get::<Self>().cloned().ok_or_else(ApiError::not_logged_in)
    }
}
