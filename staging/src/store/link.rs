//! Rows of links. A link is locked while it moves, so that two reports never cross.

use std::path::PathBuf;

use quotas::permit::{self, PermitRefusal};
use quotas::project;
use record::Stamp;
use serde_json::json;
use sqlx::PgConnection;
use uuid::Uuid;

use crate::environment::{self, Environment};
use crate::link::{Link, LinkError, OpenError, OpenLink};

use super::row::{LinkRow, StateColumns};

/// A link that is being fetched, and from where.
#[derive(Clone, Debug)]
pub struct FetchStarted {
    /// The link, in state *fetching*.
    pub link: Link,
    /// Where it comes from.
    pub environment: Environment,
}

/// Opens a link under its permit. An equal repeat changes nothing.
pub async fn open(
    tx: &mut PgConnection,
    request: &OpenLink,
    stamp: &Stamp<'_>,
) -> Result<Link, OpenError> {
    if let Some(known) = by_id(tx, request.link_id).await? {
        return if request.made(&known) {
            Ok(known)
        } else {
            Err(OpenError::LinkIdReused(request.link_id))
        };
    }
    let environment = environment::by_id(tx, request.environment_id)
        .await?
        .ok_or(OpenError::NoSuchEnvironment(request.environment_id))?;
    let project = project::by_id(tx, request.project_id)
        .await?
        .ok_or(OpenError::LinkForUnknownProject(request.project_id))?;
    let permit_id = request.permit_id;
    let permit = permit::by_id(tx, permit_id).await?.ok_or(PermitRefusal::Missing { permit_id })?;
    let link = request.check(&environment, (project.data_class, &permit), stamp.now)?;
    insert(tx, &link).await?;
    let details = json!({
        "project_id": link.project_id,
        "permit_id": link.permit_id,
        "environment_id": link.environment_id,
        "direction": link.direction,
        "allowed_types": link.bounds.allowed_types,
        "max_bytes": link.bounds.max_bytes,
    });
    stamp.audit(tx, "link.open", ("link", link.link_id), details).await?;
    Ok(link)
}

async fn insert(tx: &mut PgConnection, link: &Link) -> Result<(), OpenError> {
    let area = link.area.to_str().ok_or_else(|| OpenError::AreaPath(link.area.clone()))?;
    let max_bytes = i64::try_from(link.bounds.max_bytes).map_err(|_| OpenError::Bounds {
        link_id: link.link_id,
        what: "the most bytes it lets through must fit 63 bits",
    })?;
    let inserted = sqlx::query!(
        "insert into staging.link (link_id, project_id, permit_id, dataset, environment_id,
             direction, source_path, area, allowed_types, max_bytes, person_id, opened_at, state,
             state_at)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, 'open', $12)
         on conflict (area) where state not in ('quarantined', 'revoked') do nothing",
        link.link_id,
        link.project_id,
        link.permit_id,
        link.dataset,
        link.environment_id,
        link.direction as _,
        link.source_path.as_str(),
        area,
        &link.bounds.allowed_types,
        max_bytes,
        link.person_id,
        link.opened_at,
    )
    .execute(tx)
    .await?;
    if inserted.rows_affected() == 0 {
        return Err(OpenError::AreaTaken(PathBuf::from(area)));
    }
    Ok(())
}

/// Moves a link to *fetching* for the try `transfer_id`. The transfer itself runs after the commit.
pub async fn start_fetch(
    tx: &mut PgConnection,
    link_id: Uuid,
    transfer_id: Uuid,
    stamp: &Stamp<'_>,
) -> Result<FetchStarted, LinkError> {
    let before = locked(tx, link_id).await?.ok_or(LinkError::NoSuchLink(link_id))?;
    let reported = sqlx::query_scalar!(
        r#"select exists (select from staging.transfer where transfer_id = $1) as "reported!""#,
        transfer_id
    )
    .fetch_one(&mut *tx)
    .await?;
    if reported {
        return Err(LinkError::TransferIdReused(transfer_id));
    }
    let link = before.clone().fetch_started(transfer_id, stamp.now)?;
    if link != before {
        keep_state(tx, &link).await?;
        let details = json!({ "transfer_id": transfer_id, "after": before.state.word() });
        stamp.audit(tx, "link.fetch_started", ("link", link_id), details).await?;
    }
    let environment =
        environment::by_id(tx, link.environment_id).await?.ok_or(sqlx::Error::RowNotFound)?; // The foreign key keeps it there.
    Ok(FetchStarted { link, environment })
}

/// Withdraws a link. A transfer that runs is stopped by its gate. Doing it twice changes nothing.
pub async fn revoke(
    tx: &mut PgConnection,
    link_id: Uuid,
    stamp: &Stamp<'_>,
) -> Result<Link, LinkError> {
    let before = locked(tx, link_id).await?.ok_or(LinkError::NoSuchLink(link_id))?;
    let link = before.clone().revoked(stamp.now);
    if link != before {
        keep_state(tx, &link).await?;
        let details = json!({ "was": before.state.word() });
        stamp.audit(tx, "link.revoked", ("link", link_id), details).await?;
    }
    Ok(link)
}

/// Withdraws every link under a permit and tells which were not withdrawn before.
pub async fn revoke_for_permit(
    tx: &mut PgConnection,
    permit_id: Uuid,
    stamp: &Stamp<'_>,
) -> Result<Vec<Uuid>, LinkError> {
    let link_ids = sqlx::query_scalar!(
        "select link_id from staging.link where permit_id = $1 and state <> 'revoked'
         order by link_id",
        permit_id
    )
    .fetch_all(&mut *tx)
    .await?;
    for &link_id in &link_ids {
        revoke(tx, link_id, stamp).await?;
    }
    Ok(link_ids)
}

/// One link.
pub async fn by_id(tx: &mut PgConnection, link_id: Uuid) -> Result<Option<Link>, sqlx::Error> {
    Ok(LinkRow::by_id(tx, link_id).await?.map(Link::try_from).transpose()?)
}

/// A project's links, the newest first.
pub async fn list_for_project(
    tx: &mut PgConnection,
    project_id: Uuid,
) -> Result<Vec<Link>, sqlx::Error> {
    let rows = LinkRow::of_project(tx, project_id).await?;
    rows.into_iter().map(|row| Ok(Link::try_from(row)?)).collect()
}

/// Whether every one of the links is verified. A link that is not known is not verified.
pub async fn all_verified(tx: &mut PgConnection, link_ids: &[Uuid]) -> Result<bool, sqlx::Error> {
    sqlx::query_scalar!(
        r#"select not exists (
               select from unnest($1::uuid[]) as wanted(link_id)
               left join staging.link as link on link.link_id = wanted.link_id
               where link.state is distinct from 'verified'
           ) as "all_verified!""#,
        link_ids
    )
    .fetch_one(tx)
    .await
}

/// One link, locked until the transaction ends.
pub(super) async fn locked(
    tx: &mut PgConnection,
    link_id: Uuid,
) -> Result<Option<Link>, sqlx::Error> {
    sqlx::query!("select link_id from staging.link where link_id = $1 for update", link_id)
        .fetch_optional(&mut *tx)
        .await?;
    by_id(tx, link_id).await
}

/// Writes the state of a link that moved.
pub(super) async fn keep_state(tx: &mut PgConnection, link: &Link) -> Result<(), sqlx::Error> {
    let row = StateColumns::of(&link.state, link.opened_at);
    sqlx::query!(
        "update staging.link
         set state = $2, state_at = $3, transfer_id = coalesce($4, transfer_id), code = $5,
             manifest_sha256 = $6, file_count = $7, size_bytes = $8
         where link_id = $1",
        link.link_id,
        row.state as _,
        row.at,
        row.transfer_id,
        row.code,
        row.manifest_sha256,
        row.file_count,
        row.size_bytes,
    )
    .execute(tx)
    .await?;
    Ok(())
}

impl OpenLink {
    /// Whether this request is the one that opened `link`.
    fn made(&self, link: &Link) -> bool {
        let same_ids = (self.project_id, self.permit_id, self.environment_id, self.person_id)
            == (link.project_id, link.permit_id, link.environment_id, link.person_id);
        same_ids
            && self.dataset == link.dataset
            && self.direction == link.direction
            && self.source_path == link.source_path.as_str()
            && self.area == link.area
            && self.bounds == link.bounds
    }
}
