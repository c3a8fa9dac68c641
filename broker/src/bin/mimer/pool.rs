//! `mimer pool`: GPU time of one class on one cluster that a fund has.

use chrono::{DateTime, Utc};
use record::GpuSeconds;
use serde::Deserialize;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::amount;
use crate::failure::Failure;
use crate::fund;
use crate::instant;
use crate::pool_share::{SetShare, ShareShown};
use crate::pool_unit::{self, Unit};
use crate::reference::Reference;
use crate::session::{Ending, Session};
use crate::table::{Sheet, figures, list, words};
use crate::window::Window;

/// Pools: GPU time of one class on one cluster that a fund has.
#[derive(clap::Subcommand)]
pub(crate) enum PoolCommand {
    /// Lay out a pool (operator).
    Create(Box<Create>),
    /// List the pools (operator, decider, finance).
    List,
    /// Show how Slurm is to keep a pool's share (operator, decider, finance).
    Share {
        /// Id of the pool.
        pool: Uuid,
    },
    /// Set how Slurm is to keep a pool's share; the newest setting counts (operator).
    SetShare(SetShare),
}

#[derive(clap::Args)]
pub(crate) struct Create {
    /// Name or id of the fund whose capacity it is.
    #[arg(long, value_name = "FUND")]
    fund: Reference,
    /// Slurm's name of the cluster.
    #[arg(long, value_name = "NAME")]
    cluster: String,
    /// Class of GPU, as requests and prices name it.
    #[arg(long, value_name = "NAME")]
    class: String,
    /// Slurm's GPU type, as in gres/gpu:TYPE.
    #[arg(long, value_name = "TYPE")]
    gpu_type: String,
    /// GPUs in one node.
    #[arg(long, value_name = "COUNT")]
    gpus_per_node: u16,
    /// Slurm partition its jobs run on.
    #[arg(long, value_name = "NAME")]
    partition: String,
    /// What is allocated as one: gpu, node, or mig:SHARE with the share of a GPU, as mig:0,25.
    #[arg(long, value_name = "UNIT", default_value = "gpu", value_parser = pool_unit::unit)]
    unit: Unit,
    /// GPU time set aside, in hours, as 100000 or 0,5.
    #[arg(long, value_name = "HOURS", value_parser = amount::gpu_hours)]
    gpu_hours: GpuSeconds,
    /// Factor by which more may be granted than there is, as 1,25.
    #[arg(long, value_name = "FACTOR", default_value = "1", value_parser = amount::factor_ppm)]
    over_allocation: i64,
    #[command(flatten)]
    window: Window,
    /// When the machine opens for users, if that is after `--from`.
    #[arg(long, value_name = "DATE", value_parser = instant::instant)]
    opens_at: Option<DateTime<Utc>>,
    /// Id to give it; repeating the command with the same id changes nothing.
    #[arg(long)]
    id: Option<Uuid>,
}

#[derive(Deserialize)]
struct PoolRow {
    pool_id: Uuid,
    fund_id: Uuid,
    cluster: String,
    class: String,
    gpu_type: String,
    gpus_per_node: i64,
    partition: String,
    unit: Value,
    over_allocation_ppm: i64,
    gpu_seconds: GpuSeconds,
    valid_from: DateTime<Utc>,
    valid_until: DateTime<Utc>,
    opens_at: Option<DateTime<Utc>>,
}

impl PoolCommand {
    pub(crate) async fn run(self, session: &Session) -> Result<Ending, Failure> {
        match self {
            Self::Create(create) => create.run(session).await?,
            Self::List => {
                let answer = session.client.get("/v1/pools").await?;
                session.show(&answer, table)?;
            }
            Self::Share { pool } => {
                let answer = session.client.get(&format!("/v1/pools/{pool}/share")).await?;
                session.show(&answer, ShareShown::text)?;
            }
            Self::SetShare(set) => set.run(session).await?,
        }
        Ok(Ending::Well)
    }
}

impl Create {
    async fn run(self, session: &Session) -> Result<(), Failure> {
        let fund_id = fund::find(session, &self.fund).await?;
        let pool_id = self.id.unwrap_or_else(record::id::fresh);
        let body = json!({
            "pool_id": pool_id,
            "fund_id": fund_id,
            "cluster": self.cluster,
            "class": self.class,
            "gpu_type": self.gpu_type,
            "gpus_per_node": self.gpus_per_node,
            "partition": self.partition,
            "unit": self.unit,
            "over_allocation_ppm": self.over_allocation,
            "gpu_seconds": self.gpu_hours,
            "valid_from": self.window.from,
            "valid_until": self.window.until,
            "opens_at": self.opens_at,
        });
        let answer = session.client.post("/v1/pools", &body, &[("--id", pool_id)]).await?;
        session.show(&answer, |pool: PoolRow| {
            Sheet::default()
                .line("pool", pool.pool_id)
                .line("fund", pool.fund_id)
                .line("class", pool.class)
                .line("cluster", format!("{}, partition {}", pool.cluster, pool.partition))
                .line("GPUs", format!("{}, {} per node", pool.gpu_type, pool.gpus_per_node))
                .line("unit", pool_unit::show(&pool.unit))
                .line("GPU time", amount::show_gpu_time(pool.gpu_seconds))
                .line(
                    "may be granted",
                    format!("{} times", amount::show_factor(pool.over_allocation_ppm)),
                )
                .line("valid", instant::show_window(pool.valid_from, pool.valid_until))
                .line_if("opens", pool.opens_at.map(instant::show))
                .text()
        })
    }
}

fn table(pools: Vec<PoolRow>) -> String {
    let columns = [
        words("pool"),
        words("fund"),
        words("cluster"),
        words("partition"),
        words("class"),
        words("unit"),
        figures("GPU time"),
        figures("times"),
        words("valid"),
    ];
    let rows = pools.into_iter().map(|pool| {
        [
            pool.pool_id.to_string(),
            pool.fund_id.to_string(),
            pool.cluster,
            pool.partition,
            pool.class,
            pool_unit::show(&pool.unit),
            amount::show_gpu_time(pool.gpu_seconds),
            amount::show_factor(pool.over_allocation_ppm),
            instant::show_window(pool.valid_from, pool.valid_until),
        ]
    });
    list(columns, rows, "there are no pools yet; `mimer pool create` lays one out")
}
