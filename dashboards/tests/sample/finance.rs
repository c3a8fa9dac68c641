//! A month made by hand. Its sums are those of its lines, so that the page can be checked by eye.

use dashboards::read::{
    ProjectRef,
    finance::{AgencyBill, ChargeLine, DraftLine, FinanceView},
};

use super::{at, id, roads, seconds, stroke, usek};

fn charge(number: u128, project: ProjectRef, amount: (i64, i64)) -> ChargeLine {
    ChargeLine {
        charge_id: id(number),
        project,
        job_plan_id: (number != 93).then_some(id(20)),
        slurm_job_id: 500_000 + i64::try_from(number).expect("a small number"),
        ended_at: at("2027-03-03T09:02:11Z"),
        gpu_count: 2,
        state: "COMPLETED".to_owned(),
        gpu_seconds: seconds(amount.0),
        usek: usek(amount.1),
    }
}

/// Two agencies in March.
pub(crate) fn finance() -> FinanceView {
    let line = |project, run_count, amount, ore| DraftLine {
        project,
        class: "h200".to_owned(),
        partition: "confidential".to_owned(),
        rate_card_name: "Public sector 2027".to_owned(),
        run_count,
        gpu_seconds: seconds(amount),
        price_usek_per_gpu_hour: usek(40_000_000),
        factor_ppm: 1_250_000,
        ore,
    };
    FinanceView {
        month: "2027-03".parse().expect("a month"),
        provisional: true,
        agencies: vec![
            AgencyBill {
                agency_id: id(3),
                name: "Region Mitten".to_owned(),
                organisation_number: "2321001234".to_owned(),
                // (4 502 + 901 203) s × 40 kr × 1.25 / 3 600 = 12 579.2361… kr
                lines: vec![line(stroke(), 2, 905_705, 1_257_924)],
                total_ore: 1_257_924,
                rounding_usek: 3_889,
                charges: vec![
                    charge(91, stroke(), (4_502, 62_527_778)),
                    charge(92, stroke(), (901_203, 12_516_708_333)),
                ],
            },
            AgencyBill {
                agency_id: id(4),
                name: "Vägverket Norr".to_owned(),
                organisation_number: "2021009876".to_owned(),
                // 7 200 s × 40 kr × 1.25 / 3 600 = 100 kr
                lines: vec![line(roads(), 1, 7_200, 10_000)],
                total_ore: 10_000,
                rounding_usek: 0,
                charges: vec![charge(93, roads(), (7_200, 100_000_000))],
            },
        ],
    }
}
