//! Metered use of the GPUs that attempts held, added up from segments.
//!
//! Missing is not zero. GPU time without samples is not counted as idle; it lowers the coverage, and
//! below [`COVERAGE_FOR_IDLE_PERCENT`] nothing is said about idle time at all. A segment that crosses
//! the start or end of an assignment counts in proportion to its time inside.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use record::GpuSeconds;
use sqlx::PgConnection;
use uuid::Uuid;

/// Idle time is claimed from this coverage upwards.
pub const COVERAGE_FOR_IDLE_PERCENT: i64 = 90;

/// What was measured on the GPUs of one attempt, or of many.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Metered {
    /// GPU time that Slurm had assigned, in milliseconds.
    pub assigned_ms: i64,
    /// Of that, GPU time for which utilization was sampled.
    pub measured_ms: i64,
    /// Of that, GPU time for which energy was read.
    pub energy_measured_ms: i64,
    /// Energy used in the time for which it was read, in millijoules.
    pub energy_mj: i64,
    /// Σ utilization × time over the measured time, in percent-milliseconds.
    pub utilization_pct_ms: i64,
    /// Measured time in segments where the GPU did nothing at all.
    pub idle_ms: i64,
    /// Segments that were added up.
    pub segment_count: i64,
    /// True if any of them came from the simulated NVML.
    pub simulated: bool,
    /// Counters that could not be read: counter and reason, as the agent names them.
    pub missing: Vec<(String, String)>,
}

impl Metered {
    /// True if GPU time was assigned and any of it measured.
    pub const fn is_measured(&self) -> bool {
        self.assigned_ms > 0 && self.measured_ms > 0
    }

    /// Measured time that counts: never more than was assigned, however often it was sent.
    pub fn covered_ms(&self) -> i64 {
        self.measured_ms.min(self.assigned_ms)
    }

    /// True if enough was measured to speak of idle time.
    pub fn can_claim_idle(&self) -> bool {
        self.is_measured()
            && i128::from(self.covered_ms()) * 100
                >= i128::from(self.assigned_ms) * i128::from(COVERAGE_FOR_IDLE_PERCENT)
    }

    /// GPU time held while the GPU did nothing, in whole seconds rounded down; `None` if the
    /// coverage is too low to say.
    pub fn idle(&self) -> Option<GpuSeconds> {
        if self.can_claim_idle() { GpuSeconds::new(self.idle_ms / 1000) } else { None }
    }

    /// Mean utilization over the measured time, in per cent as (part, whole); `None` if not measured.
    pub fn utilization(&self) -> Option<(i64, i64)> {
        let whole = self.measured_ms.checked_mul(100)?;
        self.is_measured().then_some((self.utilization_pct_ms, whole))
    }
}

/// Adds up what was measured on the GPUs of each attempt; attempts without a GPU are left out.
///
/// An assignment without an end lasts until the attempt's end, or until `now`.
pub(super) async fn of_attempts(
    tx: &mut PgConnection,
    attempt_ids: &[Uuid],
    now: DateTime<Utc>,
) -> Result<BTreeMap<Uuid, Metered>, sqlx::Error> {
    let rows = sqlx::query!(
        r#"
        with assigned as (
            select attempt_id, g.node, g.gpu_minor, g.from_at,
                greatest(coalesce(g.until_at, a.ended_at, $2), g.from_at) as until_at
            from broker.assignment g join broker.attempt a using (attempt_id)
            where attempt_id = any($1)
        ), inside as (
            -- A segment is at most a minute long: the lower bound lets the index find the first.
            select g.attempt_id, s.samples_got, s.samples_expected, s.energy_mj,
                s.utilization_pct_ms, s.simulated,
                extract(epoch from least(s.ended_at, g.until_at)
                    - greatest(s.started_at, g.from_at)) * 1000 as inside_ms,
                extract(epoch from s.ended_at - s.started_at) * 1000 as long_ms
            from assigned g join broker.segment s
                on s.node = g.node and s.gpu_minor = g.gpu_minor
                    and s.started_at > g.from_at - interval '5 minutes'
                    and s.started_at < g.until_at
                    and s.ended_at > g.from_at and s.ended_at > s.started_at
        ), weighed as (
            select attempt_id, energy_mj, utilization_pct_ms, simulated, inside_ms / long_ms as part,
                case when samples_expected > 0
                    then inside_ms * least(samples_got, samples_expected) / samples_expected
                    else 0 end as sampled_ms
            from inside
        ), seen as (
            select attempt_id, count(*) as segment_count, bool_or(simulated) as simulated,
                floor(sum(sampled_ms) filter (where utilization_pct_ms is not null)) as measured_ms,
                floor(sum(sampled_ms) filter (where energy_mj is not null)) as energy_measured_ms,
                floor(sum(energy_mj * part)) as energy_mj,
                floor(sum(utilization_pct_ms * part)) as utilization_pct_ms,
                floor(sum(sampled_ms) filter (where utilization_pct_ms = 0)) as idle_ms
            from weighed group by attempt_id
        ), held as (
            select attempt_id,
                floor(sum(extract(epoch from until_at - from_at) * 1000)) as assigned_ms
            from assigned group by attempt_id
        )
        select held.attempt_id as "attempt_id!", held.assigned_ms::bigint as "assigned_ms!",
            coalesce(segment_count, 0) as "segment_count!", coalesce(simulated, false) as "simulated!",
            coalesce(measured_ms, 0)::bigint as "measured_ms!",
            coalesce(energy_measured_ms, 0)::bigint as "energy_measured_ms!",
            coalesce(energy_mj, 0)::bigint as "energy_mj!",
            coalesce(utilization_pct_ms, 0)::bigint as "utilization_pct_ms!",
            coalesce(idle_ms, 0)::bigint as "idle_ms!"
        from held left join seen using (attempt_id)
        "#,
        attempt_ids,
        now,
    )
    .fetch_all(&mut *tx)
    .await?;
    let mut metered: BTreeMap<Uuid, Metered> = rows
        .into_iter()
        .map(|row| {
            let of_attempt = Metered {
                assigned_ms: row.assigned_ms,
                measured_ms: row.measured_ms,
                energy_measured_ms: row.energy_measured_ms,
                energy_mj: row.energy_mj,
                utilization_pct_ms: row.utilization_pct_ms,
                idle_ms: row.idle_ms,
                segment_count: row.segment_count,
                simulated: row.simulated,
                missing: Vec::new(),
            };
            (row.attempt_id, of_attempt)
        })
        .collect();
    for (attempt_id, counter, reason) in missing(tx, attempt_ids, now).await? {
        if let Some(metered) = metered.get_mut(&attempt_id) {
            metered.missing.push((counter, reason));
        }
    }
    Ok(metered)
}

/// The counters that could not be read during each attempt, with the agents' reasons.
async fn missing(
    tx: &mut PgConnection,
    attempt_ids: &[Uuid],
    now: DateTime<Utc>,
) -> Result<Vec<(Uuid, String, String)>, sqlx::Error> {
    let rows = sqlx::query!(
        r#"
        select distinct attempt_id, reason.key as "counter!", reason.value as "reason!"
        from broker.assignment g
            join broker.attempt a using (attempt_id)
            join broker.segment s on s.node = g.node and s.gpu_minor = g.gpu_minor
                and s.started_at > g.from_at - interval '5 minutes'
                and s.started_at < coalesce(g.until_at, a.ended_at, $2)
                and s.ended_at > g.from_at
            cross join lateral jsonb_each_text(s.reasons) reason
        where attempt_id = any($1)
        order by 2, 3
        "#,
        attempt_ids,
        now,
    )
    .fetch_all(tx)
    .await?;
    Ok(rows.into_iter().map(|row| (row.attempt_id, row.counter, row.reason)).collect())
}

impl Metered {
    /// Adds another attempt's use to this one. Each stays within its own assigned time first, so
    /// that one attempt's double readings cannot cover another's gap.
    pub(super) fn add(&mut self, other: &Self) {
        self.assigned_ms += other.assigned_ms;
        self.measured_ms += other.covered_ms();
        self.energy_measured_ms += other.energy_measured_ms.min(other.assigned_ms);
        self.energy_mj += other.energy_mj;
        self.utilization_pct_ms += other.utilization_pct_ms;
        self.idle_ms += other.idle_ms;
        self.segment_count += other.segment_count;
        self.simulated |= other.simulated;
        for missing in &other.missing {
            if !self.missing.contains(missing) {
                self.missing.push(missing.clone());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn metered(assigned_ms: i64, measured_ms: i64, idle_ms: i64) -> Metered {
        Metered { assigned_ms, measured_ms, idle_ms, ..Metered::default() }
    }

    #[test]
    fn idle_time_is_claimed_from_ninety_per_cent_coverage() {
        assert_eq!(metered(100_000, 90_000, 60_000).idle(), GpuSeconds::new(60));
        assert_eq!(metered(100_000, 89_999, 60_000).idle(), None);
    }

    #[test]
    fn nothing_measured_is_not_zero_utilization() {
        assert_eq!(metered(100_000, 0, 0).utilization(), None);
        assert_eq!(metered(0, 0, 0).idle(), None);
    }
}
