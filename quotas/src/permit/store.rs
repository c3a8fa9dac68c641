//! Permits in the database.

use record::Stamp;
use serde_json::json;
use sqlx::PgConnection;
use uuid::Uuid;

use super::{NewPermit, Permit, PermitError};
use crate::{instant::kept, project};

/// The permits that `$tail` selects.
macro_rules! select {
    ($tail:literal $(, $value:expr)*) => {
        sqlx::query_as!(
            Permit,
            r#"select p.permit_id, p.project_id, p.issuer, p.reference, p.purpose, p.datasets,
                   p.person_ids, p.environment_names, p.valid_from, p.valid_until, p.grace_s,
                   p.recorded_at, r.revoked_at as "revoked_at?"
               from quotas.permit p left join quotas.permit_revocation r using (permit_id)"# + $tail
            $(, $value)*
        )
    };
}

/// Records a permit; an equal repeat returns the permit as it stands.
pub async fn record(
    tx: &mut PgConnection,
    new: &NewPermit,
    stamp: &Stamp<'_>,
) -> Result<Permit, PermitError> {
    new.is_complete()?;
    if project::by_id(&mut *tx, new.project_id).await?.is_none() {
        return Err(PermitError::NoSuchProject(new.project_id));
    }
    let inserted = sqlx::query!(
        "insert into quotas.permit (permit_id, project_id, issuer, reference, purpose, datasets,
             person_ids, environment_names, valid_from, valid_until, grace_s, recorded_at)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)
         on conflict (permit_id) do nothing",
        new.permit_id,
        new.project_id,
        new.issuer,
        new.reference,
        new.purpose,
        &new.datasets,
        &new.person_ids,
        &new.environment_names,
        new.valid_from,
        new.valid_until,
        new.grace_s,
        stamp.now,
    )
    .execute(&mut *tx)
    .await?;
    let permit = by_id(&mut *tx, new.permit_id).await?.ok_or(sqlx::Error::RowNotFound)?;
    if inserted.rows_affected() == 1 {
        let details = json!({
            "project_id": permit.project_id,
            "person_ids": permit.person_ids,
            "dataset_count": permit.datasets.len(),
            "valid_from": permit.valid_from,
            "valid_until": permit.valid_until,
        });
        stamp.audit(tx, "permit.record", ("permit", permit.permit_id), details).await?;
    } else if !permit.is(new) {
        return Err(PermitError::PermitIdReused(new.permit_id));
    }
    Ok(permit)
}

/// Revokes a permit from now on; a repeat changes nothing and keeps the first instant.
pub async fn revoke(
    tx: &mut PgConnection,
    permit_id: Uuid,
    stamp: &Stamp<'_>,
) -> Result<Permit, PermitError> {
    if by_id(&mut *tx, permit_id).await?.is_none() {
        return Err(PermitError::NoSuchPermit(permit_id));
    }
    let revoked = sqlx::query!(
        "insert into quotas.permit_revocation (permit_id, revoked_at) values ($1, $2)
         on conflict (permit_id) do nothing",
        permit_id,
        stamp.now,
    )
    .execute(&mut *tx)
    .await?;
    let permit = by_id(&mut *tx, permit_id).await?.ok_or(PermitError::NoSuchPermit(permit_id))?;
    if revoked.rows_affected() == 1 {
        let details = json!({ "project_id": permit.project_id });
        stamp.audit(tx, "permit.revoke", ("permit", permit_id), details).await?;
    }
    Ok(permit)
}

/// Finds a permit by id.
pub async fn by_id(tx: &mut PgConnection, permit_id: Uuid) -> Result<Option<Permit>, sqlx::Error> {
    select!(" where p.permit_id = $1", permit_id).fetch_optional(tx).await
}

/// A project's permits, the one that expires first first.
pub async fn list_for_project(
    tx: &mut PgConnection,
    project_id: Uuid,
) -> Result<Vec<Permit>, sqlx::Error> {
    select!(" where p.project_id = $1 order by p.valid_until, p.permit_id", project_id)
        .fetch_all(tx)
        .await
}

impl NewPermit {
    /// Whether it states what an authority always states.
    fn is_complete(&self) -> Result<(), PermitError> {
        let Self { permit_id, valid_from, valid_until, .. } = *self;
        let stated = [
            ("issuer", !self.issuer.trim().is_empty()),
            ("reference", !self.reference.trim().is_empty()),
            ("purpose", !self.purpose.trim().is_empty()),
            ("dataset", says_something(&self.datasets)),
            ("person", !self.person_ids.is_empty()),
            ("environment", says_something(&self.environment_names)),
            ("grace of at least 0 seconds", self.grace_s >= 0),
        ];
        for (field, is_stated) in stated {
            if !is_stated {
                return Err(PermitError::PermitIncomplete { permit_id, field });
            }
        }
        if valid_from >= valid_until {
            return Err(PermitError::PermitWindowBackward { permit_id, valid_from, valid_until });
        }
        Ok(())
    }
}

/// Whether there is a name, and none is blank.
fn says_something(names: &[String]) -> bool {
    !names.is_empty() && names.iter().all(|name| !name.trim().is_empty())
}

impl Permit {
    /// Whether `new` asks for just this permit.
    fn is(&self, new: &NewPermit) -> bool {
        self.permit_id == new.permit_id
            && self.project_id == new.project_id
            && self.issuer == new.issuer
            && self.reference == new.reference
            && self.purpose == new.purpose
            && self.datasets == new.datasets
            && self.person_ids == new.person_ids
            && self.environment_names == new.environment_names
            && self.valid_from == kept(new.valid_from)
            && self.valid_until == kept(new.valid_until)
            && self.grace_s == new.grace_s
    }
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;
    use sqlx::PgPool;

    use super::*;
    use crate::{
        agency::Category,
        fixture::{Site, by, day, now, trail},
        permit::PermitStatus,
    };

    #[sqlx::test(migrations = false)]
    async fn a_permit_is_recorded_once_and_never_changed(db: PgPool) {
        let site = Site::lay_out(&db, Category::PublicBody).await;
        let mut tx = db.begin().await.unwrap();
        let (new, stamp) = (site.new_permit(), by(site.controller));
        let first = record(&mut tx, &new, &stamp).await.unwrap();
        let second = record(&mut tx, &new, &stamp).await.unwrap();
        assert_eq!(first, second);
        assert_eq!(first.status(now()), PermitStatus::Valid);
        assert_eq!(list_for_project(&mut tx, site.project_id).await.unwrap(), [first]);

        let wider = NewPermit { person_ids: vec![site.member, site.requester], ..new };
        let refused = record(&mut tx, &wider, &stamp).await;
        assert!(matches!(refused, Err(PermitError::PermitIdReused(_))));
    }

    #[sqlx::test(migrations = false)]
    async fn a_revocation_is_told_once_and_keeps_its_first_instant(db: PgPool) {
        let site = Site::lay_out(&db, Category::PublicBody).await;
        let mut tx = db.begin().await.unwrap();
        let (new, stamp) = (site.new_permit(), by(site.controller));
        record(&mut tx, &new, &stamp).await.unwrap();
        let revoked = revoke(&mut tx, new.permit_id, &stamp).await.unwrap();
        assert_eq!(revoked.revoked_at, Some(now()));
        let later = Stamp { now: now() + TimeDelta::hours(1), ..stamp };
        assert_eq!(revoke(&mut tx, new.permit_id, &later).await.unwrap(), revoked);
        assert_eq!(trail(&mut tx, new.permit_id).await, ["permit.record", "permit.revoke"]);

        let refused = revoke(&mut tx, Uuid::nil(), &stamp).await;
        assert!(matches!(refused, Err(PermitError::NoSuchPermit(_))));
    }

    #[sqlx::test(migrations = false)]
    async fn a_permit_states_what_an_authority_always_states(db: PgPool) {
        let site = Site::lay_out(&db, Category::PublicBody).await;
        let mut tx = db.begin().await.unwrap();
        let stamp = by(site.controller);
        let incomplete = [
            NewPermit { issuer: String::new(), ..site.new_permit() },
            NewPermit { reference: String::new(), ..site.new_permit() },
            NewPermit { purpose: String::new(), ..site.new_permit() },
            NewPermit { datasets: vec![], ..site.new_permit() },
            NewPermit { datasets: vec![String::new()], ..site.new_permit() },
            NewPermit { person_ids: vec![], ..site.new_permit() },
            NewPermit { environment_names: vec![], ..site.new_permit() },
            NewPermit { grace_s: -1, ..site.new_permit() },
        ];
        for permit in incomplete {
            let refused = record(&mut tx, &permit, &stamp).await;
            assert!(matches!(refused, Err(PermitError::PermitIncomplete { .. })));
        }
        let backward = NewPermit { valid_until: day(6, 1), ..site.new_permit() };
        let refused = record(&mut tx, &backward, &stamp).await;
        assert!(matches!(refused, Err(PermitError::PermitWindowBackward { .. })));
        let lost = NewPermit { project_id: Uuid::nil(), ..site.new_permit() };
        let refused = record(&mut tx, &lost, &stamp).await;
        assert!(matches!(refused, Err(PermitError::NoSuchProject(_))));
    }
}
