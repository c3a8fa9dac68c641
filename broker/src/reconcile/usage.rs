//! Comparing Slurm's own sums, which `sreport` shows, with the records they are made of.
//!
//! slurmdbd adds up whole hours, some time after each has passed. So the sums are compared hour by
//! hour from the end backwards: where most accounts agree, the adding up has come to; what comes
//! after it is *behind*, and an account that agrees with no hour *differs*.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, TimeDelta, Utc};
use slurm_wire::AccountUsage;

use super::difference::{Cause, Difference};
use super::picture::{Picture, Sums};
use super::run_time::RunTime;

const HOUR_S: i64 = 3_600;

/// GPU-seconds of an account until the end of each hour; the first is nought, before any.
type Until = Vec<i64>;

/// Until when Slurm's sums agree, and what is different about them.
pub(super) fn compare(picture: &Picture) -> (Option<DateTime<Utc>>, Vec<Difference>) {
    let Some(sums) = &picture.sums else { return (None, Vec::new()) };
    let hours = usize::try_from((sums.until - sums.from).num_hours()).unwrap_or_default();
    let records = by_account(picture, sums, hours);
    let told: BTreeMap<&str, i64> =
        sums.usage.iter().map(|usage| (usage.account.as_str(), gpu_seconds(usage))).collect();
    let accounts: BTreeSet<&str> = picture.accounts.iter().map(String::as_str).collect();
    let nothing = vec![0; hours + 1];
    let figures: Vec<(&str, i64, &Until)> = accounts
        .into_iter()
        .map(|account| {
            let until = records.get(account).unwrap_or(&nothing);
            (account, told.get(account).copied().unwrap_or(0), until)
        })
        .collect();
    let agreeing = |hour: usize| figures.iter().filter(|(_, told, it)| it[hour] == *told).count();
    // Of hours that agree equally the latest: an account that used nothing agrees with many.
    let rolled = (0..=hours).rev().max_by_key(|hour| (agreeing(*hour), *hour)).unwrap_or(hours);
    let rolled_until = sums.from + TimeDelta::hours(i64::try_from(rolled).unwrap_or_default());

    let mut differences: Vec<Difference> = figures
        .iter()
        .filter(|(_, told, until)| until[rolled] != *told)
        .map(|(account, told, until)| differs(account, *told, until[rolled], rolled_until))
        .collect();
    let missing: i64 = figures.iter().map(|(_, _, until)| until[hours] - until[rolled]).sum();
    if rolled < hours && missing > 0 {
        let what = format!(
            "Slurm's own sums (sreport) end at {}, and {missing} GPU-seconds were used from then \
             until {}",
            time(rolled_until),
            time(sums.until)
        );
        let told = Cause::SreportBehind.told(&what);
        differences.push(Difference { gpu_seconds: Some(missing), ..told });
    }
    (Some(rolled_until), differences)
}

fn differs(account: &str, told: i64, records: i64, until: DateTime<Utc>) -> Difference {
    let what = format!(
        "Slurm's own sum (sreport) of account {account} until {} is {told} GPU-seconds, and its \
         records make {records}",
        time(until)
    );
    Difference {
        account: Some(account.to_owned()),
        gpu_seconds: Some(told.saturating_sub(records)),
        ..Cause::SreportDiffers.told(&what)
    }
}

fn time(at: DateTime<Utc>) -> String {
    at.format("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// The untyped sum if Slurm kept one, else the typed ones together.
fn gpu_seconds(usage: &AccountUsage) -> i64 {
    let typed = usage.tres_seconds.iter().filter(|(name, _)| name.starts_with("gres/gpu:"));
    let sum = match usage.tres_seconds.get("gres/gpu") {
        Some(untyped) => *untyped,
        None => typed.map(|(_, seconds)| *seconds).sum(),
    };
    i64::try_from(sum).unwrap_or(i64::MAX)
}

/// What the records of each account make, hour by hour.
fn by_account(picture: &Picture, sums: &Sums, hours: usize) -> BTreeMap<String, Until> {
    let mut accounts: BTreeMap<String, Vec<i64>> = BTreeMap::new();
    for record in picture.records.values() {
        let (Some(run), Some(account)) = (RunTime::of(record), &record.account) else { continue };
        let of_hours = accounts.entry(account.clone()).or_insert_with(|| vec![0; hours]);
        add(of_hours, &run, (sums.from, sums.until));
    }
    let until = |of_hours: Vec<i64>| {
        let mut sum = 0_i64;
        std::iter::once(0)
            .chain(of_hours.into_iter().map(|seconds| {
                sum = sum.saturating_add(seconds);
                sum
            }))
            .collect()
    };
    accounts.into_iter().map(|(account, of_hours)| (account, until(of_hours))).collect()
}

/// Adds one run to the hours it ran in. When it was suspended is not in its record: that time is
/// taken from its last hours, so that only hours in between may be off.
fn add(of_hours: &mut [i64], run: &RunTime, (from, until): (DateTime<Utc>, DateTime<Utc>)) {
    // Without an end it runs on; slurmdbd too counts it so, a runaway among them.
    let ended_at = run.ended_at.unwrap_or(until);
    let last = ended_at - TimeDelta::try_seconds(run.suspended_s).unwrap_or_default();
    let (began, ended) = (run.started_at.max(from), last.min(until));
    if began >= ended {
        return;
    }
    let (began, ended) = ((began - from).num_seconds(), (ended - from).num_seconds());
    for hour in began / HOUR_S..=(ended - 1) / HOUR_S {
        let within = ended.min((hour + 1) * HOUR_S) - began.max(hour * HOUR_S);
        if let Some(seconds) = usize::try_from(hour).ok().and_then(|hour| of_hours.get_mut(hour)) {
            *seconds = seconds.saturating_add(within.saturating_mul(run.gpu_count));
        }
    }
}
