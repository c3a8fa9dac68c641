//! `/v1/funds/{fund_id}/proof`: that the fund paid for its own kind of applicant and nothing else.
//!
//! Nothing is told from the rules that keep funds apart: grants and charges are read as they stand,
//! and what some fault had let through would be counted here.

use accounting::charge::{self, ProjectCharged};
use axum::Json;
use axum::extract::State;
use quotas::fund;
use quotas::proof::{self, FundProof};
use record::{GpuSeconds, MicroSek};
use serde::Serialize;
use sqlx::PgConnection;
use utoipa::ToSchema;
use uuid::Uuid;

use super::{ApiError, Path};
use crate::app::App;

/// Charges in all.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, ToSchema)]
struct Sum {
    charge_count: i64,
    #[schema(value_type = i64)]
    gpu_seconds: GpuSeconds,
    #[schema(value_type = i64)]
    usek: MicroSek,
}

/// The proof with its figures.
#[derive(Serialize, ToSchema)]
pub(super) struct ProofShown {
    /// True if all that must be nothing is nothing.
    whole: bool,
    /// What the fund granted: figures by category of applicant, and `mixed`, `moved_across` and
    /// `outside_period`, which must be 0.
    #[schema(value_type = Object)]
    granted: FundProof,
    /// What the fund's grants were charged for its own projects.
    charged: Sum,
    /// What they were charged for anybody else. Must be nothing.
    mixed: Sum,
    /// What the fund's projects were charged on funds of another purpose, research among them. Must
    /// be nothing.
    charged_elsewhere: Sum,
}

/// Proves with figures that funds did not mix.
#[utoipa::path(get, path = "/v1/funds/{fund_id}/proof", tag = "record",
    params(("fund_id" = Uuid, Path,)),
    responses((status = 200, body = ProofShown), (status = 404)))]
pub(super) async fn show(
    State(app): State<App>,
    Path(fund_id): Path<Uuid>,
) -> Result<Json<ProofShown>, ApiError> {
    // One instant for all figures: a charge that comes in meanwhile must not look mixed.
    let mut tx = app.db.begin_with("begin isolation level repeatable read read only").await?;
    let granted = proof::of_fund(&mut tx, fund_id).await?.ok_or_else(super::fund::unknown)?;
    let is_ours = |charged: &ProjectCharged| granted.project_ids.contains(&charged.project_id);
    let (own, foreign): (Vec<_>, Vec<_>) =
        charge::by_project(&mut tx, &granted.grant_ids).await?.into_iter().partition(is_ours);
    let elsewhere = grants_of_other_purposes(&mut tx, &granted).await?;
    let elsewhere = charge::by_project(&mut tx, &elsewhere).await?.into_iter().filter(is_ours);
    let (mixed, charged_elsewhere) = (sum(foreign)?, sum(elsewhere)?);
    let none = [granted.mixed, granted.moved_across, granted.outside_period];
    let none_charged = [mixed.charge_count, charged_elsewhere.charge_count];
    let whole = none.iter().chain(&none_charged).all(|count| *count == 0);
    Ok(Json(ProofShown { whole, charged: sum(own)?, mixed, charged_elsewhere, granted }))
}

async fn grants_of_other_purposes(
    tx: &mut PgConnection,
    granted: &FundProof,
) -> Result<Vec<Uuid>, sqlx::Error> {
    let mut grant_ids = Vec::new();
    for fund in fund::list(&mut *tx).await? {
        if fund.purpose != granted.purpose
            && let Some(other) = proof::of_fund(&mut *tx, fund.fund_id).await?
        {
            grant_ids.extend(other.grant_ids);
        }
    }
    Ok(grant_ids)
}

fn sum(charged: impl IntoIterator<Item = ProjectCharged>) -> Result<Sum, ApiError> {
    charged
        .into_iter()
        .try_fold(Sum::default(), |sum, one| {
            Some(Sum {
                charge_count: sum.charge_count.checked_add(one.charge_count)?,
                gpu_seconds: sum.gpu_seconds.checked_add(one.gpu_seconds)?,
                usek: sum.usek.checked_add(one.usek)?,
            })
        })
        .ok_or_else(|| ApiError::internal(&OutOfRange))
}

/// The sum is beyond what 64 bits can say.
#[derive(Debug, thiserror::Error)]
#[error("the charges of the fund add up to more than can be written down")]
struct OutOfRange;
