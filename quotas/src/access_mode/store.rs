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

#[cfg(test)]
mod tests {
    use record::id;
    use sqlx::PgPool;

    use super::*;
    use crate::{
        agency::Category,
        fixture::{Site, by, trail},
        fund::{self, FundPurpose, NewFund},
    };

    fn short(site: &Site) -> NewAccessMode {
        NewAccessMode {
            access_mode_id: id::fresh(),
            fund_id: site.fund_id,
            name: "short".to_owned(),
            min_gpu_seconds: GpuSeconds::new(3_600).unwrap(),
            max_gpu_seconds: GpuSeconds::new(500 * 3_600).unwrap(),
            max_days: 30,
        }
    }

    #[sqlx::test(migrations = false)]
    async fn a_mode_is_laid_down_once_and_never_changed(db: PgPool) {
        let site = Site::lay_out(&db, Category::PublicBody).await;
        let mut tx = db.begin().await.unwrap();
        let (stamp, new) = (by(site.operator), short(&site));
        let mode = create(&mut tx, &new, &stamp).await.unwrap();
        assert_eq!(create(&mut tx, &new, &stamp).await.unwrap(), mode);
        assert_eq!(list_for_fund(&mut tx, site.fund_id).await.unwrap(), [mode]);
        assert_eq!(trail(&mut tx, new.access_mode_id).await, ["access_mode.create"]);
        let longer = NewAccessMode { max_days: 31, ..new.clone() };
        let refused = create(&mut tx, &longer, &stamp).await;
        assert!(matches!(refused, Err(AccessModeError::AccessModeIdReused(_))));
        let twin = NewAccessMode { access_mode_id: id::fresh(), ..new };
        let refused = create(&mut tx, &twin, &stamp).await;
        assert!(matches!(refused, Err(AccessModeError::AccessModeNameTaken { .. })));
    }

    #[sqlx::test(migrations = false)]
    async fn a_mode_needs_a_fund_a_name_and_bounds(db: PgPool) {
        let site = Site::lay_out(&db, Category::PublicBody).await;
        let mut tx = db.begin().await.unwrap();
        let stamp = by(site.operator);
        let orphan = NewAccessMode { fund_id: Uuid::nil(), ..short(&site) };
        let refused = create(&mut tx, &orphan, &stamp).await;
        assert!(matches!(refused, Err(AccessModeError::NoSuchFund(_))));
        let nameless = NewAccessMode { name: " ".to_owned(), ..short(&site) };
        let refused = create(&mut tx, &nameless, &stamp).await;
        assert!(matches!(refused, Err(AccessModeError::AccessModeNameMissing(_))));
        let from_nothing = NewAccessMode { min_gpu_seconds: GpuSeconds::ZERO, ..short(&site) };
        let least = GpuSeconds::new(500 * 3_600 + 1).unwrap();
        let backward = NewAccessMode { min_gpu_seconds: least, ..short(&site) };
        let no_day = NewAccessMode { max_days: 0, ..short(&site) };
        let ever = NewAccessMode { max_days: LONGEST_DAYS + 1, ..short(&site) };
        for unfit in [from_nothing, backward, no_day, ever] {
            let refused = create(&mut tx, &unfit, &stamp).await;
            assert!(matches!(refused, Err(AccessModeError::AccessModeBoundsNotARange(_))));
        }
    }

    #[sqlx::test(migrations = false)]
    async fn a_request_keeps_between_the_bounds_of_its_mode(db: PgPool) {
        use crate::{
            fixture::{constraint, day},
            request::{self, NewRequest, RequestError},
        };
        let site = Site::lay_out(&db, Category::PublicBody).await;
        let mut tx = db.begin().await.unwrap();
        let mode = create(&mut tx, &short(&site), &by(site.operator)).await.unwrap();
        let stamp = by(site.requester);
        let (request_id, access_mode_id) = (id::fresh(), Some(mode.access_mode_id));
        let until = day(7, 31);
        let fits = NewRequest { request_id, access_mode_id, until, ..site.new_request() };
        let unknown = NewRequest { access_mode_id: Some(Uuid::nil()), ..fits.clone() };
        let refused = request::submit(&mut tx, &unknown, &stamp).await;
        assert!(matches!(refused, Err(RequestError::NoSuchAccessMode(_))));
        for seconds in [3_599, 500 * 3_600 + 1] {
            let gpu_seconds = GpuSeconds::new(seconds).unwrap();
            let outside = NewRequest { gpu_seconds, ..fits.clone() };
            let refused = request::submit(&mut tx, &outside, &stamp).await;
            assert!(matches!(refused, Err(RequestError::OutsideAccessModeTime { .. })));
        }
        let long = NewRequest { until: day(8, 1), ..fits.clone() };
        let refused = request::submit(&mut tx, &long, &stamp).await;
        assert!(matches!(
            refused,
            Err(RequestError::BeyondAccessModeLength { latest_end, .. }) if latest_end == until
        ));
        let research =
            NewFund { fund_id: id::fresh(), purpose: FundPurpose::Research, ..site.new_fund() };
        fund::create(&mut tx, &research, &by(site.operator)).await.unwrap();
        let theirs = NewAccessMode { fund_id: research.fund_id, ..short(&site) };
        create(&mut tx, &theirs, &by(site.operator)).await.unwrap();
        let other = NewRequest { access_mode_id: Some(theirs.access_mode_id), ..fits.clone() };
        let refused = request::submit(&mut tx, &other, &stamp).await;
        assert!(matches!(refused, Err(RequestError::AccessModeForOthers { .. })));

        request::submit(&mut tx, &fits, &stamp).await.unwrap();
        let past_the_code = "insert into quotas.request
            select gen_random_uuid(), project_id, requested_by, purpose, class, $2, gpus_at_once,
                longest_run_s, asked_from, asked_until + make_interval(secs => $3), pattern,
                submitted_at, access_mode_id
            from quotas.request where request_id = $1";
        for (gpu_seconds, longer_s) in [(3_599_i64, 0.0), (3_600, 1.0)] {
            let mut inner = sqlx::Acquire::begin(&mut *tx).await.unwrap();
            let refused = sqlx::query(past_the_code)
                .bind(request_id)
                .bind(gpu_seconds)
                .bind(longer_s)
                .execute(&mut *inner)
                .await
                .unwrap_err();
            assert_eq!(constraint(&refused), Some("request_within_access_mode"));
            inner.rollback().await.unwrap();
        }
    }
}
