//! Who works in a project.
//!
//! Membership and decisions of one project are written one after another, under the project's
//! lock: else a person could join and decide in two transactions that do not see each other.

use record::{Stamp, id};
use serde_json::json;
use sqlx::PgConnection;
use uuid::Uuid;

use super::{ProjectError, store};

/// Makes a person a member; a repeat changes nothing.
pub async fn add_member(
    tx: &mut PgConnection,
    project_id: Uuid,
    person_id: Uuid,
    stamp: &Stamp<'_>,
) -> Result<(), ProjectError> {
    let project =
        store::by_id(&mut *tx, project_id).await?.ok_or(ProjectError::NoSuchProject(project_id))?;
    if project.controller_person_id == person_id {
        return Err(ProjectError::ControllerCannotBeMember { project_id, person_id });
    }
    lock(&mut *tx, project_id).await?;
    if has_decided(&mut *tx, project_id, person_id).await? {
        return Err(ProjectError::DeciderCannotBeMember { project_id, person_id });
    }
    let joined = sqlx::query!(
        "insert into quotas.project_member (membership_id, project_id, person_id, joined_at)
         values ($1, $2, $3, $4) on conflict do nothing",
        id::fresh(),
        project_id,
        person_id,
        stamp.now,
    )
    .execute(&mut *tx)
    .await?;
    if joined.rows_affected() == 1 {
        let details = json!({ "person_id": person_id });
        stamp.audit(tx, "project.add_member", ("project", project_id), details).await?;
    }
    Ok(())
}

/// Ends a person's membership; a repeat changes nothing.
pub async fn remove_member(
    tx: &mut PgConnection,
    project_id: Uuid,
    person_id: Uuid,
    stamp: &Stamp<'_>,
) -> Result<(), ProjectError> {
    if store::by_id(&mut *tx, project_id).await?.is_none() {
        return Err(ProjectError::NoSuchProject(project_id));
    }
    let left = sqlx::query!(
        "update quotas.project_member set left_at = $3
         where project_id = $1 and person_id = $2 and left_at is null",
        project_id,
        person_id,
        stamp.now,
    )
    .execute(&mut *tx)
    .await?;
    if left.rows_affected() == 1 {
        let details = json!({ "person_id": person_id });
        stamp.audit(tx, "project.remove_member", ("project", project_id), details).await?;
    }
    Ok(())
}

/// Whether the person is a member now.
pub async fn is_member(
    tx: &mut PgConnection,
    project_id: Uuid,
    person_id: Uuid,
) -> Result<bool, sqlx::Error> {
    sqlx::query_scalar!(
        r#"select exists (
               select from quotas.project_member
               where project_id = $1 and person_id = $2 and left_at is null
           ) as "is_member!""#,
        project_id,
        person_id,
    )
    .fetch_one(tx)
    .await
}

/// The members now, in the order they joined.
pub async fn members(tx: &mut PgConnection, project_id: Uuid) -> Result<Vec<Uuid>, sqlx::Error> {
    sqlx::query_scalar!(
        "select person_id from quotas.project_member
         where project_id = $1 and left_at is null order by joined_at, person_id",
        project_id,
    )
    .fetch_all(tx)
    .await
}

/// Whether the person is, or ever was, a member.
pub async fn was_ever_member(
    tx: &mut PgConnection,
    project_id: Uuid,
    person_id: Uuid,
) -> Result<bool, sqlx::Error> {
    sqlx::query_scalar!(
        r#"select exists (
               select from quotas.project_member where project_id = $1 and person_id = $2
           ) as "was_member!""#,
        project_id,
        person_id,
    )
    .fetch_one(tx)
    .await
}

/// Waits until no other transaction changes who works in, or decides on, the project.
///
/// An advisory lock, because the application may not update projects and so cannot lock the row.
pub(crate) async fn lock(tx: &mut PgConnection, project_id: Uuid) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "select pg_advisory_xact_lock(hashtextextended('quotas.project ' || $1::uuid, 0))",
        project_id,
    )
    .execute(tx)
    .await?;
    Ok(())
}

/// Whether the person decided on a request of the project, or on a change of its grants.
async fn has_decided(
    tx: &mut PgConnection,
    project_id: Uuid,
    person_id: Uuid,
) -> Result<bool, sqlx::Error> {
    sqlx::query_scalar!(
        r#"select exists (
               select from quotas.decision d join quotas.request r using (request_id)
               where r.project_id = $1 and d.decided_by = $2
           ) or exists (
               select
               from quotas.grant g
                   join quotas.grant_change c on g.grant_id in (c.grant_id, c.other_grant_id)
               where g.project_id = $1 and c.decided_by = $2
           ) as "has_decided!""#,
        project_id,
        person_id,
    )
    .fetch_one(tx)
    .await
}

#[cfg(test)]
mod tests {
    use sqlx::PgPool;

    use super::*;
    use crate::{
        agency::Category,
        fixture::{Site, by, trail},
        project,
    };

    #[sqlx::test(migrations = false)]
    async fn who_leaves_is_no_member_and_may_come_back(db: PgPool) {
        let site = Site::lay_out(&db, Category::PublicBody).await;
        let mut tx = db.begin().await.unwrap();
        let (project_id, member, stamp) = (site.project_id, site.member, by(site.requester));
        for _ in 0..2 {
            remove_member(&mut tx, project_id, member, &stamp).await.unwrap();
            assert!(!is_member(&mut tx, project_id, member).await.unwrap());
            assert!(was_ever_member(&mut tx, project_id, member).await.unwrap());
            assert!(project::list_for_person(&mut tx, member).await.unwrap().is_empty());
        }
        for _ in 0..2 {
            add_member(&mut tx, project_id, member, &stamp).await.unwrap();
            assert!(is_member(&mut tx, project_id, member).await.unwrap());
            assert_eq!(members(&mut tx, project_id).await.unwrap(), [member]);
            assert_eq!(project::list_for_person(&mut tx, member).await.unwrap().len(), 1);
        }
        let told = trail(&mut tx, project_id).await;
        let changes = ["project.add_member", "project.remove_member", "project.add_member"];
        assert_eq!(told[1..], changes, "a repeat leaves no row");
    }

    #[sqlx::test(migrations = false)]
    async fn a_data_controller_is_no_member_of_the_project(db: PgPool) {
        let site = Site::lay_out(&db, Category::PublicBody).await;
        let mut tx = db.begin().await.unwrap();
        let stamp = by(site.requester);
        let refused = add_member(&mut tx, site.project_id, site.controller, &stamp).await;
        assert!(matches!(refused, Err(ProjectError::ControllerCannotBeMember { .. })));
    }

    #[sqlx::test(migrations = false)]
    async fn membership_of_no_project_is_refused(db: PgPool) {
        let site = Site::lay_out(&db, Category::PublicBody).await;
        let mut tx = db.begin().await.unwrap();
        let stamp = by(site.requester);
        let refused = add_member(&mut tx, Uuid::nil(), site.member, &stamp).await;
        assert!(matches!(refused, Err(ProjectError::NoSuchProject(_))));
        let refused = remove_member(&mut tx, Uuid::nil(), site.member, &stamp).await;
        assert!(matches!(refused, Err(ProjectError::NoSuchProject(_))));
    }
}
