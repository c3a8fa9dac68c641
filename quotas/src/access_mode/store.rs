//! Access modes in the database.

use chrono::{DateTime, Utc};
use record::{GpuSeconds, Stamp};
use serde_json::json;
use sqlx::PgConnection;
use uuid::Uuid;

use super::{AccessMode, AccessModeError, LONGEST_DAYS, NewAccessMode};
use crate::{fund, inconsistency::Inconsistency, instant::person_of};

/// The modes that `$tail` selects, as rows.
macro_rules! select {
    ($tail:literal $(, $value:expr)*) => {
        sqlx::query_as!(
            AccessModeRow,
            "select access_mode_id, fund_id, name, min_gpu_seconds, max_gpu_seconds, max_days,
                 created_by, created_at
             from quotas.access_mode" + $tail
            $(, $value)*
        )
    };
}

/// Creates an access mode; an equal repeat returns the mode as it stands.
pub async fn create(
    tx: &mut PgConnection,
    new: &NewAccessMode,
    stamp: &Stamp<'_>,
) -> Result<AccessMode, AccessModeError> {
    let NewAccessMode { access_mode_id, fund_id, .. } = *new;
    new.may_be_laid_down()?;
    if fund::by_id(&mut *tx, fund_id).await?.is_none() {
        return Err(AccessModeError::NoSuchFund(fund_id));
    }
    let inserted = sqlx::query!(
        "insert into quotas.access_mode (access_mode_id, fund_id, name, min_gpu_seconds,
             max_gpu_seconds, max_days, created_by, created_at)
         values ($1, $2, $3, $4, $5, $6, $7, $8) on conflict do nothing",
        access_mode_id,
        fund_id,
        new.name,
        new.min_gpu_seconds.get(),
        new.max_gpu_seconds.get(),
        new.max_days,
        person_of(stamp.actor),
        stamp.now,
    )
    .execute(&mut *tx)
    .await?;
    let Some(mode) = by_id(&mut *tx, access_mode_id).await? else {
        return Err(AccessModeError::AccessModeNameTaken { fund_id, name: new.name.clone() });
    };
    if inserted.rows_affected() == 1 {
        let details = json!({
            "fund_id": fund_id,
            "min_gpu_seconds": mode.min_gpu_seconds,
            "max_gpu_seconds": mode.max_gpu_seconds,
            "max_days": mode.max_days,
        });
        let subject = ("access_mode", access_mode_id);
        stamp.audit(tx, "access_mode.create", subject, details).await?;
    } else if !mode.is(new) {
        return Err(AccessModeError::AccessModeIdReused(access_mode_id));
    }
    Ok(mode)
}

/// The modes of a fund, the smallest first.
pub async fn list_for_fund(
    tx: &mut PgConnection,
    fund_id: Uuid,
) -> Result<Vec<AccessMode>, sqlx::Error> {
    let rows = select!(" where fund_id = $1 order by max_gpu_seconds, name", fund_id)
        .fetch_all(tx)
        .await?;
    Ok(rows.into_iter().map(AccessMode::try_from).collect::<Result<_, _>>()?)
}

/// Finds an access mode by id.
pub(crate) async fn by_id(
    tx: &mut PgConnection,
    access_mode_id: Uuid,
) -> Result<Option<AccessMode>, sqlx::Error> {
    let row = select!(" where access_mode_id = $1", access_mode_id).fetch_optional(tx).await?;
    Ok(row.map(AccessMode::try_from).transpose()?)
}

impl NewAccessMode {
    fn may_be_laid_down(&self) -> Result<(), AccessModeError> {
        let Self { access_mode_id, min_gpu_seconds, max_gpu_seconds, max_days, .. } = *self;
        if self.name.trim().is_empty() {
            return Err(AccessModeError::AccessModeNameMissing(access_mode_id));
        }
        if min_gpu_seconds == GpuSeconds::ZERO
            || min_gpu_seconds > max_gpu_seconds
            || !(1..=LONGEST_DAYS).contains(&max_days)
        {
            return Err(AccessModeError::AccessModeBoundsNotARange(access_mode_id));
        }
        Ok(())
    }
}

impl AccessMode {
    /// Whether `new` asks for just this mode.
    fn is(&self, new: &NewAccessMode) -> bool {
        self.fund_id == new.fund_id
            && self.name == new.name
            && self.min_gpu_seconds == new.min_gpu_seconds
            && self.max_gpu_seconds == new.max_gpu_seconds
            && self.max_days == new.max_days
    }
}

struct AccessModeRow {
    access_mode_id: Uuid,
    fund_id: Uuid,
    name: String,
    min_gpu_seconds: i64,
    max_gpu_seconds: i64,
    max_days: i64,
    created_by: Option<Uuid>,
    created_at: DateTime<Utc>,
}

impl TryFrom<AccessModeRow> for AccessMode {
    type Error = Inconsistency;

    fn try_from(row: AccessModeRow) -> Result<Self, Inconsistency> {
        let time = |column, amount| {
            let (table, row) = ("quotas.access_mode", row.access_mode_id);
            GpuSeconds::new(amount).ok_or(Inconsistency { table, column, row })
        };
        Ok(Self {
            access_mode_id: row.access_mode_id,
            fund_id: row.fund_id,
            min_gpu_seconds: time("min_gpu_seconds", row.min_gpu_seconds)?,
            max_gpu_seconds: time("max_gpu_seconds", row.max_gpu_seconds)?,
            name: row.name,
            max_days: row.max_days,
            created_by: row.created_by,
            created_at: row.created_at,
        })
    }
}
