//! What the operator and finance do before anybody can ask: a fund, pools of GPUs, their prices.

use anyhow::Result;
use chrono::{DateTime, TimeDelta, Utc};
use record::{Clock, id};
use serde_json::{Value, json};
use uuid::Uuid;

use super::{PRICE_USEK, People};

/// The GPUs of a pool. Every one is an H200; what they are called differs.
#[derive(Clone, Copy, Debug)]
pub struct Gpus<'a> {
    /// Where they are.
    pub cluster: &'a str,
    /// Their class, by which people ask for them.
    pub class: &'a str,
    /// Where their jobs run.
    pub partition: &'a str,
}

/// From yesterday for a year: pools and prices.
fn span() -> (DateTime<Utc>, DateTime<Utc>) {
    let now = Clock::System.now();
    (now - TimeDelta::days(1), now + TimeDelta::days(365))
}

impl People {
    /// Opens a fund of 30 million kronor. It lasts a day longer than its pools, at each end.
    pub async fn open_fund(&self) -> Result<Uuid> {
        let (fund_id, (from, until)) = (id::fresh(), span());
        let (from, until) = (from - TimeDelta::days(1), until + TimeDelta::days(1));
        let fund = json!({
            "fund_id": fund_id, "name": "Public sector 2027", "purpose": "public_sector",
            "ceiling_usek": 30_000_000_000_000_i64, "valid_from": from, "valid_until": until,
        });
        self.operator.post("/v1/funds", &fund).await?;
        Ok(fund_id)
    }

    /// Opens a pool of a million GPU-hours in the fund.
    pub async fn open_pool(&self, fund_id: Uuid, gpus: Gpus<'_>) -> Result<Uuid> {
        let (pool_id, (from, until)) = (id::fresh(), span());
        let pool = json!({
            "pool_id": pool_id, "fund_id": fund_id, "cluster": gpus.cluster, "class": gpus.class,
            "gpu_type": "h200", "gpus_per_node": 8, "partition": gpus.partition,
            "gpu_seconds": 1_000_000_i64 * 3600, "valid_from": from, "valid_until": until,
        });
        self.operator.post("/v1/pools", &pool).await?;
        Ok(pool_id)
    }

    /// Sets how the pool's share is kept in Slurm; `share` as the API takes it.
    pub async fn set_share(&self, pool_id: Uuid, share: &Value) -> Result<()> {
        let share = json!({ "pool_share_id": id::fresh(), "share": share });
        self.operator.post(&format!("/v1/pools/{pool_id}/share"), &share).await?;
        Ok(())
    }

    /// Prices every one of these at [`PRICE_USEK`].
    pub async fn price(&self, gpus: &[Gpus<'_>]) -> Result<()> {
        let rates: Vec<Value> = gpus
            .iter()
            .map(|gpus| {
                json!({
                    "rate_id": id::fresh(), "class": gpus.class, "partition": gpus.partition,
                    "price_usek_per_gpu_hour": PRICE_USEK, "factor_ppm": 1_000_000,
                })
            })
            .collect();
        let card = json!({
            "rate_card_id": id::fresh(), "name": "Mimer 2027:1", "valid_from": span().0,
            "valid_until": null, "rates": rates,
        });
        self.finance.post("/v1/rate-cards", &card).await?;
        Ok(())
    }
}
