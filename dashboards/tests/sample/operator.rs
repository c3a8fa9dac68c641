//! The operator's page made by hand.

use dashboards::read::{
    AgencyRef,
    metering::Metered,
    operator::{
        AgencyShareLine, ChainView, DeadLetter, Exception, ExceptionLine, JobCount, KeptLine,
        OperatorView, Place, PoolLine, SettingFault, SettingsCheck, Share, ShareMode,
    },
};

use super::{
    at,
    crisis::{crisis_over, crisis_proposed},
    fund::public_sector,
    hours, id, kronor, seconds, usek,
};

fn pool(number: u128, class: &str, (mode, measured_percent): (ShareMode, i64)) -> PoolLine {
    let set_at = (mode != ShareMode::None).then(|| at("2027-02-01T08:00:00Z"));
    let assigned_ms = 9_120 * 3_600_000;
    PoolLine {
        pool_id: id(number),
        fund: public_sector(),
        cluster: "mimer".to_owned(),
        class: class.to_owned(),
        partition: "confidential".to_owned(),
        valid_from: at("2027-01-31T23:00:00Z"),
        valid_until: at("2027-12-31T23:00:00Z"),
        unit: if class == "mig" { "mig_instance" } else { "gpu" }.to_owned(),
        unit_share_ppm: (class == "mig").then_some(142_857),
        share: Share { mode, set_at },
        agency_shares: Vec::new(),
        over_allocation_ppm: 1_000_000,
        promised: hours(150_000),
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

fn share(number: u128, name: &str, (most, granted): (i64, i64)) -> AgencyShareLine {
    let agency = AgencyRef { agency_id: id(number), name: name.to_owned() };
    AgencyShareLine { agency, share: hours(most), granted: hours(granted) }
}

/// One pool in each of the four modes.
fn pools() -> Vec<PoolLine> {
    let nodes = vec!["node07".to_owned(), "node08".to_owned()];
    let reservation = "mimer_000000000046".to_owned();
    let written_at = Some(at("2027-02-01T08:00:02Z"));
    let set_aside = ShareMode::SetAside { nodes, reservation, written_at };
    vec![
        PoolLine {
            agency_shares: vec![
                share(3, "Region Mitten", (60_000, 54_000)),
                share(4, "Vägverket Norr", (40_000, 12_500)),
            ],
            over_allocation_ppm: 1_100_000,
            promised: hours(165_000),
            ..pool(70, "h200", (set_aside, 97))
        },
        pool(71, "h100", (ShareMode::Guaranteed { gpus: 32 }, 62)),
        pool(72, "mig", (ShareMode::Capped { gpus: 7 }, 97)),
        pool(73, "a100", (ShareMode::None, 97)),
    ]
}

fn kept(kind: &str, written: i64, under_way: i64) -> KeptLine {
    KeptLine {
        cluster: "mimer".to_owned(),
        kind: kind.to_owned(),
        written,
        under_way,
        changed_at: at("2027-03-04T09:58:30Z"),
    }
}

/// An installation with something of everything.
pub(crate) fn operator() -> OperatorView {
    OperatorView {
        now: at("2027-03-04T10:00:00Z"),
        pools: pools(),
        kept: vec![
            kept("account", 212, 0),
            kept("qos", 205, 1),
            kept("user", 640, 0),
            kept("reservation", 1, 0),
        ],
        crises: vec![crisis_proposed(), crisis_over()],
        jobs_now: vec![
            JobCount { state: "submitted".to_owned(), count: 3, gpu_count: 14 },
            JobCount { state: "running".to_owned(), count: 41, gpu_count: 196 },
        ],
        settings: vec![(
            "mimer".to_owned(),
            SettingsCheck::Checked(vec![SettingFault {
                setting: "AccountingStorageEnforce".to_owned(),
                expected: "associations,limits,qos,safe".to_owned(),
                actual: "associations,limits".to_owned(),
                feature: "the second fence around grants".to_owned(),
                sentence: "Add `qos,safe` to AccountingStorageEnforce and restart slurmctld."
                    .to_owned(),
            }]),
        )],
        exceptions: vec![
            ExceptionLine {
                job_plan_id: None,
                cluster: "mimer".to_owned(),
                slurm_job_id: 41_300,
                since: at("2027-03-04T08:41:00Z"),
                exception: Exception::Unplanned {
                    exception_id: id(95),
                    kind: "unplanned_job".to_owned(),
                    place: Place {
                        account: Some("pub_<sector>".to_owned()),
                        partition: Some("confidential".to_owned()),
                        uid: Some("0".to_owned()),
                    },
                    gpu_seconds: Some(seconds(24)),
                },
            },
            ExceptionLine {
                job_plan_id: Some(id(20)),
                cluster: "mimer".to_owned(),
                slurm_job_id: 500_018,
                since: at("2027-03-03T10:00:00Z"),
                exception: Exception::OfAttempt {
                    exception_id: id(96),
                    kind: "lost_job".to_owned(),
                },
            },
            ExceptionLine {
                job_plan_id: Some(id(20)),
                cluster: "mimer".to_owned(),
                slurm_job_id: 500_017,
                since: at("2027-03-03T09:02:15Z"),
                exception: Exception::Overrun { gpu_seconds: seconds(42), usek: usek(583_333) },
            },
            ExceptionLine {
                job_plan_id: Some(id(23)),
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
        kept: Vec::new(),
        crises: Vec::new(),
        jobs_now: Vec::new(),
        settings: vec![("berg".to_owned(), SettingsCheck::Checked(Vec::new()))],
        exceptions: Vec::new(),
        dead_letters: Vec::new(),
        chain: ChainView::default(),
        ..operator()
    }
}
