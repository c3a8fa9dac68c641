//! Funds: money with a purpose, a period and a ceiling. Funds never mix.

use accounting::ledger::{self, LedgerError};
use chrono::{DateTime, Utc};
use record::{MicroSek, Stamp};
use serde::{Deserialize, Serialize};
use serde_json::json;
use sqlx::PgConnection;
use uuid::Uuid;

use crate::{
    inconsistency::Inconsistency,
    instant::{kept, person_of},
};

/// The funds that `$tail` selects, as rows.
macro_rules! select {
    ($tail:literal $(, $value:expr)*) => {
        sqlx::query_as!(
            FundRow,
            r#"select fund_id, name, purpose as "purpose: FundPurpose", ceiling, valid_from,
                   valid_until, created_by, created_at
               from quotas.fund"# + $tail
            $(, $value)*
        )
    };
}

/// What a fund's money is for. A project of another kind is never paid from it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, sqlx::Type)]
#[sqlx(type_name = "quotas.fund_purpose", rename_all = "snake_case")]
#[serde(rename_all = "snake_case")]
pub enum FundPurpose {
    /// The public sector's share.
    PublicSector,
    /// Research.
    Research,
}

/// A fund as the broker knows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Fund {
    /// Chosen by the client.
    pub fund_id: Uuid,
    /// What people call it ("Public sector 2027").
    pub name: String,
    /// What its money is for.
    pub purpose: FundPurpose,
    /// The most that may ever be granted from it.
    pub ceiling: MicroSek,
    /// The first instant it may pay for.
    pub valid_from: DateTime<Utc>,
    /// The instant its money ends; nothing is granted past it.
    pub valid_until: DateTime<Utc>,
    /// Who laid it out; `None` when a program did.
    pub created_by: Option<Uuid>,
    /// When it was laid out.
    pub created_at: DateTime<Utc>,
}

/// A fund to create.
#[derive(Clone, Debug)]
pub struct NewFund {
    /// Chosen by the client; repeating a request with the same id changes nothing.
    pub fund_id: Uuid,
    /// What people call it ("Public sector 2027").
    pub name: String,
    /// What its money is for.
    pub purpose: FundPurpose,
    /// The most that may ever be granted from it; more than nothing.
    pub ceiling: MicroSek,
    /// The first instant it may pay for.
    pub valid_from: DateTime<Utc>,
    /// The instant its money ends.
    pub valid_until: DateTime<Utc>,
}

/// Why a fund was not created.
#[derive(Debug, thiserror::Error)]
pub enum FundError {
    /// The id belongs to a fund with other particulars.
    #[error("fund id {0} was used before for another fund; choose a new id")]
    FundIdReused(Uuid),
    /// The name is empty.
    #[error("fund {0} has no name; give one that its users recognise")]
    FundNameMissing(Uuid),
    /// The period ends before it begins.
    #[error("fund {fund_id} would end at {valid_until}, not after its start at {valid_from}")]
    FundWindowBackward {
        /// The fund.
        fund_id: Uuid,
        /// Its start.
        valid_from: DateTime<Utc>,
        /// Its end.
        valid_until: DateTime<Utc>,
    },
    /// The ceiling is nothing.
    #[error("fund {0} has a ceiling of nothing; give the amount it holds")]
    FundEmpty(Uuid),
    /// The ledger refused.
    #[error("opening the fund's accounts in the ledger")]
    Ledger(#[from] LedgerError),
    /// The database refused or could not be reached.
    #[error("reading or writing funds")]
    Database(#[from] sqlx::Error),
}

impl FundError {
    /// The stable code of the API.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::FundIdReused(_) => "fund_id_reused",
            Self::FundNameMissing(_) => "fund_name_missing",
            Self::FundWindowBackward { .. } => "fund_window_backward",
            Self::FundEmpty(_) => "fund_empty",
            Self::Ledger(error) => error.code(),
            Self::Database(_) => "quotas_database",
        }
    }
}

/// Creates a fund and its account in the ledger; an equal repeat returns the fund as it stands.
pub async fn create(
    tx: &mut PgConnection,
    new: &NewFund,
    stamp: &Stamp<'_>,
) -> Result<Fund, FundError> {
    let NewFund { fund_id, valid_from, valid_until, .. } = *new;
    if new.name.trim().is_empty() {
        return Err(FundError::FundNameMissing(fund_id));
    }
    if new.ceiling == MicroSek::ZERO {
        return Err(FundError::FundEmpty(fund_id));
    }
    if valid_from >= valid_until {
        return Err(FundError::FundWindowBackward { fund_id, valid_from, valid_until });
    }
    let inserted = sqlx::query!(
        "insert into quotas.fund (fund_id, name, purpose, ceiling, valid_from, valid_until,
             created_by, created_at)
         values ($1, $2, $3, $4, $5, $6, $7, $8) on conflict (fund_id) do nothing",
        fund_id,
        new.name,
        new.purpose as FundPurpose,
        new.ceiling.get(),
        valid_from,
        valid_until,
        person_of(stamp.actor),
        stamp.now,
    )
    .execute(&mut *tx)
    .await?;
    let fund = by_id(&mut *tx, fund_id).await?.ok_or(sqlx::Error::RowNotFound)?;
    if inserted.rows_affected() == 1 {
        // The reason is kept once, with the row below, so that it can be erased once.
        let without_why = Stamp { why: None, ..*stamp };
        ledger::open_fund(&mut *tx, fund_id, new.ceiling, &without_why).await?;
        let details = json!({
            "purpose": fund.purpose,
            "ceiling_usek": fund.ceiling,
            "valid_from": fund.valid_from,
            "valid_until": fund.valid_until,
        });
        stamp.audit(tx, "fund.create", ("fund", fund_id), details).await?;
    } else if !fund.is(new) {
        return Err(FundError::FundIdReused(fund_id));
    }
    Ok(fund)
}

/// Finds a fund by id.
pub async fn by_id(tx: &mut PgConnection, fund_id: Uuid) -> Result<Option<Fund>, sqlx::Error> {
    let row = select!(" where fund_id = $1", fund_id).fetch_optional(tx).await?;
    Ok(row.map(Fund::try_from).transpose()?)
}

/// Every fund, the one that ends first first.
pub async fn list(tx: &mut PgConnection) -> Result<Vec<Fund>, sqlx::Error> {
    let rows = select!(" order by valid_until, fund_id").fetch_all(tx).await?;
    Ok(rows.into_iter().map(Fund::try_from).collect::<Result<_, _>>()?)
}

impl Fund {
    /// Whether `new` asks for just this fund.
    fn is(&self, new: &NewFund) -> bool {
        let NewFund { fund_id, name, purpose, ceiling, valid_from, valid_until } = new;
        self.fund_id == *fund_id
            && self.name == *name
            && self.purpose == *purpose
            && self.ceiling == *ceiling
            && self.valid_from == kept(*valid_from)
            && self.valid_until == kept(*valid_until)
    }
}

struct FundRow {
    fund_id: Uuid,
    name: String,
    purpose: FundPurpose,
    ceiling: i64,
    valid_from: DateTime<Utc>,
    valid_until: DateTime<Utc>,
    created_by: Option<Uuid>,
    created_at: DateTime<Utc>,
}

impl TryFrom<FundRow> for Fund {
    type Error = Inconsistency;

    fn try_from(row: FundRow) -> Result<Self, Inconsistency> {
        let ceiling = MicroSek::new(row.ceiling).ok_or(Inconsistency {
            table: "quotas.fund",
            column: "ceiling",
            row: row.fund_id,
        })?;
        Ok(Self {
            fund_id: row.fund_id,
            name: row.name,
            purpose: row.purpose,
            ceiling,
            valid_from: row.valid_from,
            valid_until: row.valid_until,
            created_by: row.created_by,
            created_at: row.created_at,
        })
    }
}

#[cfg(test)]
mod tests {
    use sqlx::PgPool;

    use super::*;
    use crate::{
        agency::Category,
        fixture::{Site, by, day, trail},
    };

    #[sqlx::test(migrations = false)]
    async fn a_fund_is_laid_out_once_and_never_changed(db: PgPool) {
        let site = Site::lay_out(&db, Category::PublicBody).await;
        let mut tx = db.begin().await.unwrap();
        let stamp = by(site.operator);
        create(&mut tx, &site.new_fund(), &stamp).await.unwrap();
        assert_eq!(list(&mut tx).await.unwrap().len(), 1);
        assert_eq!(trail(&mut tx, site.fund_id).await, ["ledger.open_fund", "fund.create"]);

        let longer = NewFund { valid_until: day(12, 30), ..site.new_fund() };
        let refused = create(&mut tx, &longer, &stamp).await;
        assert!(matches!(refused, Err(FundError::FundIdReused(_))));
    }

    #[sqlx::test(migrations = false)]
    async fn a_fund_needs_a_name_an_amount_and_a_period(db: PgPool) {
        let site = Site::lay_out(&db, Category::PublicBody).await;
        let mut tx = db.begin().await.unwrap();
        let stamp = by(site.operator);
        let nameless = NewFund { name: String::new(), ..site.new_fund() };
        let refused = create(&mut tx, &nameless, &stamp).await;
        assert!(matches!(refused, Err(FundError::FundNameMissing(_))));
        let empty = NewFund { ceiling: MicroSek::ZERO, ..site.new_fund() };
        let refused = create(&mut tx, &empty, &stamp).await;
        assert!(matches!(refused, Err(FundError::FundEmpty(_))));
        let backward = NewFund { valid_until: day(2, 1), ..site.new_fund() };
        let refused = create(&mut tx, &backward, &stamp).await;
        assert!(matches!(refused, Err(FundError::FundWindowBackward { .. })));
    }
}
