//! A link as one row, and the one place where a row becomes a link.

use chrono::{DateTime, Utc};
use quotas::Inconsistency;
use sqlx::PgConnection;
use uuid::Uuid;

use crate::digest::Sha256;
use crate::link::{Direction, Link, LinkState};
use crate::manifest::Bounds;

/// The states, as the database writes them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, sqlx::Type)]
#[sqlx(type_name = "staging.link_state", rename_all = "snake_case")]
pub(super) enum StateWord {
    Open,
    Fetching,
    Verified,
    Quarantined,
    Failed,
    Revoked,
}

pub(super) struct LinkRow {
    link_id: Uuid,
    project_id: Uuid,
    permit_id: Uuid,
    dataset: String,
    environment_id: Uuid,
    environment_name: String,
    direction: Direction,
    source_path: String,
    area: String,
    allowed_types: Vec<String>,
    max_bytes: i64,
    person_id: Uuid,
    opened_at: DateTime<Utc>,
    state: StateWord,
    state_at: DateTime<Utc>,
    transfer_id: Option<Uuid>,
    code: Option<String>,
    manifest_sha256: Option<Vec<u8>>,
    file_count: Option<i64>,
    size_bytes: Option<i64>,
}

/// The columns that move with the state.
pub(super) struct StateColumns {
    pub(super) state: StateWord,
    pub(super) at: DateTime<Utc>,
    pub(super) transfer_id: Option<Uuid>,
    pub(super) code: Option<String>,
    pub(super) manifest_sha256: Option<Vec<u8>>,
    pub(super) file_count: Option<i64>,
    pub(super) size_bytes: Option<i64>,
}

impl LinkRow {
    pub(super) async fn by_id(
        tx: &mut PgConnection,
        link_id: Uuid,
    ) -> Result<Option<Self>, sqlx::Error> {
        sqlx::query_as!(
            Self,
            r#"select link_id, project_id, permit_id, dataset, environment_id,
                   environment.name as environment_name, direction as "direction: Direction",
                   source_path, area, allowed_types, max_bytes, person_id, opened_at,
                   state as "state: StateWord", state_at, transfer_id, code, manifest_sha256,
                   file_count, size_bytes
               from staging.link join staging.environment using (environment_id)
               where link_id = $1"#,
            link_id
        )
        .fetch_optional(tx)
        .await
    }

    pub(super) async fn of_project(
        tx: &mut PgConnection,
        project_id: Uuid,
    ) -> Result<Vec<Self>, sqlx::Error> {
        sqlx::query_as!(
            Self,
            r#"select link_id, project_id, permit_id, dataset, environment_id,
                   environment.name as environment_name, direction as "direction: Direction",
                   source_path, area, allowed_types, max_bytes, person_id, opened_at,
                   state as "state: StateWord", state_at, transfer_id, code, manifest_sha256,
                   file_count, size_bytes
               from staging.link join staging.environment using (environment_id)
               where project_id = $1 order by opened_at desc, link_id"#,
            project_id
        )
        .fetch_all(tx)
        .await
    }
}

impl StateColumns {
    /// The columns of a link in `state`. A revoked link keeps what it was verified against nowhere
    /// but in the record of its transfers.
    pub(super) fn of(state: &LinkState, opened_at: DateTime<Utc>) -> Self {
        let bare = |state, at, transfer_id| Self {
            state,
            at,
            transfer_id,
            code: None,
            manifest_sha256: None,
            file_count: None,
            size_bytes: None,
        };
        match state {
            LinkState::Open => bare(StateWord::Open, opened_at, None),
            LinkState::Fetching { transfer_id, since } => {
                bare(StateWord::Fetching, *since, Some(*transfer_id))
            }
            LinkState::Verified { transfer_id, at, manifest_sha256, file_count, size_bytes } => {
                Self {
                    manifest_sha256: Some(manifest_sha256.as_bytes().to_vec()),
                    file_count: Some(*file_count),
                    size_bytes: Some(*size_bytes),
                    ..bare(StateWord::Verified, *at, Some(*transfer_id))
                }
            }
            LinkState::Quarantined { transfer_id, at, code } => Self {
                code: Some(code.clone()),
                ..bare(StateWord::Quarantined, *at, Some(*transfer_id))
            },
            LinkState::Failed { transfer_id, at, code } => Self {
                code: Some(code.clone()),
                ..bare(StateWord::Failed, *at, Some(*transfer_id))
            },
            LinkState::Revoked { at } => bare(StateWord::Revoked, *at, None),
        }
    }
}

impl TryFrom<LinkRow> for Link {
    type Error = Inconsistency;

    fn try_from(row: LinkRow) -> Result<Self, Inconsistency> {
        let odd = |column| Inconsistency { table: "staging.link", column, row: row.link_id };
        let transfer_id = row.transfer_id.ok_or(odd("transfer_id"));
        let (at, code) = (row.state_at, row.code.ok_or(odd("code")));
        let state = match row.state {
            StateWord::Open => LinkState::Open,
            StateWord::Fetching => LinkState::Fetching { transfer_id: transfer_id?, since: at },
            StateWord::Verified => LinkState::Verified {
                transfer_id: transfer_id?,
                at,
                manifest_sha256: row
                    .manifest_sha256
                    .and_then(|bytes| Sha256::from_slice(&bytes))
                    .ok_or(odd("manifest_sha256"))?,
                file_count: row.file_count.ok_or(odd("file_count"))?,
                size_bytes: row.size_bytes.ok_or(odd("size_bytes"))?,
            },
            StateWord::Quarantined => {
                LinkState::Quarantined { transfer_id: transfer_id?, at, code: code? }
            }
            StateWord::Failed => LinkState::Failed { transfer_id: transfer_id?, at, code: code? },
            StateWord::Revoked => LinkState::Revoked { at },
        };
        Ok(Self {
            link_id: row.link_id,
            project_id: row.project_id,
            permit_id: row.permit_id,
            dataset: row.dataset,
            environment_id: row.environment_id,
            environment_name: row.environment_name,
            direction: row.direction,
            source_path: row.source_path.parse().map_err(|_| odd("source_path"))?,
            area: row.area.into(),
            bounds: Bounds {
                allowed_types: row.allowed_types,
                max_bytes: row.max_bytes.try_into().map_err(|_| odd("max_bytes"))?,
            },
            person_id: row.person_id,
            opened_at: row.opened_at,
            state,
        })
    }
}
