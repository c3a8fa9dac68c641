//! Projects in the database.

use chrono::{DateTime, Utc};
use record::Stamp;
use serde_json::json;
use sqlx::PgConnection;
use uuid::Uuid;

use super::{DataClass, NewProject, Project, ProjectError};
use crate::{agency, inconsistency::Inconsistency};

/// The projects that `$tail` selects, as rows.
macro_rules! select {
    ($tail:literal $(, $value:expr)*) => {
        sqlx::query_as!(
            ProjectRow,
            r#"select project_id, agency_id, slug, title, data_class as "data_class: DataClass",
                   controller_person_id, slurm_account, created_at
               from quotas.project"# + $tail
            $(, $value)*
        )
    };
}

/// Creates a project; an equal repeat returns the project as it stands.
pub async fn create(
    tx: &mut PgConnection,
    new: &NewProject,
    stamp: &Stamp<'_>,
) -> Result<Project, ProjectError> {
    if new.title.trim().is_empty() {
        return Err(ProjectError::TitleMissing(new.project_id));
    }
    if agency::by_id(&mut *tx, new.agency_id).await?.is_none() {
        return Err(ProjectError::NoSuchAgency(new.agency_id));
    }
    let inserted = sqlx::query!(
        "insert into quotas.project (project_id, agency_id, slug, title, data_class,
             controller_person_id, slurm_account, created_at)
         values ($1, $2, $3, $4, $5, $6, $7, $8) on conflict do nothing",
        new.project_id,
        new.agency_id,
        new.slug.as_str(),
        new.title,
        new.data_class as DataClass,
        new.controller_person_id,
        new.slurm_account.as_str(),
        stamp.now,
    )
    .execute(&mut *tx)
    .await?;
    let Some(project) = by_id(&mut *tx, new.project_id).await? else {
        return Err(match by_slug(tx, new.slug.as_str()).await? {
            Some(_) => ProjectError::SlugTaken(new.slug.clone()),
            None => ProjectError::SlurmAccountTaken(new.slurm_account.clone()),
        });
    };
    if inserted.rows_affected() == 1 {
        let details = json!({
            "agency_id": project.agency_id,
            "data_class": project.data_class,
            "controller_person_id": project.controller_person_id,
        });
        stamp.audit(tx, "project.create", ("project", project.project_id), details).await?;
    } else if !project.is(new) {
        return Err(ProjectError::ProjectIdReused(new.project_id));
    }
    Ok(project)
}

/// Finds a project by id.
pub async fn by_id(
    tx: &mut PgConnection,
    project_id: Uuid,
) -> Result<Option<Project>, sqlx::Error> {
    let row = select!(" where project_id = $1", project_id).fetch_optional(tx).await?;
    Ok(row.map(Project::try_from).transpose()?)
}

/// Finds a project by its short name.
pub async fn by_slug(tx: &mut PgConnection, slug: &str) -> Result<Option<Project>, sqlx::Error> {
    let row = select!(" where slug = $1", slug).fetch_optional(tx).await?;
    Ok(row.map(Project::try_from).transpose()?)
}

/// The projects a person is a member of now, by short name.
pub async fn list_for_person(
    tx: &mut PgConnection,
    person_id: Uuid,
) -> Result<Vec<Project>, sqlx::Error> {
    let rows = select!(
        " where project_id in
              (select m.project_id from quotas.project_member m
               where m.person_id = $1 and m.left_at is null)
          order by slug",
        person_id
    )
    .fetch_all(tx)
    .await?;
    Ok(rows.into_iter().map(Project::try_from).collect::<Result<_, _>>()?)
}

/// The projects of one agency, by short name.
pub async fn list_for_agency(
    tx: &mut PgConnection,
    agency_id: Uuid,
) -> Result<Vec<Project>, sqlx::Error> {
    let rows = select!(" where agency_id = $1 order by slug", agency_id).fetch_all(tx).await?;
    Ok(rows.into_iter().map(Project::try_from).collect::<Result<_, _>>()?)
}

/// Every project, by short name.
pub async fn list(tx: &mut PgConnection) -> Result<Vec<Project>, sqlx::Error> {
    let rows = select!(" order by slug").fetch_all(tx).await?;
    Ok(rows.into_iter().map(Project::try_from).collect::<Result<_, _>>()?)
}

impl Project {
    /// Whether `new` asks for just this project.
    fn is(&self, new: &NewProject) -> bool {
        self.project_id == new.project_id
            && self.agency_id == new.agency_id
            && self.slug == new.slug
            && self.title == new.title
            && self.data_class == new.data_class
            && self.controller_person_id == new.controller_person_id
            && self.slurm_account == new.slurm_account
    }
}

struct ProjectRow {
    project_id: Uuid,
    agency_id: Uuid,
    slug: String,
    title: String,
    data_class: DataClass,
    controller_person_id: Uuid,
    slurm_account: String,
    created_at: DateTime<Utc>,
}

impl TryFrom<ProjectRow> for Project {
    type Error = Inconsistency;

    fn try_from(row: ProjectRow) -> Result<Self, Inconsistency> {
        let impossible =
            |column| Inconsistency { table: "quotas.project", column, row: row.project_id };
        Ok(Self {
            project_id: row.project_id,
            agency_id: row.agency_id,
            slug: row.slug.parse().map_err(|_| impossible("slug"))?,
            title: row.title,
            data_class: row.data_class,
            controller_person_id: row.controller_person_id,
            slurm_account: row.slurm_account.parse().map_err(|_| impossible("slurm_account"))?,
            created_at: row.created_at,
        })
    }
}

#[cfg(test)]
mod tests {
    use record::id;
    use sqlx::PgPool;

    use super::*;
    use crate::{
        agency::Category,
        fixture::{Site, by, trail},
    };

    #[sqlx::test(migrations = false)]
    async fn a_project_is_created_once_and_never_changed(db: PgPool) {
        let site = Site::lay_out(&db, Category::PublicBody).await;
        let mut tx = db.begin().await.unwrap();
        let stamp = by(site.requester);
        let project = create(&mut tx, &site.new_project(), &stamp).await.unwrap();
        assert_eq!(by_slug(&mut tx, "stroke-2027").await.unwrap(), Some(project.clone()));
        assert_eq!(list(&mut tx).await.unwrap().len(), 1);
        assert_eq!(list_for_agency(&mut tx, site.agency_id).await.unwrap(), [project]);
        assert_eq!(trail(&mut tx, site.project_id).await, ["project.create", "project.add_member"]);

        let open = NewProject { data_class: DataClass::Open, ..site.new_project() };
        let refused = create(&mut tx, &open, &stamp).await;
        assert!(matches!(refused, Err(ProjectError::ProjectIdReused(_))));
    }

    #[sqlx::test(migrations = false)]
    async fn a_project_has_its_own_name_account_agency_and_title(db: PgPool) {
        let site = Site::lay_out(&db, Category::PublicBody).await;
        let mut tx = db.begin().await.unwrap();
        let stamp = by(site.requester);
        let twin = NewProject { project_id: id::fresh(), ..site.new_project() };
        let refused = create(&mut tx, &twin, &stamp).await;
        assert!(matches!(refused, Err(ProjectError::SlugTaken(_))));
        let renamed = NewProject { slug: "stroke-2".parse().unwrap(), ..twin };
        let refused = create(&mut tx, &renamed, &stamp).await;
        assert!(matches!(refused, Err(ProjectError::SlurmAccountTaken(_))));
        let orphan = NewProject { agency_id: Uuid::nil(), ..renamed.clone() };
        let refused = create(&mut tx, &orphan, &stamp).await;
        assert!(matches!(refused, Err(ProjectError::NoSuchAgency(_))));
        let untitled = NewProject { title: String::new(), ..renamed };
        let refused = create(&mut tx, &untitled, &stamp).await;
        assert!(matches!(refused, Err(ProjectError::TitleMissing(_))));
    }
}
