//! Requests in the database.

use chrono::{DateTime, Utc};
use record::{GpuSeconds, Stamp};
use serde_json::json;
use sqlx::PgConnection;
use uuid::Uuid;

use super::{NewRequest, Pattern, Request, RequestError, RequestState};
use crate::{
    access_mode, agency,
    decision::Outcome,
    fund::{self, category_purpose},
    inconsistency::Inconsistency,
    instant::{kept, person_of},
    project,
};

/// The requests that `$tail` selects, as rows.
macro_rules! select {
    ($tail:literal $(, $value:expr)*) => {
        sqlx::query_as!(
            RequestRow,
            r#"select r.request_id, r.project_id, r.requested_by, r.purpose, r.class,
                   r.gpu_seconds, r.gpus_at_once, r.longest_run_s, r.asked_from, r.asked_until,
                   r.pattern as "pattern: Pattern", r.access_mode_id, r.submitted_at,
                   d.decision_id as "decision_id?", d.outcome as "outcome?: Outcome"
               from quotas.request r left join quotas.decision d using (request_id)"# + $tail
            $(, $value)*
        )
    };
}

/// Takes a request; an equal repeat returns the request as it stands.
pub async fn submit(
    tx: &mut PgConnection,
    new: &NewRequest,
    stamp: &Stamp<'_>,
) -> Result<Request, RequestError> {
    new.may_be_sent(stamp)?;
    let project = project::by_id(&mut *tx, new.project_id)
        .await?
        .ok_or(RequestError::NoSuchProject(new.project_id))?;
    if let Some(access_mode_id) = new.access_mode_id {
        keeps_mode(&mut *tx, new, access_mode_id, project.agency_id).await?;
    }
    let inserted = sqlx::query!(
        "insert into quotas.request (request_id, project_id, requested_by, purpose, class,
             gpu_seconds, gpus_at_once, longest_run_s, asked_from, asked_until, pattern,
             access_mode_id, submitted_at)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)
         on conflict (request_id) do nothing",
        new.request_id,
        new.project_id,
        new.requested_by,
        new.purpose,
        new.class,
        new.gpu_seconds.get(),
        new.gpus_at_once,
        new.longest_run_s,
        new.from,
        new.until,
        new.pattern as Pattern,
        new.access_mode_id,
        stamp.now,
    )
    .execute(&mut *tx)
    .await?;
    let request = by_id(&mut *tx, new.request_id).await?.ok_or(sqlx::Error::RowNotFound)?;
    if inserted.rows_affected() == 1 {
        let details = json!({
            "project_id": request.project_id,
            "requested_by": request.requested_by,
            "class": request.class,
            "gpu_seconds": request.gpu_seconds,
            "gpus_at_once": request.gpus_at_once,
            "longest_run_s": request.longest_run_s,
            "from": request.from,
            "until": request.until,
            "pattern": request.pattern,
            "access_mode_id": request.access_mode_id,
        });
        stamp.audit(tx, "request.submit", ("request", request.request_id), details).await?;
    } else if !request.is(new) {
        return Err(RequestError::RequestIdReused(new.request_id));
    }
    Ok(request)
}

/// Finds a request by id.
pub async fn by_id(
    tx: &mut PgConnection,
    request_id: Uuid,
) -> Result<Option<Request>, sqlx::Error> {
    let row = select!(" where r.request_id = $1", request_id).fetch_optional(tx).await?;
    Ok(row.map(Request::try_from).transpose()?)
}

/// The requests nobody has decided on, oldest first.
pub async fn list_open(tx: &mut PgConnection) -> Result<Vec<Request>, sqlx::Error> {
    let rows = select!(" where d.decision_id is null order by r.submitted_at, r.request_id")
        .fetch_all(tx)
        .await?;
    Ok(rows.into_iter().map(Request::try_from).collect::<Result<_, _>>()?)
}

/// A project's requests, oldest first.
pub async fn list_for_project(
    tx: &mut PgConnection,
    project_id: Uuid,
) -> Result<Vec<Request>, sqlx::Error> {
    let rows =
        select!(" where r.project_id = $1 order by r.submitted_at, r.request_id", project_id)
            .fetch_all(tx)
            .await?;
    Ok(rows.into_iter().map(Request::try_from).collect::<Result<_, _>>()?)
}

/// Whether the request stays between the bounds of the access mode it names.
async fn keeps_mode(
    tx: &mut PgConnection,
    new: &NewRequest,
    access_mode_id: Uuid,
    agency_id: Uuid,
) -> Result<(), RequestError> {
    let mode = access_mode::by_id(&mut *tx, access_mode_id)
        .await?
        .ok_or(RequestError::NoSuchAccessMode(access_mode_id))?;
    let fund = fund::by_id(&mut *tx, mode.fund_id).await?.ok_or(sqlx::Error::RowNotFound)?;
    let agency = agency::by_id(tx, agency_id).await?.ok_or(sqlx::Error::RowNotFound)?;
    let (fund_purpose, category) = (fund.purpose, agency.category);
    if category_purpose(category) != fund_purpose {
        return Err(RequestError::AccessModeForOthers { access_mode_id, fund_purpose, category });
    }
    if !mode.allows(new.gpu_seconds) {
        let (asked, min, max) = (new.gpu_seconds, mode.min_gpu_seconds, mode.max_gpu_seconds);
        return Err(RequestError::OutsideAccessModeTime { mode: mode.name, asked, min, max });
    }
    let (until, latest_end) = (new.until, mode.latest_end(new.from));
    if until > latest_end {
        let (mode, max_days) = (mode.name, mode.max_days);
        return Err(RequestError::BeyondAccessModeLength { mode, max_days, until, latest_end });
    }
    Ok(())
}

impl NewRequest {
    /// Whether the request says enough to be decided on.
    fn may_be_sent(&self, stamp: &Stamp<'_>) -> Result<(), RequestError> {
        let Self { request_id, requested_by, from, until, .. } = *self;
        if let Some(actor) = person_of(stamp.actor)
            && actor != requested_by
        {
            return Err(RequestError::NotTheRequester { actor, requested_by });
        }
        for (field, text) in [("purpose", &self.purpose), ("class", &self.class)] {
            if text.trim().is_empty() {
                return Err(RequestError::RequestTextMissing { request_id, field });
            }
        }
        if self.gpu_seconds == GpuSeconds::ZERO || self.gpus_at_once < 1 || self.longest_run_s < 1 {
            return Err(RequestError::RequestEmpty(request_id));
        }
        if from >= until {
            return Err(RequestError::RequestWindowBackward { request_id, from, until });
        }
        Ok(())
    }
}

impl Request {
    /// Whether `new` asks for just this request.
    fn is(&self, new: &NewRequest) -> bool {
        self.request_id == new.request_id
            && self.project_id == new.project_id
            && self.requested_by == new.requested_by
            && self.purpose == new.purpose
            && self.class == new.class
            && self.gpu_seconds == new.gpu_seconds
            && self.gpus_at_once == new.gpus_at_once
            && self.longest_run_s == new.longest_run_s
            && self.from == kept(new.from)
            && self.until == kept(new.until)
            && self.pattern == new.pattern
            && self.access_mode_id == new.access_mode_id
    }
}

struct RequestRow {
    request_id: Uuid,
    project_id: Uuid,
    requested_by: Uuid,
    purpose: String,
    class: String,
    gpu_seconds: i64,
    gpus_at_once: i64,
    longest_run_s: i64,
    asked_from: DateTime<Utc>,
    asked_until: DateTime<Utc>,
    pattern: Pattern,
    access_mode_id: Option<Uuid>,
    submitted_at: DateTime<Utc>,
    decision_id: Option<Uuid>,
    outcome: Option<Outcome>,
}

impl TryFrom<RequestRow> for Request {
    type Error = Inconsistency;

    fn try_from(row: RequestRow) -> Result<Self, Inconsistency> {
        let impossible =
            |column| Inconsistency { table: "quotas.request", column, row: row.request_id };
        let gpu_seconds = GpuSeconds::new(row.gpu_seconds).ok_or(impossible("gpu_seconds"))?;
        let state = match (row.decision_id, row.outcome) {
            (None, None) => RequestState::Open,
            (Some(decision_id), Some(Outcome::Approved)) => RequestState::Approved { decision_id },
            (Some(decision_id), Some(Outcome::Rejected)) => RequestState::Rejected { decision_id },
            (None, Some(_)) | (Some(_), None) => return Err(impossible("outcome")),
        };
        Ok(Self {
            request_id: row.request_id,
            project_id: row.project_id,
            requested_by: row.requested_by,
            purpose: row.purpose,
            class: row.class,
            gpu_seconds,
            gpus_at_once: row.gpus_at_once,
            longest_run_s: row.longest_run_s,
            from: row.asked_from,
            until: row.asked_until,
            pattern: row.pattern,
            access_mode_id: row.access_mode_id,
            submitted_at: row.submitted_at,
            state,
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
    async fn a_request_is_taken_once_and_never_changed(db: PgPool) {
        let site = Site::lay_out(&db, Category::PublicBody).await;
        let mut tx = db.begin().await.unwrap();
        let stamp = by(site.requester);
        let request = submit(&mut tx, &site.new_request(), &stamp).await.unwrap();
        assert_eq!(request.state, RequestState::Open);
        assert_eq!(list_open(&mut tx).await.unwrap().len(), 1);
        assert_eq!(list_for_project(&mut tx, site.project_id).await.unwrap(), [request]);
        assert_eq!(trail(&mut tx, site.request_id).await, ["request.submit"]);

        let more = NewRequest { gpus_at_once: 8, ..site.new_request() };
        let refused = submit(&mut tx, &more, &stamp).await;
        assert!(matches!(refused, Err(RequestError::RequestIdReused(_))));
    }

    #[sqlx::test(migrations = false)]
    async fn a_request_must_say_enough_to_be_decided_on(db: PgPool) {
        let site = Site::lay_out(&db, Category::PublicBody).await;
        let mut tx = db.begin().await.unwrap();
        let stamp = by(site.requester);
        let mute = NewRequest { purpose: " ".to_owned(), ..site.new_request() };
        let refused = submit(&mut tx, &mute, &stamp).await;
        assert!(matches!(refused, Err(RequestError::RequestTextMissing { field: "purpose", .. })));
        let no_time = NewRequest { gpu_seconds: GpuSeconds::ZERO, ..site.new_request() };
        let no_gpus = NewRequest { gpus_at_once: 0, ..site.new_request() };
        let no_run = NewRequest { longest_run_s: 0, ..site.new_request() };
        for empty in [no_time, no_gpus, no_run] {
            let refused = submit(&mut tx, &empty, &stamp).await;
            assert!(matches!(refused, Err(RequestError::RequestEmpty(_))));
        }
        let backward = NewRequest { until: day(7, 1), ..site.new_request() };
        let refused = submit(&mut tx, &backward, &stamp).await;
        assert!(matches!(refused, Err(RequestError::RequestWindowBackward { .. })));
        let lost = NewRequest { project_id: Uuid::nil(), ..site.new_request() };
        let refused = submit(&mut tx, &lost, &stamp).await;
        assert!(matches!(refused, Err(RequestError::NoSuchProject(_))));
        let refused = submit(&mut tx, &site.new_request(), &by(site.member)).await;
        assert!(matches!(refused, Err(RequestError::NotTheRequester { .. })));
    }
}
