//! The operator's page made by hand.

use dashboards::read::{
    metering::Metered,
    operator::{
        ChainView, DeadLetter, Exception, ExceptionLine, JobCount, OperatorView, PoolLine,
        SettingFault, SettingsCheck,
    },
};

use super::{at, hours, id, kronor, seconds, usek};

fn pool(number: u128, class: &str, measured_percent: i64) -> PoolLine {
    let assigned_ms = 9_120 * 3_600_000;
    PoolLine {
        pool_id: id(number),
        fund_name: "Public sector 2027".to_owned(),
        cluster: "mimer".to_owned(),
        class: class.to_owned(),
        partition: "confidential".to_owned(),
        valid_from: at("2027-01-31T23:00:00Z"),
        valid_until: at("2027-12-31T23:00:00Z"),
        reserved: hours(150_000),
        granted: hours(118_500),
        held: hours(1_240),
        used: hours(41_873),
        metered: Metered {
            assigned_ms,
            measured_ms: assigned_ms / 100 * measured_percent,
            energy_measured_ms: assigned_ms / 100 * measured_percent,
            energy_mj: 21_000_000_000_000,
            utilization_pct_ms: assigned_ms / 100 * measured_percent * 71,
            idle_ms: 1_311 * 3_600_000,
            segment_count: 540_000,
            simulated: measured_percent > 90,
            missing: Vec::new(),
        },
        idle_usek: kronor(65_550),
    }
}

/// An installation with something of everything.
pub(crate) fn operator() -> OperatorView {
    OperatorView {
        now: at("2027-03-04T10:00:00Z"),
        pools: vec![pool(70, "h200", 97), pool(71, "h100", 62)],
        jobs_now: vec![
            JobCount { state: "submitted".to_owned(), count: 3, gpu_count: 14 },
            JobCount { state: "running".to_owned(), count: 41, gpu_count: 196 },
        ],
        settings: SettingsCheck::Checked(vec![SettingFault {
            setting: "AccountingStorageEnforce".to_owned(),
            expected: "associations,limits,qos,safe".to_owned(),
            actual: "associations,limits".to_owned(),
            feature: "the second fence around grants".to_owned(),
            sentence: "Add `qos,safe` to AccountingStorageEnforce and restart slurmctld."
                .to_owned(),
        }]),
        exceptions: vec![
            ExceptionLine {
                job_plan_id: id(20),
                cluster: "mimer".to_owned(),
                slurm_job_id: 500_017,
                since: at("2027-03-03T09:02:15Z"),
                exception: Exception::Overrun { gpu_seconds: seconds(42), usek: usek(583_333) },
            },
            ExceptionLine {
                job_plan_id: id(23),
                cluster: "mimer".to_owned(),
                slurm_job_id: 500_011,
                since: at("2027-03-02T15:00:00Z"),
                exception: Exception::Refused {
                    why: Some("Slurm has no partition `confidentail`; correct the pool".to_owned()),
                },
            },
        ],
        dead_letters: vec![DeadLetter {
            outbox_id: id(80),
            kind: "fetch_link".to_owned(),
            tries: 12,
            last_error: Some("the store at sftp.example.se:22 refused the key".to_owned()),
            gave_up_at: at("2027-03-04T03:10:00Z"),
        }],
        chain: ChainView {
            seal_count: 1_204_551,
            last_sealed_at: Some(at("2027-03-04T09:59:58Z")),
            unsealed: vec![("accounting.entry".to_owned(), 6), ("record.audit".to_owned(), 2)],
        },
    }
}

/// An installation in which nothing needs anybody.
pub(crate) fn quiet_operator() -> OperatorView {
    OperatorView {
        pools: Vec::new(),
        jobs_now: Vec::new(),
        settings: SettingsCheck::Checked(Vec::new()),
        exceptions: Vec::new(),
        dead_letters: Vec::new(),
        chain: ChainView::default(),
        ..operator()
    }
}
