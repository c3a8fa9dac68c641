//! The verdict on the record: is the chain whole, and do the balances follow from the entries?

use accounting::ledger;
use axum::Json;
use axum::extract::State;
use record::seal::{self, Fault, Verdict};
use serde::Serialize;
use serde_json::Value;
use uuid::Uuid;

use super::ApiError;
use crate::app::App;
use crate::witness;

/// What verification found.
#[derive(Serialize)]
pub(super) struct RecordVerdict {
    /// True if nothing is wrong.
    whole: bool,
    #[serde(flatten)]
    chain: Verdict,
    /// Balances that do not follow from the entries.
    imbalances: Vec<Value>,
}

/// Walks the whole chain and recomputes every balance.
#[utoipa::path(get, path = "/v1/audit/verdict", tag = "record",
    responses((status = 200, description = "whole, seal_count, unsealed_count, faults, imbalances")))]
pub(super) async fn verdict(State(app): State<App>) -> Result<Json<RecordVerdict>, ApiError> {
    let mut chain = seal::verify(&app.db, &crate::duty::sealed_tables()).await?;
    let lost = witness::lost(&mut *app.db.acquire().await?, &app.config.state_dir)
        .await
        .map_err(|error| ApiError::internal(error.as_ref()))?;
    if lost.is_some() {
        chain.faults.push(Fault {
            table: "record.seal".to_owned(),
            row_id: Uuid::nil(),
            what: "the chain lost a seal that was remembered outside the database",
        });
    }
    let imbalances: Vec<Value> =
        ledger::verify(&app.db).await?.iter().map(|found| serde_json::json!(found)).collect();
    let whole = chain.faults.is_empty() && imbalances.is_empty();
    Ok(Json(RecordVerdict { whole, chain, imbalances }))
}
