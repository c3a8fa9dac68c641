//! Funds in the database.

use accounting::ledger;
use chrono::{DateTime, Utc};
use record::{MicroSek, Stamp};
use serde_json::json;
use sqlx::PgConnection;
use uuid::Uuid;

use super::{Envelope, Fund, FundError, FundPurpose, NewFund, WHOLE_PPM};
use crate::{
    inconsistency::Inconsistency,
    instant::{kept, person_of},
};

/// The funds that `$tail` selects, as rows.
macro_rules! select {
    ($tail:literal $(, $value:expr)*) => {
        sqlx::query_as!(
            FundRow,
            r#"select fund_id, name, purpose as "purpose: FundPurpose", ceiling, conditions,
                   envelope_low, envelope_high, carry_over_ppm, valid_from, valid_until,
                   created_by, created_at
               from quotas.fund"# + $tail
            $(, $value)*
        )
    };
}

/// Creates a fund and its account in the ledger; an equal repeat returns the fund as it stands.
pub async fn create(
    tx: &mut PgConnection,
    new: &NewFund,
    stamp: &Stamp<'_>,
) -> Result<Fund, FundError> {
    new.may_be_laid_out()?;
    let fund_id = new.fund_id;
    let inserted = sqlx::query!(
        "insert into quotas.fund (fund_id, name, purpose, ceiling, conditions, envelope_low,
             envelope_high, carry_over_ppm, valid_from, valid_until, created_by, created_at)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)
         on conflict (fund_id) do nothing",
        fund_id,
        new.name,
        new.purpose as FundPurpose,
        new.ceiling.get(),
        new.conditions,
        new.envelope.map(|envelope| envelope.low.get()),
        new.envelope.map(|envelope| envelope.high.get()),
        new.carry_over_ppm,
        new.valid_from,
        new.valid_until,
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
            "envelope": fund.envelope,
            "carry_over_ppm": fund.carry_over_ppm,
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

impl NewFund {
    /// Whether it says enough to be a fund.
    fn may_be_laid_out(&self) -> Result<(), FundError> {
        let Self { fund_id, envelope, carry_over_ppm, valid_from, valid_until, .. } = *self;
        if self.name.trim().is_empty() {
            return Err(FundError::FundNameMissing(fund_id));
        }
        if self.ceiling == MicroSek::ZERO {
            return Err(FundError::FundEmpty(fund_id));
        }
        if valid_from >= valid_until {
            return Err(FundError::FundWindowBackward { fund_id, valid_from, valid_until });
        }
        if let Some(Envelope { low, high }) = envelope
            && (low == MicroSek::ZERO || low > high)
        {
            return Err(FundError::EnvelopeNotARange { fund_id, low, high });
        }
        if !(0..=WHOLE_PPM).contains(&carry_over_ppm) {
            return Err(FundError::CarryOverNotAPart { fund_id, carry_over_ppm });
        }
        Ok(())
    }
}

impl Fund {
    /// Whether `new` asks for just this fund.
    fn is(&self, new: &NewFund) -> bool {
        self.fund_id == new.fund_id
            && self.name == new.name
            && self.purpose == new.purpose
            && self.ceiling == new.ceiling
            && self.conditions == new.conditions
            && self.envelope == new.envelope
            && self.carry_over_ppm == new.carry_over_ppm
            && self.valid_from == kept(new.valid_from)
            && self.valid_until == kept(new.valid_until)
    }
}

struct FundRow {
    fund_id: Uuid,
    name: String,
    purpose: FundPurpose,
    ceiling: i64,
    conditions: String,
    envelope_low: Option<i64>,
    envelope_high: Option<i64>,
    carry_over_ppm: i64,
    valid_from: DateTime<Utc>,
    valid_until: DateTime<Utc>,
    created_by: Option<Uuid>,
    created_at: DateTime<Utc>,
}

impl TryFrom<FundRow> for Fund {
    type Error = Inconsistency;

    fn try_from(row: FundRow) -> Result<Self, Inconsistency> {
        let impossible = |column| Inconsistency { table: "quotas.fund", column, row: row.fund_id };
        let ceiling = MicroSek::new(row.ceiling).ok_or(impossible("ceiling"))?;
        let envelope = match (row.envelope_low, row.envelope_high) {
            (None, None) => None,
            (Some(low), Some(high)) => Some(Envelope {
                low: MicroSek::new(low).ok_or(impossible("envelope_low"))?,
                high: MicroSek::new(high).ok_or(impossible("envelope_high"))?,
            }),
            (None, Some(_)) | (Some(_), None) => return Err(impossible("envelope_high")),
        };
        Ok(Self {
            fund_id: row.fund_id,
            name: row.name,
            purpose: row.purpose,
            ceiling,
            conditions: row.conditions,
            envelope,
            carry_over_ppm: row.carry_over_ppm,
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
        fund::category_purpose,
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
    async fn a_funds_terms_are_kept_with_it(db: PgPool) {
        let site = Site::lay_out(&db, Category::PublicBody).await;
        let mut tx = db.begin().await.unwrap();
        let million = 1_000_000 * MicroSek::KRONA.get();
        let [low, high] = [20, 50].map(|msek| MicroSek::new(msek * million).unwrap());
        let new = NewFund {
            fund_id: Uuid::from_u128(7),
            purpose: FundPurpose::Innovation,
            envelope: Some(Envelope { low, high }),
            carry_over_ppm: 250_000,
            ..site.new_fund()
        };
        let fund = create(&mut tx, &new, &by(site.operator)).await.unwrap();
        assert_eq!(fund.conditions, new.conditions);
        assert_eq!((fund.envelope, fund.carry_over_ppm), (new.envelope, 250_000));
        for other in [
            NewFund { conditions: String::new(), ..new.clone() },
            NewFund { envelope: None, ..new.clone() },
            NewFund { carry_over_ppm: 0, ..new.clone() },
        ] {
            let refused = create(&mut tx, &other, &by(site.operator)).await;
            assert!(matches!(refused, Err(FundError::FundIdReused(_))));
        }
    }

    #[sqlx::test(migrations = false)]
    async fn the_database_pairs_categories_and_purposes_as_the_code_does(db: PgPool) {
        crate::fixture::migrate(&db).await;
        for category in [Category::PublicBody, Category::Sme, Category::Academia] {
            let purpose: FundPurpose = sqlx::query_scalar("select quotas.category_purpose($1)")
                .bind(category)
                .fetch_one(&db)
                .await
                .unwrap();
            assert_eq!(purpose, category_purpose(category));
        }
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
        for carry_over_ppm in [-1, WHOLE_PPM + 1] {
            let generous = NewFund { carry_over_ppm, ..site.new_fund() };
            let refused = create(&mut tx, &generous, &stamp).await;
            assert!(matches!(refused, Err(FundError::CarryOverNotAPart { .. })));
        }
        for (low, high) in [(0, 1), (2, 1)] {
            let [low, high] = [low, high].map(|usek| MicroSek::new(usek).unwrap());
            let fund = NewFund { envelope: Some(Envelope { low, high }), ..site.new_fund() };
            let refused = create(&mut tx, &fund, &stamp).await;
            assert!(matches!(refused, Err(FundError::EnvelopeNotARange { .. })));
        }
    }
}
