//! Grants as they are shown: what was given, and what is left of it.

use chrono::{DateTime, Utc};
use record::{GpuSeconds, MicroSek};
use serde::Deserialize;
use uuid::Uuid;

use crate::amount;
use crate::instant;
use crate::table::{Sheet, figures, list, words};

/// A grant as it was decided.
#[derive(Deserialize)]
pub(crate) struct Grant {
    grant_id: Uuid,
    class: String,
    partition: String,
    gpu_seconds: GpuSeconds,
    usek: MicroSek,
    valid_from: DateTime<Utc>,
    valid_until: DateTime<Utc>,
    max_wall_time_s: i64,
    max_gpus: i64,
}

/// A grant with what the ledger says of it.
#[derive(Deserialize)]
pub(crate) struct GrantStanding {
    grant: Grant,
    balance: Balance,
}

#[derive(Deserialize)]
struct Balance {
    held: GpuSeconds,
    settled: GpuSeconds,
    available: GpuSeconds,
    available_usek: MicroSek,
}

/// One grant.
pub(crate) fn sheet(grant: Grant) -> String {
    Sheet::default()
        .line("grant", grant.grant_id)
        .line("class", format!("{}, partition {}", grant.class, grant.partition))
        .line("GPU time", amount::show_gpu_time(grant.gpu_seconds))
        .line("ceiling", amount::show_kronor(grant.usek))
        .line("valid", instant::show_window(grant.valid_from, grant.valid_until))
        .line(
            "one job",
            format!(
                "at most {} GPUs for {}",
                grant.max_gpus,
                instant::show_duration(grant.max_wall_time_s)
            ),
        )
        .text()
}

/// A project's grants and what is left of each, in hours:minutes:seconds and kronor.
pub(crate) fn table(grants: Vec<GrantStanding>) -> String {
    let columns = [
        words("grant"),
        words("class"),
        figures("granted"),
        figures("held"),
        figures("settled"),
        figures("available"),
        figures("kronor available"),
        words("ends"),
    ];
    let rows = grants.into_iter().map(|GrantStanding { grant, balance }| {
        [
            grant.grant_id.to_string(),
            grant.class,
            amount::show_gpu_time(grant.gpu_seconds),
            amount::show_gpu_time(balance.held),
            amount::show_gpu_time(balance.settled),
            amount::show_gpu_time(balance.available),
            amount::show_kronor(balance.available_usek),
            instant::show(grant.valid_until),
        ]
    });
    list(columns, rows, "it has no grants; `mimer request submit` asks for one")
}
