//! Agencies: the organisations that ask and pay.

use chrono::{DateTime, Utc};
use record::Stamp;
use serde::{Deserialize, Serialize};
use serde_json::json;
use sqlx::PgConnection;
use uuid::Uuid;

use crate::{inconsistency::Inconsistency, name::OrganisationNumber};

/// The agencies that `$tail` selects, as rows.
macro_rules! select {
    ($tail:literal $(, $value:expr)*) => {
        sqlx::query_as!(
            AgencyRow,
            r#"select agency_id, name, organisation_number, category as "category: Category",
                   created_at
               from quotas.agency"# + $tail
            $(, $value)*
        )
    };
}

/// What kind of applicant an agency is; it decides which fund may pay (D 4.2.2.3 in the report), see
/// [`crate::fund::category_purpose`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, sqlx::Type)]
#[sqlx(type_name = "quotas.agency_category", rename_all = "snake_case")]
#[serde(rename_all = "snake_case")]
pub enum Category {
    /// A public authority, region or municipality.
    PublicBody,
    /// A small or medium-sized enterprise.
    Sme,
    /// A university or research institute.
    Academia,
}

/// An agency as the broker knows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Agency {
    /// Chosen by the client.
    pub agency_id: Uuid,
    /// The organisation's registered name.
    pub name: String,
    /// Who it is on paper.
    pub organisation_number: OrganisationNumber,
    /// What kind of applicant it is.
    pub category: Category,
    /// When the broker first heard of it.
    pub created_at: DateTime<Utc>,
}

/// An agency to create.
#[derive(Clone, Debug)]
pub struct NewAgency {
    /// Chosen by the client; repeating a request with the same id changes nothing.
    pub agency_id: Uuid,
    /// The organisation's registered name.
    pub name: String,
    /// Who it is on paper.
    pub organisation_number: OrganisationNumber,
    /// What kind of applicant it is.
    pub category: Category,
}

/// Why an agency was not created.
#[derive(Debug, thiserror::Error)]
pub enum AgencyError {
    /// The id belongs to an agency with other particulars.
    #[error("agency id {0} was used before for another agency; choose a new id")]
    AgencyIdReused(Uuid),
    /// Another agency has the number.
    #[error("organisation number {0} belongs to another agency already; use that agency")]
    OrganisationNumberTaken(OrganisationNumber),
    /// The name is empty.
    #[error("agency {0} has no name; give its registered name")]
    NameMissing(Uuid),
    /// The database refused or could not be reached.
    #[error("reading or writing agencies")]
    Database(#[from] sqlx::Error),
}

impl AgencyError {
    /// The stable code of the API.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::AgencyIdReused(_) => "agency_id_reused",
            Self::OrganisationNumberTaken(_) => "organisation_number_taken",
            Self::NameMissing(_) => "agency_name_missing",
            Self::Database(_) => "quotas_database",
        }
    }
}

/// Creates an agency; an equal repeat returns the agency as it stands.
pub async fn create(
    tx: &mut PgConnection,
    new: &NewAgency,
    stamp: &Stamp<'_>,
) -> Result<Agency, AgencyError> {
    if new.name.trim().is_empty() {
        return Err(AgencyError::NameMissing(new.agency_id));
    }
    let inserted = sqlx::query!(
        "insert into quotas.agency (agency_id, name, organisation_number, category, created_at)
         values ($1, $2, $3, $4, $5) on conflict do nothing",
        new.agency_id,
        new.name,
        new.organisation_number.as_str(),
        new.category as Category,
        stamp.now,
    )
    .execute(&mut *tx)
    .await?;
    let Some(agency) = by_id(&mut *tx, new.agency_id).await? else {
        return Err(AgencyError::OrganisationNumberTaken(new.organisation_number.clone()));
    };
    if inserted.rows_affected() == 1 {
        // Not the number: a sole trader's is their personal number, and sealed rows are for ever.
        let details = json!({ "category": agency.category });
        stamp.audit(tx, "agency.create", ("agency", agency.agency_id), details).await?;
    } else if !agency.is(new) {
        return Err(AgencyError::AgencyIdReused(new.agency_id));
    }
    Ok(agency)
}

/// Finds an agency by id.
pub async fn by_id(tx: &mut PgConnection, agency_id: Uuid) -> Result<Option<Agency>, sqlx::Error> {
    let row = select!(" where agency_id = $1", agency_id).fetch_optional(tx).await?;
    Ok(row.map(Agency::try_from).transpose()?)
}

/// Every agency, by name.
pub async fn list(tx: &mut PgConnection) -> Result<Vec<Agency>, sqlx::Error> {
    let rows = select!(" order by name, agency_id").fetch_all(tx).await?;
    Ok(rows.into_iter().map(Agency::try_from).collect::<Result<_, _>>()?)
}

impl Agency {
    /// Whether `new` asks for just this agency.
    fn is(&self, new: &NewAgency) -> bool {
        let NewAgency { agency_id, name, organisation_number, category } = new;
        self.agency_id == *agency_id
            && self.name == *name
            && self.organisation_number == *organisation_number
            && self.category == *category
    }
}

struct AgencyRow {
    agency_id: Uuid,
    name: String,
    organisation_number: String,
    category: Category,
    created_at: DateTime<Utc>,
}

impl TryFrom<AgencyRow> for Agency {
    type Error = Inconsistency;

    fn try_from(row: AgencyRow) -> Result<Self, Inconsistency> {
        let AgencyRow { agency_id, name, organisation_number, category, created_at } = row;
        let organisation_number = organisation_number.parse().map_err(|_| Inconsistency {
            table: "quotas.agency",
            column: "organisation_number",
            row: agency_id,
        })?;
        Ok(Self { agency_id, name, organisation_number, category, created_at })
    }
}

#[cfg(test)]
mod tests {
    use record::id;
    use sqlx::PgPool;

    use super::*;
    use crate::fixture::{NUMBERS, Site, by, trail};

    #[sqlx::test(migrations = false)]
    async fn an_agency_is_created_once_and_never_changed(db: PgPool) {
        let site = Site::lay_out(&db, Category::PublicBody).await;
        let mut tx = db.begin().await.unwrap();
        let new = site.new_agency(Category::PublicBody);
        create(&mut tx, &new, &by(site.operator)).await.unwrap();
        assert_eq!(list(&mut tx).await.unwrap().len(), 1);
        assert_eq!(trail(&mut tx, new.agency_id).await, ["agency.create"]);

        let other = NewAgency { category: Category::Academia, ..new };
        let refused = create(&mut tx, &other, &by(site.operator)).await;
        assert!(matches!(refused, Err(AgencyError::AgencyIdReused(_))));
    }

    #[sqlx::test(migrations = false)]
    async fn an_organisation_number_belongs_to_one_agency(db: PgPool) {
        let site = Site::lay_out(&db, Category::PublicBody).await;
        let mut tx = db.begin().await.unwrap();
        let twin = NewAgency { agency_id: id::fresh(), ..site.new_agency(Category::PublicBody) };
        let refused = create(&mut tx, &twin, &by(site.operator)).await;
        assert!(matches!(refused, Err(AgencyError::OrganisationNumberTaken(_))));
        let nameless = NewAgency {
            name: " ".to_owned(),
            organisation_number: NUMBERS[1].parse().unwrap(),
            ..twin
        };
        let refused = create(&mut tx, &nameless, &by(site.operator)).await;
        assert!(matches!(refused, Err(AgencyError::NameMissing(_))));
    }
}
